// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_LOG_TO_HPP
#define APIMART_LOG_TO_HPP

#include <apimart/observer.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace apimart {

/// How much a line of a log matters.
enum class log_level : std::uint8_t
{
    error, ///< an operation failed
    warning, ///< something went wrong, and the client goes on: a retry, a connection, a task that failed at the service
    info,  ///< an operation ended well or was ended by the caller; a task's state
    debug, ///< each attempt, each connection
};

std::string_view to_string(log_level level) noexcept;
/// The level of that name, as in an environment variable; nothing for another text.
std::optional<log_level> log_level_of(std::string_view name) noexcept;

/// Takes one line, which has no line break and is valid during the call.
using log_function = std::function<void(log_level level, std::string_view line)>;

/// An observer that gives each event as a line of text to a function, down to a level:
///
///     config.observer = log_to([](log_level level, std::string_view line) {
///         std::clog << to_string(level) << ' ' << line << '\n';
///     }, log_level::debug);
///
/// A line is the event's name and pairs of a name and a value, of which those that are empty are left out:
///
///     connection event=connected host=api.apimart.ai address=104.18.3.7 tls=TLSv1.3 ms=31.6
///     attempt kind=submit op=1 tag="order 17" n=1 phase=answered http=200 sent=742 received=391 ms=412.8 host=... key=...
///     retry kind=submit op=1 tag="order 17" n=2 in_ms=250 code=rate_limited because="rate limited: too many requests"
///     task id=task_01... tag="order 17" status=running raw=processing progress=40 polls=3
///     end kind=submit op=1 tag="order 17" acceptance=accepted attempts=2 ms=702.1 id=task_01... key=...
///     backpressure at="submit rate" tag="order 17" waiting=8 in_ms=120
///
/// Values with spaces, quotes or equals signs stand in quotes, within which `"` and `\` have a backslash; what would steer a
/// terminal is spelt out. No line holds a key, a prompt or the signed part of a link: events have none. One event makes one
/// line, in a buffer that is used again.
///
/// Lifetime and threads: as the callbacks of `observer`. Where several clients have copies of one such observer, the function
/// is still called one at a time.
observer log_to(log_function function, log_level level = log_level::info);

/// Tells two observers, the first one first: a log, and what the program itself looks at. Where neither has a callback, none
/// is set.
observer both(observer first, observer second);

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/log_to.ipp>
#endif

#endif
