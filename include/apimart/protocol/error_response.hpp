// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_ERROR_RESPONSE_HPP
#define APIMART_PROTOCOL_ERROR_RESPONSE_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/json_fields.hpp>
#include <apimart/protocol/retry_after.hpp>
#include <apimart/text/printable.hpp>
#include <apimart/validation/json_reader.hpp>

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

inline constexpr std::size_t max_excerpt = 512;

constexpr bool is_success(int status) noexcept
{
    return status >= 200 && status <= 299;
}
constexpr bool is_redirect(int status) noexcept
{
    return status >= 300 && status <= 399;
}
constexpr bool is_server_error(int status) noexcept
{
    return status >= 500 && status <= 599;
}

// An answer that says 200 outside can fail inside: the code that counts is the inner one.
inline int effective_status(int status, json_field const& code, json_field const& error_code)
{
    if (is_success(status)) {
        for (json_field const* const place : {&code, &error_code}) {
            auto const inner = place->lenient_integer();
            if (inner && *inner >= 300 && *inner <= 599)
                return static_cast<int>(*inner);
        }
    }
    return status;
}

// The member, if `value` is an object that has it.
inline boost::json::value const* member_of(boost::json::value const* value, std::string_view name)
{
    boost::json::object const* const object = value == nullptr ? nullptr : value->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

inline std::string scalar_text(boost::json::value const* value)
{
    if (value == nullptr)
        return {};
    if (boost::json::string const* const text = value->if_string())
        return std::string(*text);
    if (value->is_int64())
        return std::to_string(value->get_int64());
    if (value->is_uint64())
        return std::to_string(value->get_uint64());
    return {};
}

// The sentence in a text, in the first of a list of complaints, or in the member that usually has it.
inline std::string message_in(boost::json::value const* value)
{
    if (value == nullptr)
        return {};
    if (boost::json::array const* const list = value->if_array())
        return list->empty() ? std::string() : message_in(&list->front());
    if (!value->is_object())
        return scalar_text(value);
    for (std::string_view const name :
         {"message", "msg", "detail", "fail_reason", "error", "errors", "error_description", "title"}) {
        if (std::string text = message_in(member_of(value, name)); !text.empty())
            return text;
    }
    return {};
}

// The service's words about a failure, in whichever of the known places they stand.
inline server_message message_of(boost::json::value const* document)
{
    boost::json::value const* const envelope = member_of(document, "error");
    boost::json::value const* const named =
        envelope != nullptr && envelope->is_object() ? envelope : document;
    std::string text = message_in(envelope);
    if (text.empty())
        text = message_in(document);
    return server_message(printable(scalar_text(member_of(named, "code")), 64),
                          printable(scalar_text(member_of(named, "type")), 64), printable(text, max_excerpt));
}

// The body of an answer that is told of as a failure. Its words can stand in many places, so that it is read
// into a tree; the usual one fits into this object. A body that is no JSON, or a far too large one, has none.
class error_document
{
public:
    explicit error_document(http_response const& response)
        : memory_(buffer_, sizeof buffer_), json_(&memory_), body_(response.body)
    {
        if (body_.starts_with("\xEF\xBB\xBF"))
            body_.remove_prefix(3);
        constexpr std::size_t far_too_large = std::size_t{64} << 10U;
        if (body_.size() > far_too_large)
            return;
        boost::json::parse_options options;
        options.max_depth = max_nesting;
        error_code code;
        json_ = boost::json::parse(body_, code, &memory_, options);
        is_json_ = !code;
    }
    error_document(error_document const&) = delete;
    error_document& operator=(error_document const&) = delete;

    boost::json::value const* json() const noexcept { return is_json_ ? &json_ : nullptr; }
    // The service's words, or the beginning of the body in their place.
    server_message message() const
    {
        server_message words = message_of(json());
        if (words.text().empty())
            words = server_message(words.code(), words.type(), printable(body_, max_excerpt));
        return words;
    }
    std::string request_id() const { return printable(scalar_text(member_of(json(), "request_id")), 128); }
    // Some gateways write it into the body instead of the header.
    std::optional<std::chrono::seconds> retry_after() const
    {
        for (boost::json::value const* const place : {json(), member_of(json(), "error")}) {
            boost::json::value const* const given = member_of(place, "retry_after");
            json_field found;
            if (given != nullptr && given->is_string())
                found = {.type = json_field::kind::text, .text = std::string_view(given->get_string())};
            else if (given != nullptr && given->is_number())
                found = {.type = json_field::kind::number, .number = given->to_number<double>()};
            if (auto const seconds = found.lenient_integer(); seconds && *seconds > 0)
                return std::chrono::seconds(std::min(*seconds, max_retry_after));
        }
        return std::nullopt;
    }

private:
    unsigned char buffer_[4096]; // more than the largest documented answer takes
    boost::json::monotonic_resource memory_;
    boost::json::value json_;
    std::string_view body_;
    bool is_json_ = false;
};

inline bool mentions(std::string_view text, std::string_view word)
{
    return std::search(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
               return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
           }) != text.end();
}

inline api_errc classify_error(int status, server_message const& words)
{
    // An empty account is told in several ways; none of them is a reason to slow down and try again.
    for (std::string_view const field : {std::string_view(words.type()), std::string_view(words.code())}) {
        if (mentions(field, "payment_required") || mentions(field, "insufficient"))
            return api_errc::payment_required;
        if (mentions(field, "content_policy") || mentions(field, "moderation") || mentions(field, "nsfw"))
            return api_errc::content_rejected;
    }
    switch (status) {
    case 400:
    case 405:
    case 406:
    case 411:
    case 415:
    case 422:
        return api_errc::invalid_request;
    case 401:
        return api_errc::unauthorized;
    case 402:
        return api_errc::payment_required;
    case 403:
        return api_errc::forbidden;
    case 404:
        return api_errc::not_found;
    case 409:
        return api_errc::conflict;
    case 413:
    case 414:
        return api_errc::too_large;
    case 429:
        return api_errc::rate_limited;
    default:
        return is_server_error(status) ? api_errc::unavailable : api_errc::other;
    }
}

// What an answer says beside its code: the service's words, the request's id, how long to wait.
inline void describe_response(error_info& why, http_response const& response, error_document const& document,
                              std::chrono::sys_seconds now)
{
    why.server_message(document.message());
    std::string id = document.request_id();
    why.request_id(id.empty() ? printable(response.request_id, 128) : std::move(id));
    // A date is meant by the clock of the answer.
    auto const asked = parse_retry_after(response.retry_after, parse_http_date(response.date).value_or(now));
    why.retry_after(asked ? asked : document.retry_after());
}

// An answer whose status, outside or inside, is no success.
inline error_info read_error_response(int status, http_response const& response,
                                      error_document const& document, std::chrono::sys_seconds now)
{
    error_info why;
    describe_response(why, response, document, now);
    if (is_redirect(status))
        why.code(make_error_code(errc::bad_response)).client_message("redirect").server_message({});
    else if (status > 599)
        why.code(make_error_code(errc::bad_response)).client_message("unexpected status");
    else
        why.code(make_error_code(classify_error(status, why.server_message())));
    why.http_status(status);
    return why;
}

} // namespace apimart::detail

#endif
