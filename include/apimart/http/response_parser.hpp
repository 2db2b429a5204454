// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_RESPONSE_PARSER_HPP
#define APIMART_HTTP_RESPONSE_PARSER_HPP

#include <apimart/error.hpp>
#include <apimart/text/printable.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/version.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// Reads the response to one request from the bytes of a connection; does no I/O. Beast parses, and what its
// versions let through although it can be read in two ways is refused here, because a wrong end hands the rest of
// one response to the next request. Beast is only given whole lines: its verdict then does not depend on how the
// bytes were cut, and its versions differ least.
//
// One parser serves all responses of a connection. Once its strings have grown, it does not allocate.
class response_parser
{
public:
    enum class state
    {
        head,
        body,
        done,
        failed
    };

    response_parser() {}
    response_parser(response_parser const&) = delete;
    response_parser& operator=(response_parser const&) = delete;

    // `streams_body`: the body is given out by `piece()` instead of being collected.
    void reset(std::size_t header_limit, std::uint64_t body_limit, bool streams_body)
    {
        state_ = state::head;
        streams_body_ = streams_body;
        drops_body_ = false;
        leftover_ = false;
        status_ = 0;
        interim_responses_ = 0;
        header_limit_ = header_limit;
        body_limit_ = body_limit;
        pending_ = 0;
        consumed_ = 0;
        body_bytes_ = 0;
        content_length_.reset();
        message_.reset();
        fields_.fill({});
        kept_.clear();
        start_.clear();
        piece_ = {};
        for (std::string* const text : {&body_, &joined_}) {
            text->clear();
            if (text->capacity() > max_kept_buffer)
                text->shrink_to_fit();
        }
        why_.reset();
    }

    // Consumes from the beginning of `bytes` and returns how many. What is not used must be offered again,
    // with more behind it; that is never more than the header's limit, and nothing after `done`.
    std::size_t put(std::string_view bytes)
    {
        piece_ = {};
        std::size_t used = 0;
        while (state_ == state::head || state_ == state::body) {
            std::string_view const rest = bytes.substr(used);
            std::size_t const seen = std::exchange(pending_, 0);
            std::size_t const size = state_ == state::head ? whole_lines(rest, seen) : whole_part(rest);
            if (size == 0)
                break;
            used += parse(rest.substr(0, size));
        }
        leftover_ = leftover_ || (state_ == state::done && used < bytes.size());
        consumed_ += used;
        pending_ = bytes.size() - used;
        return used;
    }

    // The stream ended in order. Not to be called where TLS did not say so.
    void put_end()
    {
        piece_ = {};
        if (state_ == state::head) {
            if (!got_some())
                fail(errc::connection_lost, "no answer");
            else if (!std::string_view("HTTP/1.1 ").starts_with(start_) &&
                     !std::string_view("HTTP/1.0 ").starts_with(start_))
                fail(errc::protocol_error, "not an HTTP answer (\"" + printable(start_, 64) + "\")");
            else
                fail(errc::connection_lost,
                     "partial answer of " + std::to_string(consumed_ + pending_) + " bytes");
        } else if (state_ == state::body) {
            boost::beast::error_code code;
            message_->put_eof(code);
            if (!code)
                state_ = state::done;
            else if (content_length_)
                fail(errc::connection_lost, "body " + std::to_string(body_bytes_) + " of " +
                                                std::to_string(*content_length_) + " bytes");
            else
                fail(errc::connection_lost, "body cut after " + std::to_string(body_bytes_) + " bytes");
        }
    }

    state where() const noexcept { return state_; }
    // Any byte of a response arrived.
    bool got_some() const noexcept { return consumed_ + pending_ != 0; }
    // A response is under way, and not only those before it came that are none yet.
    bool has_begun() const noexcept { return pending_ != 0 || message_.has_value(); }
    // When failed.
    error_info const& why() const { return *why_; }

    // When done: the connection may serve another request.
    bool keep_alive() const noexcept { return state_ == state::done && !leftover_ && message_->keep_alive(); }

    // Zero until the header is complete.
    int status() const noexcept { return status_; }
    bool head_done() const noexcept { return status_ != 0; }

