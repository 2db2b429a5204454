// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_ERROR_RESPONSE_IPP
#define APIMART_PROTOCOL_ERROR_RESPONSE_IPP

#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>
#include <apimart/text/utf8.hpp>
#include <apimart/validation/json_reader.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/parser.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace apimart::detail {

inline constexpr std::size_t longest_excerpt = 512;

// Only looked for in bodies far larger than any that is documented: what would make a large tree or a long copy.
inline std::string oversized_part(std::string_view body)
{
    constexpr std::size_t suspicious = 64U << 10U;
    constexpr std::size_t most_entries = 4096;
    if (body.size() <= suspicious)
        return {};
    std::size_t entries = 0;
    for (std::size_t at = 0; at < body.size(); ++at) {
        if (body[at] == ',' && ++entries > most_entries)
            return "more than " + std::to_string(most_entries) + " entries";
        if (body[at] != '"')
            continue;
        std::size_t const begin = ++at;
        while (at < body.size() && body[at] != '"')
            at += body[at] == '\\' ? 2 : 1;
        if (at - begin > suspicious)
            return "a text of more than " + std::to_string(suspicious) + " bytes";
    }
    return {};
}

inline std::string json_problem(std::string_view body, error_code code, std::size_t place)
{
    std::string const at = " at byte " + std::to_string(place);
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return "empty";
    if (utf8_scan const text = scan_utf8(body); !text.valid())
        return "bad JSON: not UTF-8 at byte " + std::to_string(text.bad_byte);
    // Valid UTF-8 in form, but text in two bytes per character.
    if (std::size_t const zero = body.find('\0'); zero != std::string_view::npos)
        return "bad JSON: not UTF-8 at byte " + std::to_string(zero);
    if (code == boost::json::error::too_deep)
        return "bad JSON: nested more than " + std::to_string(deepest_nesting) + " levels deep";
    if (code == boost::json::error::incomplete)
        return "bad JSON: incomplete at byte " + std::to_string(body.size());
    if (code == boost::json::error::extra_data)
        return "bad JSON: other text" + at;
    return "bad JSON: " + code.message() + at;
}

APIMART_INLINE parsed_reply::parsed_reply(std::string_view body)
    : memory_(buffer_, sizeof buffer_), json_(&memory_)
{
    if (body.starts_with("\xEF\xBB\xBF"))
        body.remove_prefix(3);
    if (std::string const part = oversized_part(body); !part.empty()) {
        problem_ = "too large: " + part;
        return;
    }
    boost::json::parse_options options;
    options.max_depth = deepest_nesting;
    unsigned char scratch[2048];
    boost::json::parser parser({}, options, scratch);
    parser.reset(&memory_);
    error_code code;
    std::size_t const used = parser.write_some(body.data(), body.size(), code);
    if (!code && used != body.size())
        code = boost::json::error::extra_data;
    if (code)
        problem_ = json_problem(body, code, used);
    else
        json_ = parser.release();
}

