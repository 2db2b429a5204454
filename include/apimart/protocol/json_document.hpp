// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_JSON_DOCUMENT_HPP
#define APIMART_PROTOCOL_JSON_DOCUMENT_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/json_fields.hpp>
#include <apimart/text/printable.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// The value as the readers of answers look at it; absent for null.
inline json_field field_of(boost::json::value const* value)
{
    json_field found;
    if (value == nullptr)
        return found;
    if (boost::json::string const* const text = value->if_string())
        found = {.type = json_field::kind::text, .text = std::string_view(*text)};
    else if (value->is_number())
        found = {.type = json_field::kind::number, .number = value->to_number<double>()};
    else if (value->is_bool())
        found = {.type = json_field::kind::boolean, .flag = value->get_bool()};
    return found;
}

// A short text, as it may be shown.
inline std::string label_of(boost::json::value const* value)
{
    return printable(scalar_text(value), 256);
}

inline std::vector<std::string> labels_of(boost::json::value const* list)
{
    std::vector<std::string> out;
    if (boost::json::array const* const entries = list == nullptr ? nullptr : list->if_array())
        for (boost::json::value const& each : *entries)
            if (std::string text = label_of(&each); !text.empty())
                out.push_back(std::move(text));
    return out;
}

// Millionths of an amount, also where it is written as a text.
inline std::optional<std::int64_t> millionths(json_field const& amount)
{
    constexpr double most = 9e9; // further, a double does not tell millionths apart
    auto const value = amount.lenient_number();
    if (!value || std::abs(*value) > most)
        return std::nullopt;
    return std::llround(*value * 1e6);
}

inline error_info explain_unreadable(std::string const& problem, http_response const& response,
                                     std::chrono::sys_seconds now)
{
    error_info why(make_error_code(errc::bad_response), "unreadable answer: " + problem);
    describe_response(why, response, error_document(response), now);
    return why;
}

// The tree of a success that is asked for rarely. A failure that says 200 outside is told as what it is.
inline result<boost::json::value> read_json_document(http_response const& response,
                                                     std::chrono::sys_seconds now)
{
    std::string_view body = response.body;
    if (body.starts_with("\xEF\xBB\xBF"))
        body.remove_prefix(3);
    boost::json::parse_options options;
    options.max_depth = 2 * max_nesting; // a schema is nested deeper than anything else
    error_code code;
    boost::json::value document = boost::json::parse(body, code, {}, options);
    if (code)
        return explain_unreadable(json_problem(body, code, 0), response, now);
    if (!document.is_object())
        return explain_unreadable("not an object", response, now);
    boost::json::value const* const envelope = member_of(&document, "error");
    int const status = effective_status(response.status, field_of(member_of(&document, "code")),
                                        field_of(member_of(envelope, "code")));
    if (!is_success(status))
        return read_error_response(status, response, error_document(response), now);
    json_field const success = field_of(member_of(&document, "success"));
    bool const is_failure = success.type == json_field::kind::boolean && !success.flag;
    if (is_failure || (envelope != nullptr && envelope->is_object())) {
        error_info why(make_error_code(api_errc::unavailable));
        describe_response(why, response, error_document(response), now);
        return why;
    }
    return document;
}

} // namespace apimart::detail

#endif
