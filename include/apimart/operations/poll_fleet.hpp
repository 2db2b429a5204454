// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_POLL_FLEET_HPP
#define APIMART_OPERATIONS_POLL_FLEET_HPP

#include <apimart/error.hpp>
#include <apimart/observer.hpp>
#include <apimart/operations/kept_tag.hpp>
#include <apimart/policy/poll_scheduler.hpp>
#include <apimart/policy/wait_end.hpp>
#include <apimart/protocol/task_id.hpp>
#include <apimart/runtime/client_runtime.hpp>
#include <apimart/task.hpp>
#include <apimart/webhook.hpp>

#include <boost/asio/error.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

class watched_task;

// One wait for a task. It is told its end once, and then belongs to nobody here any more.
class task_waiter : public boost::intrusive::set_base_hook<boost::intrusive::optimize_size<true>>
{
public:
    using time_point = std::chrono::steady_clock::time_point;

    task_waiter(std::uint64_t serial, operation_tag const& given, time_point until)
        : number(serial), tag(given), deadline(until)
    {}
    task_waiter(task_waiter const&) = delete;
    task_waiter& operator=(task_waiter const&) = delete;
    virtual ~task_waiter() = default;

    virtual void done(std::string const& task_id, result<task_result>&& outcome) = 0;
    // The execution context goes away.
    virtual void destroy() noexcept = 0;

    std::uint64_t const number; // for the observer
    kept_tag const tag;
    time_point const deadline;
    watched_task* on = nullptr; // while it waits

private:
    friend bool operator<(task_waiter const& a, task_waiter const& b) noexcept
    {
        return a.deadline < b.deadline;
    }
};

// One that is told the states before the last, too.
class state_waiter : public task_waiter
{
public:
    static constexpr auto as_scheduled = std::chrono::milliseconds::max();
    using link =
        boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

    state_waiter(std::uint64_t serial, operation_tag const& given, time_point until,
                 std::chrono::milliseconds longest_step)
        : task_waiter(serial, given, until), pace(longest_step)
    {}

    virtual void saw(std::shared_ptr<task_state const> const& state) = 0;

    std::chrono::milliseconds const pace;
    link by_pace;

private:
    friend bool operator<(state_waiter const& a, state_waiter const& b) noexcept { return a.pace < b.pace; }
};

// What the watchers of one task share.
class state_watch
{
public:
    boost::intrusive::multiset<
        state_waiter, boost::intrusive::member_hook<state_waiter, state_waiter::link, &state_waiter::by_pace>,
        boost::intrusive::constant_time_size<false>>
        watchers;
    std::shared_ptr<task_state const> latest;
};

// A poll that is under way, for one task or for many.
class running_poll
{
public:
    std::function<void()> deadline_changed;
    std::function<void(error_code)> cancel;
};

// A task that is waited for. There can be very many, so that it is kept small.
class watched_task
    : public scheduled_poll,
      public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                             boost::intrusive::optimize_size<true>>
{
public:
    using scheduled_poll::scheduled_poll;

    struct key_of
    {
        using type = std::string;
        type const& operator()(watched_task const& task) const noexcept { return task.id; }
    };

    // By deadline. There can be very many for one task.
    boost::intrusive::multiset<task_waiter, boost::intrusive::constant_time_size<false>> waiters;
    std::unique_ptr<state_watch> watch; // where it is watched
    wait_end end;
    bool accepted = false;        // by the service, when `begun` says; else that is not known
    std::uint32_t seen = 0;       // the hash of the state that the observer was told last
    std::uint64_t number = 0;     // of the first wait for it
    kept_tag tag;                 // of the same
    running_poll* poll = nullptr; // while its state is asked for
};

// All waits of a client: which task is asked when, and what an answer means for those that wait for it. It sends nothing.
class poll_fleet
{
public:
    using clock = std::chrono::steady_clock;

    poll_fleet(client_runtime& runtime, client_config const& config, std::uint64_t seed,
               std::function<void()> pump)
        : wake(std::move(pump)), batch_query_size(config.poll.batch_query_size), runtime_(runtime),
          min_interval_(config.poll.min_interval), scheduler(config.poll, seed, config.retry.max_retry_after)
    {
        scheduler.learn(config.learned_durations);
    }
    poll_fleet(poll_fleet const&) = delete;
    poll_fleet& operator=(poll_fleet const&) = delete;
    ~poll_fleet() { destroy(); }

