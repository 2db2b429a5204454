// SPDX-License-Identifier: BSL-1.0
// Errors in the service's envelope.
#ifndef APIMART_TESTING_RULES_ERROR_REPLY_HPP
#define APIMART_TESTING_RULES_ERROR_REPLY_HPP

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// How `error.code` is written.
enum class error_code_form : unsigned char
{
    /// The HTTP status as a number.
    integer,
    /// An empty string, as the live service sends it with `type` `apimart_error`.
    empty,
    /// A word.
    text,
    /// Not at all.
    absent,
};

/// A text as a JSON string, quotes included.
inline std::string json_quoted(std::string_view text)
{
    return boost::json::serialize(boost::json::string(text));
}

/// The documented `error.type` of an HTTP status.
constexpr std::string_view error_type(unsigned status) noexcept
{
    switch (status) {
    case 400:
    case 404:
    case 413:
        return "invalid_request_error";
    case 401:
        return "authentication_error";
    case 402:
        return "payment_required";
    case 403:
        return "permission_error";
    case 409:
        return "idempotency_error";
    case 429:
        return "rate_limit_error";
    case 502:
        return "bad_gateway";
    case 503:
        return "service_unavailable";
    default:
        return status < 500 ? "invalid_request_error" : "server_error";
    }
}

/// One error before it is written down.
class error_description
{
public:
    error_description(unsigned http_status, std::string_view text)
        : status(http_status), message(text), type(error_type(http_status))
    {}

    unsigned status;
    std::string message;
    std::string type;
    /// A word that replaces `error.code` in every form, for errors that clients know by their code.
    std::string code;
    std::string param;
};

/// The body for an error: the envelope with the request id at its end and inside the message.
inline std::string error_body(error_description const& error, error_code_form form,
                              std::string_view request_id)
{
    std::string body = R"({"error":{)";
    if (!error.code.empty())
        body += R"("code":)" + json_quoted(error.code) + ',';
    else if (form == error_code_form::integer)
        body += R"("code":)" + std::to_string(error.status) + ',';
    else if (form == error_code_form::empty)
        body += R"("code":"",)";
    else if (form == error_code_form::text)
        body += R"("code":)" + json_quoted(error.type) + ',';
    body += R"("message":)" + json_quoted(error.message + " (request id: " + std::string(request_id) + ')') +
            R"(,"param":)" + json_quoted(error.param) + R"(,"type":)" +
            json_quoted(form == error_code_form::empty ? std::string("apimart_error") : error.type) +
            R"(},"request_id":)" + json_quoted(request_id) + '}';
    return body;
}

/// A gateway's answer, which knows nothing of the API.
inline std::string gateway_page(unsigned status)
{
    std::string const title = std::to_string(status) + (status == 502   ? " Bad Gateway"
                                                        : status == 503 ? " Service Temporarily Unavailable"
                                                        : status == 504 ? " Gateway Time-out"
                                                                        : " Error");
    return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
           "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
}

/// The page of a CDN that lets nothing through to the service.
inline std::string cdn_page(unsigned status)
{
    std::string const title = status == 403   ? "Access denied"
                              : status == 401 ? "Authorization required"
                              : status < 400  ? "This page has moved"
                                              : "The web server is not responding";
    return "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><meta charset=\"UTF-8\"><title>" + title +
           "</title><style>" + std::string(2000, ' ') + "</style></head>\n<body><h1>" +
           std::to_string(status) + ' ' + title + "</h1><p>Ray ID: 8f1e5a3c9d7b2046</p></body>\n</html>\n";
}

} // namespace apimart::testing::emulation

#endif
