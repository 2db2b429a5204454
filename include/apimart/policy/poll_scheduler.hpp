// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_POLL_SCHEDULER_HPP
#define APIMART_POLICY_POLL_SCHEDULER_HPP

#include <apimart/config/poll_policy.hpp>
#include <apimart/config/retry_policy.hpp>
#include <apimart/error.hpp>
#include <apimart/learned_durations.hpp>
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
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
    // Those that are remembered, the oldest first.
    std::vector<duration> last() const;

private:
    std::vector<duration> last_; // a ring
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

    // The record is that of its class; none where that is not known.
    scheduled_poll(std::string task_id, duration_record* of_class, time_point accepted)
        : id(std::move(task_id)), durations(of_class), begun(accepted)
    {}
    scheduled_poll(scheduled_poll const&) = delete;
    scheduled_poll& operator=(scheduled_poll const&) = delete;

    std::string id;
    duration_record* const durations;
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
    bool taken_along = false;     // in a request for many that another task's poll is
    bool alone = false;           // the answer about many did not tell its state
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
//
// Where one request asks for many, it takes along those that are due soon after it, and steps are no shorter than that, so
// that the number of requests does not grow with that of the tasks.
class poll_scheduler
{
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;

    // Polls that a configured limit holds back.
    enum class limit : std::uint8_t
    {
        rate,
        concurrency,
    };
    struct backlog
    {
        std::size_t polls;
        clock::duration delay; // of the one that is the latest
    };

    // A longer pause than `longest_pause` is not believed.
    poll_scheduler(poll_policy const& policy, std::uint64_t seed,
                   std::chrono::seconds longest_pause = retry_policy().max_retry_after);

    // The record of a class of tasks, which stays where it is; none for the empty name.
    duration_record* durations_of(std::string_view class_of_task);
    void learn(learned_durations const& known);
    learned_durations learned() const;

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
    // As many as there is room for of those that the request for the one that was taken may ask for, too. All of them get a
    // report of their own, of which one counts for the rate.
    void take_along(std::vector<scheduled_poll*>& to, std::size_t room, time_point now);
    // From now on one request asks for many, or for one.
    void ask_for_many(bool many) noexcept
    {
        batch_window_ = many ? policy_.min_interval * 5 / 2 : std::chrono::milliseconds::zero();
    }
    // What no poll can be made for now, although it is due: told when it is late by more than the shortest interval, and then
    // not again for that limit until everything due has been asked. A lower rate that the service wants is another matter.
    std::optional<backlog> begun_backlog(limit reached, time_point now);

    // Somebody may want to know sooner than is worth while.
    void still_running(scheduled_poll& task, task_state const& state, time_point now,
                       std::chrono::milliseconds longest_step = std::chrono::milliseconds::max());
    void poll_failed(scheduled_poll& task, error_info const& why, time_point now);
    // Its poll was ended, because no wait for the task was left; that says nothing about the service.
    void poll_withdrawn(scheduled_poll& task);
    // One whose poll was ended is wanted again.
    void add_again(scheduled_poll& task, time_point now) { enqueue(task, now, now); }
    // The answer about many did not tell its state.
    void ask_alone(scheduled_poll& task, time_point now);
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
    void begin_poll(scheduled_poll& task);
    time_point ready_at() const;
    // Of a request for many, what one of them is told tells all.
    static bool counts(scheduled_poll& task) noexcept { return !std::exchange(task.taken_along, false); }
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
    std::map<std::string, duration_record, std::less<>> records_; // by class
    rate_limiter limiter_;
    std::size_t most_in_a_second_;
    std::deque<time_point> last_second_; // of polls
    std::chrono::milliseconds batch_window_{};
    std::array<bool, 2> backlog_told_{}; // by limit
    time_point silent_until_{};
    int failures_in_a_row_ = 0; // of all tasks
    error_code slowed_by_;
};

inline void duration_record::add(duration elapsed)
{
    if (last_.size() < learned_durations::max_per_class)
        last_.push_back(elapsed);
    else
        last_[count_ % last_.size()] = elapsed;
    ++count_;
    std::size_t const filled = last_.size();
    std::vector<duration> sorted = last_;
    auto const at = [&](std::size_t index) {
        std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(index), sorted.end());
        return sorted[index];
    };
    low_ = at(filled / 20);
    high_ = at(filled - 1 - filled / 20);
}

inline std::vector<duration_record::duration> duration_record::last() const
{
    std::vector<duration> out = last_;
    if (!out.empty())
        std::rotate(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count_ % out.size()), out.end());
    return out;
}

// How long after its time limit a task may still wait for its last check.
inline constexpr std::chrono::seconds patience_at_deadline{1};
// How much later the end of a task may be seen for one question less.
inline constexpr std::chrono::milliseconds lag_worth_a_poll{100};
// One poll in ten may fail without this ever being an outage.
inline constexpr int failures_of_an_outage = 5;

// A quiet time does not earn a burst beyond a tenth of a second's worth, nor more polls in any one second than the rate.
inline poll_scheduler::poll_scheduler(poll_policy const& policy, std::uint64_t seed,
                                      std::chrono::seconds longest_pause)
    : policy_(policy), max_retry_after_(longest_pause), random_(seed),
      limiter_(policy.requests_per_second, policy.requests_per_second / 10),
      most_in_a_second_(policy.requests_per_second > 0
                            ? static_cast<std::size_t>(std::clamp(policy.requests_per_second, 1.0, 1e9))
                            : std::numeric_limits<std::size_t>::max())
{
    policy_.max_interval = std::max(policy_.max_interval, policy_.min_interval);
    ask_for_many(policy.batch_query_size > 1);
}

