// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_WAIT_IPP
#define APIMART_DETAIL_IMPL_WAIT_IPP

#include <apimart/detail/impl/client_core.ipp>
#include <apimart/detail/wire/reply_json.hpp>

#include <algorithm>

namespace apimart::detail {

// Whether a wait goes on after a poll that gave no state. A task can be invisible for a moment after it was
// accepted; after that an unknown id stays unknown.
inline bool worth_another_poll(failure const& why, int failures_in_a_row)
{
    if (why.code() == errc::task_not_found)
        return failures_in_a_row < 3;
    return why.code() == cause::retryable || why.code() == errc::protocol_error;
}

APIMART_INLINE void client_core::start_wait(task which, wait_options options,
                                            completion<finished_task> handler)
{
    namespace asio = boost::asio;
    auto const self = shared_from_this();
    std::uint64_t const serial = next_serial_.fetch_add(1, std::memory_order_relaxed);
    auto work =
        keep_working(asio::get_associated_executor(handler, asio::any_completion_executor(executor_)));
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
        slot.assign([core = weak_from_this(), id = which.id(), serial](asio::cancellation_type) {
            auto const still = core.lock();
            if (!still || !still->strand_)
                return;
            asio::post(*still->strand_, [core, id, serial] {
                if (auto const found = core.lock())
                    found->drop_waiter(id, serial, asio::error::operation_aborted);
            });
        });
    }
    auto const limit = bounded(options.time_limit.value_or(config_.poll.max_wait));
    asio::post(*strand_, [self, which = std::move(which),
                          entry = watched_task::waiter(serial, clock::now() + limit, std::move(handler),
                                                       std::move(work))]() mutable {
        self->add_waiter(which, std::move(entry));
    });
}

APIMART_INLINE void client_core::add_waiter(task const& which, watched_task::waiter entry)
{
    failure why;
    if (shutting_down_)
        why = failure(errc::shutting_down);
    else if (!is_task_id(which.id()))
        why = failure(errc::task_not_found, "this is not a task id");
    if (why.code()) {
        deliver(std::move(entry.handler), result<finished_task>(std::move(why.task_id(which.id()))));
        return;
    }
    auto& place = watched_[which.id()];
    bool const fresh = !place;
    if (fresh) {
        auto const begun = which.accepted_at().value_or(clock::now());
        place = std::make_unique<watched_task>(which.id(), which.profile(), begun);
        counters_.tasks_waiting.store(watched_.size(), std::memory_order_relaxed);
    }
    place->waiters.push_back(std::move(entry));
    set_deadline(*place);
    if (fresh)
        schedule_.add(*place, clock::now());
    pump_polls();
}

APIMART_INLINE void client_core::set_deadline(watched_task& which)
{
    auto earliest = clock::time_point::max();
    for (auto const& entry : which.waiters)
        earliest = std::min(earliest, entry.deadline);
    schedule_.set_deadline(which, earliest);
}

APIMART_INLINE void client_core::drop_waiter(std::string const& id, std::uint64_t serial, error_code why)
{
    auto const place = watched_.find(id);
    if (place == watched_.end())
        return;
    watched_task& which = *place->second;
    auto const entry = std::find_if(which.waiters.begin(), which.waiters.end(),
                                    [serial](auto const& candidate) { return candidate.serial == serial; });
    if (entry == which.waiters.end())
        return;
    deliver(std::move(entry->handler), result<finished_task>(failure(why).task_id(id)));
    which.waiters.erase(entry);
    if (which.waiters.empty())
        forget(which);
    else
        set_deadline(which);
    pump_polls();
}

// Nobody waits for it any more. While its poll is under way it stays, because the poll refers to it.
APIMART_INLINE void client_core::forget(watched_task& which)
{
    if (!which.queued && which.polling)
        return;
    schedule_.remove(which);
    watched_.erase(watched_.find(which.id));
    counters_.tasks_waiting.store(watched_.size(), std::memory_order_relaxed);
}

