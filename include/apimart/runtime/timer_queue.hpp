// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_TIMER_QUEUE_HPP
#define APIMART_RUNTIME_TIMER_QUEUE_HPP

#include <apimart/config/virtual_clock.hpp>
#include <apimart/runtime/executor.hpp>

#include <boost/asio/error.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace apimart::detail {

// A function to be called at a moment, unless the moment is moved or cleared before.
class deadline
    : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit deadline(std::function<void()> expired) : expired_(std::move(expired)) {}
    deadline(deadline const&) = delete;
    deadline& operator=(deadline const&) = delete;

    bool is_set() const noexcept { return is_linked(); }
    time_point when() const noexcept { return when_; }
    void clear() noexcept { unlink(); }

private:
    friend class timer_queue;
    friend bool operator<(deadline const& a, deadline const& b) noexcept { return a.when_ < b.when_; }

    std::function<void()> expired_;
    time_point when_{};
};

// All deadlines of a client on one timer: a timer for each would cost every request several system calls.
class timer_queue
{
public:
    using clock = std::chrono::steady_clock;

    explicit timer_queue(executor const& on, std::shared_ptr<virtual_clock const> by = nullptr)
        : timer_(std::in_place, on), clock_(std::move(by))
    {}
    timer_queue(timer_queue const&) = delete;
    timer_queue& operator=(timer_queue const&) = delete;

    void set(deadline& entry, clock::time_point when)
    {
        entry.unlink();
        entry.when_ = when;
        // Most deadlines are equally far away, so that a new one comes last.
        deadlines_.insert(deadlines_.end(), entry);
        if (when < armed_for_)
            arm();
    }

    // Calls the functions whose moment has come. A test calls it to step time.
    void expire(clock::time_point now)
    {
        while (!deadlines_.empty() && deadlines_.begin()->when_ <= now) {
            deadline& due = *deadlines_.begin();
            due.unlink();
            due.expired_();
        }
    }

    std::optional<clock::time_point> next_expiry() const
    {
        if (deadlines_.empty())
            return std::nullopt;
        return deadlines_.begin()->when_;
    }

    clock::time_point now() const { return clock::now() + ahead(); }
    // The virtual clock was pushed forward.
    void clock_changed()
    {
        if (paused_ || !timer_)
            return;
        timer_->cancel();
        armed_for_ = clock::time_point::max();
        expire(now());
        arm();
    }

    // While nothing is under way, no timer may keep the user's context from running out of work.
    void pause()
    {
        paused_ = true;
        if (timer_ && armed_for_ != clock::time_point::max())
            timer_->cancel();
        armed_for_ = clock::time_point::max();
    }
    void resume()
    {
        if (std::exchange(paused_, false))
            arm();
    }

    // The execution context goes away, and no I/O object may outlive it.
    void destroy() noexcept
    {
        timer_.reset();
        alive_.reset();
    }

private:
    virtual_clock::duration ahead() const
    {
        return clock_ ? clock_->ahead() : virtual_clock::duration::zero();
    }

    void arm()
    {
        if (paused_ || !timer_ || deadlines_.empty())
            return;
        armed_for_ = deadlines_.begin()->when_;
        timer_->expires_at(armed_for_ - ahead());
        timer_->async_wait([this, alive = std::weak_ptr<void>(alive_)](boost::system::error_code code) {
            if (code == boost::asio::error::operation_aborted || alive.expired())
                return;
            armed_for_ = clock::time_point::max();
            expire(now());
            arm();
        });
    }

    boost::intrusive::multiset<deadline, boost::intrusive::constant_time_size<false>> deadlines_;
    std::optional<timer> timer_;
    std::shared_ptr<virtual_clock const> clock_;
    std::shared_ptr<void> alive_ = std::make_shared<bool>();
    clock::time_point armed_for_ = clock::time_point::max();
    bool paused_ = true;
};

} // namespace apimart::detail

#endif
