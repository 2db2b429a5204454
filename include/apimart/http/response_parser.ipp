// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_RESPONSE_PARSER_IPP
#define APIMART_HTTP_RESPONSE_PARSER_IPP

#include <apimart/http/response_parser.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/version.hpp>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

namespace apimart::detail {

inline constexpr int most_reply_fields = 100;
inline constexpr int most_interim_answers = 10;
inline constexpr int most_trailers = 64;
inline constexpr std::size_t longest_chunk_extension = 256;
// A string that had to be larger once is not kept that large for the life of the connection.
inline constexpr std::size_t largest_kept_buffer = 64U << 10U;

constexpr bool is_token_char(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

inline bool is_plain_name(std::string_view name) noexcept
{
    static constexpr auto allowed = [] {
        std::array<bool, 256> table{};
        for (char const c :
             std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"))
            table[static_cast<unsigned char>(c)] = true;
        return table;
    }();
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return allowed[static_cast<unsigned char>(c)]; });
}

// Whether a plain name, or another text without control characters, is this word of small letters and hyphens.
template <std::size_t Size>
bool is_name(std::string_view text, char const (&word)[Size]) noexcept
{
    if (text.size() != Size - 1)
        return false;
    unsigned differences = 0;
    for (std::size_t i = 0; i < Size - 1; ++i)
        differences |= (static_cast<unsigned char>(text[i]) | 0x20U) ^ static_cast<unsigned char>(word[i]);
    return differences == 0;
}

constexpr bool is_text_char(char c) noexcept
{
    auto const byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7F) || c == '\t';
}

constexpr bool is_http_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

// Beast's view of one header. It is told that no body follows, so it only ever reads the header.
class reply_parser::head_reader final : public boost::beast::http::basic_parser<false>
{
public:
    head_reader(reply_parser& reply, std::string_view lines) : reply_(reply), lines_(lines)
    {
        eager(true);
        skip(true);
        // The caller's limit was applied already.
        header_limit((std::numeric_limits<std::uint32_t>::max)());
    }

    bool is_chunked() const noexcept { return chunked_; }

    void explain(boost::beast::error_code code)
    {
        using boost::beast::http::error;
        if (code == error::bad_content_length || code == error::multiple_content_length ||
            code == error::bad_transfer_encoding)
            return refuse(framing_conflict(code));
        if (code == error::header_limit)
            return reply_.fail(errc::response_too_large, "headers: a folded field");
        std::string_view const line = failing_line();
        if (has_odd_ending(line))
            return refuse("line ending");
        refuse(line.data() == lines_.data() ? "status line" : "header");
    }

private:
    using string_view = boost::beast::string_view;
    using error_code = boost::beast::error_code;
    using http_field = boost::beast::http::field;

    void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&) override {}

    void on_response_impl(int code, string_view, int version, error_code&) override
    {
        reply_.next_status_ = code;
        version_ = version;
    }

    void on_field_impl(http_field name, string_view name_text, string_view value_text,
                       error_code& code) override
    {
        std::string_view const value(value_text.data(), value_text.size());
        if (fields_ == most_reply_fields) {
            reply_.fail(errc::response_too_large, "fields: more than " + std::to_string(most_reply_fields));
            code = boost::beast::http::error::bad_field;
            return;
        }
        ++fields_;
        switch (name) {
        case http_field::content_length:
            length_ = true;
            if (is_folded(name_text, value))
                refuse("framing: folded Content-Length");
            break;
        case http_field::transfer_encoding:
            coding_ = true;
            if (version_ < 11)
                refuse("framing: transfer coding in HTTP/1.0");
            else if (is_folded(name_text, value))
                refuse("framing: folded Transfer-Encoding");
            else if (!boost::beast::iequals(value_text, "chunked"))
                refuse("framing: transfer coding " + printable(value, 40));
            chunked_ = true;
            break;
        case http_field::retry_after:
            keep(field::retry_after, value);
            break;
        case http_field::content_type:
            keep(field::content_type, value);
            break;
        case http_field::location:
            keep(field::location, value);
            break;
        case http_field::content_range:
            keep(field::content_range, value);
            break;
        case http_field::content_encoding:
            if (!boost::beast::iequals(value_text, "identity"))
                keep(field::content_encoding, value);
            break;
        case http_field::keep_alive:
            keep(field::keep_alive, value);
            break;
        case http_field::etag:
            keep(field::etag, value);
            break;
        case http_field::unknown:
            if (boost::beast::iequals(name_text, "X-Oneapi-Request-Id"))
                keep(field::request_id, value);
            break;
        default:
            break;
        }
        if (reply_.state_ == reply_parser::state::failed)
            code = boost::beast::http::error::bad_field;
    }

