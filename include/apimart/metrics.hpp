// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_METRICS_HPP
#define APIMART_METRICS_HPP

#include <cstdint>

namespace apimart {

/// A snapshot of a client's counters. A plain value. Counts are since the client was made.
struct metrics
{
    std::uint64_t submits_sent = 0;       ///< POST requests whose last byte was handed over or may have been
    std::uint64_t tasks_accepted = 0;     ///< submits that ended with a task id
    std::uint64_t outcomes_unknown = 0;   ///< submits that ended as `outcome_unknown`
    std::uint64_t polls_sent = 0;         ///< questions for a task's state
    std::uint64_t tasks_finished = 0;     ///< tasks seen in a final state by a wait
    std::uint64_t bytes_downloaded = 0;   ///< of results
    std::uint64_t connections_opened = 0; ///< including those that failed to connect
    std::uint64_t tasks_waiting = 0;      ///< now
};

} // namespace apimart

#endif