    bool empty() const noexcept { return tasks_.empty(); }

    // Where there is no room, the waiter is told so.
    void add(std::string id, std::string const& duration_class, std::optional<clock::time_point> accepted,
             task_waiter& waiter)
    {
        if (!is_task_id(id)) {
            waiter.done(id, error_info(errc::task_not_found, "this is not a task id"));
            return;
        }
        tasks::insert_commit_data place;
        auto [found, fresh] = tasks_.insert_check(id, place);
        std::size_t const maximum = runtime_.limits.waiting_tasks;
        if (fresh && tasks_.size() >= maximum) {
            runtime_.counters.overloaded.add();
            waiter.done(id, error_info(errc::queue_full, std::to_string(tasks_.size()) +
                                                             " tasks are waited for, " +
                                                             std::to_string(maximum) + " may be"));
            return;
        }
        if (fresh) {
            auto made = std::make_unique<watched_task>(std::move(id), scheduler.durations_of(duration_class),
                                                       accepted.value_or(runtime_.now()));
            made->number = waiter.number;
            made->tag = kept_tag(waiter.tag.get());
            made->accepted = accepted.has_value();
            found = tasks_.insert_commit(*made.release(), place);
            runtime_.counters.tasks_waiting.set(tasks_.size());
        }
        watched_task& task = *found;
        task.waiters.insert(task.waiters.end(), waiter);
        waiter.on = &task;
        if (waiter.deadline < task.deadline)
            set_deadline(task, waiter.deadline);
        if (fresh)
            scheduler.add(task, runtime_.now());
    }

    // The same for one that watches. It sees at once what is known, or else what a poll will tell soon.
    void watch(std::string const& id, std::string const& duration_class,
               std::optional<clock::time_point> accepted, state_waiter& waiter)
    {
        add(id, duration_class, accepted, waiter);
        if (waiter.on == nullptr)
            return;
        watched_task& task = *waiter.on;
        if (!is_watched(task))
            task.watch = std::make_unique<state_watch>();
        task.watch->watchers.insert(waiter);
        auto const now = runtime_.now();
        if (!task.watch->latest)
            scheduler.hasten(task, now, now);
        else if (waiter.pace != state_waiter::as_scheduled)
            scheduler.hasten(task, now + waiter.pace, now);
        if (task.watch->latest)
            waiter.saw(task.watch->latest);
    }

    // Ends one wait; the others for its task go on.
    void end(task_waiter& waiter, error_info why)
    {
        if (waiter.on == nullptr)
            return;
        std::string const id = waiter.on->id;
        leave(waiter);
        waiter.done(id, std::move(why));
    }
    // It waits no longer, and is not told.
    void leave(task_waiter& waiter)
    {
        watched_task* const task = std::exchange(waiter.on, nullptr);
        if (task == nullptr)
            return;
        task->waiters.erase(task->waiters.iterator_to(waiter));
        if (task->waiters.empty())
            forget(*task);
        else if (waiter.deadline <= task->deadline)
            set_deadline(*task, earliest_deadline(*task));
    }

    // Somebody says that a task has ended. What nobody waits for is not asked for, whoever says so.
    callback_effect hint(std::string const& id)
    {
        auto const found = tasks_.find(id);
        if (found == tasks_.end() || found->waiters.empty())
            return callback_effect::not_awaited;
        if (found->hinted)
            return callback_effect::repeated;
        auto const now = runtime_.now();
        scheduler.hint(*found, now);
        return found->queued && found->next <= now ? callback_effect::confirming : callback_effect::deferred;
    }

    // Ends all waits and gives the ids of their tasks.
    std::vector<std::string> end_all(error_code why)
    {
        std::vector<std::string> ids;
        for (auto next = tasks_.begin(); next != tasks_.end();) {
            watched_task& task = *next++;
            if (task.waiters.empty())
                continue;
            ids.push_back(task.id);
            if (task.poll != nullptr)
                task.poll->cancel(why);
            end_waiters(task, error_info(why), [](task_waiter const&) { return true; });
            forget(task);
        }
        return ids;
    }

