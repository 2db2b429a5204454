// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_PART_RECORD_HPP
#define APIMART_OPERATIONS_PART_RECORD_HPP

#include <apimart/policy/download_decision.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace apimart::detail {

// The start of this machine. What was written since then is in a file as it was written; what was written before may have
// been lost with the power.
inline std::string machine_start()
{
    std::string id;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
    return id;
}

// Which file a `.part` file belongs to, and what vouches for its bytes. It lies beside it, so that another process can go
// on.
class part_record
{
public:
    part_record() {}
    // `part`: the open `.part` file.
    part_record(std::string link, file_in_transfer const& file, struct stat const& part)
        : link_(std::move(link)), validator_(file.validator), size_(file.size), part_(identity_of(part))
    {}

    // What vouches for `part`, where this does: the same link, the same file on this disk, the same start of the machine.
    std::optional<file_in_transfer> vouches_for(std::string_view link, struct stat const& part) const
    {
        bool const is_sendable =
            !validator_.empty() && !part_.ends_with('@') &&
            std::all_of(validator_.begin(), validator_.end(), [](char c) { return c >= ' ' && c != '\x7F'; });
        auto const have = static_cast<std::uint64_t>(part.st_size);
        if (!is_sendable || link_ != link || part_ != identity_of(part) || size_.value_or(have) < have)
            return std::nullopt;
        return file_in_transfer{have, size_, validator_};
    }

    // An own file, and none that anybody else could have prepared.
    static bool is_own(struct stat const& file) noexcept
    {
        return S_ISREG(file.st_mode) && file.st_uid == ::geteuid() && file.st_nlink == 1;
    }

    // Whether it was written as a whole.
    bool write(char const* path) const
    {
        int const file = ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0)
            return false;
        boost::json::object fields{{"link", link_}, {"validator", validator_}, {"part", part_}};
        if (size_)
            fields["size"] = *size_;
        std::string const text = boost::json::serialize(fields);
        bool const is_whole = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
        ::close(file);
        return is_whole;
    }

    static std::optional<part_record> read(char const* path)
    {
        // A pipe would be waited for, and a link could lead anywhere.
        int const file = ::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (file < 0)
            return std::nullopt;
        std::array<char, 16384> text;
        struct stat found;
        bool const is_sound =
            ::fstat(file, &found) == 0 && is_own(found) && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
        auto const count = is_sound ? ::read(file, text.data(), text.size()) : 0;
        ::close(file);
        boost::system::error_code code;
        auto const document = boost::json::parse(
            std::string_view(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0), code);
        if (code || !document.is_object())
            return std::nullopt;
        boost::json::object const& fields = document.get_object();
        part_record record;
        for (auto const& [name, value] : {std::pair<char const*, std::string*>{"link", &record.link_},
                                          {"validator", &record.validator_},
                                          {"part", &record.part_}}) {
            auto const* const given = fields.if_contains(name);
            if (given == nullptr || !given->is_string())
                return std::nullopt;
            value->assign(given->get_string().data(), given->get_string().size());
        }
        if (auto const* const size = fields.if_contains("size")) {
            if (!size->is_int64() || size->get_int64() < 0)
                return std::nullopt;
            record.size_ = static_cast<std::uint64_t>(size->get_int64());
        }
        return record;
    }

private:
    static std::string identity_of(struct stat const& file)
    {
        return std::to_string(file.st_dev) + ':' + std::to_string(file.st_ino) + '@' + machine_start();
    }

    std::string link_; // without its query, which is the permission
    std::string validator_;
    std::optional<std::uint64_t> size_;
    std::string part_;
};

} // namespace apimart::detail

#endif
