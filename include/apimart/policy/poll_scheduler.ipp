// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_POLL_SCHEDULER_IPP
#define APIMART_POLICY_POLL_SCHEDULER_IPP

#include <apimart/policy/poll_scheduler.hpp>
#include <apimart/separate_compilation.hpp>

#include <algorithm>

namespace apimart::detail {

APIMART_INLINE void duration_record::add(duration took)
{
    last_[count_ % last_.size()] = took;
    ++count_;
    std::size_t const filled = std::min(count_, last_.size());
    std::array<duration, 32> sorted = last_;
    std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(filled));
    low_ = sorted[filled / 10];
    high_ = sorted[filled - 1 - filled / 10];
}

// How long after its time limit a task may still wait for its last check.
inline constexpr std::chrono::seconds patience_at_deadline{1};
// One poll in ten may fail without this ever being an outage.
inline constexpr int failures_of_an_outage = 5;

// A quiet time does not earn a burst beyond a tenth of a second's worth.
APIMART_INLINE poll_schedule::poll_schedule(poll_policy const& policy, std::uint64_t seed)
    : policy_(policy), random_(seed), limiter_(policy.requests_per_second, policy.requests_per_second / 10)
{
    policy_.longest = std::max(policy_.longest, policy_.shortest);
}

APIMART_INLINE void poll_schedule::enqueue(scheduled_poll& task, time_point when, time_point now)
{
    task.next = std::min(std::max(when, now), std::max(task.deadline, now));
    insert(task);
}

APIMART_INLINE void poll_schedule::insert(scheduled_poll& task)
{
    task.queued = true;
    order_.insert(task);
    if (task.deadline != time_point::max())
        deadlines_.insert(task);
}

APIMART_INLINE void poll_schedule::add(scheduled_poll& task, time_point now)
{
    auto const record = records_.find(task.profile);
    auto first = policy_.first;
    // A little before the earliest end seen, so that tasks that became quicker are noticed.
    if (record != records_.end() && record->second.known())
        first = std::max(policy_.shortest, record->second.low() * 19 / 20);
    // Tasks submitted together are not asked together.
    auto const widest = std::min(first / 10, policy_.shortest);
    auto const spread = std::chrono::milliseconds(
        static_cast<std::int64_t>(static_cast<double>(widest.count()) * random_.draw()));
    enqueue(task, task.begun + first + spread, now);
}

APIMART_INLINE void poll_schedule::remove(scheduled_poll& task)
{
    if (task.queued) {
        order_.erase(order_.iterator_to(task));
        if (task.deadline != time_point::max())
            deadlines_.erase(deadlines_.iterator_to(task));
    }
    task.queued = false;
}

APIMART_INLINE void poll_schedule::set_deadline(scheduled_poll& task, time_point deadline)
{
    bool const queued = task.queued;
    remove(task);
    task.deadline = deadline;
    if (queued) {
        task.next = std::min(task.next, deadline);
        insert(task);
    }
}

APIMART_INLINE scheduled_poll* poll_schedule::take_due(time_point now)
{
    if (order_.empty())
        return nullptr;
    scheduled_poll* const last_check =
        !deadlines_.empty() && deadlines_.begin()->deadline <= now ? &*deadlines_.begin() : nullptr;
    if (auto const ready = limiter_.ready_at(); now < ready) {
        if (last_check == nullptr || ready - last_check->deadline <= patience_at_deadline)
            return nullptr;
        silent_until_ = ready;
        remove(*last_check);
        return last_check;
    }
    scheduled_poll* const task = last_check != nullptr ? last_check : &*order_.begin();
    if (task->next > now)
        return nullptr;
    limiter_.take(now);
    silent_until_ = {};
    remove(*task);
    ++task->polls;
    return task;
}

APIMART_INLINE std::optional<poll_schedule::time_point> poll_schedule::overdue_at() const
{
    if (deadlines_.empty())
        return std::nullopt;
    return deadlines_.begin()->deadline + patience_at_deadline;
}

APIMART_INLINE scheduled_poll* poll_schedule::take_overdue(time_point now)
{
    auto const next = overdue_at();
    if (!next || *next > now)
        return nullptr;
    scheduled_poll* const task = &*deadlines_.begin();
    remove(*task);
    return task;
}