#if BOOST_BEAST_VERSION >= 359
    void on_trailer_field_impl(http_field, string_view, string_view, error_code&) override {}
#endif
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(string_view, error_code&) override
    {
        return 0;
    }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) override
    {
        return 0;
    }
    void on_finish_impl(error_code&) override {}

    void keep(field which, std::string_view value)
    {
        reply_.keep(which, value);
    }

    void refuse(std::string detail)
    {
        reply_.fail(errc::protocol_error, std::move(detail));
    }

    std::string framing_conflict(error_code code) const
    {
        using boost::beast::http::error;
        if (code == error::multiple_content_length)
            return "framing: two values of Content-Length";
        if (length_ && coding_)
            return "framing: Content-Length and Transfer-Encoding";
        if (code == error::bad_transfer_encoding)
            return length_ ? "framing: Content-Length and Transfer-Encoding"
                           : "framing: two transfer codings";
        return coding_ ? "framing: Content-Length and Transfer-Encoding" : "framing: Content-Length";
    }

    // A folded field can be read in two ways, so none that says where the body ends may be one.
    bool is_folded(string_view name, std::string_view value) const
    {
        std::string_view line = lines_.substr(static_cast<std::size_t>(name.data() - lines_.data()));
        std::size_t const end = line.find("\r\n");
        if (end == std::string_view::npos || end + 2 >= line.size() || line[end + 2] == ' ' ||
            line[end + 2] == '\t')
            return true;
        line = line.substr(name.size() + 1, end - name.size() - 1);
        std::size_t const begin = std::min(line.find_first_not_of(" \t"), line.size());
        return line.substr(begin, value.size()) != value;
    }

    std::string_view failing_line() const
    {
        std::string_view rest = lines_;
        auto const skip_line = [&rest] {
            rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
        };
        if (version_ != 0) {
            skip_line();
            for (int i = 0; i < fields_; ++i) {
                do
                    skip_line();
                while (rest.starts_with(' ') || rest.starts_with('\t'));
            }
        }
        return rest.substr(0, rest.find('\n') + 1);
    }

    static bool has_odd_ending(std::string_view line)
    {
        for (std::size_t i = 0; i < line.size(); ++i) {
            bool const after_return = i > 0 && line[i - 1] == '\r';
            if ((line[i] == '\n') != after_return)
                return true;
        }
        return false;
    }

    reply_parser& reply_;
    std::string_view lines_;
    int version_ = 0;
    int fields_ = 0;
    bool length_ = false;
    bool coding_ = false;
    bool chunked_ = false;
};

APIMART_INLINE void reply_parser::reset(std::size_t header_limit, std::uint64_t body_limit, bool streams_body)
{
    state_ = state::head;
    streams_body_ = streams_body;
    drops_body_ = false;
    keep_alive_ = false;
    leftover_ = false;
    start_checked_ = false;
    status_ = 0;
    interim_answers_ = 0;
    header_limit_ = header_limit;
    pending_ = 0;
    searched_ = 0;
    body_limit_ = body_limit;
    consumed_ = 0;
    body_bytes_ = 0;
    content_length_.reset();
    fields_.fill({});
    kept_.clear();
    piece_ = {};
    for (std::string* const text : {&body_, &joined_}) {
        text->clear();
        if (text->capacity() > largest_kept_buffer)
            text->shrink_to_fit();
    }
    why_.reset();
}

