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
#include <memory>
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

class counters
{
public:
#define APIMART_METRIC(name) counter name;
#include <apimart/metrics_table.inc>

    apimart::metrics snapshot() const
    {
        apimart::metrics now;
#define APIMART_METRIC(name) now.name = name.get();
#include <apimart/metrics_table.inc>
        return now;
    }
};
static_assert(sizeof(apimart::metrics) / sizeof(std::uint64_t) == sizeof(counters) / sizeof(counter),
              "metrics_table.inc has one row for each member of metrics");

// What all parts of one client share: its strand, its limits, its time, its counters and its observer.
class client_runtime
{
public:
    using clock = std::chrono::steady_clock;

    client_runtime(boost::asio::any_io_executor const& on, client_config const& config)
        : limits(config.limits), timeouts(config.timeouts), observer(config.observer),
          strand_(std::in_place, inner_executor(on)), virtual_clock_(config.clock),
          timers(*strand_, virtual_clock_)
    {}
    client_runtime(client_runtime const&) = delete;
    client_runtime& operator=(client_runtime const&) = delete;

    clock::time_point now() const { return clock_() + ahead(); }
    std::chrono::sys_seconds wall_clock() const
    {
        return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now() + ahead());
    }
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
    virtual_clock::duration ahead() const
    {
        return virtual_clock_ ? virtual_clock_->ahead() : virtual_clock::duration::zero();
    }

    std::optional<executor> strand_;
    std::shared_ptr<virtual_clock const> const virtual_clock_;
    clock::time_point (*clock_)() = &clock::now;

public:
    timer_queue timers;
};

} // namespace apimart::detail

#endif
