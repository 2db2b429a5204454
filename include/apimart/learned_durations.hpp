// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_LEARNED_DURATIONS_HPP
#define APIMART_LEARNED_DURATIONS_HPP

#include <apimart/errors/validation_result.hpp>

#include <boost/system/result.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace apimart {

/// How long tasks took, by their class: what a client has learned, for a client that shall not have to learn it again.
///
/// `client::learned_durations` gives it, `client_config::learned_durations` takes it. Where it is kept meanwhile is the
/// caller's business; as text it is JSON, without ids, prompts or anything else of a single task:
///
///     {"version":1,"durations_ms":{"kling-v3/text_to_video/pro/5":[101200,98400]}}
///
/// Lifetime: owns its texts. Thread safety: distinct objects safe, shared objects as any value.
class learned_durations
{
public:
    /// The last ones count.
    static constexpr std::size_t max_per_class = 128;
    /// Longer than any task is waited for.
    static constexpr std::chrono::hours longest{24 * 31};

    learned_durations() noexcept;

    /// Errors: everything that is wrong, each with a JSON pointer to its place: no JSON, another version, a duration that is no
    /// whole number of milliseconds from one to `longest`, more than `max_per_class` of them, an unknown member.
    static boost::system::result<learned_durations, validation_result> parse(std::string_view text);

    std::string to_json() const;

    friend bool operator==(learned_durations const&, learned_durations const&) = default;

    /// By `task::duration_class`, the oldest first.
    std::map<std::string, std::vector<std::chrono::milliseconds>, std::less<>> by_class;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/learned_durations.ipp>
#endif

#endif
