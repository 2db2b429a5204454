// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_WAIT_IPP
#define APIMART_OPERATIONS_WAIT_IPP

#include <apimart/operations/question.hpp>
#include <apimart/protocol/task_id.hpp>
#include <apimart/runtime/client_core.ipp>

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

// One of the polls that may be under way at a time.
class poll_slot final : private question::owner
{
public:
    explicit poll_slot(client_core& core)
        : core_(core), question_(core, *this, request_kind::poll),
          patience_(&alarm_of<&poll_slot::on_patience>::ring, this)
    {}

    void ask(watched_task& which)
    {
        task_ = &which;
        which.by = this;
        keep_time();
        question_.ask(which.id, which.number, which.polls);
    }
    // The last check of a wait must not stretch it by as long as an answer may take. It can begin up to a second
    // late, or later where the caller's context was busy.
    void keep_time()
    {
        using std::chrono::seconds;
        auto const now = core_.now();
        auto const until = task_->deadline;
        if (until != alarm_clock::time_point::max())
            patience_.set(core_.alarms, std::max(until + seconds(2), now + seconds(1)));
        else
            patience_.clear();
    }
    void stop(error_code why)
    {
        if (question_.busy())
            question_.stop(why);
    }

private:
    void answered(result<task_state>&& answer) override
    {
        patience_.clear();
        watched_task& which = *std::exchange(task_, nullptr);
        which.by = nullptr;
        core_.polled(which, std::move(answer), *this);
    }
    void on_patience() { stop(make_error_code(errc::response_timeout)); }

    client_core& core_;
    question question_;
    watched_task* task_ = nullptr;
    alarm patience_;
};

// What a call of `client::wait` is.
class wait_operation final : public typed_operation<finished_task>, private task_waiter
{
public:
    wait_operation(client_core& core, std::uint64_t serial, task&& which, wait_options const& options,
                   completion<finished_task>&& handler)
        : typed_operation(core, request_kind::poll, serial, std::move(handler)), core_(core),
          task_(std::move(which)), limit_(bounded(options.time_limit.value_or(core.config.poll.max_wait)))
    {}

    void begin() override
    {
        deadline = begun + limit_;
        core_.add_waiter(task_, keep());
    }
    void stop(boost::asio::cancellation_type, error_code why) override { cut(why); }
    void cut(error_code why) override
    {
        if (!has_outcome())
            core_.drop_waiter(task_.id(), *this, failure(why));
    }
    void refuse(failure why) override { task_done(std::move(why)); }
    void drop() noexcept override {}

private:
    failure last_words() noexcept override { return with_task_id(core_.broken_off, task_.id()); }
    operation& who() noexcept override { return *this; }

    void task_done(result<finished_task>&& outcome) override
    {
        error_code code;
        if (!outcome) {
            failure why = outcome.error();
            code = why.code();
            outcome = std::move(why.task_id(task_.id()));
        }
        set_outcome(std::move(outcome));
        core_.conclude(*this, code, proof_level::none, task_.id(), 0);
    }
    std::shared_ptr<task_waiter> keep() override
    {
        return {std::static_pointer_cast<wait_operation>(shared_from_this()), this};
    }

    client_core& core_;
    task task_;
    std::chrono::milliseconds limit_;
};

APIMART_INLINE void client_core::start_wait(task&& which, wait_options const& options,
                                            completion<finished_task>&& handler)
{
    auto op =
        std::allocate_shared<wait_operation>(cached_allocator<wait_operation>(*wait_memory_), *this,
                                             ++next_number_, std::move(which), options, std::move(handler));
    op->obey_caller();
    // Not among the operations: there may be very many, and the tasks keep them.
    enter_from_call([me = self(), op = std::move(op)] {
        try {
            if (me->process.forked())
                op->refuse(me->of_the_parent);
            else if (me->shutting_down_)
                op->refuse(failure(errc::shutting_down));
            else
                op->begin();
        } catch (std::bad_alloc const&) {
            me->break_off();
            me->end_now(*op); // nobody knew of it yet
        }
    });
}

