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
enum class request_phase
{
    connecting, // no byte of the request was handed over
    sending,    // a part was; the last byte of the body was not
    committed,  // all of it was handed over, no complete answer came
    answered,   // a complete answer came
};

constexpr std::string_view to_string(request_phase phase) noexcept
{
    switch (phase) {
    case request_phase::connecting:
        return "connecting";
    case request_phase::sending:
        return "sending";
    case request_phase::committed:
        return "sent";
    case request_phase::answered:
        return "answered";
    }
    return "connecting";
}

// A complete answer, reduced to what the decoders look at.
class http_response
{
public:
    http_response() {}

    int status = 0;
    std::string body;
    std::string request_id;
    std::string retry_after;
    std::string date;
    std::string content_type;
    std::string location;
    bool followed = false; // by bytes that nobody asked for

    // As new, but for the memory of its texts.
    void clear() noexcept
    {
        status = 0;
        for (std::string* const text : {&body, &request_id, &retry_after, &date, &content_type, &location})
            text->clear();
        followed = false;
    }
};

// What became of one request on one connection.
class http_result
{
public:
    http_result() {}
    http_result(request_phase reached, error_code code) : phase(reached), error(code) {}

    request_phase phase = request_phase::connecting;
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
    http_response response;

    // As new, but for the memory of its texts.
    void clear() noexcept
    {
        phase = request_phase::connecting;
        error = {};
        underlying = {};
        reused = false;
        session_refused = false;
        bytes_sent = 0;
        bytes_received = 0;
        http_status = 0;
        for (std::string* const text : {&detail, &address, &partial})
            text->clear();
        begun.reset();
        response.clear();
    }
};

} // namespace apimart::detail

#endif
