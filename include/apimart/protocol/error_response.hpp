// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_ERROR_RESPONSE_HPP
#define APIMART_PROTOCOL_ERROR_RESPONSE_HPP

#include <apimart/error.hpp>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

// An answer's body as JSON, or the reason and place why it is none. The usual answer needs no memory but this
// object's own, so it stays where it was made.
class parsed_reply
{
public:
    explicit parsed_reply(std::string_view body);
    parsed_reply(parsed_reply const&) = delete;
    parsed_reply& operator=(parsed_reply const&) = delete;

    boost::json::value const* get() const noexcept { return problem_.empty() ? &json_ : nullptr; }
    // Such as "bad JSON: incomplete at byte 12".
    std::string const& problem() const noexcept { return problem_; }

private:
    // More than the largest documented answer takes; measured with it.
    unsigned char buffer_[4096];
    boost::json::monotonic_resource memory_;
    boost::json::value json_;
    std::string problem_;
};

// A byte order mark is tolerated; depth and sizes are bounded; it must be exactly one JSON document.
inline parsed_reply parse_reply(std::string_view body)
{
    return parsed_reply(body);
}

// The member, if `value` is an object that has it.
boost::json::value const* member(boost::json::value const* value, std::string_view name);

// A string member, or empty.
std::string_view text_member(boost::json::value const* value, std::string_view name);

// A number that is an integer in disguise, too: 5, 5.0, "5".
std::optional<std::int64_t> lenient_integer(boost::json::value const* value);

// A finite number, also as text.
std::optional<double> lenient_number(boost::json::value const* value);

// Task ids are opaque, but nothing that could change a request's path or a log line is one.
inline constexpr std::size_t longest_task_id = 256;
bool is_task_id(std::string_view id);

// The service's words about a failure, in whichever of the known places they stand.
service_message service_words(boost::json::value const* document);

// The service's words and the library's class of an answer that is not a success.
// `status` is the HTTP status, or the inner code of an answer that says 200 outside and fails inside.
failure service_failure(int status, boost::json::value const* document);

// The same for a body that is no JSON at all, such as a gateway's page.
failure service_failure_text(int status, std::string_view body);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/protocol/error_response.ipp>
#endif

#endif