APIMART_INLINE std::size_t reply_parser::put(std::string_view bytes)
{
    piece_ = {};
    std::size_t used = 0;
    while (state_ == state::head && used < bytes.size()) {
        std::size_t const head = read_head(bytes.substr(used));
        if (head == 0)
            break;
        used += head;
    }
    if (state_ == state::body)
        used += read_body(bytes.substr(used));
    if (state_ == state::done && used < bytes.size())
        leftover_ = true;
    consumed_ += used;
    pending_ = bytes.size() - used;
    return used;
}

APIMART_INLINE void reply_parser::put_end()
{
    piece_ = {};
    switch (state_) {
    case state::head:
        if (!got_some())
            return fail(errc::connection_lost, "no answer");
        if (!start_checked_ && pending_ != 0) {
            std::string_view const start(start_.data(), pending_);
            if (!std::string_view("HTTP/1.1 ").starts_with(start) &&
                !std::string_view("HTTP/1.0 ").starts_with(start)) {
                check_start(start);
                if (state_ != state::failed)
                    fail(errc::protocol_error, "not an HTTP answer (\"" + printable(start, 64) + "\")");
                return;
            }
        }
        return fail(errc::connection_lost,
                    "partial answer of " + std::to_string(consumed_ + pending_) + " bytes");
    case state::body:
        if (framing_ == framing::to_end) {
            state_ = state::done;
            return;
        }
        if (framing_ == framing::length)
            return fail(errc::connection_lost, "body " + std::to_string(body_bytes_) + " of " +
                                                   std::to_string(*content_length_) + " bytes");
        return fail(errc::connection_lost, "body cut after " + std::to_string(body_bytes_) + " bytes");
    case state::done:
    case state::failed:
        return;
    }
}

// Decided on as many bytes as the name and version of the protocol have, unless the stream is TLS.
APIMART_INLINE bool reply_parser::check_start(std::string_view bytes)
{
    if (bytes.size() >= 2 && (bytes[0] == '\x15' || bytes[0] == '\x16') && bytes[1] == '\x03') {
        fail(errc::protocol_error, "the peer speaks TLS, the URL says http");
        return false;
    }
    if (bytes.size() < start_.size()) {
        std::copy(bytes.begin(), bytes.end(), start_.begin());
        return false;
    }
    bytes = bytes.substr(0, start_.size());
    start_checked_ = true;
    if (bytes == "HTTP/1.1 " || bytes == "HTTP/1.0 ")
        return true;
    if (bytes.starts_with("HTTP/1.1\r") || bytes.starts_with("HTTP/1.0\r"))
        fail(errc::protocol_error, "status line");
    else if (boost::beast::iequals(boost::beast::string_view(bytes.data(), 5), "HTTP/") ||
             bytes.starts_with("ICY "))
        fail(errc::protocol_error, "version");
    else
        fail(errc::protocol_error, "not an HTTP answer (\"" + printable(bytes, 64) + "\")");
    return false;
}

