// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JSON_HPP
#define APIMART_JSON_HPP

#include <apimart/error.hpp>
#include <apimart/metrics.hpp>
#include <apimart/task.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>

namespace apimart {

/// How links to results are written. Whoever has a whole link can fetch the file until it expires.
enum class result_links
{
    redacted, ///< without user, query and fragment, which hold the permission
    exposed,  ///< whole, for the page of whoever may see the video
};

/// A state as JSON; a `task_result` has its `poll_count` besides:
///
///     {"id": "task_01...", "status": "succeeded", "raw_status": "completed", "progress": 100, "created_at": 1764000000,
///      "videos": [{"index": 0, "url": "https://cdn.example/v.mp4?[redacted]", "expires_at": 1764086400}]}
///
/// Names are those of the accessors; what is not known is left out. Times are seconds, moments those since 1970.
/// Errors: none but `std::bad_alloc`. Thread safety: distinct objects safe, shared objects may be read by several threads.
boost::json::object to_json(task_state const& state, result_links links = result_links::redacted);
boost::json::object to_json(task_result const& result, result_links links = result_links::redacted);

/// A failure as JSON, to be answered or kept; it holds nothing that `error_info` keeps from logs:
///
///     {"code": "outcome_unknown", "category": "apimart", "message": "...", "acceptance": "unknown", "retryable": false,
///      "idempotency_key": "...", "attempts": [{"code": "connection_lost", "phase": "sent"}]}
///
/// `message` is `error_info::describe()`, `code` the enumerator's name. What is empty is left out, but for those five.
boost::json::object to_json(error_info const& why);

/// `{"ok": false, "violations": [{"severity": "error", "pointer": "/duration", "message": "must be between 3 and 15", "value":
/// "99"}], "omitted": 0}`
boost::json::object to_json(validation_result const& found);

/// All counters by their names.
boost::json::object to_json(metrics const& counters);

/// `boost::json::value_from(x)` for the same, and `serialize(value_from(x))`.
template <class T>
    requires requires(T const& given)
    {
        apimart::to_json(given);
    }
void tag_invoke(boost::json::value_from_tag const&, boost::json::value& to, T const& from)
{
    to = apimart::to_json(from);
}

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/json.ipp>
#endif

#endif
