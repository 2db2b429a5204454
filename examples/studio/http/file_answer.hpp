// A file, or the part of it that a player asks for.
#ifndef APIMART_STUDIO_HTTP_FILE_ANSWER_HPP
#define APIMART_STUDIO_HTTP_FILE_ANSWER_HPP

#include "answer.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/file.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace studio {

struct byte_range
{
    std::uint64_t first = 0;
    std::uint64_t last = 0; // one that is before the first is of nothing
};

// The one range that was asked for; none where the whole file is the answer (RFC 9110, 14.2).
inline std::optional<byte_range> range_of(std::string_view asked, std::uint64_t size)
{
    constexpr std::string_view unit = "bytes=";
    if (!asked.starts_with(unit) || asked.find(',') != std::string_view::npos)
        return std::nullopt;
    asked.remove_prefix(unit.size());
    std::size_t const dash = asked.find('-');
    if (dash == std::string_view::npos)
        return std::nullopt;
    auto number = [](std::string_view text) {
        std::uint64_t value = 0;
        auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        return code == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
    };
    auto const first = number(asked.substr(0, dash));
    auto const last = number(asked.substr(dash + 1));
    if (first && (last || dash + 1 == asked.size()))
        return byte_range{*first, last && *last + 1 < size ? *last : size - 1};
    if (dash == 0 && last)
        return byte_range{size - std::min(*last, size), size - 1};
    return std::nullopt;
}

inline boost::asio::awaitable<void> write_file(boost::beast::tcp_stream& stream,
                                               std::filesystem::path const& path, std::string_view asked,
                                               bool keep_alive)
{
    boost::beast::error_code error;
    boost::beast::file file;
    file.open(path.c_str(), boost::beast::file_mode::scan, error);
    std::uint64_t const size = error ? 0 : file.size(error);
    std::optional<byte_range> const part = error || size == 0 ? std::nullopt : range_of(asked, size);
    byte_range const range = part.value_or(byte_range{0, size - 1});
    bool const is_satisfied = range.first < size && range.first <= range.last;

    http::response<http::empty_body> head(part ? http::status::partial_content : http::status::ok, 11);
    head.set(http::field::accept_ranges, "bytes");
    // A file never changes under its name.
    head.set(http::field::cache_control, "private, max-age=31536000, immutable");
    if (error || size == 0)
        head.result(http::status::not_found);
    else if (!is_satisfied) {
        head.result(http::status::range_not_satisfiable);
        head.set(http::field::content_range, "bytes */" + std::to_string(size));
    } else if (part)
        head.set(http::field::content_range, "bytes " + std::to_string(range.first) + '-' +
                                                 std::to_string(range.last) + '/' + std::to_string(size));
    set_common_headers(head, content_type_of(path.native()));
    std::uint64_t left = error || !is_satisfied ? 0 : range.last - range.first + 1;
    head.content_length(left);
    head.keep_alive(keep_alive);

    http::response_serializer<http::empty_body> serializer(head);
    co_await http::async_write_header(stream, serializer, boost::asio::use_awaitable);
    if (left != 0)
        file.seek(range.first, error);
    std::vector<char> piece(std::size_t{256} << 10U);
    while (left != 0) {
        std::size_t const read = file.read(piece.data(), std::min<std::uint64_t>(piece.size(), left), error);
        if (error || read == 0)
            throw boost::system::system_error(error);
        left -= read;
        // A player that is paused takes nothing; it asks again from where it was.
        stream.expires_after(std::chrono::minutes(5));
        co_await boost::asio::async_write(stream, boost::asio::buffer(piece.data(), read),
                                          boost::asio::use_awaitable);
    }
}

} // namespace studio

#endif
