// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_POLL_SCHEDULER_HPP
#define APIMART_POLICY_POLL_SCHEDULER_HPP

#include <apimart/config/poll_policy.hpp>
#include <apimart/config/retry_policy.hpp>
#include <apimart/error.hpp>
#include <apimart/policy/backoff.hpp>
#include <apimart/policy/rate_limiter.hpp>
#include <apimart/task.hpp>

#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace apimart::detail {

// What is known about how long tasks of one class take: the last durations, and between what nearly all of them lie.
class duration_record
{
public:
    using duration = std::chrono::milliseconds;

    void add(duration elapsed);
    // Below this many, one odd task would decide for all.
    bool known() const noexcept { return count_ >= 3; }
    // The first that end are those that are quick, so that a few tell little about how long the others take.
    double doubt() const noexcept { return 1 + 16 / static_cast<double>(count_); }
    duration low() const noexcept { return low_; }
    duration high() const noexcept { return high_; }

private:
    std::array<duration, 128> last_{};
    std::size_t count_ = 0;
    duration low_{};
    duration high_{};
};

// One waiting task, as far as the schedule is concerned. Whoever waits derives from it, so that a waiting
// task is one object in one ordered structure.
class scheduled_poll
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    scheduled_poll(std::string task_id, std::string_view class_of_task, time_point accepted)
        : id(std::move(task_id)),
          duration_class(class_of_task.empty() ? 0 : std::hash<std::string_view>()(class_of_task)),
          begun(accepted)
    {}
    scheduled_poll(scheduled_poll const&) = delete;
    scheduled_poll& operator=(scheduled_poll const&) = delete;

    std::string id;
    std::size_t const duration_class; // its hash, because it is kept per task; zero where there is none
    time_point const begun;
    time_point next{};
    time_point deadline = time_point::max(); // of the waiter that gives up first
    time_point hasten_from{};                // nothing brings its next poll further forward than this
    std::chrono::duration<std::uint32_t, std::milli> estimate{}; // zero where there is none
    int polls = 0;
    int failures = 0;             // in a row
    bool queued = false;          // in the schedule; false while its poll is under way
    bool hinted = false;          // somebody says that it has ended, and no poll has begun since
    bool confirming = false;      // its last poll was made for a hint
    std::uint8_t empty_hints = 0; // those whose poll saw no end

private:
    friend class poll_scheduler;
    using link = boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                                   boost::intrusive::optimize_size<true>>;

    link by_time_;
    link by_deadline_; // where it has one
};

// Decides when which task is asked. No I/O and no clock: everything happens at a time that is given.
//
// All tasks share one rate. It falls when the service asks for fewer requests, and also when one poll after
// the other fails: a service that is down gains nothing from being asked by everybody. It comes back with
// the answers. The last check of a task whose time limit has come goes before all others.
//
// A hint that a task has ended makes its next poll due at once, and anybody may give one. So a task is asked for
// hints no sooner than `min_interval` after its last poll, and each hint whose poll sees no end doubles that time, up to
// `max_interval`.
class poll_scheduler
{
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;

    // A longer pause than `longest_pause` is not believed.
    poll_scheduler(poll_policy const& policy, std::uint64_t seed,
                   std::chrono::seconds longest_pause = retry_policy().max_retry_after);

    void add(scheduled_poll& task, time_point now);
    void remove(scheduled_poll& task);
    // Brings the deadline of a task forward (or back); its next poll is never later than that.
    void set_deadline(scheduled_poll& task, time_point deadline);
    // Somebody says that the task has ended.
    void hint(scheduled_poll& task, time_point now);
    // Its next poll is due at a time, or as soon after it as the pace allows.
    void hasten(scheduled_poll& task, time_point when, time_point now);

    // The task to ask now, taken out of the order until one of the three reports below; or nothing.
    scheduled_poll* take_due(time_point now);
    // One whose deadline is over and cannot be asked, because all polls are under way; to be ended.
    scheduled_poll* take_overdue(time_point now);
    std::optional<time_point> overdue_at() const;
    // When `take_due` can next return something.
    std::optional<time_point> wake_at() const;
    // Of what `take_due` has just returned: its deadline has come and nothing may be asked soon, so it is to
    // be ended without a last check, or given back by `postpone`.
    bool silent(time_point now) const noexcept { return now < silent_until_; }
    void postpone(scheduled_poll& task, time_point now) { enqueue(task, silent_until_, now); }

    // Somebody may want to know sooner than is worth while.
    void still_running(scheduled_poll& task, task_state const& state, time_point now,
                       std::chrono::milliseconds longest_step = std::chrono::milliseconds::max());
    void poll_failed(scheduled_poll& task, error_info const& why, time_point now);
    // No wait for the task was left, so that its poll was ended; that says nothing about the service.
    void poll_withdrawn() { limiter_.ended(); }
    void finished(scheduled_poll& task, task_state const& state, time_point now);

