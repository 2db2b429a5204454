// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_DOWNLOAD_DESTINATION_HPP
#define APIMART_OPERATIONS_DOWNLOAD_DESTINATION_HPP

#include <apimart/error.hpp>
#include <apimart/operations/operation.hpp>
#include <apimart/policy/download_decision.hpp>
#include <apimart/runtime/executor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

// Where the bytes of a download go.
class download_destination
{
public:
    download_destination() {}
    download_destination(download_destination const&) = delete;
    download_destination& operator=(download_destination const&) = delete;
    virtual ~download_destination() = default;

    // What it has of the file from an earlier time goes into the argument.
    virtual std::optional<error_info> open(file_in_transfer&) { return std::nullopt; }
    virtual std::uint64_t size() const noexcept = 0;
    // What follows is of this file.
    virtual void begin(file_in_transfer const&) {}
    virtual std::optional<error_info> append(std::string_view piece) = 0;
    // Takes back all of it, where `can_rewind`.
    virtual std::optional<error_info> restart() = 0;
    virtual bool can_rewind() const noexcept { return true; }
    // Whether `flush` is to be awaited before more is appended.
    virtual bool has_pending() const noexcept { return false; }
    virtual awaitable<std::optional<error_info>> flush(operation&) { co_return std::nullopt; }
    // All of it is there.
    virtual std::optional<error_info> finish() { return std::nullopt; }
    // None of it is of any use.
    virtual void discard() {}
};

class memory_destination final : public download_destination
{
public:
    std::uint64_t size() const noexcept override { return bytes.size(); }
    void begin(file_in_transfer const& file) override
    {
        // Whatever a server says, it has to send it first.
        constexpr std::uint64_t believed = std::uint64_t{64} << 20U;
        bytes.reserve(static_cast<std::size_t>(std::min(file.size.value_or(0), believed)));
    }
    std::optional<error_info> append(std::string_view piece) override
    {
        bytes.append(piece);
        return std::nullopt;
    }
    std::optional<error_info> restart() override
    {
        bytes.clear();
        return std::nullopt;
    }

    std::string bytes;
};

} // namespace apimart::detail

#endif
