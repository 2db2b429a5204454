// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_POLL_POLICY_HPP
#define APIMART_CONFIG_POLL_POLICY_HPP

#include <chrono>
#include <cstddef>

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
    /// For all tasks of a client together: no one second has more. Where this or the next is what holds polls back,
    /// `backpressure_event` says so, and `metrics::polls_late` counts.
    double requests_per_second = 200;
    /// Requests for states under way at one time.
    int max_concurrent = 16;
    /// Tasks that one request may ask for, by `POST /v1/tasks/batch`; below two, each is asked for by itself. The service
    /// has that endpoint, but does not document it, so that it is asked only where this says so. A task whose state the
    /// answer does not tell in full is asked for by itself at once; where the service refuses, all are, and the client asks
    /// for fewer at a time from then on, or for none. A request takes along what is due within two and a half `min_interval`.
    /// Source: API reference, section 4.5.
    std::size_t batch_query_size = 0;
};

} // namespace apimart

#endif
