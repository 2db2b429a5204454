// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_METRICS_HPP
#define APIMART_METRICS_HPP

#include <cstdint>

namespace apimart {

/// A snapshot of a client's counters. A plain value. Counts are since the client was made.
struct metrics
{
    std::uint64_t submits_sent = 0;       ///< POST requests, counted as their last byte is handed over
    std::uint64_t tasks_accepted = 0;     ///< submits that ended with a task id
    std::uint64_t outcomes_unknown = 0;   ///< submits that ended as `outcome_unknown`
    std::uint64_t polls_sent = 0;         ///< by the schedule of waiting tasks, counted as they leave
    std::uint64_t batch_queries_sent = 0; ///< for many tasks at a time, which `polls_sent` leaves out
    std::uint64_t polls_late = 0; ///< that left later than planned by over `poll_policy::min_interval`
    std::uint64_t status_requests_sent =
        0; ///< asked by the caller or for a fresh link, counted as they leave
    std::uint64_t uploads_sent =
        0; ///< counted as their last byte leaves; what is taken from the cache is none
    std::uint64_t tasks_finished = 0;     ///< tasks seen in a final state by a wait
    std::uint64_t bytes_downloaded = 0;   ///< of results
    std::uint64_t connections_opened = 0; ///< including those that failed to connect
    std::uint64_t connections_failed = 0; ///< that did not get as far as serving a request
    std::uint64_t address_fallbacks = 0;  ///< an address did not answer and another one did
    std::uint64_t stale_connections = 0;  ///< kept ones that had ended when they were wanted again
    std::uint64_t unsolicited_bytes = 0;  ///< connections dropped for data nobody asked for
    std::uint64_t retries = 0;            ///< repeated requests
    std::uint64_t retries_refused = 0;    ///< by the shared budget
    std::uint64_t rate_limited = 0;       ///< answers that asked for fewer requests
    std::uint64_t overloaded = 0;         ///< operations refused because a queue was full
    std::uint64_t failovers = 0;          ///< changes to another base URL
    std::uint64_t tasks_waiting = 0;      ///< now
    std::uint64_t poll_delay_ms = 0;      ///< now: how much later than planned the last poll left
    std::uint64_t submits_queued = 0;     ///< now, waiting for their turn
    std::uint64_t requests_in_flight = 0; ///< now, on a connection or waiting for one
    std::uint64_t connections_open = 0;   ///< now
};

} // namespace apimart

#endif
