// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_WIRE_REPLY_JSON_HPP
#define APIMART_DETAIL_WIRE_REPLY_JSON_HPP

#include <apimart/error.hpp>

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// An answer's body as JSON, or the reason and place why it is none.
class parsed_reply
{
public:
    explicit parsed_reply(boost::json::value document) : json(std::move(document)) {}
    explicit parsed_reply(std::string reason) : problem(std::move(reason)) {}

    boost::json::value const* get() const noexcept { return problem.empty() ? &json : nullptr; }

    boost::json::value json;
    std::string problem;
};

// A byte order mark is tolerated; depth is bounded; it must be exactly one JSON document.
parsed_reply parse_reply(std::string_view body);

// The member, if `value` is an object that has it.
boost::json::value const* member(boost::json::value const* value, std::string_view name);

// A string member, or empty.
std::string_view text_member(boost::json::value const* value, std::string_view name);

// A number that is an integer in disguise, too: 5, 5.0, "5".
std::optional<std::int64_t> lenient_integer(boost::json::value const* value);

// A finite number, also as text.
std::optional<double> lenient_number(boost::json::value const* value);

// Task ids are opaque, but nothing that could change a request's path or a log line is one.
bool is_task_id(std::string_view id);

// The service's words and the library's class of an answer that is not a success.
// `status` is the HTTP status, or the inner code of an answer that says 200 outside and fails inside.
failure service_failure(int status, boost::json::value const* document);

// The same for a body that is no JSON at all, such as a gateway's page.
failure service_failure_text(int status, std::string_view body);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/detail/impl/wire.ipp>
#endif

#endif
