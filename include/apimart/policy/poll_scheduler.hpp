// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_POLL_SCHEDULER_HPP
#define APIMART_POLICY_POLL_SCHEDULER_HPP

#include <apimart/config/poll_policy.hpp>
#include <apimart/error.hpp>
#include <apimart/policy/backoff.hpp>
#include <apimart/policy/rate_limiter.hpp>
#include <apimart/task.hpp>

#include <boost/intrusive/set.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace apimart::detail {

// What is known about how long tasks of one profile take: the last few durations and three of their
// quantiles.
class duration_record
{
public:
    using duration = std::chrono::milliseconds;

    void add(duration took);
    // Below this many, one odd task would decide for all.
    bool known() const noexcept { return count_ >= 3; }
    duration low() const noexcept { return low_; }
    duration high() const noexcept { return high_; }

private:
    std::array<duration, 32> last_{};
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

    scheduled_poll() = default;
    scheduled_poll(std::string task_id, std::string task_profile, time_point accepted)
        : id(std::move(task_id)), profile(std::move(task_profile)), begun(accepted)
    {}
    scheduled_poll(scheduled_poll const&) = delete;
    scheduled_poll& operator=(scheduled_poll const&) = delete;

    // As one that was just made, outside of any schedule.
    void reset(std::string const& task_id, std::string const& task_profile, time_point accepted)
    {
        id = task_id;
        profile = task_profile;
        begun = accepted;
        next = {};
        deadline = time_point::max();
        estimate.reset();
        polls = 0;
        failures = 0;
    }

    std::string id;
    std::string profile;
    time_point begun;
    time_point next{};
    time_point deadline = time_point::max(); // of the waiter that gives up first
    std::optional<std::chrono::milliseconds> estimate;
    int polls = 0;
    int failures = 0;    // in a row
    bool queued = false; // in the schedule; false while its poll is under way

private:
    friend class poll_schedule;
    using link =
        boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

    link by_time_;
    link by_deadline_; // where it has one
};

// Decides when which task is asked. No I/O and no clock: everything happens at a time that is given.
//
// All tasks share one rate. It falls when the service asks for fewer requests, and also when one poll after
// the other fails: a service that is down gains nothing from being asked by everybody. It comes back with
// the answers. The last check of a task whose time limit has come goes before all others.
class poll_schedule
{
public:
    using clock = std::chrono::steady_clock;
    using time_point = clock::time_point;

    poll_schedule(poll_policy const& policy, std::uint64_t seed);

    void add(scheduled_poll& task, time_point now);
    void remove(scheduled_poll& task);
    // Brings the deadline of a task forward (or back); its next poll is never later than that.
    void set_deadline(scheduled_poll& task, time_point deadline);

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

    void still_running(scheduled_poll& task, task_state const& state, time_point now);
    void poll_failed(scheduled_poll& task, failure const& why, time_point now);
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
    void answered(time_point now);
    std::chrono::milliseconds step_after(scheduled_poll const& task, std::chrono::milliseconds elapsed) const;

    poll_policy policy_;
    jitter random_;
    template <class Compare, scheduled_poll::link scheduled_poll::*Link>
    using linked =
        boost::intrusive::set<scheduled_poll, boost::intrusive::compare<Compare>,
                              boost::intrusive::member_hook<scheduled_poll, scheduled_poll::link, Link>>;

    linked<earlier, &scheduled_poll::by_time_> order_;
    linked<earlier_deadline, &scheduled_poll::by_deadline_> deadlines_;
    std::unordered_map<std::string, duration_record> records_;
    rate_limiter limiter_;
    time_point silent_until_{};
    int failures_in_a_row_ = 0; // of all tasks
    error_code slowed_by_;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/policy/poll_scheduler.ipp>
#endif

#endif