APIMART_INLINE std::optional<poll_schedule::time_point> poll_schedule::wake_at() const
{
    if (order_.empty())
        return std::nullopt;
    auto const ready = limiter_.ready_at();
    auto const next = std::max(order_.begin()->next, ready);
    if (deadlines_.empty())
        return next;
    // While nothing may be asked, time limits still come to their end.
    auto const deadline = deadlines_.begin()->deadline;
    return ready - deadline > patience_at_deadline ? std::min(next, deadline) : next;
}

APIMART_INLINE std::chrono::milliseconds poll_schedule::step_after(scheduled_poll const& task,
                                                                   std::chrono::milliseconds elapsed) const
{
    using std::chrono::milliseconds;
    auto const within = [&](milliseconds step) {
        return std::clamp(step, policy_.shortest, policy_.longest);
    };
    auto const record = records_.find(task.profile);
    if (record != records_.end() && record->second.known()) {
        auto const low = record->second.low();
        auto const high = record->second.high();
        if (elapsed < low)
            return std::max(policy_.shortest, low - elapsed); // before the earliest plausible end: quiet
        if (elapsed <= high)
            return within((high - low) / 6); // around the likely end: dense
        return within(elapsed / 5);          // late already: wider and wider
    }
    if (task.estimate) {
        // The service's own estimate is only a guess: half of it is quiet, and no single step trusts it for
        // long.
        if (elapsed < *task.estimate / 2)
            return within(*task.estimate / 2 - elapsed);
        if (elapsed <= *task.estimate * 3 / 2)
            return within(*task.estimate / 10);
    }
    return within(elapsed / 4);
}

APIMART_INLINE void poll_schedule::answered(time_point now)
{
    failures_in_a_row_ = 0;
    limiter_.succeeded(now);
}

APIMART_INLINE void poll_schedule::still_running(scheduled_poll& task, task_state const& state,
                                                 time_point now)
{
    using std::chrono::milliseconds;
    answered(now);
    task.failures = 0;
    if (state.estimated_time())
        task.estimate = *state.estimated_time();
    auto const elapsed = std::chrono::duration_cast<milliseconds>(now - task.begun);
    auto const step = step_after(task, elapsed);
    auto const varied = milliseconds(
        static_cast<std::int64_t>(static_cast<double>(step.count()) * (0.95 + 0.1 * random_.draw())));
    enqueue(task, now + std::max(varied, policy_.shortest), now);
}

APIMART_INLINE void poll_schedule::poll_failed(scheduled_poll& task, failure const& why, time_point now)
{
    using std::chrono::milliseconds;
    auto const asked = why.retry_after();
    auto wait = std::max(policy_.shortest, milliseconds(500));
    if (why.code() == cause::rate_limited) {
        // Being told to slow down concerns every task of this client, not the one that was unlucky.
        limiter_.throttled(now, asked);
        slowed_by_ = why.code();
    } else {
        ++task.failures;
        wait *= 1 << std::min(task.failures, 7);
        if (why.code() == cause::not_found) {
            answered(now); // the service works
        } else if (++failures_in_a_row_ < failures_of_an_outage) {
            limiter_.ended();
        } else {
            limiter_.unavailable(now);
            slowed_by_ = why.code();
        }
    }
    wait = std::min<milliseconds>(wait, std::chrono::minutes(1));
    wait = milliseconds(
        static_cast<std::int64_t>(static_cast<double>(wait.count()) * (0.5 + 0.5 * random_.draw())));
    if (asked)
        wait = std::max<milliseconds>(wait, std::min<std::chrono::seconds>(*asked, std::chrono::hours(24)));
    enqueue(task, now + wait, now);
}

APIMART_INLINE void poll_schedule::finished(scheduled_poll& task, task_state const& state, time_point now)
{
    answered(now);
    task.failures = 0;
    if (state.status() != task_status::succeeded || task.profile.empty())
        return;
    // It ended some time before it was seen to have ended; the service's own figure, in whole seconds, may
    // tell.
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - task.begun);
    if (state.actual_time())
        took = std::min<std::chrono::milliseconds>(took, *state.actual_time() + std::chrono::seconds(1));
    records_[task.profile].add(took);
}

} // namespace apimart::detail

#endif