    std::size_t size() const noexcept { return order_.size(); }
    // What holds polls back at present: requests per second, and the last failure that lowered them.
    double rate() const noexcept { return limiter_.rate(); }
    error_code const& slowed_by() const noexcept { return slowed_by_; }

private:
    struct earlier
    {
        bool operator()(scheduled_poll const& a, scheduled_poll const& b) const noexcept
        {
            return a.next != b.next ? a.next < b.next : &a < &b;
        }
    };
    struct earlier_deadline
    {
        bool operator()(scheduled_poll const& a, scheduled_poll const& b) const noexcept
        {
            return a.deadline != b.deadline ? a.deadline < b.deadline : &a < &b;
        }
    };

    void enqueue(scheduled_poll& task, time_point when, time_point now);
    void insert(scheduled_poll& task);
    void on_response(time_point now);
    std::chrono::milliseconds step_after(scheduled_poll const& task, std::chrono::milliseconds elapsed) const;

    poll_policy policy_;
    std::chrono::seconds max_retry_after_;
    jitter random_;
    template <class Compare, scheduled_poll::link scheduled_poll::*Link>
    using linked =
        boost::intrusive::set<scheduled_poll, boost::intrusive::compare<Compare>,
                              boost::intrusive::member_hook<scheduled_poll, scheduled_poll::link, Link>>;

    linked<earlier, &scheduled_poll::by_time_> order_;
    linked<earlier_deadline, &scheduled_poll::by_deadline_> deadlines_;
    std::unordered_map<std::size_t, duration_record> records_; // by class
    rate_limiter limiter_;
    time_point silent_until_{};
    int failures_in_a_row_ = 0; // of all tasks
    error_code slowed_by_;
};

inline void duration_record::add(duration elapsed)
{
    last_[count_ % last_.size()] = elapsed;
    ++count_;
    std::size_t const filled = std::min(count_, last_.size());
    std::array<duration, 128> sorted = last_;
    auto const at = [&](std::size_t index) {
        std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(index),
                         sorted.begin() + static_cast<std::ptrdiff_t>(filled));
        return sorted[index];
    };
    low_ = at(filled / 20);
    high_ = at(filled - 1 - filled / 20);
}

// How long after its time limit a task may still wait for its last check.
inline constexpr std::chrono::seconds patience_at_deadline{1};
// How much later the end of a task may be seen for one question less.
inline constexpr std::chrono::milliseconds lag_worth_a_poll{100};
// One poll in ten may fail without this ever being an outage.
inline constexpr int failures_of_an_outage = 5;

// A quiet time does not earn a burst beyond a tenth of a second's worth.
inline poll_scheduler::poll_scheduler(poll_policy const& policy, std::uint64_t seed,
                                      std::chrono::seconds longest_pause)
    : policy_(policy), max_retry_after_(longest_pause), random_(seed),
      limiter_(policy.requests_per_second, policy.requests_per_second / 10)
{
    policy_.max_interval = std::max(policy_.max_interval, policy_.min_interval);
}

inline void poll_scheduler::enqueue(scheduled_poll& task, time_point when, time_point now)
{
    task.next = std::min(std::max(when, now), std::max(task.deadline, now));
    insert(task);
}

inline void poll_scheduler::insert(scheduled_poll& task)
{
    task.queued = true;
    order_.insert(task);
    if (task.deadline != time_point::max())
        deadlines_.insert(task);
}

inline void poll_scheduler::add(scheduled_poll& task, time_point now)
{
    auto const record = records_.find(task.duration_class);
    auto first = policy_.initial_delay;
    // A little before the earliest end seen, so that tasks that became quicker are noticed.
    if (record != records_.end() && record->second.known())
        first = std::max(policy_.min_interval, record->second.low() * 19 / 20);
    // Tasks submitted together are not asked together.
    auto const widest = std::min(first / 10, policy_.min_interval);
    auto const spread = std::chrono::milliseconds(
        static_cast<std::int64_t>(static_cast<double>(widest.count()) * random_.draw()));
    enqueue(task, task.begun + first + spread, now);
}

inline void poll_scheduler::remove(scheduled_poll& task)
{
    if (task.queued) {
        order_.erase(order_.iterator_to(task));
        if (task.deadline != time_point::max())
            deadlines_.erase(deadlines_.iterator_to(task));
    }
    task.queued = false;
}

inline void poll_scheduler::set_deadline(scheduled_poll& task, time_point deadline)
{
    bool const queued = task.queued;
    remove(task);
    task.deadline = deadline;
    if (queued) {
        task.next = std::min(task.next, deadline);
        insert(task);
    }
}

inline void poll_scheduler::hint(scheduled_poll& task, time_point now)
{
    task.hinted = true;
    hasten(task, now, now);
}

inline void poll_scheduler::hasten(scheduled_poll& task, time_point when, time_point now)
{
    when = std::max({task.hasten_from, when, now});
    if (!task.queued || task.next <= when)
        return;
    remove(task);
    enqueue(task, when, now);
}

