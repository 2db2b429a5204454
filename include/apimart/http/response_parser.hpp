// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_RESPONSE_PARSER_HPP
#define APIMART_HTTP_RESPONSE_PARSER_HPP

#include <apimart/error.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

// Reads the answer to one request from the bytes of a connection; does no I/O. Beast reads the header. The
// end of the body is found here, because Beast's versions differ in what they accept there, and because a
// wrong end hands the rest of one answer to the next request. What contradicts itself is refused rather than
// repaired. However the bytes are cut into pieces, the outcome is the same.
//
// One parser serves all answers of a connection. Once its strings have grown, it does not allocate.
class reply_parser
{
public:
    enum class state
    {
        head,
        body,
        done,
        failed
    };

    reply_parser() {}
    reply_parser(reply_parser const&) = delete;
    reply_parser& operator=(reply_parser const&) = delete;

    // `streams_body`: the body is given out by `piece()` instead of being collected.
    void reset(std::size_t header_limit, std::uint64_t body_limit, bool streams_body);

    // Consumes from the beginning of `bytes` and returns how many. What is not used must be offered again,
    // with more behind it; that is never more than the header's limit, and nothing after `done`.
    std::size_t put(std::string_view bytes);
    // The stream ended in order. Not to be called where TLS did not say so.
    void put_end();

    state where() const noexcept { return state_; }
    // Any byte of an answer arrived.
    bool got_some() const noexcept { return consumed_ + pending_ != 0; }
    // When failed.
    failure const& why() const { return *why_; }

    // When done: the connection may serve another request.
    bool keep_alive() const noexcept { return state_ == state::done && keep_alive_ && !leftover_; }

    // Zero until the header is complete.
    int status() const noexcept { return status_; }
    bool head_done() const noexcept { return status_ != 0; }

    std::string_view retry_after() const noexcept { return kept(field::retry_after); }
    std::string_view content_type() const noexcept { return kept(field::content_type); }
    std::string_view request_id() const noexcept { return kept(field::request_id); }
    std::string_view location() const noexcept { return kept(field::location); }
    std::string_view content_range() const noexcept { return kept(field::content_range); }
    // Empty where the body is what it seems. A collected body that is encoded is never given out: a success
    // fails with `errc::unexpected_response`, and of any other answer the status has to do.
    std::string_view content_encoding() const noexcept { return kept(field::content_encoding); }
    std::string_view etag() const noexcept { return kept(field::etag); }
    // How long the server keeps the connection while nothing is asked on it, where it says so.
    std::optional<std::chrono::seconds> keep_alive_timeout() const;
    std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }

    // Collected; after a failure as far as it came.
    std::string& body() noexcept { return body_; }
    // What the last `put` produced of a streamed body, valid until the next call and as long as its bytes.
    std::string_view piece() const noexcept { return piece_; }

private:
    enum class field
    {
        retry_after,
        content_type,
        request_id,
        location,
        content_range,
        content_encoding,
        etag,
        keep_alive
    };
    static constexpr std::size_t field_count = 8;

    enum class framing
    {
        length,
        to_end,
        chunk_size,
        chunk_extension,
        chunk_size_end,
        chunk_data,
        chunk_data_return,
        chunk_data_end,
        trailers
    };

    struct kept_field
    {
        std::size_t begin = 0;
        std::size_t size = 0;
    };

    class head_reader;

    std::string_view kept(field which) const noexcept
    {
        kept_field const& found = fields_[static_cast<std::size_t>(which)];
        return std::string_view(kept_).substr(found.begin, found.size);
    }

    bool check_start(std::string_view bytes);
    std::size_t read_head(std::string_view bytes);
    bool read_plain_head(std::string_view lines);
    bool read_plain_field(std::string_view name, std::string_view value);
    void keep(field which, std::string_view value);
    bool parse_head(std::string_view lines, bool complete);
    bool accept_head();
    void begin_body();
    std::size_t read_body(std::string_view bytes);
    std::size_t read_chunk_line(std::string_view bytes);
    void end_chunk_line();
    std::size_t read_trailer(std::string_view bytes);
    void give_out(std::string_view bytes);
    void fail(errc code, std::string detail);

    state state_ = state::head;
    framing framing_ = framing::length;
    bool streams_body_ = false;
    bool drops_body_ = false;
    bool keep_alive_ = false;
    bool leftover_ = false;
    bool start_checked_ = false;
    bool chunked_ = false;
    bool extension_begun_ = false;
    int status_ = 0;
    int next_status_ = 0;
    int interim_answers_ = 0;
    int chunk_digits_ = 0;
    int trailers_ = 0;
    std::size_t header_limit_ = 0;
    std::size_t pending_ = 0;
    std::size_t searched_ = 0;
    std::size_t line_bytes_ = 0; // of the extension of a chunk, or of all trailers
    std::uint64_t body_limit_ = 0;
    std::uint64_t consumed_ = 0;
    std::uint64_t remaining_ = 0;
    std::uint64_t body_bytes_ = 0;
    std::optional<std::uint64_t> content_length_;
    std::array<kept_field, field_count> fields_;
    std::array<char, 9> start_{};
    std::string kept_;
    std::string body_;
    std::string_view piece_;
    std::string joined_;
    std::optional<failure> why_;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/http/response_parser.ipp>
#endif

#endif
