// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_CLIENT_RUNTIME_HPP
#define APIMART_RUNTIME_CLIENT_RUNTIME_HPP

#include <apimart/client_config.hpp>
#include <apimart/metrics.hpp>
#include <apimart/observer.hpp>
#include <apimart/runtime/executor.hpp>
#include <apimart/runtime/timer_queue.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace apimart::detail {

// A counter that is written on the strand only, so that it needs no read-modify-write, and read from anywhere.
class counter
{
public:
    void add(std::uint64_t by = 1) noexcept { set(get() + by); }
    void subtract(std::uint64_t by = 1) noexcept { set(get() - by); }
    void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

// One row per field of `apimart::metrics`.
#define APIMART_METRICS(ROW)                                                                                 \
    ROW(submits_sent)                                                                                        \
    ROW(tasks_accepted)                                                                                      \
    ROW(outcomes_unknown)                                                                                    \
    ROW(polls_sent)                                                                                          \
    ROW(batch_queries_sent)                                                                                  \
    ROW(polls_late)                                                                                          \
    ROW(status_requests_sent)                                                                                \
    ROW(uploads_sent)                                                                                        \
    ROW(tasks_finished)                                                                                      \
    ROW(bytes_downloaded)                                                                                    \
    ROW(connections_opened)                                                                                  \
    ROW(connections_failed)                                                                                  \
    ROW(address_fallbacks)                                                                                   \
    ROW(stale_connections)                                                                                   \
    ROW(unsolicited_bytes)                                                                                   \
    ROW(retries)                                                                                             \
    ROW(retries_refused)                                                                                     \
    ROW(rate_limited)                                                                                        \
    ROW(overloaded)                                                                                          \
    ROW(failovers)                                                                                           \
    ROW(tasks_waiting)                                                                                       \
    ROW(poll_delay_ms)                                                                                       \
    ROW(submits_queued)                                                                                      \
    ROW(requests_in_flight)                                                                                  \
    ROW(connections_open)

class counters
{
public:
#define APIMART_ROW(name) counter name;
    APIMART_METRICS(APIMART_ROW)
#undef APIMART_ROW

    apimart::metrics snapshot() const
    {
        apimart::metrics now;
#define APIMART_ROW(name) now.name = name.get();
        APIMART_METRICS(APIMART_ROW)
#undef APIMART_ROW
        return now;
    }
};
#undef APIMART_METRICS

// What all parts of one client share: its strand, its limits, its time, its counters and its observer.
class client_runtime
{
public:
    using clock = std::chrono::steady_clock;

    client_runtime(boost::asio::any_io_executor const& on, client_config const& config)
        : limits(config.limits), timeouts(config.timeouts), observer(config.observer),
          strand_(std::in_place, inner_executor(on)), timers(*strand_)
    {}
    client_runtime(client_runtime const&) = delete;
    client_runtime& operator=(client_runtime const&) = delete;

    clock::time_point now() const { return clock_(); }
    // For tests that step the time.
    void use_clock(clock::time_point (*function)()) noexcept { clock_ = function; }

    // Calls the observer on the strand: events come one at a time and in the order of what happened.
    template <class... Event>
    void emit(std::function<void(Event...)> const& callback,
              std::type_identity_t<Event> const&... event) const noexcept
    {
        if (!callback)
            return;
        try {
            callback(event...);
        } catch (...) { // an observer's trouble is not the client's
        }
    }

    // On the strand, or where it is certain that the execution context is there.
    executor const& strand() const noexcept { return *strand_; }
    // The execution context goes away: no strand and no I/O object may outlive it.
    void destroy() noexcept
    {
        timers.destroy();
        strand_.reset();
    }
    bool destroyed() const noexcept { return !strand_; }

    apimart::limits const limits;
    apimart::timeouts const timeouts;
    apimart::observer const observer;
    detail::counters counters;

private:
    std::optional<executor> strand_;
    clock::time_point (*clock_)() = &clock::now;

public:
    timer_queue timers;
};

} // namespace apimart::detail

#endif
