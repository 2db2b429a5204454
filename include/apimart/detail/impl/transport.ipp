// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_TRANSPORT_IPP
#define APIMART_DETAIL_IMPL_TRANSPORT_IPP

#include <apimart/detail/config.hpp>
#include <apimart/detail/transport/transport.hpp>

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
APIMART_INLINE void transport::leave(deliverable_chain& done, bool here) noexcept
{
    try {
        drive_timer();
    } catch (std::bad_alloc const&) {
        break_off(); // without a timer, no limit would be kept
    }
    done.take(ready_);
    // Where handlers run in this call, they may well begin the next operation: that is looked at afterwards.
    if ((!here || done.empty()) && (restless_ || timer_at_ != clock::time_point::max()) && quiet())
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
            me->alarms.ring_due(clock::now());
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
        deliverable_chain done;
        self->monitor_.take_over([&] { self->leave(done, true); }, [&] { self->hand_over(); });
        if (!done.empty())
            self->deliver(done, true);
    });
}

APIMART_INLINE void transport::deliver(deliverable_chain& done, bool here)
{
    auto const self = shared_from_this();
    std::exception_ptr thrown;
    deliverable_chain kept;
    while (!done.empty()) {
        auto const next = done.pop();
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
    // Leaving again: perhaps nothing is under way any more.
    if (here || !kept.empty())
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