APIMART_INLINE std::size_t reply_parser::read_head(std::string_view bytes)
{
    if (!start_checked_ && !check_start(bytes))
        return 0;
    std::size_t const end = bytes.find("\r\n\r\n", searched_ < 3 ? 0 : searched_ - 3);
    if (end != std::string_view::npos && end + 4 <= header_limit_) {
        std::size_t const size = end + 4;
        if (!parse_head(bytes.substr(0, size), true) || !accept_head())
            return 0;
        start_checked_ = false;
        searched_ = 0;
        return size;
    }
    // What is wrong is not waited for. Only whole lines are judged, so that it does not matter where the bytes
    // were cut.
    std::string_view const allowed = bytes.substr(0, header_limit_);
    std::size_t const line_end = allowed.substr(std::min(searched_, allowed.size())).rfind('\n');
    if (line_end != std::string_view::npos) {
        std::string_view const lines = allowed.substr(0, searched_ + line_end + 1);
        if (!parse_head(lines, false))
            return 0;
        if (!lines.ends_with("\r\n")) {
            fail(errc::protocol_error, "line ending");
            return 0;
        }
    }
    searched_ = bytes.size();
    if (bytes.size() >= header_limit_)
        fail(errc::response_too_large, "headers: more than " + std::to_string(header_limit_) + " bytes");
    return 0;
}

// The first of several counts.
APIMART_INLINE void reply_parser::keep(field which, std::string_view value)
{
    kept_field& place = fields_[static_cast<std::size_t>(which)];
    if (place.size != 0)
        return;
    place = {kept_.size(), value.size()};
    kept_ += value;
}

// The beginning of `text` that is visible ASCII or spaces.
inline std::size_t visible_part(std::string_view text) noexcept
{
    constexpr std::uint64_t each = 0x0101010101010101U;
    std::size_t at = 0;
    for (; text.size() - at >= 8; at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, sizeof word);
        // May mark a byte above one that is rightly marked; those are looked at one by one.
        std::uint64_t const odd = (word - each * 0x20) | ((word ^ (each * 0x7F)) - each) | word;
        if ((odd & (each * 0x80)) == 0)
            continue;
        if constexpr (std::endian::native == std::endian::little)
            at += static_cast<std::size_t>(std::countr_zero(odd & (each * 0x80))) / 8;
        break;
    }
    while (at != text.size() && text[at] >= 0x20 && text[at] < 0x7F)
        ++at;
    return at;
}

// Most heads say everything in the simplest way and have a Content-Length. They are read here; any other is
// left to Beast, and so is the judgement on what is wrong with it.
APIMART_INLINE bool reply_parser::read_plain_head(std::string_view lines)
{
    constexpr std::size_t version_size = std::string_view("HTTP/1.1 ").size();
    auto const at_line_end = [&lines] { return lines.size() >= 2 && lines[0] == '\r' && lines[1] == '\n'; };
    auto const take_line = [&](std::string_view& line) {
        std::size_t const size = visible_part(lines);
        line = lines.substr(0, size);
        lines.remove_prefix(size);
        if (!at_line_end())
            return false;
        lines.remove_prefix(2);
        return true;
    };
    std::string_view line;
    // The beginning was looked at already, see `check_start`.
    if (!take_line(line) || line.size() < version_size + 4 || line[version_size - 2] != '1')
        return false;
    std::string_view const code = line.substr(version_size, 4);
    if (code[0] < '2' || code[0] > '5' || !is_http_digit(code[1]) || !is_http_digit(code[2]) ||
        code[3] != ' ')
        return false;
    next_status_ = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
    content_length_.reset();
    for (int count = 0; !at_line_end(); ++count) {
        if (count == most_reply_fields || !take_line(line))
            return false;
        std::size_t const colon = std::min(line.find(':'), line.size());
        if (colon == 0 || colon == line.size())
            return false;
        std::string_view const name = line.substr(0, colon);
        if (!is_plain_name(name))
            return false;
        std::string_view value = line.substr(colon + 1);
        while (!value.empty() && value.front() == ' ')
            value.remove_prefix(1);
        while (!value.empty() && value.back() == ' ')
            value.remove_suffix(1);
        if (!read_plain_field(name, value))
            return false;
    }
    keep_alive_ = true;
    chunked_ = false;
    return lines.size() == 2 && content_length_.has_value();
}

