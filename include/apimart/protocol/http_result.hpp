// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_HTTP_RESULT_HPP
#define APIMART_PROTOCOL_HTTP_RESULT_HPP

#include <apimart/error.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

// How far one request got. The order matters: everything before `committed` proves that the service cannot
// have processed the request, because it never had all of it.
enum class exchange_phase
{
    connecting, // no byte of the request was handed over
    sending,    // a part was; the last byte of the body was not
    committed,  // all of it was handed over, no complete answer came
    answered,   // a complete answer came
};

constexpr std::string_view to_string(exchange_phase phase) noexcept
{
    switch (phase) {
    case exchange_phase::connecting:
        return "connecting";
    case exchange_phase::sending:
        return "sending";
    case exchange_phase::committed:
        return "reading";
    case exchange_phase::answered:
        return "answered";
    }
    return "connecting";
}

// A complete answer, reduced to what the decoders look at.
class http_reply
{
public:
    http_reply() {}

    // As made afresh, but for the memory of the texts.
    void clear() noexcept
    {
        status = 0;
        // A text that had to be large once is not kept that large.
        if (constexpr std::size_t most = std::size_t{64} << 10U; body.capacity() > most)
            body = std::string();
        body.clear();
        request_id.clear();
        retry_after.clear();
        content_type.clear();
    }

    int status = 0;
    std::string body;
    std::string request_id;
    std::string retry_after;
    std::string content_type;
};

// What became of one request on one connection.
class exchange_outcome
{
public:
    exchange_outcome() {}
    exchange_outcome(exchange_phase reached, error_code code) : phase(reached), error(code) {}

    // As made afresh, but for the memory of the texts.
    void clear() noexcept
    {
        phase = exchange_phase::connecting;
        error = {};
        underlying = {};
        detail.clear();
        reused = false;
        session_refused = false;
        bytes_sent = 0;
        bytes_received = 0;
        http_status = 0;
        address.clear();
        partial.clear();
        begun.reset();
        reply.clear();
    }

    exchange_phase phase = exchange_phase::connecting;
    error_code error;      // of the library; not set when answered
    error_code underlying; // of the layer beneath
    std::string detail;    // our words, e.g. why a certificate was refused
    bool reused = false;   // the connection had served a request before
    // The TLS peer refused the session after bytes were written: it processed none of them.
    bool session_refused = false;
    std::size_t bytes_sent = 0;
    std::size_t bytes_received = 0;
    int http_status = 0; // a proxy's
    std::string address; // of the peer, where one was reached
    std::string partial; // the beginning of an answer that was not completed
    // When the request's turn had come; for the age of its key.
    std::optional<std::chrono::steady_clock::time_point> begun;
    http_reply reply;
};

// Reads the two forms of Retry-After. Rubbish and the past are ignored, as if the header were absent.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::chrono::sys_seconds now);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/protocol/http_result.ipp>
#endif

#endif
