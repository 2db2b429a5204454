// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_POLL_SCHEDULE_IPP
#define APIMART_DETAIL_IMPL_POLL_SCHEDULE_IPP

#include <apimart/detail/config.hpp>
#include <apimart/detail/poll_schedule.hpp>

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

APIMART_INLINE poll_schedule::poll_schedule(poll_policy const& policy, std::uint64_t seed)
    : policy_(policy), random_(seed),
      spacing_(std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(
          policy.requests_per_second > 0 ? 1.0 / policy.requests_per_second : 0.0)))
{
    policy_.longest = std::max(policy_.longest, policy_.shortest);
}

APIMART_INLINE void poll_schedule::enqueue(scheduled_poll& task, time_point when, time_point now)
{
    task.next = std::min(std::max(when, now), std::max(task.deadline, now));
    task.queued = true;
    order_.insert(&task);
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
    if (task.queued)
        order_.erase(&task);
    task.queued = false;
}

APIMART_INLINE void poll_schedule::set_deadline(scheduled_poll& task, time_point deadline)
{
    task.deadline = deadline;
    if (task.queued && task.next > deadline) {
        order_.erase(&task);
        task.next = deadline;
        order_.insert(&task);
    }
}

APIMART_INLINE scheduled_poll* poll_schedule::take_due(time_point now)
{
    if (silent(now)) {
        while (!order_.empty() && (*order_.begin())->next <= now) {
            scheduled_poll* const early = *order_.begin();
            order_.erase(order_.begin());
            early->queued = false;
            if (early->deadline <= now)
                return early;
            postpone(*early, now);
        }
        return nullptr;
    }
    if (order_.empty() || now < next_permitted_)
        return nullptr;
    scheduled_poll* const task = *order_.begin();
    if (task->next > now)
        return nullptr;
    order_.erase(order_.begin());
    task->queued = false;
    ++task->polls;
    // A pause does not earn a burst beyond a tenth of a second's worth.
    next_permitted_ = std::max(next_permitted_ + spacing_, now - std::chrono::milliseconds(100));
    return task;
}

APIMART_INLINE std::optional<poll_schedule::time_point> poll_schedule::wake_at() const
{
    if (order_.empty())
        return std::nullopt;
    // In a silence, time limits still come to their end.
    return next_permitted_ < silent_until_ ? (*order_.begin())->next
                                           : std::max((*order_.begin())->next, next_permitted_);
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

APIMART_INLINE void poll_schedule::still_running(scheduled_poll& task, task_state const& state,
                                                 time_point now)
{
    using std::chrono::milliseconds;
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
    ++task.failures;
    auto wait = std::max(policy_.shortest, milliseconds(500)) * (1 << std::min(task.failures, 7));
    wait = std::min<milliseconds>(wait, std::chrono::minutes(1));
    wait = milliseconds(
        static_cast<std::int64_t>(static_cast<double>(wait.count()) * (0.5 + 0.5 * random_.draw())));
    if (auto const asked = why.retry_after())
        wait = std::max<milliseconds>(wait, std::min<std::chrono::seconds>(*asked, std::chrono::hours(24)));
    // Being told to slow down concerns every task of this client, not the one that was unlucky.
    if (why.code() == cause::rate_limited)
        silent_until_ = std::max(silent_until_, now + wait);
    enqueue(task, now + wait, now);
}

APIMART_INLINE void poll_schedule::finished(scheduled_poll& task, task_state const& state, time_point now)
{
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