APIMART_INLINE bool reply_parser::read_plain_field(std::string_view name, std::string_view value)
{
    // By length, so that a name is compared with few others.
    switch (name.size()) {
    case 4:
        if (is_name(name, "etag"))
            keep(field::etag, value);
        return true;
    case 7:
        return !is_name(name, "upgrade");
    case 8:
        if (is_name(name, "location"))
            keep(field::location, value);
        return true;
    case 10:
        if (is_name(name, "keep-alive"))
            keep(field::keep_alive, value);
        return !is_name(name, "connection") || is_name(value, "keep-alive");
    case 11:
        if (is_name(name, "retry-after"))
            keep(field::retry_after, value);
        return true;
    case 12:
        if (is_name(name, "content-type"))
            keep(field::content_type, value);
        return true;
    case 13:
        if (is_name(name, "content-range"))
            keep(field::content_range, value);
        return true;
    case 14: {
        if (!is_name(name, "content-length"))
            return true;
        constexpr std::size_t most_digits = 15;
        if (content_length_ || value.empty() || value.size() > most_digits ||
            !std::all_of(value.begin(), value.end(), is_http_digit))
            return false;
        std::uint64_t length = 0;
        for (char const c : value)
            length = length * 10 + static_cast<unsigned>(c - '0');
        content_length_ = length;
        return true;
    }
    case 16:
        return !is_name(name, "content-encoding") && !is_name(name, "proxy-connection");
    case 17:
        return !is_name(name, "transfer-encoding");
    case 19:
        if (is_name(name, "x-oneapi-request-id"))
            keep(field::request_id, value);
        return true;
    default:
        return true;
    }
}

APIMART_INLINE bool reply_parser::parse_head(std::string_view lines, bool complete)
{
    kept_.clear();
    fields_.fill({});
    if (complete && read_plain_head(lines))
        return true;
    std::string_view const code = lines.substr(start_.size(), 4);
    bool const three_digits = code.size() == 4 && is_http_digit(code[0]) && is_http_digit(code[1]) &&
                              is_http_digit(code[2]) && !is_http_digit(code[3]);
    if (!three_digits || code[3] != ' ') {
        bool const alone = three_digits && code[3] == '\r';
        fail(errc::protocol_error, alone ? "status line" : "status");
        return false;
    }
    if (code[0] == '0') {
        fail(errc::protocol_error, "status " + std::string(code.substr(0, 3)));
        why_->underlying(make_error_code(api_errc::other));
        return false;
    }
    kept_.clear();
    fields_.fill({});
    head_reader reader(*this, lines);
    boost::beast::error_code error;
    reader.put(boost::asio::const_buffer(lines.data(), lines.size()), error);
    if (state_ == state::failed)
        return false;
    if (error && (complete || error != boost::beast::http::error::need_more)) {
        reader.explain(error);
        return false;
    }
    if (complete) {
        keep_alive_ = reader.keep_alive();
        chunked_ = reader.is_chunked();
        content_length_.reset();
        if (auto const length = reader.content_length())
            content_length_ = *length;
    }
    return true;
}

// Of a header that is complete: whether it is the answer's own, and whether that can be read.
APIMART_INLINE bool reply_parser::accept_head()
{
    if (next_status_ == 101) {
        fail(errc::protocol_error, "upgrade");
        return false;
    }
    if (next_status_ < 200) {
        if (++interim_answers_ > most_interim_answers) {
            fail(errc::protocol_error, "interim answers: more than " + std::to_string(most_interim_answers));
            return false;
        }
        return true;
    }
    status_ = next_status_;
    begin_body();
    return state_ != state::failed;
}