APIMART_INLINE void client_core::pump_polls()
{
    namespace asio = boost::asio;
    while (polls_under_way_ < config_.poll.concurrent && !shutting_down_) {
        auto* const due = static_cast<watched_task*>(schedule_.take_due(clock::now()));
        if (due == nullptr)
            break;
        if (schedule_.silent(clock::now())) {
            // Its time limit came while nothing may be asked: it ends without a last check.
            auto const now = clock::now();
            if (expire(*due, failure(make_error_code(api_errc::rate_limited)), now))
                schedule_.postpone(*due, now);
            continue;
        }
        ++polls_under_way_;
        due->polling = true;
        auto const op = std::make_shared<operation>();
        operations_.push_back(op);
        auto const place = std::prev(operations_.end());
        asio::co_spawn(*strand_, poll(op, due->id),
                       asio::bind_cancellation_slot(
                           op->signal.slot(), [self = shared_from_this(), op, place,
                                               due](std::exception_ptr thrown, exchange_outcome outcome) {
                               if (thrown)
                                   outcome = exchange_outcome(exchange_phase::connecting,
                                                              make_error_code(errc::connect_failed));
                               self->operations_.erase(place);
                               --self->polls_under_way_;
                               due->polling = false;
                               self->polled(*due, self->judge_task_answer(outcome, due->id));
                               self->pump_polls();
                               if (self->operations_.empty())
                                   self->idle_.wake_all();
                           }));
    }
    if (polls_under_way_ >= config_.poll.concurrent || !poll_timer_)
        return; // the next answer comes back here
    auto const wake = schedule_.wake_at();
    if (!wake) {
        poll_timer_->cancel();
        poll_timer_at_ = clock::time_point::max();
        return;
    }
    if (*wake == poll_timer_at_)
        return;
    poll_timer_at_ = *wake;
    poll_timer_->expires_at(*wake);
    poll_timer_->async_wait([weak = weak_from_this()](error_code code) {
        auto const self = weak.lock();
        if (!self || code == asio::error::operation_aborted)
            return;
        self->poll_timer_at_ = clock::time_point::max();
        self->pump_polls();
    });
}

APIMART_INLINE boost::asio::awaitable<exchange_outcome> client_core::poll(operation_ptr op, std::string id)
{
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return co_await ask_for_task(*op, std::move(id));
}

APIMART_INLINE void client_core::polled(watched_task& which, result<task_state> const& answer)
{
    if (which.waiters.empty()) {
        forget(which);
        return;
    }
    auto const now = clock::now();
    if (answer && is_final(answer->status())) {
        schedule_.finished(which, *answer, now);
        counters_.tasks_finished.fetch_add(1, std::memory_order_relaxed);
        for (auto& entry : which.waiters)
            deliver(std::move(entry.handler), result<finished_task>(finished_task(*answer, which.polls)));
        which.waiters.clear();
        forget(which);
        return;
    }
    if (!answer && !worth_another_poll(answer.error(), which.failures)) {
        for (auto& entry : which.waiters)
            deliver(std::move(entry.handler), result<finished_task>(answer.error()));
        which.waiters.clear();
        forget(which);
        return;
    }
    // After this, `which` may be gone.
    if (!expire(which, answer, now))
        return;
    if (answer)
        schedule_.still_running(which, *answer, now);
    else
        schedule_.poll_failed(which, answer.error(), now);
}

// This answer was the last check of those whose time is up. Returns whether others go on waiting.
APIMART_INLINE bool client_core::expire(watched_task& which, result<task_state> const& answer,
                                        clock::time_point now)
{
    for (auto& entry : which.waiters) {
        if (entry.deadline > now)
            continue;
        failure late(errc::wait_expired);
        late.task_id(which.id);
        if (answer)
            late.detail("last seen " + answer->word());
        else
            late.underlying(answer.error().code())
                .detail("the last question failed: " + answer.error().describe());
        deliver(std::move(entry.handler), result<finished_task>(std::move(late)));
    }
    std::erase_if(which.waiters, [now](auto const& entry) { return entry.deadline <= now; });
    if (which.waiters.empty()) {
        forget(which);
        return false;
    }
    set_deadline(which);
    return true;
}

} // namespace apimart::detail

#endif