APIMART_INLINE void client_core::add_waiter(task const& which, std::shared_ptr<task_waiter> entry)
{
    if (!is_task_id(which.id())) {
        entry->task_done(failure(errc::task_not_found, "this is not a task id"));
        return;
    }
    watched_tasks::insert_commit_data there;
    auto const [found, fresh] = watched_.insert_check(which.id(), there);
    if (fresh && watched_.size() >= most.waiting_tasks) {
        count(counters.overloaded);
        entry->task_done(failure(errc::overloaded, std::to_string(watched_.size()) +
                                                       " tasks are waited for, " +
                                                       std::to_string(most.waiting_tasks) + " may be"));
        return;
    }
    watched_task& place = fresh ? watch(which, there) : *found;
    if (fresh)
        place.number = entry->who().number;
    place.waiters.push_back(std::move(entry));
    set_deadline(place);
    if (fresh)
        schedule_.add(place, now());
    pump_polls();
}

APIMART_INLINE watched_task& client_core::watch(task const& which,
                                                watched_tasks::insert_commit_data const& place)
{
    std::unique_ptr<watched_task> fresh;
    if (spare_watched_.empty()) {
        fresh = std::make_unique<watched_task>();
    } else {
        fresh = std::move(spare_watched_.back());
        spare_watched_.pop_back();
    }
    fresh->reset(which.id(), which.profile(), which.accepted_at().value_or(now()));
    watched_.insert_commit(*fresh, place);
    counters.tasks_waiting.store(watched_.size(), std::memory_order_relaxed);
    return *fresh.release();
}

APIMART_INLINE std::unique_ptr<watched_task> client_core::take_out(watched_task& which)
{
    schedule_.remove(which);
    watched_.erase(watched_.iterator_to(which));
    counters.tasks_waiting.store(watched_.size(), std::memory_order_relaxed);
    return std::unique_ptr<watched_task>(&which);
}

APIMART_INLINE void client_core::reuse(std::unique_ptr<watched_task> which)
{
    which->waiters.clear();
    // As many as can be under way at a time serve those that come and go; a great wave is not remembered.
    if (spare_watched_.size() < poll_slots_.size() && spare_watched_.size() < spare_watched_.capacity())
        spare_watched_.push_back(std::move(which));
}

APIMART_INLINE void client_core::set_deadline(watched_task& which)
{
    auto earliest = clock::time_point::max();
    for (auto const& entry : which.waiters)
        earliest = std::min(earliest, entry->deadline);
    schedule_.set_deadline(which, earliest);
    if (which.by != nullptr)
        which.by->keep_time();
}

APIMART_INLINE void client_core::drop_waiter(std::string const& id, task_waiter const& entry, failure why)
{
    auto const place = watched_.find(id);
    if (place == watched_.end())
        return;
    watched_task& which = *place;
    auto const found = std::find_if(which.waiters.begin(), which.waiters.end(),
                                    [&](auto const& candidate) { return candidate.get() == &entry; });
    if (found == which.waiters.end())
        return;
    ending_.push_back(*found);
    which.waiters.erase(found);
    if (which.waiters.empty())
        forget(which);
    else
        set_deadline(which);
    end_waiters(std::move(why));
    pump_polls();
}

// Nobody waits for it any more. While its poll is under way it stays, because the poll refers to it.
APIMART_INLINE void client_core::forget(watched_task& which)
{
    if (which.by != nullptr)
        return;
    reuse(take_out(which));
}

