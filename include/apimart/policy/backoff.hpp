// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_BACKOFF_HPP
#define APIMART_POLICY_BACKOFF_HPP

#include <apimart/config/retry_policy.hpp>
#include <apimart/policy/splitmix64.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace apimart::detail {

// A small generator of its own: delays must be spread, not unpredictable, and a machine that is tested with
// virtual time needs the same draws every time.
class jitter
{
public:
    explicit jitter(std::uint64_t seed) : state_(seed) {}

    // Uniform in [0, 1).
    double draw() noexcept
    {
        double const drawn = unit_interval(splitmix64(state_));
        state_ += splitmix64_step;
        return drawn;
    }

private:
    std::uint64_t state_;
};

// Full jitter: anywhere between nothing and the bound of this attempt.
inline std::chrono::milliseconds backoff_delay(retry_policy const& policy, int attempt, jitter& random)
{
    double const bound = std::min(static_cast<double>(policy.max_backoff.count()),
                                  static_cast<double>(policy.initial_backoff.count()) *
                                      std::pow(policy.backoff_multiplier, attempt));
    return std::chrono::milliseconds(static_cast<std::int64_t>(bound * random.draw()));
}

} // namespace apimart::detail

#endif
