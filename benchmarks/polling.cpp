// How often is a task asked, and how late is its end seen, by the library's schedule and by the loops that one writes?
//
// In virtual time, with the schedule that the client uses itself: tasks come at ten a second, take as long as a distribution
// says, and are asked until they are done; an answer takes no time. The library begins without knowing how long tasks take.
// "knows all" asks at the times that are the best for a lag of at most three seconds in 19 of 20 tasks, computed from the
// distribution itself: nobody who is told nothing but "not yet" can do with fewer questions. With the batch query, the answer
// is taken to tell of every task in full.
//
// usage: polling [--check]     with --check, fails where a bound is broken, and says which

#include <apimart/policy/poll_scheduler.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

// Times are in seconds.
struct simulated_task
{
    std::string model;
    double submitted;
    double takes;
};

struct figures
{
    double polls = 0;                      // requests per task
    double median = 0, p95 = 0, worst = 0; // from the end of a task until it is seen
    std::size_t busiest_second = 0;        // polls
};

// What was asked when, and how late ends were seen.
class ledger
{
public:
    void asked(double now) { asked_.push_back(now); }
    void seen(double lag) { lags_.push_back(lag); }
    std::size_t done() const { return lags_.size(); }

    figures sum()
    {
        std::sort(lags_.begin(), lags_.end());
        std::sort(asked_.begin(), asked_.end());
        auto const at = [&](double share) {
            return lags_[static_cast<std::size_t>(share * static_cast<double>(lags_.size() - 1))];
        };
        figures f{static_cast<double>(asked_.size()) / static_cast<double>(done()), at(.5), at(.95), at(1),
                  0};
        for (std::size_t first = 0, last = 0; last < asked_.size(); ++last) {
            while (asked_[last] - asked_[first] >= 1 - 1e-6)
                ++first;
            f.busiest_second = std::max(f.busiest_second, last - first + 1);
        }
        return f;
    }

private:
    std::vector<double> asked_, lags_;
};

// Every task by itself; `next` says when it is asked after it was asked, counted from its submit.
figures with_loops(std::vector<simulated_task> const& tasks,
                   std::function<double(simulated_task const&, double asked, int polls)> const& next)
{
    ledger book;
    for (simulated_task const& task : tasks) {
        double at = 0;
        for (int polls = 0; at < task.takes; ++polls) {
            at = next(task, at, polls);
            book.asked(task.submitted + at);
        }
        book.seen(at - task.takes);
    }
    return book.sum();
}

figures with_the_library(std::vector<simulated_task> const& tasks, apimart::poll_policy const& policy)
{
    using namespace apimart;
    using namespace apimart::detail;
    using time_point = poll_scheduler::time_point;
    struct waiting final : scheduled_poll
    {
        using scheduled_poll::scheduled_poll;
        double end = 0;
    };
    time_point const start(1h);
    auto const to_time = [&](double at) {
        return start + std::chrono::duration_cast<time_point::duration>(std::chrono::duration<double>(at));
    };
    ledger book;
    poll_scheduler schedule(policy, 1);
    std::vector<std::unique_ptr<waiting>> begun;
    time_point time = start;
    while (book.done() < tasks.size()) {
        auto const wake = schedule.wake_at();
        if (begun.size() < tasks.size()) {
            simulated_task const& coming = tasks[begun.size()];
            time_point const at = to_time(coming.submitted);
            if (!wake || at <= *wake) {
                begun.push_back(std::make_unique<waiting>("task", schedule.durations_of(coming.model), at));
                begun.back()->end = coming.submitted + coming.takes;
                schedule.add(*begun.back(), at);
                continue;
            }
        }
        // What is late is due in the past.
        time = std::max(time, *wake);
        std::vector<scheduled_poll*> batch{schedule.take_due(time)};
        if (batch.front() == nullptr)
            continue;
        if (policy.batch_query_size > 1)
            schedule.take_along(batch, policy.batch_query_size - 1, time);
        double const now = std::chrono::duration<double>(time - start).count();
        book.asked(now);
        for (scheduled_poll* const each : batch) {
            double const end = static_cast<waiting*>(each)->end;
            if (now < end) {
                schedule.still_running(*each, {"task", task_status::running, "processing"}, time);
            } else {
                schedule.finished(*each, {"task", task_status::succeeded, "completed"}, time);
                book.seen(now - end);
            }
        }
    }
    return book.sum();
}

// The times at which a task is asked best by somebody who knows how long such tasks take: of all schedules whose lag is at
// most `lag` for 19 of 20 tasks, one with the fewest questions. Computed from the end; a late task costs as much as makes
// one in twenty late.
class best_times
{
public:
    best_times(std::vector<double> durations, double lag) : lag_(static_cast<std::size_t>(lag / step))
    {
        std::sort(durations.begin(), durations.end());
        std::size_t const size = static_cast<std::size_t>(durations.back() / step) + 2;
        for (std::size_t i = 0; i < size; ++i)
            done_.push_back(static_cast<double>(std::upper_bound(durations.begin(), durations.end(),
                                                                 static_cast<double>(i) * step) -
                                                durations.begin()) /
                            static_cast<double>(durations.size()));
        double low = 0;
        double high = 1000;
        for (int i = 0; i < 30; ++i)
            (late(low + (high - low) / 2) > .05 ? low : high) = low + (high - low) / 2;
        late(high);
    }

    double after(double asked) const
    {
        return static_cast<double>(next_[static_cast<std::size_t>(asked / step + .5)]) * step;
    }

private:
    static constexpr double step = .1;

