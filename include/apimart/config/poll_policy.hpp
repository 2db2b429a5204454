// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_POLL_POLICY_HPP
#define APIMART_CONFIG_POLL_POLICY_HPP

#include <chrono>

namespace apimart {

/// When waiting tasks are asked for their state. A plain value.
struct poll_policy
{
    /// The first request after a submit, while nothing is known about how long such tasks take.
    std::chrono::milliseconds initial_delay{2'000};
    /// The shortest time between two requests for one task.
    std::chrono::milliseconds min_interval{1'000};
    /// The longest time between two requests for one task.
    std::chrono::milliseconds max_interval{30'000};
    /// The default limit of one wait.
    std::chrono::milliseconds max_wait{1'800'000};
    /// For all tasks of a client together.
    double requests_per_second = 200;
    /// Requests for states under way at one time.
    int max_concurrent = 16;
};

} // namespace apimart

#endif