APIMART_INLINE void reply_parser::begin_body()
{
    if (status_ == 204 || status_ == 304) {
        state_ = state::done;
        return;
    }
    if (!content_encoding().empty() && !streams_body_) {
        if (status_ < 300)
            return fail(errc::unexpected_response, "content encoding " + printable(content_encoding(), 40));
        drops_body_ = true;
    }
    state_ = state::body;
    if (chunked_) {
        framing_ = framing::chunk_size;
        chunk_digits_ = 0;
        remaining_ = 0;
    } else if (content_length_) {
        framing_ = framing::length;
        remaining_ = *content_length_;
        if (remaining_ > body_limit_)
            return fail(errc::response_too_large,
                        "body: more than " + std::to_string(body_limit_) + " bytes");
        if (remaining_ == 0)
            state_ = state::done;
        else if (!streams_body_ && !drops_body_)
            body_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, largest_kept_buffer)));
    } else {
        framing_ = framing::to_end;
        keep_alive_ = false;
    }
}

APIMART_INLINE std::size_t reply_parser::read_body(std::string_view bytes)
{
    std::size_t used = 0;
    while (state_ == state::body && used < bytes.size()) {
        std::string_view const rest = bytes.substr(used);
        switch (framing_) {
        case framing::length:
        case framing::chunk_data: {
            auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, rest.size()));
            give_out(rest.substr(0, size));
            used += size;
            remaining_ -= size;
            if (remaining_ != 0)
                break;
            if (framing_ == framing::length)
                state_ = state::done;
            else
                framing_ = framing::chunk_data_return;
            break;
        }
        case framing::to_end: {
            auto const size =
                static_cast<std::size_t>(std::min<std::uint64_t>(body_limit_ - body_bytes_, rest.size()));
            give_out(rest.substr(0, size));
            used += size;
            if (size != rest.size())
                fail(errc::response_too_large, "body: more than " + std::to_string(body_limit_) + " bytes");
            break;
        }
        case framing::trailers: {
            std::size_t const line = read_trailer(rest);
            if (line == 0)
                return used;
            used += line;
            break;
        }
        default:
            used += read_chunk_line(rest);
            break;
        }
    }
    return used;
}

// The line before a chunk's bytes and the line end after them.
APIMART_INLINE std::size_t reply_parser::read_chunk_line(std::string_view bytes)
{
    std::size_t used = 0;
    for (; used < bytes.size(); ++used) {
        char const c = bytes[used];
        switch (framing_) {
        case framing::chunk_size: {
            int digit = -1;
            if (is_http_digit(c))
                digit = c - '0';
            else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
                digit = (c | 0x20) - 'a' + 10;
            if (digit >= 0) {
                if (++chunk_digits_ > 16) {
                    fail(errc::protocol_error, "bad chunk");
                    return used;
                }
                remaining_ = remaining_ << 4U | static_cast<unsigned>(digit);
                break;
            }
            bool const extended = c == ';' || c == ' ' || c == '\t';
            if (chunk_digits_ == 0 || (c != '\r' && !extended)) {
                fail(errc::protocol_error, "bad chunk");
                return used;
            }
            framing_ = extended ? framing::chunk_extension : framing::chunk_size_end;
            extension_begun_ = c == ';';
            line_bytes_ = 1;
            break;
        }
        case framing::chunk_extension: {
            bool const blank = c == ' ' || c == '\t';
            bool const good = extension_begun_ ? is_text_char(c) || c == '\r' : blank || c == ';';
            if (!good || ++line_bytes_ > longest_chunk_extension) {
                fail(errc::protocol_error, "bad chunk: extension");
                return used;
            }
            extension_begun_ = extension_begun_ || c == ';';
            if (c == '\r')
                framing_ = framing::chunk_size_end;
            break;
        }
        case framing::chunk_size_end:
            if (c != '\n') {
                fail(errc::protocol_error, "bad chunk");
                return used;
            }
            end_chunk_line();
            return used + 1;
        case framing::chunk_data_return:
        default:
            if (c != (framing_ == framing::chunk_data_return ? '\r' : '\n')) {
                fail(errc::protocol_error, "bad chunk");
                return used;
            }
            if (framing_ == framing::chunk_data_return) {
                framing_ = framing::chunk_data_end;
            } else {
                framing_ = framing::chunk_size;
                chunk_digits_ = 0;
                remaining_ = 0;
            }
            break;
        }
    }
    return used;
}