    // What a poll has learned. The task may be gone after it.
    void on_answer(watched_task& task, result<task_state>&& answer)
    {
        auto const now = runtime_.now();
        task.poll = nullptr;
        if (!answer && answer.error().code() == boost::asio::error::operation_aborted) {
            scheduler.poll_withdrawn(task);
            if (task.waiters.empty())
                forget(task);
            else // somebody has come meanwhile
                scheduler.add_again(task, now);
            return;
        }
        if (answer)
            emit_state(task, *answer);
        else if (answer.error().code() == condition::rate_limited)
            runtime_.counters.rate_limited.add();
        if (answer)
            task.end.answered();
        auto const age = task.accepted ? now - task.begun : wait_end::unknown_age;
        bool const no_result = !answer && answer.error().underlying() == errc::no_result;
        bool const over = answer      ? is_final(answer->status())
                          : no_result ? task.end.after_no_result(now)
                                      : task.end.after(answer.error().code(), age);
        if (over && !task.waiters.empty()) {
            report(task, answer, now);
            if (answer) {
                runtime_.counters.tasks_finished.add();
                end_waiters(
                    task, result<task_result>(boost::system::in_place_value, std::move(*answer), task.polls),
                    [](task_waiter const&) { return true; });
            } else {
                error_info why = answer.error();
                if (no_result)
                    why.code(errc::no_result)
                        .client_message("completed without a result in " + std::to_string(task.polls) +
                                        " polls");
                end_waiters(task, std::move(why), [](task_waiter const&) { return true; });
            }
            forget(task);
            return;
        }
        if (answer)
            show(task, *answer);
        // Those whose time is up must not hasten the next poll.
        error_info why(errc::wait_timeout);
        if (answer)
            why.client_message("last seen " + answer->raw_status() + " in " + std::to_string(task.polls) +
                               " polls")
                .server_message(
                    server_message(answer->error().code(), answer->error().type(), answer->error().text()));
        else
            why.underlying(answer.error().code())
                .client_message("the last poll failed: " + answer.error().describe());
        auto const late = [now](task_waiter const& each) { return each.deadline <= now; };
        end_waiters(task, std::move(why), late);
        if (!task.waiters.empty())
            set_deadline(task, earliest_deadline(task));
        report(task, answer, now);
        if (task.waiters.empty())
            forget(task);
    }

    // An answer about many did not tell the state of this one.
    void ask_alone(watched_task& task)
    {
        task.poll = nullptr;
        scheduler.ask_alone(task, runtime_.now());
        if (task.waiters.empty())
            forget(task);
    }

    // The service refuses to tell of that many at a time, or of many at all.
    void ask_for_fewer(bool for_many)
    {
        batch_query_size = for_many ? batch_query_size / 2 : 0;
        scheduler.ask_for_many(batch_query_size > 1);
    }

    // A poll begins, perhaps later than planned.
    void note_delay(scheduled_poll const& task, clock::time_point now)
    {
        auto const delay = std::max(now - task.next, clock::duration::zero());
        runtime_.counters.poll_delay_ms.set(
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(delay).count()));
        if (delay > min_interval_)
            runtime_.counters.polls_late.add();
    }

    // No poll can begin now.
    void note_backlog(poll_scheduler::limit reached, clock::time_point now)
    {
        std::optional<poll_scheduler::backlog> const begun = scheduler.begun_backlog(reached, now);
        if (!begun || !runtime_.observer.on_backpressure)
            return;
        backpressure_event event;
        event.where = reached == poll_scheduler::limit::rate ? backpressure_event::place::poll_rate
                                                             : backpressure_event::place::poll_concurrency;
        event.waiting = begun->polls;
        event.delay = std::chrono::duration_cast<std::chrono::milliseconds>(begun->delay);
        runtime_.emit(runtime_.observer.on_backpressure, event);
    }

    // A time limit came while nothing may be asked: those whose time is up end without a last check.
    void expire_unasked(watched_task& task, error_info const& because)
    {
        auto const now = runtime_.now();
        error_info why(errc::wait_timeout);
        why.underlying(because.code()).client_message("the last poll failed: " + because.describe());
        end_waiters(task, std::move(why), [now](task_waiter const& each) { return each.deadline <= now; });
        if (task.waiters.empty()) {
            forget(task);
            return;
        }
        set_deadline(task, earliest_deadline(task));
        scheduler.postpone(task, now);
    }

    // The execution context goes away.
    void destroy() noexcept
    {
        while (!tasks_.empty()) {
            watched_task& task = *tasks_.begin();
            while (!task.waiters.empty()) {
                task_waiter& waiter = *task.waiters.begin();
                task.waiters.erase(task.waiters.begin());
                waiter.on = nullptr;
                waiter.destroy();
            }
            remove(task);
        }
    }

    int polls_under_way = 0;
    deadline wake; // when the next poll is due
    std::size_t batch_query_size;