    double late_between(std::size_t asked, std::size_t next) const
    {
        return next <= asked + lag_ ? 0 : done_[next - lag_] - done_[asked];
    }

    double late(double price)
    {
        std::size_t const last = done_.size() - 1;
        std::vector<double> cost(done_.size(), 0);
        next_.assign(done_.size(), last);
        for (std::size_t i = last; i-- > 0;) {
            double best = 1e9;
            for (std::size_t j = i + 1; j <= std::min(last, i + 3000); ++j) {
                double const all = 1 - done_[i] + price * late_between(i, j) + cost[j];
                if (all < best) {
                    best = all;
                    next_[i] = j;
                }
            }
            cost[i] = best;
        }
        double sum = 0;
        for (std::size_t i = 0; i != last; i = next_[i])
            sum += late_between(i, next_[i]);
        return sum;
    }

    std::size_t const lag_;
    std::vector<double> done_; // the share of tasks that have ended by each step of time
    std::vector<std::size_t> next_;
};

figures with_best_times(std::vector<simulated_task> const& tasks)
{
    std::map<std::string, std::vector<double>> durations;
    for (simulated_task const& task : tasks)
        durations[task.model].push_back(task.takes);
    std::map<std::string, best_times> best;
    for (auto const& [model, known] : durations)
        best.emplace(model, best_times(known, 3));
    return with_loops(tasks, [&](simulated_task const& task, double asked, int) {
        return best.at(task.model).after(asked);
    });
}

class bounds
{
public:
    void hold(bool holds, std::string const& what)
    {
        if (holds)
            return;
        broken_ = true;
        std::printf("  broken: %s\n", what.c_str());
    }
    bool broken() const { return broken_; }

private:
    bool broken_ = false;
};

void print(char const* name, figures const& f)
{
    std::printf("%-20s %13.2f %10.1f %10.1f %10.1f %15zu\n", name, f.polls, f.median, f.p95, f.worst,
                f.busiest_second);
}

using tasks_of = std::function<simulated_task(std::mt19937_64&)>;

void compare(char const* title, std::size_t count, tasks_of const& make, bounds& check)
{
    std::mt19937_64 random(count);
    std::exponential_distribution<double> until_next(10);
    std::vector<simulated_task> tasks;
    for (double now = 0; tasks.size() < count; now += until_next(random)) {
        tasks.push_back(make(random));
        tasks.back().submitted = now;
    }
    std::printf("\n%zu tasks, %s\n%-20s %13s %10s %10s %10s %15s\n", count, title, "schedule",
                "requests/task", "lag p50", "lag p95", "lag worst", "busiest second");
    apimart::poll_policy const policy;
    figures const ours = with_the_library(tasks, policy);
    auto const loop = [&](std::string const& name, std::function<double(int)> const& interval) {
        figures const f = with_loops(
            tasks, [&](simulated_task const&, double asked, int polls) { return asked + interval(polls); });
        print(name.c_str(), f);
        check.hold(ours.polls <= f.polls || ours.p95 <= f.p95, name + " is better in polls and in lag");
    };
    for (double const interval : {.5, 1., 2., 5., 10., 20.}) {
        std::array<char, 32> name{};
        std::snprintf(name.data(), name.size(), "every %g s", interval);
        loop(name.data(), [&](int) { return interval; });
    }
    loop("x1.5 up to 5 s", [](int polls) { return std::min(5., std::pow(1.5, polls)); });
    loop("x2 up to 5 min", [](int polls) { return std::min(300., std::pow(2., polls)); });
    figures const best = with_best_times(tasks);
    print("knows all", best);
    print("apimart", ours);
    apimart::poll_policy in_batches = policy;
    in_batches.batch_query_size = 500;
    figures const batches = with_the_library(tasks, in_batches);
    print("apimart, batch query", batches);
    check.hold(batches.polls <= .2, "a fifth of a request for each task with the batch query");
    // Of a thousand tasks that come in two minutes nearly all are under way before the first of them end.
    check.hold(count < 10'000 || ours.polls * (ours.p95 + 1) <= 2 * best.polls * (best.p95 + 1),
               "twice what somebody needs who knows all");
    check.hold(ours.busiest_second <= static_cast<std::size_t>(policy.requests_per_second),
               "more polls in a second than the policy allows");
}

} // namespace

int main(int argc, char** argv)
{
    bool const must_hold = argc == 2 && argv[1] == std::string_view("--check");
    if (argc > 1 && !must_hold) {
        std::fputs("usage: polling [--check]\n", stderr);
        return 2;
    }
    bounds check;
    for (std::size_t const count : {std::size_t{1'000}, std::size_t{10'000}}) {
        compare(
            "log-normal, median 100 s, sigma 0.25", count,
            [](std::mt19937_64& random) {
                return simulated_task{"one", 0, std::lognormal_distribution(std::log(100.), .25)(random)};
            },
            check);
        compare(
            "uniform, 30 to 300 s", count,
            [](std::mt19937_64& random) {
                return simulated_task{"one", 0, std::uniform_real_distribution(30., 300.)(random)};
            },
            check);
        compare(
            "two models: normal, 40 s +- 4 s and 180 s +- 15 s", count,
            [](std::mt19937_64& random) {
                bool const quick = std::bernoulli_distribution(.5)(random);
                return simulated_task{quick ? "quick" : "slow", 0,
                                      std::max(5., quick ? std::normal_distribution(40., 4.)(random)
                                                         : std::normal_distribution(180., 15.)(random))};
            },
            check);
    }
    return must_hold && check.broken() ? 1 : 0;
}
