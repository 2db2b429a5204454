// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_SHUTDOWN_IPP
#define APIMART_OPERATIONS_SHUTDOWN_IPP

#include <apimart/operations/wait.ipp>
#include <apimart/runtime/client_core.ipp>

namespace apimart::detail {

// What a call of `client::shutdown` is.
class shutdown_operation final : public typed_operation<shutdown_report>
{
public:
    shutdown_operation(transport& home, std::uint64_t serial, completion<shutdown_report>&& handler)
        : typed_operation(home, request_kind::status, serial, std::move(handler))
    {}

    void begin() override {}
    void stop(boost::asio::cancellation_type, error_code) override {}
    void cut(error_code) override {}
    void refuse(failure why) override { set_outcome(std::move(why)); }
    void drop() noexcept override {}
    void finish(shutdown_report report) { set_outcome(std::move(report)); }
};

// First step: nothing new begins, and what has bought nothing ends.
APIMART_INLINE void client_core::begin_shutdown()
{
    if (shutting_down_)
        return;
    shutting_down_ = true;
    auto const why = make_error_code(errc::shutting_down);
    poll_alarm_.clear();
    for (watched_task& which : watched_) {
        if (which.waiters.empty())
            continue;
        interrupted_.push_back(which.id);
        ending_.insert(ending_.end(), std::make_move_iterator(which.waiters.begin()),
                       std::make_move_iterator(which.waiters.end()));
        which.waiters.clear();
    }
    end_waiters(failure(why));
    for (auto const& slot : poll_slots_)
        slot->stop(why);
    for (auto place = watched_.begin(); place != watched_.end();)
        forget(*place++);
    for (auto const& op : under_way())
        op->stop(boost::asio::cancellation_type::terminal, why);
    drain_alarm_.set(alarms, now() + times.drain);
    pool.close_idle();
}

// Second step: what is still under way ends now.
APIMART_INLINE void client_core::cut()
{
    drain_alarm_.clear();
    for (auto const& op : under_way())
        op->cut(make_error_code(errc::shutting_down));
    pool.close_idle();
    finish_shutdowns();
}

APIMART_INLINE void client_core::finish_shutdowns()
{
    if (!shutting_down_ || !operations_.empty())
        return;
    drain_alarm_.clear();
    pool.close_idle();
    while (!shutdowns_.empty()) {
        shutdown_report report;
        report.waiting = interrupted_;
        report.stopped = stopped_;
        report.unknown = unknown_;
        auto const each = shutdowns_.front();
        each->finish(std::move(report));
        shutdowns_.erase(shutdowns_.begin());
        ready(each);
    }
}

APIMART_INLINE void client_core::break_off() noexcept
{
    while (!operations_.empty())
        end_now(operations_.front());
    for (watched_task const& which : watched_)
        for (auto const& entry : which.waiters)
            end_now(entry->who());
    for (auto const& entry : ending_)
        end_now(entry->who());
    ending_.clear();
    free_slots_.clear();
    poll_slots_.clear();
    while (!watched_.empty())
        take_out(*watched_.begin());
    poll_alarm_.clear();
    submit_queue_.clear();
    resend_queue_.clear();
    submit_places_ = config.limits.submits;
    submit_alarm_.clear();
    download_queue_.clear();
    download_places_ = config.limits.downloads;
    for (auto* const gauge :
         {&counters.tasks_waiting, &counters.submits_queued, &counters.requests_in_flight})
        gauge->store(0, std::memory_order_relaxed);
    pool.break_off();
    try {
        finish_shutdowns();
    } catch (std::bad_alloc const&) {
        for (auto const& each : shutdowns_)
            end_now(*each);
        shutdowns_.clear();
    }
}

APIMART_INLINE void client_core::start_farewell()
{
    enter_from_call([me = self()] { me->begin_shutdown(); });
}

APIMART_INLINE void client_core::start_shutdown(completion<shutdown_report>&& handler)
{
    auto op = std::make_shared<shutdown_operation>(*this, ++next_number_, std::move(handler));
    enter_from_call([me = self(), op = std::move(op)]() mutable {
        bool const again = !me->shutdowns_.empty();
        try {
            me->shutdowns_.push_back(op);
        } catch (std::bad_alloc const&) {
            me->break_off();
            me->end_now(*op); // nobody knew of it yet
            return;
        }
        me->begin_shutdown();
        if (again)
            me->cut();
        else
            me->finish_shutdowns();
    });
}

} // namespace apimart::detail

#endif