private:
    using tasks = boost::intrusive::set<watched_task, boost::intrusive::key_of_value<watched_task::key_of>>;

    static clock::time_point earliest_deadline(watched_task const& task)
    {
        return task.waiters.empty() ? clock::time_point::max() : task.waiters.begin()->deadline;
    }
    void set_deadline(watched_task& task, clock::time_point when)
    {
        scheduler.set_deadline(task, when);
        if (task.poll != nullptr)
            task.poll->deadline_changed();
    }

    template <class Predicate>
    static void end_waiters(watched_task& task, result<task_result>&& outcome, Predicate predicate)
    {
        for (auto next = task.waiters.begin(); next != task.waiters.end();) {
            task_waiter& waiter = *next++;
            if (!predicate(waiter))
                continue;
            bool const is_last = next == task.waiters.end();
            task.waiters.erase(task.waiters.iterator_to(waiter));
            waiter.on = nullptr;
            if (is_last)
                waiter.done(task.id, std::move(outcome));
            else
                waiter.done(task.id, result<task_result>(outcome));
        }
    }

    static bool is_watched(watched_task const& task) { return task.watch && !task.watch->watchers.empty(); }
    static std::chrono::milliseconds pace_of(watched_task const& task)
    {
        return is_watched(task) ? task.watch->watchers.begin()->pace : state_waiter::as_scheduled;
    }

    static void show(watched_task& task, task_state const& state)
    {
        if (!is_watched(task)) {
            task.watch.reset();
            return;
        }
        std::shared_ptr<task_state const>& latest = task.watch->latest;
        if (latest && latest->raw_status() == state.raw_status() && latest->progress() == state.progress() &&
            latest->error().text() == state.error().text())
            return;
        latest = std::make_shared<task_state>(state);
        for (state_waiter& each : task.watch->watchers)
            each.saw(latest);
    }

    // What an answer means for all polls together, and for the next one of this task.
    void report(watched_task& task, result<task_state> const& answer, clock::time_point now)
    {
        if (!answer)
            scheduler.poll_failed(task, answer.error(), now);
        else if (is_final(answer->status()))
            scheduler.finished(task, *answer, now);
        else
            scheduler.still_running(task, *answer, now, pace_of(task));
    }

    // No wait for it is left. A poll that is under way refers to it, and ends first.
    void forget(watched_task& task)
    {
        if (task.poll == nullptr)
            remove(task);
        else
            task.poll->cancel(boost::asio::error::operation_aborted);
    }
    void remove(watched_task& task) noexcept
    {
        scheduler.remove(task);
        tasks_.erase(tasks_.iterator_to(task));
        runtime_.counters.tasks_waiting.set(tasks_.size());
        delete &task;
    }

    void emit_state(watched_task& task, task_state const& state)
    {
        if (!runtime_.observer.on_task)
            return;
        auto const seen = static_cast<std::uint32_t>(
            std::hash<std::string>()(state.raw_status() + std::to_string(state.progress().value_or(-1))));
        if (std::exchange(task.seen, seen) == seen)
            return;
        task_event event;
        event.task_id = task.id;
        event.tag = task.tag.get();
        event.status = state.status();
        event.raw_status = state.raw_status();
        event.progress = state.progress();
        event.polls = task.polls;
        runtime_.emit(runtime_.observer.on_task, event);
    }

    client_runtime& runtime_;
    std::chrono::milliseconds const min_interval_;
    tasks tasks_;

public:
    poll_scheduler scheduler;
};

} // namespace apimart::detail

#endif