inline scheduled_poll* poll_scheduler::take_due(time_point now)
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
    task->confirming = std::exchange(task->hinted, false);
    return task;
}

inline std::optional<poll_scheduler::time_point> poll_scheduler::overdue_at() const
{
    if (deadlines_.empty())
        return std::nullopt;
    return deadlines_.begin()->deadline + patience_at_deadline;
}

inline scheduled_poll* poll_scheduler::take_overdue(time_point now)
{
    auto const next = overdue_at();
    if (!next || *next > now)
        return nullptr;
    scheduled_poll* const task = &*deadlines_.begin();
    remove(*task);
    return task;
}

inline std::optional<poll_scheduler::time_point> poll_scheduler::wake_at() const
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

inline std::chrono::milliseconds poll_scheduler::step_after(scheduled_poll const& task,
                                                            std::chrono::milliseconds elapsed) const
{
    using std::chrono::milliseconds;
    auto const within = [&](milliseconds step) {
        return std::clamp(step, policy_.min_interval, policy_.max_interval);
    };
    // Nothing is known: it grows by half.
    auto step = std::min(elapsed / 2, std::max<milliseconds>(std::chrono::seconds(5), elapsed / 20));
    auto const record = records_.find(task.duration_class);
    if (record != records_.end() && record->second.known()) {
        auto const low = record->second.low();
        auto const high = record->second.high();
        if (elapsed < low)
            return std::max(policy_.min_interval, low - elapsed); // before the earliest plausible end: quiet
        // A task that ends somewhere between the two is asked half as often as there are steps in between, and its end is
        // seen half a step late: this step makes the sum of both least.
        auto const width = static_cast<double>((high - low).count() * lag_worth_a_poll.count());
        step = std::min(step,
                        milliseconds(static_cast<std::int64_t>(std::sqrt(width) * record->second.doubt())));
        return within(std::max(step, (elapsed - high) / 4)); // late already: wider and wider
    }
    // The service's own estimate is only a guess: half of it is quiet.
    milliseconds const estimate = task.estimate;
    return within(elapsed < estimate / 2 ? estimate / 2 - elapsed : step);
}

inline void poll_scheduler::on_response(time_point now)
{
    failures_in_a_row_ = 0;
    limiter_.succeeded(now);
}

inline void poll_scheduler::still_running(scheduled_poll& task, task_state const& state, time_point now,
                                          std::chrono::milliseconds longest_step)
{
    using std::chrono::milliseconds;
    on_response(now);
    task.failures = 0;
    if (state.estimated_time())
        task.estimate = std::chrono::duration_cast<decltype(task.estimate)>(*state.estimated_time());
    auto const elapsed = std::chrono::duration_cast<milliseconds>(now - task.begun);
    auto const step = step_after(task, elapsed);
    auto const varied = milliseconds(
        static_cast<std::int64_t>(static_cast<double>(step.count()) * (0.95 + 0.1 * random_.draw())));
    constexpr int enough_doublings = 16;
    if (task.confirming && task.empty_hints < enough_doublings)
        ++task.empty_hints;
    task.hasten_from = now + std::min(policy_.min_interval * (1 << task.empty_hints), policy_.max_interval);
    enqueue(task, now + std::max(std::min(varied, longest_step), policy_.min_interval), now);
    if (task.hinted)
        hasten(task, now, now);
}

inline void poll_scheduler::poll_failed(scheduled_poll& task, error_info const& why, time_point now)
{
    using std::chrono::milliseconds;
    auto const asked = why.retry_after();
    auto wait = std::max(policy_.min_interval, milliseconds(500));
    if (why.code() == condition::rate_limited) {
        // Being told to slow down concerns every task of this client, not the one that was unlucky; to be silent for
        // longer than is believed does not.
        limiter_.rate_limited(now, asked && *asked <= max_retry_after_ ? asked : std::nullopt);
        slowed_by_ = why.code();
    } else {
        ++task.failures;
        wait *= 1 << std::min(task.failures, 7);
        if (why.code() == condition::not_found) {
            on_response(now); // the service works
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
        wait = std::max<milliseconds>(wait, std::min(*asked, max_retry_after_));
    task.hasten_from = now + wait;
    enqueue(task, now + wait, now);
}

inline void poll_scheduler::finished(scheduled_poll& task, task_state const& state, time_point now)
{
    on_response(now);
    task.failures = 0;
    if (state.status() != task_status::succeeded || task.duration_class == 0)
        return;
    // It ended some time before it was seen to have ended; the service's own figure, in whole seconds, may
    // tell.
    auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - task.begun);
    if (state.actual_time())
        elapsed =
            std::min<std::chrono::milliseconds>(elapsed, *state.actual_time() + std::chrono::seconds(1));
    records_[task.duration_class].add(elapsed);
}

} // namespace apimart::detail

#endif