APIMART_INLINE boost::json::value const* member(boost::json::value const* value, std::string_view name)
{
    if (value == nullptr)
        return nullptr;
    boost::json::object const* const object = value->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

inline std::string_view text_of(boost::json::value const* value)
{
    boost::json::string const* const text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string_view{} : std::string_view(*text);
}

APIMART_INLINE std::string_view text_member(boost::json::value const* value, std::string_view name)
{
    return text_of(member(value, name));
}

APIMART_INLINE std::optional<double> lenient_number(boost::json::value const* value)
{
    if (value == nullptr)
        return std::nullopt;
    double number = 0;
    if (value->is_int64()) {
        number = static_cast<double>(value->get_int64());
    } else if (value->is_uint64()) {
        number = static_cast<double>(value->get_uint64());
    } else if (value->is_double()) {
        number = value->get_double();
    } else if (boost::json::string const* const text = value->if_string()) {
        auto const [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
        bool const percent = end + 1 == text->data() + text->size() && *end == '%';
        if (code != std::errc() || (end != text->data() + text->size() && !percent))
            return std::nullopt;
    } else {
        return std::nullopt;
    }
    if (!std::isfinite(number))
        return std::nullopt;
    return number;
}

APIMART_INLINE std::optional<std::int64_t> lenient_integer(boost::json::value const* value)
{
    auto const number = lenient_number(value);
    // Beyond this a double no longer holds every integer; no field of the service comes near it.
    if (!number || std::abs(*number) > 9e15 || std::floor(*number) != *number)
        return std::nullopt;
    return static_cast<std::int64_t>(*number);
}

APIMART_INLINE bool is_task_id(std::string_view id)
{
    if (id.empty() || id.size() > longest_task_id || id == "." || id == "..")
        return false;
    static constexpr auto allowed = [] {
        std::array<bool, 256> table{};
        for (char const c :
             std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:~-"))
            table[static_cast<unsigned char>(c)] = true;
        return table;
    }();
    return std::all_of(id.begin(), id.end(), [](char c) { return allowed[static_cast<unsigned char>(c)]; });
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
        if (std::string text = message_in(member(value, name)); !text.empty())
            return text;
    }
    return {};
}

APIMART_INLINE service_message service_words(boost::json::value const* document)
{
    boost::json::value const* const envelope = member(document, "error");
    boost::json::value const* const named =
        envelope != nullptr && envelope->is_object() ? envelope : document;
    std::string text = message_in(envelope);
    if (text.empty())
        text = message_in(document);
    return service_message(printable(scalar_text(member(named, "code")), 64),
                           printable(text_member(named, "type"), 64), printable(text, longest_excerpt));
}

inline bool mentions(std::string_view text, std::string_view word)
{
    return std::search(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
               return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
           }) != text.end();
}

inline api_errc classify(int status, service_message const& words)
{
    // An empty account is told in several ways; none of them is a reason to slow down and try again.
    for (std::string_view const field : {std::string_view(words.type()), std::string_view(words.code())}) {
        if (mentions(field, "payment_required") || mentions(field, "insufficient"))
            return api_errc::no_credit;
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
        return api_errc::no_credit;
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
        break;
    }
    return status >= 500 && status <= 599 ? api_errc::unavailable : api_errc::other;
}

APIMART_INLINE failure service_failure(int status, boost::json::value const* document)
{
    service_message words = service_words(document);
    failure why(make_error_code(classify(status, words)));
    why.http_status(status).request_id(printable(text_member(document, "request_id"), 128));
    why.service(std::move(words));
    return why;
}

APIMART_INLINE failure service_failure_text(int status, std::string_view body)
{
    service_message words({}, {}, printable(body, longest_excerpt));
    failure why(make_error_code(classify(status, words)));
    why.http_status(status).service(std::move(words));
    return why;
}

// An answer that says 200 outside can fail inside: the code that counts is the inner one.
inline int effective_status(int status, boost::json::value const* document)
{
    if (status < 200 || status > 299)
        return status;
    for (boost::json::value const* const place : {document, member(document, "error")}) {
        auto const inner = lenient_integer(member(place, "code"));
        if (inner && *inner >= 300 && *inner <= 599)
            return static_cast<int>(*inner);
    }
    return status;
}

inline bool is_success(int status) noexcept
{
    return status >= 200 && status <= 299;
}

// Whether this value of an answer's `code` says what HTTP's status says already.
inline bool is_plain_success(std::int64_t code) noexcept
{
    return code >= 200 && code <= 299;
}

inline bool is_redirect(int status) noexcept
{
    return status >= 300 && status <= 399;
}

// An answer whose status is no success, in the service's words where they can be read.
inline failure refusal(int status, http_reply const& reply, boost::json::value const* document)
{
    if (is_redirect(status))
        return failure(errc::unexpected_response, "redirect").http_status(status);
    failure why =
        document != nullptr ? service_failure(status, document) : service_failure_text(status, reply.body);
    if (status > 599) {
        why = failure(errc::unexpected_response, "unexpected status").service(why.service());
        why.http_status(status);
    }
    return why;
}

inline void describe_reply(failure& why, http_reply const& reply, boost::json::value const* document,
                           std::chrono::sys_seconds now)
{
    if (why.request_id().empty())
        why.request_id(printable(reply.request_id, 128));
    auto asked = parse_retry_after(reply.retry_after, now);
    if (!asked) {
        // Some gateways write it into the body instead.
        for (boost::json::value const* const place : {document, member(document, "error")}) {
            auto const seconds = lenient_integer(member(place, "retry_after"));
            if (!asked && seconds && *seconds > 0)
                asked = std::chrono::seconds(std::min(*seconds, std::int64_t{1} << 40U));
        }
    }
    why.retry_after(asked);
}

// A success that cannot be read: what there is of it, for whoever looks into the case.
inline void keep_excerpt(failure& why, http_reply const& reply, boost::json::value const* document)
{
    service_message words = service_words(document);
    if (words.empty())
        words = service_message({}, {}, printable(reply.body, longest_excerpt));
    why.service(std::move(words));
}

} // namespace apimart::detail

#endif
