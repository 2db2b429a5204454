// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_SLOTS_HPP
#define APIMART_RUNTIME_SLOTS_HPP

#include <apimart/runtime/executor.hpp>

#include <boost/intrusive/list.hpp>

#include <cstddef>

namespace apimart::detail {

// A number of places for coroutines, given out in the order of asking. Whoever has none waits on the timer of its
// `waiter`, which is cancelled when a place is given, or when the wait is to end.
class slots
{
public:
    class waiter
        : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
    {
    public:
        explicit waiter(executor const& on) : timer(on, detail::timer::time_point::max()) {}

        detail::timer timer;
        bool granted = false;
    };

    explicit slots(int places) : free_(places) {}
    slots(slots const&) = delete;
    slots& operator=(slots const&) = delete;

    bool try_acquire() noexcept
    {
        if (free_ == 0 || !waiting_.empty())
            return false;
        --free_;
        return true;
    }
    void wait(waiter& pending) noexcept { waiting_.push_back(pending); }
    void wait_in_front(waiter& pending) noexcept { waiting_.push_front(pending); }
    void release()
    {
        if (destroyed_)
            return;
        if (waiting_.empty()) {
            ++free_;
            return;
        }
        waiter& next = waiting_.front();
        waiting_.pop_front();
        next.granted = true;
        next.timer.cancel();
    }
    bool full() const noexcept { return free_ == 0; }
    // The execution context goes away, and those that wait are dropped with it.
    void destroy() noexcept
    {
        destroyed_ = true;
        waiting_.clear();
    }

private:
    boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>> waiting_;
    int free_;
    bool destroyed_ = false;
};

// Gives a place back when the coroutine that has it ends.
class slot_guard
{
public:
    explicit slot_guard(slots& from) : from_(&from) {}
    slot_guard(slot_guard const&) = delete;
    slot_guard& operator=(slot_guard const&) = delete;
    ~slot_guard() { from_->release(); }

private:
    slots* from_;
};

} // namespace apimart::detail

#endif
