// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_FILE_DESTINATION_HPP
#define APIMART_OPERATIONS_FILE_DESTINATION_HPP

#include <apimart/operations/download_destination.hpp>
#include <apimart/operations/partial_file.hpp>
#include <apimart/text/printable.hpp>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace apimart::detail {

// A file, which is kept as a `.part` file where another call can go on with it.
class file_destination final : public download_destination
{
public:
    // `link`: without its query, which is the permission.
    file_destination(std::string const& to, bool overwrite, std::string link)
        : path_(to), overwrite_(overwrite), link_(std::move(link)), part_(path_)
    {}
    ~file_destination() override
    {
        if (is_open_ && !(part_.is_recorded() && part_.size() > 0))
            part_.remove();
    }

    // What is wrong with a path, before anything is asked for.
    static std::optional<error_info> check(std::string const& to, bool overwrite)
    {
        std::error_code code;
        if (std::filesystem::path(to).filename().empty() || to.find('\0') != std::string::npos)
            return error_info(errc::file_error, "the path \"" + printable(to, 128) + "\" names no file")
                .underlying(make_error_code(boost::system::errc::invalid_argument));
        auto const found = std::filesystem::symlink_status(to, code);
        if (code == std::errc::filename_too_long)
            return error_info(errc::file_error, to + ": " + code.message()).underlying(code);
        if (!overwrite && std::filesystem::exists(found))
            return error_info(errc::file_exists, to);
        return std::nullopt;
    }

    std::optional<error_info> open(file_in_transfer& found) override
    {
        error_code const code = part_.open(link_);
        if (code == boost::system::errc::operation_would_block)
            return error_info(errc::file_error, part_.path().string() + ": another download is writing it")
                .underlying(code);
        if (code)
            return error_info(errc::file_error, part_.path().string() + ": " + code.message())
                .underlying(code);
        is_open_ = true;
        found = part_.kept().value_or(file_in_transfer());
        return std::nullopt;
    }
    std::uint64_t size() const noexcept override { return part_.size(); }
    void begin(file_in_transfer const& file) override { part_.record(link_, file); }
    std::optional<error_info> append(std::string_view piece) override
    {
        return judged(part_.append(piece.data(), piece.size()));
    }
    std::optional<error_info> restart() override { return judged(part_.restart()); }
    std::optional<error_info> finish() override
    {
        error_code const code = part_.finish(overwrite_);
        if (code == boost::system::errc::file_exists)
            return error_info(errc::file_exists, path_.string() + ": it appeared meanwhile" + remedy())
                .underlying(code);
        if (!code)
            is_open_ = false;
        return judged(code);
    }
    void discard() override
    {
        if (std::exchange(is_open_, false))
            part_.remove();
    }

private:
    std::optional<error_info> judged(error_code const& code) const
    {
        if (!code)
            return std::nullopt;
        namespace errc = boost::system::errc;
        bool const is_full =
            code == errc::no_space_on_device || code == errc::file_too_large || code.value() == EDQUOT;
        std::string words = part_.path().string() + ": " + code.message();
        if (is_full)
            words += "; make room";
        return error_info(apimart::errc::file_error, words + remedy()).underlying(code);
    }
    std::string remedy() const
    {
        if (!part_.is_recorded() || part_.size() == 0)
            return {};
        return "; the next download to this path goes on behind the " + std::to_string(part_.size()) +
               " bytes in " + part_.path().filename().string();
    }

    std::filesystem::path path_;
    bool overwrite_;
    std::string link_;
    partial_file part_;
    bool is_open_ = false;
};

} // namespace apimart::detail

#endif
