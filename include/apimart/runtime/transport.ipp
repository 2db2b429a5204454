// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_TRANSPORT_IPP
#define APIMART_RUNTIME_TRANSPORT_IPP

#include <apimart/runtime/transport.hpp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <exception>

namespace apimart::detail {

APIMART_INLINE transport::transport(executor_type on, client_config const& settings, proxy_rules through,
                                    tls_context secure)
    : most(settings.limits), times(settings.timeouts), observer(settings.observer), proxy(std::move(through)),
      tls(std::move(secure)), private_results(settings.allow_private_results), names(settings.resolver),
      executor_(std::move(on)), completion_executor_(executor_), timer_(std::in_place, executor_)
{}

// Before leaving: the timer follows the earliest alarm. A timer that rings too early does no harm, so it is
// only moved forward.
APIMART_INLINE void transport::leave(departure& out, bool here) noexcept
{
    try {
        drive_timer();
    } catch (std::bad_alloc const&) {
        break_off(); // without a timer, no limit would be kept
    }
    out.done.take(ready_);
    if (!events_.empty()) {
        try {
            told_->push(events_);
            out.events = true;
        } catch (std::bad_alloc const&) { // told with those that follow
        }
    }
    // Where handlers run in this call, they may well begin the next operation: that is looked at afterwards.
    out.calm = (restless_ || timer_at_ != clock::time_point::max()) && quiet();
    if (out.calm && (!here || out.done.empty()))
        calm_down();
}

APIMART_INLINE void transport::drive_timer()
{
    auto const earliest = alarms.earliest();
    if (!earliest || *earliest >= timer_at_ || !timer_ || quiet())
        return;
    timer_at_ = clock::time_point::max();
    timer_->expires_at(*earliest);
    timer_->async_wait([weak = weak_from_this()](error_code code) {
        auto const self = weak.lock();
        if (!self || code == boost::asio::error::operation_aborted)
            return;
        self->enter([me = self.get()] {
            me->timer_at_ = clock::time_point::max();
            me->alarms.ring_due(me->now());
        });
    });
    timer_at_ = *earliest;
}

APIMART_INLINE void transport::calm_down()
{
    restless_ = false;
    if (std::exchange(timer_at_, clock::time_point::max()) != clock::time_point::max() && timer_)
        timer_->cancel();
    calmed();
}

APIMART_INLINE void transport::hand_over()
{
    boost::asio::post(executor_, [self = shared_from_this()] {
        departure out;
        self->monitor_.take_over([&] { self->leave(out, true); }, [&] { self->hand_over(); });
        if (!out.empty())
            self->depart(out, true);
    });
}

APIMART_INLINE void transport::depart(departure& out, bool here)
{
    // In a handler of the context the observer is told at once; a caller's thread must not run it.
    if (out.events) {
        auto const events = told_;
        if (here)
            events->tell();
        else
            try {
                boost::asio::post(executor_, [events] { events->tell(); });
            } catch (std::bad_alloc const&) { // told with those that follow
            }
    }
    if (!out.done.empty())
        deliver(out, here);
}

APIMART_INLINE void transport::deliver(departure& out, bool here)
{
    auto const self = shared_from_this();
    std::exception_ptr thrown;
    deliverable_chain kept;
    while (!out.done.empty()) {
        auto const next = out.done.pop();
        bool tried = false;
        for (bool again = true; again;) {
            try {
                // Behind a handler that threw, the others get their outcome all the same.
                next->deliver(here && !thrown);
                break;
            } catch (std::bad_alloc const&) {
                again = !next->delivered() && !std::exchange(tried, true);
                if (!again)
                    thrown = std::current_exception();
            } catch (...) {
                again = false;
                thrown = std::current_exception();
            }
            if (!again && !next->delivered())
                kept.push(next);
        }
    }
    handlers_over_.fetch_add(1, std::memory_order_relaxed);
    // Leaving again: perhaps nothing is under way any more.
    if ((here && out.calm) || !kept.empty())
        enter_and_deliver([this, kept = std::move(kept)]() mutable { undelivered_.take(kept); }, here);
    if (thrown)
        std::rethrow_exception(std::move(thrown));
}

APIMART_INLINE void transport::drop_rest()
{
    timer_.reset();
    timer_at_ = clock::time_point::max();
    names.abandon();
    ready_.clear();
    undelivered_.clear();
    completion_executor_ = {};
    executor_ = {};
}

} // namespace apimart::detail

#endif