inline duration_record* poll_scheduler::durations_of(std::string_view class_of_task)
{
    if (class_of_task.empty())
        return nullptr;
    auto const found = records_.find(class_of_task);
    return found != records_.end() ? &found->second
                                   : &records_.emplace(class_of_task, duration_record()).first->second;
}

inline void poll_scheduler::learn(learned_durations const& known)
{
    for (auto const& [name, durations] : known.by_class)
        if (duration_record* const record = durations_of(name))
            for (auto const each : durations)
                record->add(each);
}

inline learned_durations poll_scheduler::learned() const
{
    learned_durations out;
    for (auto const& [name, record] : records_)
        if (auto last = record.last(); !last.empty())
            out.by_class.emplace(name, std::move(last));
    return out;
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
    auto first = policy_.initial_delay;
    // A little before the earliest end seen, so that tasks that became quicker are noticed.
    if (task.durations != nullptr && task.durations->known())
        first = std::max(policy_.min_interval, task.durations->low() * 19 / 20);
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

inline poll_scheduler::time_point poll_scheduler::ready_at() const
{
    auto const ready = limiter_.ready_at();
    return last_second_.size() < most_in_a_second_
               ? ready
               : std::max(ready, last_second_.front() + std::chrono::seconds(1));
}

inline void poll_scheduler::begin_poll(scheduled_poll& task)
{
    remove(task);
    ++task.polls;
    task.confirming = std::exchange(task.hinted, false);
}

inline scheduled_poll* poll_scheduler::take_due(time_point now)
{
    if (order_.empty())
        return nullptr;
    scheduled_poll* const last_check =
        !deadlines_.empty() && deadlines_.begin()->deadline <= now ? &*deadlines_.begin() : nullptr;
    if (auto const ready = ready_at(); now < ready) {
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
    while (!last_second_.empty() && last_second_.front() + std::chrono::seconds(1) <= now)
        last_second_.pop_front();
    last_second_.push_back(now);
    silent_until_ = {};
    begin_poll(*task);
    return task;
}

inline void poll_scheduler::take_along(std::vector<scheduled_poll*>& to, std::size_t room, time_point now)
{
    for (auto next = order_.begin(); room > 0 && next != order_.end() && next->next <= now + batch_window_;) {
        scheduled_poll& task = *next++;
        if (task.alone || task.hasten_from > now)
            continue;
        begin_poll(task);
        task.taken_along = true;
        to.push_back(&task);
        --room;
    }
}

inline std::optional<poll_scheduler::backlog> poll_scheduler::begun_backlog(limit reached, time_point now)
{
    if (order_.empty() || order_.begin()->next > now) {
        backlog_told_ = {};
        return std::nullopt;
    }
    bool& told = backlog_told_[static_cast<std::size_t>(reached)];
    bool const is_slowed = reached == limit::rate && limiter_.rate() < policy_.requests_per_second;
    auto const delay = now - order_.begin()->next;
    if (told || is_slowed || delay <= policy_.min_interval)
        return std::nullopt;
    told = true;
    std::size_t polls = 0;
    for (auto each = order_.begin(); each != order_.end() && each->next <= now; ++each)
        ++polls;
    return backlog{polls, delay};
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
    auto const ready = ready_at();
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
        return std::clamp(step, std::max(policy_.min_interval, batch_window_),
                          std::max(policy_.max_interval, batch_window_));
    };
    // Nothing is known: it grows by half.
    auto step = std::min(elapsed / 2, std::max<milliseconds>(std::chrono::seconds(5), elapsed / 20));
    if (duration_record const* const known = task.durations; known != nullptr && known->known()) {
        auto const low = known->low();
        auto const high = known->high();
        if (elapsed < low) // before the earliest plausible end: quiet
            return std::max({policy_.min_interval, batch_window_, low - elapsed});
        // A task that ends somewhere between the two is asked half as often as there are steps in between, and its end is
        // seen half a step late: this step makes the sum of both least.
        auto const width = static_cast<double>((high - low).count() * lag_worth_a_poll.count());
        step = std::min(step, milliseconds(static_cast<std::int64_t>(std::sqrt(width) * known->doubt())));
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
    if (counts(task))
        on_response(now);
    task.failures = 0;
    task.alone = false;
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
    bool const tells = counts(task);
    if (why.code() != condition::rate_limited) {
        ++task.failures;
        wait *= 1 << std::min(task.failures, 7);
    }
    if (tells && why.code() == condition::rate_limited) {
        // Being told to slow down concerns every task of this client, not the one that was unlucky; to be silent for
        // longer than is believed does not.
        limiter_.rate_limited(now, asked && *asked <= max_retry_after_ ? asked : std::nullopt);
        slowed_by_ = why.code();
    } else if (tells) {
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

inline void poll_scheduler::poll_withdrawn(scheduled_poll& task)
{
    if (counts(task))
        limiter_.ended();
}

inline void poll_scheduler::ask_alone(scheduled_poll& task, time_point now)
{
    if (counts(task))
        on_response(now);
    task.alone = true;
    enqueue(task, now, now);
}

inline void poll_scheduler::finished(scheduled_poll& task, task_state const& state, time_point now)
{
    if (counts(task))
        on_response(now);
    task.failures = 0;
    if (state.status() != task_status::succeeded || task.durations == nullptr)
        return;
    // It ended some time before it was seen to have ended; the service's own figure, in whole seconds, may
    // tell.
    auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - task.begun);
    if (state.actual_time())
        elapsed =
            std::min<std::chrono::milliseconds>(elapsed, *state.actual_time() + std::chrono::seconds(1));
    task.durations->add(elapsed);
}

} // namespace apimart::detail

#endif