    std::string_view retry_after() const noexcept { return kept(field::retry_after); }
    std::string_view date() const noexcept { return kept(field::date); }
    std::string_view last_modified() const noexcept { return kept(field::last_modified); }
    std::string_view content_type() const noexcept { return kept(field::content_type); }
    std::string_view request_id() const noexcept { return kept(field::request_id); }
    std::string_view location() const noexcept { return kept(field::location); }
    std::string_view content_range() const noexcept { return kept(field::content_range); }
    // Empty where the body is what it seems. A collected body that is encoded is never given out: a success
    // fails with `errc::bad_response`, and of any other response the status has to do.
    std::string_view content_encoding() const noexcept { return kept(field::content_encoding); }
    std::string_view etag() const noexcept { return kept(field::etag); }
    std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }

    // How long the server keeps the connection while nothing is asked on it, where it says so:
    // "timeout=5, max=100", in any order.
    std::optional<std::chrono::seconds> keep_alive_timeout() const
    {
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

    // Collected; after a failure as far as it came.
    std::string& body() noexcept { return body_; }
    // What the last `put` produced of a streamed body, valid until the next call and as long as its bytes.
    std::string_view piece() const noexcept { return piece_; }
    void drop_piece() noexcept { piece_ = {}; }

private:
    using http_error = boost::beast::http::error;

    static constexpr std::size_t max_fields = 100;
    static constexpr int max_interim_responses = 10;
    static constexpr int max_trailers = 64;
    static constexpr std::size_t max_chunk_digits = 16;
    // Of a chunk's size and extension, with the line end.
    static constexpr std::size_t max_chunk_line = 258;
    // A string that had to be larger once is not kept that large for the life of the connection.
    static constexpr std::size_t max_kept_buffer = 64U << 10U;

    enum class field
    {
        retry_after,
        date,
        last_modified,
        content_type,
        request_id,
        location,
        content_range,
        content_encoding,
        etag,
        keep_alive
    };
    static constexpr std::size_t kept_field_count = 10;

    struct kept_field
    {
        std::size_t begin = 0;
        std::size_t size = 0;
    };

    // Beast's parser reads one message and cannot be reset.
    class message final : public boost::beast::http::basic_parser<false>
    {
    public:
        explicit message(response_parser& owner) : owner_(owner), head_room(owner.header_limit_)
        {
            eager(true);
            // Both limits are the owner's, who applies them alike for all versions of Beast.
            header_limit((std::numeric_limits<std::uint32_t>::max)());
            body_limit(boost::none);
        }

    private:
        using text = boost::beast::string_view;
        using error_code = boost::beast::error_code;
        using name = boost::beast::http::field;

        response_parser& owner_;

    public:
        std::string_view input;
        std::size_t head_room; // how much longer the header may become
        int status = 0;        // zero before the status line
        int version = 0;
        std::size_t fields = 0;
        bool length = false;
        bool coding = false;
        bool in_chunks = false;
        bool in_trailers = false;
        std::uint64_t chunk_rest = 0;

    private:
        void on_request_impl(boost::beast::http::verb, text, text, int, error_code&) override {}

        void on_response_impl(int code, text, int http_version, error_code& bad) override
        {
            status = code;
            version = http_version;
            if (code >= 100)
                return;
            std::string const digits = std::to_string(code);
            owner_.fail(errc::protocol_error, "status " + std::string(3 - digits.size(), '0') + digits);
            owner_.why_->underlying(make_error_code(api_errc::other));
            stop_if_failed(bad);
        }

        void on_field_impl(name known, text name_text, text value, error_code& bad) override
        {
            // Beast's older versions tell of trailers here.
            if (is_header_done())
                return;
            if (++fields > max_fields)
                owner_.fail(errc::response_too_large, "fields: more than " + std::to_string(max_fields));
            switch (known) {
            case name::content_length:
                length = true;
                if (is_folded(name_text))
                    owner_.fail(errc::protocol_error, "framing: folded Content-Length");
                break;
            case name::transfer_encoding:
                coding = true;
                if (version < 11)
                    owner_.fail(errc::protocol_error, "framing: transfer coding in HTTP/1.0");
                else if (is_folded(name_text))
                    owner_.fail(errc::protocol_error, "framing: folded Transfer-Encoding");
                else if (!boost::beast::iequals(value, "chunked"))
                    owner_.fail(errc::protocol_error, "framing: transfer coding " + printable(value, 40));
                break;
            case name::retry_after:
                owner_.keep(field::retry_after, value);
                break;
            case name::date:
                owner_.keep(field::date, value);
                break;
            case name::last_modified:
                owner_.keep(field::last_modified, value);
                break;
            case name::content_type:
                owner_.keep(field::content_type, value);
                break;
            case name::location:
                owner_.keep(field::location, value);
                break;
            case name::content_range:
                owner_.keep(field::content_range, value);
                break;
            case name::content_encoding:
                if (!boost::beast::iequals(value, "identity"))
                    owner_.keep(field::content_encoding, value);
                break;
            case name::keep_alive:
                owner_.keep(field::keep_alive, value);
                break;
            case name::etag:
                owner_.keep(field::etag, value);
                break;
            case name::unknown:
                if (boost::beast::iequals(name_text, "X-Oneapi-Request-Id"))
                    owner_.keep(field::request_id, value);
                break;
            default:
                break;
            }
            stop_if_failed(bad);
        }

#if BOOST_BEAST_VERSION >= 359
        void on_trailer_field_impl(name, text, text, error_code&) override {}
#endif

        void on_header_impl(error_code& bad) override
        {
            owner_.accept_head();
            stop_if_failed(bad);
        }

        void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}

        std::size_t on_body_impl(text piece, error_code& bad) override
        {
            auto const room = owner_.body_limit_ - owner_.body_bytes_;
            auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(room, piece.size()));
            owner_.give_out(piece.substr(0, size));
            if (size != piece.size())
                owner_.fail_body_limit();
            stop_if_failed(bad);
            return size;
        }

        void on_chunk_header_impl(std::uint64_t size, text, error_code& bad) override
        {
            in_chunks = true;
            in_trailers = size == 0;
            chunk_rest = size;
            if (size > owner_.body_limit_ - owner_.body_bytes_)
                owner_.fail_body_limit();
            stop_if_failed(bad);
        }

        std::size_t on_chunk_body_impl(std::uint64_t, text piece, error_code&) override
        {
            owner_.give_out(piece);
            chunk_rest -= piece.size();
            return piece.size();
        }

        void on_finish_impl(error_code&) override {}

        // A folded field can be read in two ways, so none that says where the body ends may be one.
        bool is_folded(text name_text) const
        {
            auto const begin = static_cast<std::size_t>(name_text.data() - input.data());
            char const next = input[input.find('\n', begin) + 1];
            return next == ' ' || next == '\t';
        }

        void stop_if_failed(error_code& bad) const
        {
            if (owner_.state_ == response_parser::state::failed)
                bad = http_error::bad_field;
        }
    };

    std::string_view kept(field kind) const noexcept
    {
        kept_field const& found = fields_[static_cast<std::size_t>(kind)];
        return std::string_view(kept_).substr(found.begin, found.size);
    }

    // The first of several counts.
    void keep(field kind, std::string_view value)
    {
        kept_field& place = fields_[static_cast<std::size_t>(kind)];
        if (place.size != 0)
            return;
        place = {kept_.size(), value.size()};
        kept_ += value;
    }

    // Decided on as many bytes as the name and version of the protocol have, unless the stream is TLS.
    bool check_start(std::string_view bytes)
    {
        if (bytes.starts_with("HTTP/1.1 ") || bytes.starts_with("HTTP/1.0 "))
            return true;
        start_ = bytes.substr(0, std::string_view("HTTP/1.1 ").size());
        if (start_.starts_with("\x15\x03") || start_.starts_with("\x16\x03"))
            fail(errc::protocol_error, "the peer speaks TLS, the URL says http");
        else if (start_.size() == bytes.size() && bytes.size() < std::string_view("HTTP/1.1 ").size())
            return false;
        else if (start_.starts_with("HTTP/1.1\r") || start_.starts_with("HTTP/1.0\r"))
            fail(errc::protocol_error, "status line");
        else if (boost::beast::iequals(start_.substr(0, 5), "HTTP/") || start_.starts_with("ICY "))
            fail(errc::protocol_error, "version");
        else
            fail(errc::protocol_error, "not an HTTP answer (\"" + printable(start_, 64) + "\")");
        return false;
    }

    // How many bytes of a header can be parsed. Without the character behind a field's line it is not known
    // whether the field goes on there. What was `seen` before is not looked through again, however slowly a line comes.
    std::size_t whole_lines(std::string_view bytes, std::size_t seen)
    {
        std::size_t const from = seen - std::min<std::size_t>(seen, 3);
        if (!message_) {
            if (!check_start(bytes))
                return 0;
            fields_.fill({});
            kept_.clear();
            message_.emplace(*this);
        }
        std::string_view const allowed = bytes.substr(0, message_->head_room);
        if (message_->status == 0) {
            if (std::size_t const end = allowed.find('\n', from); end != std::string_view::npos)
                return end + 1;
        } else if (allowed.starts_with("\r\n")) {
            return 2;
        } else if (std::size_t const end = allowed.find("\r\n\r\n", from); end != std::string_view::npos) {
            return end + 4;
        } else {
            for (std::size_t at = allowed.size(); at-- > std::max<std::size_t>(from, 1);)
                if (allowed[at - 1] == '\n' && allowed[at] != ' ' && allowed[at] != '\t')
                    return at + 1;
        }
        if (bytes.size() >= message_->head_room)
            fail(errc::response_too_large, "headers: more than " + std::to_string(header_limit_) + " bytes");
        return 0;
    }

    std::size_t whole_part(std::string_view bytes)
    {
        if (bytes.empty() || !message_->chunked())
            return bytes.size();
        if (message_->chunk_rest != 0)
            return static_cast<std::size_t>(std::min<std::uint64_t>(message_->chunk_rest, bytes.size()));
        return whole_chunk_line(bytes);
    }

    // The line before a chunk's bytes, with the line end of the chunk before and with all trailers.
    std::size_t whole_chunk_line(std::string_view bytes)
    {
        std::size_t const begin = message_->in_chunks ? 2 : 0;
        std::size_t const maximum = std::min(header_limit_, begin + max_chunk_line);
        std::size_t const end = bytes.substr(0, maximum).find('\n', begin);
        if (end == std::string_view::npos) {
            if (bytes.size() >= maximum)
                fail(errc::protocol_error, "bad chunk: extension");
            return 0;
        }
        std::string_view const line = bytes.substr(begin, end - begin);
        std::size_t const digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
        if (digits == 0 || digits > max_chunk_digits || !line.ends_with('\r')) {
            bool const extended = line.find(';') != std::string_view::npos;
            fail(errc::protocol_error, extended ? "bad chunk: extension" : "bad chunk");
            return 0;
        }
        bool const last = line.find_first_not_of('0') == digits;
        return last ? whole_trailers(bytes, end + 1) : end + 1;
    }

    // Trailers are checked and dropped: nothing that comes after the body may change how it was read.
    std::size_t whole_trailers(std::string_view bytes, std::size_t begin)
    {
        std::string_view const allowed = bytes.substr(0, header_limit_);
        for (int trailers = 0;; ++trailers) {
            std::size_t const end = allowed.find('\n', begin);
            if (end == std::string_view::npos) {
                if (bytes.size() >= header_limit_)
                    fail(errc::response_too_large,
                         "trailers: more than " + std::to_string(header_limit_) + " bytes");
                return 0;
            }
            std::string_view const line = allowed.substr(begin, end - begin);
            if (line == "\r")
                return end + 1;
            if (!line.ends_with('\r'))
                fail(errc::protocol_error, "line ending");
            else if (trailers == max_trailers)
                fail(errc::response_too_large, "trailers: more than " + std::to_string(max_trailers));
            else if (line.front() == ' ' || line.front() == '\t')
                fail(errc::protocol_error, "trailer");
            for (std::string_view const name : {"Content-Length", "Transfer-Encoding"})
                if (boost::beast::iequals(line.substr(0, line.find(':')), name))
                    fail(errc::protocol_error, "framing: " + std::string(name) + " in a trailer");
            if (state_ == state::failed)
                return 0;
            begin = end + 1;
        }
    }

    std::size_t parse(std::string_view bytes)
    {
        boost::beast::error_code code;
        message_->input = bytes;
        std::size_t const used = message_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), code);
        message_->head_room -= std::min(used, message_->head_room);
        // A whole line that Beast takes nothing of is too short.
        if (code && (code != http_error::need_more || used == 0))
            explain(code, bytes.substr(used));
        else if (message_->is_done())
            end_message();
        return used;
    }

    // The header is complete.
    void accept_head()
    {
        if (message_->status == 101)
            return fail(errc::protocol_error, "upgrade");
        if (message_->status < 200)
            return;
        status_ = message_->status;
        if (auto const length = message_->content_length())
            content_length_ = *length;
        if (status_ == 204 || status_ == 304)
            return;
        if (!content_encoding().empty() && !streams_body_) {
            if (status_ < 300)
                return fail(errc::bad_response, "content encoding " + printable(content_encoding(), 40));
            drops_body_ = true;
        }
        state_ = state::body;
        if (content_length_ > body_limit_)
            fail_body_limit();
        else if (content_length_ && !streams_body_ && !drops_body_)
            body_.reserve(
                static_cast<std::size_t>(std::min<std::uint64_t>(*content_length_, max_kept_buffer)));
    }

    void end_message()
    {
        if (message_->status >= 200) {
            state_ = state::done;
        } else if (++interim_responses_ > max_interim_responses) {
            fail(errc::protocol_error, "interim answers: more than " + std::to_string(max_interim_responses));
        } else {
            message_.reset();
            start_.clear();
        }
    }

    void give_out(std::string_view bytes)
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

    // `rest` begins with the line that Beast did not take.
    void explain(boost::beast::error_code code, std::string_view rest)
    {
        if (message_->is_header_done()) {
            std::string const chunk =
                code == http_error::bad_chunk_extension ? "bad chunk: extension" : "bad chunk";
            fail(errc::protocol_error, message_->in_trailers ? "trailer" : chunk);
        } else if (code == http_error::header_limit) {
            fail(errc::response_too_large, "headers: a folded field");
        } else if (code == http_error::multiple_content_length) {
            fail(errc::protocol_error, "framing: two values of Content-Length");
        } else if (code == http_error::bad_transfer_encoding) {
            fail(errc::protocol_error, message_->length ? "framing: Content-Length and Transfer-Encoding"
                                                        : "framing: two transfer codings");
        } else if (code == http_error::bad_content_length) {
            fail(errc::protocol_error, message_->coding ? "framing: Content-Length and Transfer-Encoding"
                                                        : "framing: Content-Length");
        } else if (code == http_error::bad_line_ending || !rest.substr(0, rest.find('\n')).ends_with('\r')) {
            fail(errc::protocol_error, "line ending");
        } else if (message_->status != 0) {
            fail(errc::protocol_error, "header");
        } else {
            bool const no_reason = code != http_error::bad_status || rest.substr(12, 1) == "\r";
            fail(errc::protocol_error, no_reason ? "status line" : "status");
        }
    }

    void fail_body_limit()
    {
        fail(errc::response_too_large, "body: more than " + std::to_string(body_limit_) + " bytes");
    }

    // The first reason counts.
    void fail(errc code, std::string detail)
    {
        if (state_ == state::failed)
            return;
        state_ = state::failed;
        why_.emplace(code, std::move(detail));
    }

    state state_ = state::head;
    bool streams_body_ = false;
    bool drops_body_ = false;
    bool leftover_ = false;
    int status_ = 0;
    int interim_responses_ = 0;
    std::size_t header_limit_ = 0;
    std::uint64_t body_limit_ = 0;
    std::size_t pending_ = 0;
    std::uint64_t consumed_ = 0;
    std::uint64_t body_bytes_ = 0;
    std::optional<std::uint64_t> content_length_;
    std::optional<message> message_;
    std::array<kept_field, kept_field_count> fields_;
    std::string kept_;
    std::string start_; // of a message, until it is known to be HTTP
    std::string body_;
    std::string_view piece_;
    std::string joined_;
    std::optional<error_info> why_;
};

} // namespace apimart::detail

#endif