APIMART_INLINE void client_core::pump_polls()
{
    while (!shutting_down_) {
        if (free_slots_.empty() && poll_slots_.size() < static_cast<std::size_t>(config.poll.concurrent)) {
            free_slots_.reserve(poll_slots_.size() + 1);
            spare_watched_.reserve(poll_slots_.size() + 1);
            poll_slots_.push_back(std::make_unique<poll_slot>(*this));
            free_slots_.push_back(poll_slots_.back().get());
        }
        auto const now = this->now();
        if (free_slots_.empty()) {
            // The next answer comes back here; but a time limit does not wait for it for long.
            while (auto* const late = static_cast<watched_task*>(schedule_.take_overdue(now)))
                expire(*late, failure(errc::overloaded, "all polls are under way"), now);
            if (auto const next = schedule_.overdue_at())
                poll_alarm_.set(alarms, *next);
            return;
        }
        auto* const due = static_cast<watched_task*>(schedule_.take_due(now));
        if (due == nullptr)
            break;
        if (schedule_.silent(now)) {
            // Its time limit came while nothing may be asked: it ends without a last check.
            if (expire(*due, failure(schedule_.slowed_by()), now))
                schedule_.postpone(*due, now);
            continue;
        }
        poll_slot& slot = *free_slots_.back();
        free_slots_.pop_back();
        slot.ask(*due);
    }
    if (auto const wake = schedule_.wake_at(); wake && !shutting_down_)
        poll_alarm_.set(alarms, *wake);
    else
        poll_alarm_.clear();
}

APIMART_INLINE void client_core::polled(watched_task& which, result<task_state>&& answer, poll_slot& by)
{
    free_slots_.push_back(&by);
    auto const now = this->now();
    if (!answer && answer.error().code() == cause::rate_limited)
        count(counters.throttled);
    if (answer && observer.on_task) {
        std::string seen = answer->word() + std::to_string(answer->progress().value_or(0));
        if (seen != which.seen) {
            which.seen = std::move(seen);
            task_event event;
            event.task_id = which.id;
            event.status = answer->status();
            event.word = answer->word();
            event.progress = answer->progress().value_or(0);
            event.polls = which.polls;
            tell(observer.on_task, std::move(event));
        }
    }
    bool const over = answer ? is_final(answer->status())
                             : !worth_another_poll(answer.error(), which.failures) && !shutting_down_;
    if (which.waiters.empty()) {
        report(which, answer, now);
        forget(which);
    } else if (over) {
        ending_.swap(which.waiters);
        report(which, answer, now);
        if (answer)
            count(counters.tasks_finished);
        int const polls = which.polls;
        forget(which);
        if (answer)
            end_waiters(finished_task(std::move(*answer), polls));
        else
            end_waiters(answer.error());
    } else {
        // Those whose time is up must not hasten the next poll; and after the last of them the task is gone.
        bool const others = std::any_of(which.waiters.begin(), which.waiters.end(),
                                        [now](auto const& entry) { return entry->deadline > now; });
        if (!others)
            report(which, answer, now);
        if (expire(which, answer, now))
            report(which, answer, now);
    }
    pump_polls();
    finish_shutdowns();
}

// What an answer means for all polls together, and for the next one of this task.
APIMART_INLINE void client_core::report(watched_task& which, result<task_state> const& answer,
                                        clock::time_point now)
{
    if (!answer)
        schedule_.poll_failed(which, answer.error(), now);
    else if (is_final(answer->status()))
        schedule_.finished(which, *answer, now);
    else
        schedule_.still_running(which, *answer, now);
}

// This answer was the last check of those whose time is up. Returns whether others go on waiting.
APIMART_INLINE bool client_core::expire(watched_task& which, result<task_state> const& answer,
                                        clock::time_point now)
{
    ending_.reserve(which.waiters.size());
    std::erase_if(which.waiters, [&](auto& entry) {
        if (entry->deadline > now)
            return false;
        ending_.push_back(entry);
        return true;
    });
    bool const others = !which.waiters.empty();
    if (others)
        set_deadline(which);
    else
        forget(which);
    if (ending_.empty())
        return others;
    failure why(errc::wait_expired);
    if (answer)
        why.detail("last seen " + answer->word());
    else
        why.underlying(answer.error().code())
            .detail("the last question failed: " + answer.error().describe());
    end_waiters(std::move(why));
    return others;
}

// Those that were taken out of their task's list. One that is not told yet stays known, for `break_off`.
APIMART_INLINE void client_core::end_waiters(result<finished_task> outcome)
{
    for (auto const& entry : ending_)
        entry->task_done(&entry == &ending_.back() ? std::move(outcome) : outcome);
    ending_.clear();
}

} // namespace apimart::detail

#endif