APIMART_INLINE void reply_parser::end_chunk_line()
{
    if (remaining_ == 0) {
        framing_ = framing::trailers;
        trailers_ = 0;
        line_bytes_ = 0;
    } else if (remaining_ > body_limit_ - body_bytes_) {
        fail(errc::response_too_large, "body: more than " + std::to_string(body_limit_) + " bytes");
    } else {
        framing_ = framing::chunk_data;
    }
}

// Trailers are checked and dropped: nothing that comes after the body may change how it was read.
APIMART_INLINE std::size_t reply_parser::read_trailer(std::string_view bytes)
{
    std::size_t const end = bytes.find('\n');
    std::size_t const size = end == std::string_view::npos ? bytes.size() : end + 1;
    bool const complete = end != std::string_view::npos;
    if (line_bytes_ + size + (complete ? 0 : 1) > header_limit_) {
        fail(errc::response_too_large, "trailers: more than " + std::to_string(header_limit_) + " bytes");
        return 0;
    }
    if (!complete)
        return 0;
    line_bytes_ += size;
    std::string_view line = bytes.substr(0, size);
    if (!line.ends_with("\r\n")) {
        fail(errc::protocol_error, "line ending");
        return 0;
    }
    line.remove_suffix(2);
    if (line.empty()) {
        state_ = state::done;
        return size;
    }
    if (++trailers_ > most_trailers) {
        fail(errc::response_too_large, "trailers: more than " + std::to_string(most_trailers));
        return 0;
    }
    std::string_view const name = line.substr(0, line.find(':'));
    if (name.empty() || name.size() == line.size() || !std::all_of(name.begin(), name.end(), is_token_char) ||
        !std::all_of(line.begin(), line.end(), is_text_char)) {
        fail(errc::protocol_error, "trailer");
        return 0;
    }
    for (std::string_view const framing_field : {"Content-Length", "Transfer-Encoding"}) {
        if (boost::beast::iequals(boost::beast::string_view(name.data(), name.size()),
                                  boost::beast::string_view(framing_field.data(), framing_field.size()))) {
            fail(errc::protocol_error, "framing: " + std::string(framing_field) + " in a trailer");
            return 0;
        }
    }
    return size;
}

APIMART_INLINE void reply_parser::give_out(std::string_view bytes)
{
    body_bytes_ += bytes.size();
    if (drops_body_)
        return;
    if (!streams_body_) {
        body_ += bytes;
    } else if (piece_.empty()) {
        piece_ = bytes;
    } else {
        // Several chunks came at once.
        if (piece_.data() != joined_.data())
            joined_ = piece_;
        joined_ += bytes;
        piece_ = joined_;
    }
}

APIMART_INLINE std::optional<std::chrono::seconds> reply_parser::keep_alive_timeout() const
{
    // "timeout=5, max=100", in any order.
    std::string_view list = kept(field::keep_alive);
    while (!list.empty()) {
        std::string_view item = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), item.size() + 1));
        item.remove_prefix(std::min(item.size(), item.find_first_not_of(" \t")));
        constexpr std::string_view name = "timeout=";
        if (!boost::beast::iequals(item.substr(0, name.size()), name))
            continue;
        item.remove_prefix(name.size());
        std::uint32_t seconds = 0;
        auto const read = std::from_chars(item.data(), item.data() + item.size(), seconds);
        if (read.ec == std::errc::result_out_of_range)
            return std::nullopt;
        if (read.ec == std::errc())
            return std::chrono::seconds(seconds);
    }
    return std::nullopt;
}

APIMART_INLINE void reply_parser::fail(errc code, std::string detail)
{
    state_ = state::failed;
    why_.emplace(code, std::move(detail));
}

} // namespace apimart::detail

#endif
