// Which task is asked when: hours of waiting in virtual time.
#include <apimart/policy/backoff.hpp>
#include <apimart/policy/poll_scheduler.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

using time_point = poll_scheduler::time_point;

task_state running()
{
    return {"t", task_status::running, "processing"};
}

task_state succeeded()
{
    return {"t", task_status::succeeded, "completed"};
}

// Runs a schedule until every task is done; each takes the time given for it.
class simulation
{
public:
    explicit simulation(poll_policy const& policy) : schedule(policy, 1) {}

    void add(std::string id, std::string const& profile, std::chrono::milliseconds takes)
    {
        tasks.push_back(std::make_unique<scheduled_poll>(id, schedule.durations_of(profile), now));
        ends[id] = now + takes;
        schedule.add(*tasks.back(), now);
    }

    void run()
    {
        while (auto const wake = schedule.wake_at()) {
            now = std::max(now, *wake);
            scheduled_poll* const due = schedule.take_due(now);
            REQUIRE(due != nullptr);
            asked.push_back(now);
            if (now >= ends[due->id]) {
                schedule.finished(*due, succeeded(), now);
                late[due->id] = std::chrono::duration_cast<std::chrono::milliseconds>(now - ends[due->id]);
            } else {
                schedule.still_running(*due, running(), now);
            }
        }
    }

    time_point now = time_point(100h);
    poll_scheduler schedule;
    std::vector<std::unique_ptr<scheduled_poll>> tasks;
    std::map<std::string, time_point> ends;
    std::map<std::string, std::chrono::milliseconds> late;
    std::vector<time_point> asked;
};

} // namespace

TEST_CASE("a task is not asked before the first interval nor more often than the shortest one")
{
    poll_policy policy;
    simulation s(policy);
    auto const begun = s.now;
    s.add("a", "p", 300s);
    s.run();
    REQUIRE(s.asked.size() > 3);
    CHECK(s.asked.front() - begun >= policy.initial_delay);
    for (std::size_t i = 1; i < s.asked.size(); ++i)
        CHECK(s.asked[i] - s.asked[i - 1] >= policy.min_interval);
    CHECK(s.late["a"] <= policy.max_interval);
}

TEST_CASE("what was learnt keeps the next task of its kind quiet until it can be done")
{
    simulation s{poll_policy{}};
    for (int i = 0; i < 8; ++i) {
        s.add("warm" + std::to_string(i), "kling/720p/5", 70s + i * 1s);
        s.run();
    }
    s.asked.clear();
    auto const begun = s.now;
    s.add("next", "kling/720p/5", 74s);
    s.run();
    CHECK(s.asked.front() - begun >= 66s);
    CHECK(s.asked.size() <= 6);
    CHECK(s.late["next"] <= 2s);

    // Tasks that become quicker are not asked late for ever.
    for (int i = 0; i < 40; ++i) {
        s.add("quick" + std::to_string(i), "kling/720p/5", 40s);
        s.run();
    }
    CHECK(s.late["quick39"] <= 5s);

    // Another kind of task learns nothing from it.
    s.asked.clear();
    auto const other = s.now;
    s.add("other", "veo/4K/8", 10s);
    s.run();
    CHECK(s.asked.front() - other < 4s);
}

TEST_CASE("all tasks together stay within the request rate")
{
    poll_policy policy;
    policy.requests_per_second = 50;
    simulation s(policy);
    for (int i = 0; i < 500; ++i)
        s.add("t" + std::to_string(i), "p", 60s);
    s.run();
    std::size_t first = 0;
    for (std::size_t i = 0; i < s.asked.size(); ++i) {
        while (s.asked[i] - s.asked[first] >= 1s)
            ++first;
        REQUIRE(i - first + 1 <= 50);
    }
    CHECK(s.late.size() == 500);
}

TEST_CASE("a poll is never planned beyond the deadline of the first waiter")
{
    simulation s{poll_policy{}};
    s.add("a", "p", 10h);
    s.schedule.set_deadline(*s.tasks[0], s.now + 5s);
    auto const deadline = s.now + 5s;
    std::vector<time_point> seen;
    while (s.now < deadline) {
        s.now = std::max(s.now, s.schedule.wake_at().value());
        scheduled_poll* const due = s.schedule.take_due(s.now);
        REQUIRE(due != nullptr);
        seen.push_back(s.now);
        if (s.now < deadline)
            s.schedule.still_running(*due, running(), s.now);
    }
    CHECK(seen.back() == deadline);
}

TEST_CASE("failed polls space out, and being told to slow down holds back every task")
{
    poll_scheduler schedule({}, 1);
    auto const now = time_point(100h);
    scheduled_poll a("a", nullptr, now);
    scheduled_poll b("b", nullptr, now - 1h);
    schedule.add(a, now);
    scheduled_poll* due = schedule.take_due(now + 3s);
    REQUIRE(due == &a);
    error_info slow(make_error_code(api_errc::rate_limited));
    slow.retry_after(20s);
    schedule.poll_failed(a, slow, now + 3s);
    schedule.add(b, now + 4s);
    CHECK(schedule.take_due(now + 10s) == nullptr);
    CHECK(schedule.wake_at().value() >= now + 23s);

    auto gap = 0ms;
    for (int i = 0; i < 12; ++i) {
        auto const at = schedule.wake_at().value();
        due = schedule.take_due(at);
        if (due == &b) {
            schedule.remove(b);
            continue;
        }
        REQUIRE(due == &a);
        schedule.poll_failed(a, error_info(errc::connection_lost), at);
        gap = std::chrono::duration_cast<std::chrono::milliseconds>(a.next - at);
        CHECK(gap <= 60s);
    }
    CHECK(gap >= 30s);
}

TEST_CASE("a silence of a day is asked for by one answer, and the other tasks are asked on")
{
    for (api_errc const why : {api_errc::rate_limited, api_errc::unavailable}) {
        CAPTURE(make_error_code(why).message());
        poll_scheduler schedule({}, 1);
        auto const begun = time_point(100h);
        scheduled_poll told("told", nullptr, begun);
        scheduled_poll other("other", nullptr, begun - 1h);
        schedule.add(told, begun);
        auto now = schedule.wake_at().value();
        REQUIRE(schedule.take_due(now) == &told);
        error_info refusal(make_error_code(why));
        refusal.retry_after(86'400s);
        schedule.poll_failed(told, refusal, now);
        schedule.add(other, now);
        auto const soon = schedule.wake_at().value();
        CHECK(soon <= now + 2s);
        REQUIRE(schedule.take_due(soon) == &other);
        schedule.finished(other, succeeded(), soon);
        // The task that was told waits as long as is believed, and no longer.
        CHECK(told.next >= now + 120s);
        CHECK(told.next <= now + 121s);
    }
}

TEST_CASE("the service's estimate is used, but not trusted for long")
{
    poll_policy policy;
    poll_scheduler schedule(policy, 1);
    auto now = time_point(100h);
    scheduled_poll a("a", nullptr, now);
    schedule.add(a, now);
    now = schedule.wake_at().value();
    REQUIRE(schedule.take_due(now) == &a);
    schedule.still_running(a, running().estimated_time(3600s), now);
    CHECK(a.next - now <= policy.max_interval + policy.max_interval / 10);
    CHECK(a.next - now >= policy.max_interval / 2);
}

TEST_CASE("a task can be taken out at any time")
{
    poll_scheduler schedule({}, 1);
    auto const now = time_point(100h);
    scheduled_poll a("a", nullptr, now);
    schedule.add(a, now);
    schedule.remove(a);
    CHECK_FALSE(schedule.wake_at().has_value());
    schedule.remove(a);
    CHECK(schedule.size() == 0);
}

namespace {

// Many tasks that never end, polled over a network with a delay, as many at a time as a client would.
class fleet
{
public:
    using verdict = std::function<std::optional<error_info>(time_point)>;

    fleet(poll_policy const& policy, int size) : schedule(policy, 5), places_(policy.max_concurrent)
    {
        for (int i = 0; i < size; ++i) {
            // Old already, and not all of one age.
            auto const age = std::chrono::seconds(3600 + i % 600);
            tasks.push_back(std::make_unique<scheduled_poll>("t" + std::to_string(i),
                                                             schedule.durations_of("p"), now - age));
            tasks.back()->next = {};
            schedule.add(*tasks.back(), now);
        }
    }

    void run(std::chrono::seconds how_long, verdict const& judge)
    {
        auto const end = now + how_long;
        while (now < end) {
            while (!under_way_.empty() && under_way_.top().back <= now) {
                scheduled_poll& task = *under_way_.top().task;
                under_way_.pop();
                if (auto const why = judge(now)) {
                    ++failed;
                    schedule.poll_failed(task, *why, now);
                } else {
                    answered.push_back(now);
                    schedule.still_running(task, running(), now);
                }
            }
            while (static_cast<int>(under_way_.size()) < places_) {
                scheduled_poll* const due = schedule.take_due(now);
                if (due == nullptr)
                    break;
                if (schedule.silent(now)) {
                    ended.emplace_back(due, now);
                    continue;
                }
                asked.push_back(now);
                if (due->deadline <= now)
                    ended.emplace_back(due, now); // its last check; nobody waits for it after that
                else
                    under_way_.push({now + takes, due});
            }
            auto next = end;
            if (!under_way_.empty())
                next = std::min(next, under_way_.top().back);
            if (static_cast<int>(under_way_.size()) < places_) {
                if (auto const wake = schedule.wake_at())
                    next = std::min(next, *wake);
            }
            now = std::max(now, next);
        }
    }

    std::ptrdiff_t asked_within(time_point from, std::chrono::milliseconds length) const
    {
        return std::lower_bound(asked.begin(), asked.end(), from + length) -
               std::lower_bound(asked.begin(), asked.end(), from);
    }

    time_point now = time_point(100h);
    poll_scheduler schedule;
    std::vector<std::unique_ptr<scheduled_poll>> tasks;
    std::chrono::milliseconds takes{40};
    std::vector<time_point> asked;
    std::vector<time_point> answered;
    std::vector<std::pair<scheduled_poll*, time_point>> ended;
    int failed = 0;

private:
    struct flight
    {
        time_point back;
        scheduled_poll* task;

        bool operator<(flight const& other) const { return back > other.back; }
    };

    int places_;
    std::priority_queue<flight> under_way_;
};

std::optional<error_info> works(time_point)
{
    return std::nullopt;
}

} // namespace

// X2: the service is down for ten minutes while 10,000 tasks are waited for.
TEST_CASE("an outage is met with at most a twentieth of the polls, and its end with all of them, but no herd")
{
    struct shape
    {
        errc code;
        std::chrono::milliseconds takes;
        std::chrono::seconds lasts;
    };
    for (shape const& each :
         {shape{errc::connect_failed, 1ms, 600s}, shape{errc::connection_lost, 40ms, 600s},
          shape{errc::connect_timeout, 5000ms, 600s}, shape{errc::connect_failed, 1ms, 60s}}) {
        errc const code = each.code;
        auto const lasts = each.lasts;
        CAPTURE(make_error_code(code).message());
        CAPTURE(lasts.count());
        poll_policy policy;
        policy.max_interval = 60s;
        fleet f(policy, 10'000);
        f.run(180s, works);
        auto const normal = static_cast<double>(f.asked_within(f.now - 60s, 60s)) / 60;
        CHECK(normal > 150);

        auto const down = f.now;
        f.takes = each.takes;
        f.run(lasts, [&](time_point) { return error_info(code); });
        CHECK(static_cast<double>(f.asked_within(down, lasts)) <=
              0.05 * normal * static_cast<double>(lasts.count()));
        // From the fifth second on, not only in the mean.
        CHECK(f.asked_within(down + 5s, 10s) <= 0.05 * normal * 10);
        CHECK(f.schedule.rate() <= 0.05 * normal);
        CHECK(f.schedule.slowed_by() == code);

        auto const up = f.now;
        f.takes = 40ms;
        f.run(150s, works);
        CHECK(static_cast<double>(f.asked_within(up + 30s, 10s)) >= 0.95 * normal * 10);
        for (auto from = up; from < up + 60s; from += 100ms)
            REQUIRE(static_cast<double>(f.asked_within(from, 1s)) <= 2 * normal);
        // Nobody is forgotten.
        for (auto const& task : f.tasks)
            REQUIRE((!task->queued || task->next > up + 60s));
    }
}

TEST_CASE("time limits come to their end during an outage, with a last check or without")
{
    poll_policy policy;
    policy.max_interval = 60s;
    fleet f(policy, 2000);
    f.run(120s, works);
    auto const fails = [](time_point) { return error_info(errc::connect_failed); };
    f.takes = 1ms;
    f.run(60s, fails);
    for (std::size_t i = 0; i < 500; ++i)
        f.schedule.set_deadline(*f.tasks[i], f.now + std::chrono::milliseconds(100 * i));
    f.run(120s, fails);
    CHECK(f.ended.size() == 500);
    for (auto const& [task, at] : f.ended) {
        CHECK(at >= task->deadline);
        REQUIRE(at - task->deadline <= 1001ms);
    }
}

TEST_CASE("the last check of a task whose time is up goes before all others")
{
    poll_policy policy;
    policy.requests_per_second = 10;
    policy.max_concurrent = 1;
    fleet f(policy, 5000); // far more than can be asked in time
    f.run(30s, works);
    scheduled_poll late("late", nullptr, f.now - 1h);
    f.schedule.add(late, f.now);
    f.schedule.set_deadline(late, f.now + 3s);
    auto const deadline = late.deadline;
    f.run(10s, works);
    REQUIRE(f.ended.size() == 1);
    CHECK(f.ended.front().first == &late);
    CHECK(late.polls == 1);
    CHECK(f.ended.front().second - deadline <= 200ms);
}

TEST_CASE("a service that fails now and then is asked at the usual rate")
{
    poll_policy policy;
    policy.max_interval = 60s;
    fleet f(policy, 10'000);
    f.run(180s, works);
    auto const normal = f.asked_within(f.now - 60s, 60s);
    jitter random(3);
    f.run(120s, [&](time_point) {
        return random.draw() < 0.1 ? std::optional(error_info(errc::connection_lost)) : std::nullopt;
    });
    CHECK(f.failed > 500);
    CHECK(static_cast<double>(f.asked_within(f.now - 60s, 60s)) >= 0.95 * static_cast<double>(normal));
}

// X3 for polls: everything above the service's limit is refused.
TEST_CASE("polls that are refused for their rate slow all polls to what the service bears")
{
    for (double const allowed : {5.0, 20.0, 80.0}) {
        for (auto const& retry_after : {std::optional<std::chrono::seconds>(), std::optional(1s)}) {
            CAPTURE(allowed);
            CAPTURE(retry_after.has_value());
            poll_policy policy;
            fleet f(policy, 10'000);
            f.run(60s, works);
            auto const begun = f.now;
            double tokens = allowed;
            time_point seen = f.now;
            f.run(60s, [&](time_point at) -> std::optional<error_info> {
                tokens =
                    std::min(allowed, tokens + allowed * std::chrono::duration<double>(at - seen).count());
                seen = at;
                if (tokens >= 1) {
                    tokens -= 1;
                    return std::nullopt;
                }
                return error_info(make_error_code(api_errc::rate_limited)).retry_after(retry_after);
            });
            auto const done = std::count_if(f.answered.begin(), f.answered.end(),
                                            [&](time_point at) { return at >= begun; });
            CHECK(static_cast<double>(done) >= 0.8 * 60 * allowed);
            CHECK(static_cast<double>(f.asked_within(begun + 3s, 57s)) <= 1.15 * 57 * allowed + 10);
            CHECK(f.schedule.slowed_by() == api_errc::rate_limited);
            // Lifted: back to the configured rate.
            f.run(60s, works);
            CHECK(f.schedule.rate() == policy.requests_per_second);
            CHECK(f.asked_within(f.now - 5s, 5s) >= 950);
        }
    }
}

namespace {

// A task that is asked for hints only, because its like take days; and when it was asked.
class hinted_task
{
public:
    explicit hinted_task(poll_policy const& policy = slow())
        : schedule(policy, 1), task("a", schedule.durations_of("days"), now)
    {
        for (int i = 0; i < 3; ++i)
            schedule.finished(*std::make_unique<scheduled_poll>("b", task.durations, now - 90h), succeeded(),
                              now);
        schedule.add(task, now);
    }

    static poll_policy slow()
    {
        poll_policy policy;
        policy.min_interval = 1s;
        policy.max_interval = 20min;
        return policy;
    }

    // Goes on to `end`, with a hint before every step, or at the beginning only.
    void run_until(time_point end, std::chrono::milliseconds step, bool hints = true)
    {
        for (; now < end; now += step) {
            if (hints)
                schedule.hint(task, now);
            while (scheduled_poll* const due = schedule.take_due(now)) {
                asked.push_back(now - begun);
                schedule.still_running(*due, running(), now);
            }
        }
    }

    time_point const begun = time_point(100h);
    time_point now = begun;
    poll_scheduler schedule;
    scheduled_poll task;
    std::vector<time_point::duration> asked;
};

} // namespace

TEST_CASE("a hint makes the next poll due at once, one poll for each")
{
    hinted_task s;
    s.now += 5s;
    s.schedule.hint(s.task, s.now);
    CHECK(s.schedule.wake_at() == s.now);
    s.run_until(s.now + 8min, 1s, false);
    REQUIRE(s.asked.size() == 1);
    CHECK(s.asked[0] == 5s);
}

TEST_CASE("a flood of hints is asked for at a pace that halves with every poll that sees no end")
{
    hinted_task s;
    s.run_until(s.begun + 1h, 100ms);
    // 1 s doubled with each, up to the longest interval: 2, 4, 8, ... 1024, 1200 s after the one before.
    REQUIRE(s.asked.size() == 12);
    CHECK(s.asked[0] == 0s);
    for (std::size_t i = 1; i < s.asked.size(); ++i)
        CHECK(s.asked[i] - s.asked[i - 1] == std::min<time_point::duration>(1s * (1 << i), 1200s));
}

TEST_CASE("a flood of hints never asks more often than the shortest interval, whatever the intervals are")
{
    poll_policy policy = hinted_task::slow();
    policy.max_interval = policy.min_interval = 3s;
    hinted_task s(policy);
    s.run_until(s.begun + 1min, 100ms);
    REQUIRE(s.asked.size() >= 19);
    for (std::size_t i = 1; i < s.asked.size(); ++i)
        CHECK(s.asked[i] - s.asked[i - 1] >= 3s);
}

TEST_CASE("a hint that comes while the task is asked is followed by another poll at the pace")
{
    hinted_task s;
    s.schedule.hint(s.task, s.now);
    scheduled_poll* const due = s.schedule.take_due(s.now);
    REQUIRE(due == &s.task);
    s.now += 200ms;
    s.schedule.hint(s.task, s.now);
    CHECK_FALSE(s.schedule.wake_at());
    s.schedule.still_running(s.task, running(), s.now);
    // The first one saw no end.
    CHECK(s.schedule.wake_at() == s.now + 2s);
    s.now += 2s;
    REQUIRE(s.schedule.take_due(s.now) == &s.task);
    s.schedule.still_running(s.task, running(), s.now);
    CHECK(s.schedule.wake_at().value() > s.now + 24h);
}

TEST_CASE("a hint shortens neither a pause after a failure nor one that the service asked for")
{
    for (error_info const& why :
         {error_info(api_errc::unavailable), error_info(api_errc::rate_limited).retry_after(7s)}) {
        hinted_task s;
        s.schedule.hint(s.task, s.now);
        REQUIRE(s.schedule.take_due(s.now) == &s.task);
        s.schedule.poll_failed(s.task, why, s.now);
        auto const planned = s.schedule.wake_at();
        s.schedule.hint(s.task, s.now + 1ms);
        CHECK(s.schedule.wake_at() == planned);
    }
}

TEST_CASE("hints for many tasks stay within the request rate, and never go beyond a deadline")
{
    poll_policy policy = hinted_task::slow();
    policy.requests_per_second = 10;
    poll_scheduler schedule(policy, 1);
    time_point now(100h);
    std::vector<std::unique_ptr<scheduled_poll>> tasks;
    for (int i = 0; i < 200; ++i) {
        tasks.push_back(std::make_unique<scheduled_poll>("t" + std::to_string(i), nullptr, now));
        schedule.add(*tasks.back(), now);
    }
    schedule.set_deadline(*tasks.back(), now + 1s);
    int polls = 0;
    bool last_check = false;
    for (time_point const end = now + 10s; now < end; now += 10ms) {
        for (auto const& each : tasks)
            schedule.hint(*each, now);
        while (scheduled_poll* const due = schedule.take_due(now)) {
            ++polls;
            last_check = last_check || (due == tasks.back().get() && now <= end - 9s + 100ms);
            if (due == tasks.back().get())
                schedule.set_deadline(*due, time_point::max());
            schedule.still_running(*due, running(), now);
        }
    }
    CHECK(polls <= 102);
    CHECK(polls >= 95);
    CHECK(last_check);
}

TEST_CASE("a client that was given what another has learned polls as well as that one")
{
    auto const takes = [](int i) { return 90s + std::chrono::milliseconds(i * 7919 % 20'000); };
    auto const polls_of = [&](simulation& s) {
        s.asked.clear();
        s.late.clear();
        for (int i = 0; i < 100; ++i)
            s.add("t" + std::to_string(i), "kling/720p/5", takes(i));
        s.run();
        return s.asked.size();
    };
    simulation first{poll_policy{}};
    std::size_t const untaught = polls_of(first);
    // Through its text, as in another process.
    auto const kept = learned_durations::parse(first.schedule.learned().to_json());
    REQUIRE(kept.has_value());
    std::size_t const taught = polls_of(first);
    CHECK(taught * 2 < untaught);

    simulation second{poll_policy{}};
    second.schedule.learn(*kept);
    std::size_t const loaded = polls_of(second);
    CHECK(static_cast<double>(loaded) <= 1.1 * static_cast<double>(taught));
    CHECK(static_cast<double>(loaded) >= 0.9 * static_cast<double>(taught));
    CHECK(std::count_if(second.late.begin(), second.late.end(),
                        [](auto const& each) { return each.second > 3s; }) <= 5);
}

TEST_CASE("of more durations than are remembered, the last ones are learned, in their order")
{
    poll_scheduler schedule({}, 1);
    learned_durations many;
    for (int i = 1; i <= 200; ++i)
        many.by_class["p"].emplace_back(i);
    schedule.learn(many);
    auto const last = schedule.learned().by_class.at("p");
    REQUIRE(last.size() == learned_durations::max_per_class);
    CHECK(last.front() == 73ms);
    CHECK(last.back() == 200ms);
    CHECK(std::is_sorted(last.begin(), last.end()));
}

TEST_CASE("polls that the configured rate holds back are told once, until all that was due has been asked")
{
    poll_policy policy;
    policy.requests_per_second = 10;
    poll_scheduler schedule(policy, 1);
    time_point now(100h);
    std::vector<std::unique_ptr<scheduled_poll>> tasks;
    auto const add = [&](int count) {
        for (int i = 0; i < count; ++i) {
            tasks.push_back(std::make_unique<scheduled_poll>("t", nullptr, now - policy.initial_delay));
            schedule.add(*tasks.back(), now);
        }
    };
    std::vector<std::pair<time_point, poll_scheduler::backlog>> told;
    auto const run = [&](std::chrono::seconds how_long) {
        for (auto const end = now + how_long; now < end; now += 50ms) {
            while (scheduled_poll* const due = schedule.take_due(now))
                schedule.remove(*due); // asked, and done
            if (auto const begun = schedule.begun_backlog(poll_scheduler::limit::rate, now))
                told.emplace_back(now, *begun);
        }
    };
    add(9); // within a second
    run(5s);
    CHECK(told.empty());
    auto const begun = now;
    add(100); // ten seconds' worth
    run(15s);
    REQUIRE(told.size() == 1);
    CHECK(told[0].first - begun > 1s);
    CHECK(told[0].first - begun <= 2s);
    CHECK(told[0].second.delay > policy.min_interval);
    CHECK(told[0].second.polls >= 80);
    add(100);
    run(15s);
    CHECK(told.size() == 2);
}

TEST_CASE(
    "polls that are late because the service asks for fewer are not told as held back by the configured rate")
{
    poll_policy policy;
    fleet f(policy, 100);
    f.run(10s, works);
    f.run(31s, [](time_point) { return error_info(api_errc::rate_limited).retry_after(30s); });
    REQUIRE(f.schedule.slowed_by() == api_errc::rate_limited);
    auto const end_of_silence = f.schedule.wake_at().value();
    CHECK(end_of_silence > f.now + 1s);
    CHECK(f.schedule.take_due(end_of_silence - 1ms) == nullptr);
    CHECK_FALSE(f.schedule.begun_backlog(poll_scheduler::limit::rate, end_of_silence - 1ms));
}

TEST_CASE("when the rate is too low for all tasks, each is asked as often as the others")
{
    poll_policy policy;
    policy.requests_per_second = 50;
    fleet f(policy, 5000);
    f.run(600s, works);
    auto const [least, most] = std::minmax_element(
        f.tasks.begin(), f.tasks.end(), [](auto const& a, auto const& b) { return a->polls < b->polls; });
    CHECK((*least)->polls >= 5);
    CHECK((*most)->polls - (*least)->polls <= 2);
}

TEST_CASE("many deadlines at a time do not starve the others, and each gets its last check in time")
{
    poll_policy policy;
    policy.requests_per_second = 100;
    fleet f(policy, 3000);
    f.run(60s, works);
    for (std::size_t i = 0; i < 1000; ++i)
        f.schedule.set_deadline(*f.tasks[i],
                                f.now + 5s + std::chrono::milliseconds(20 * i)); // half of the rate
    std::vector<int> before;
    for (auto const& each : f.tasks)
        before.push_back(each->polls);
    f.run(60s, works);
    REQUIRE(f.ended.size() == 1000);
    for (auto const& [task, at] : f.ended)
        REQUIRE(at - task->deadline <= 200ms);
    for (std::size_t i = 1000; i < f.tasks.size(); ++i)
        REQUIRE(f.tasks[i]->polls > before[i]);
}

TEST_CASE("no second has more polls than the rate, not even after a quiet time")
{
    poll_policy policy;
    policy.requests_per_second = 20;
    fleet f(policy, 1000);
    f.run(30s, works);
    f.now += 30s; // nothing is asked, as on a machine that slept
    f.run(30s, works);
    for (std::size_t i = 20; i < f.asked.size(); ++i)
        REQUIRE(f.asked[i] - f.asked[i - 20] >= 1s);
    CHECK(f.asked.size() >= 1100);
}

namespace {

// Requests for many, which take no time, as the client makes them.
class batch_fleet
{
public:
    explicit batch_fleet(std::size_t size, poll_policy const& policy = many())
        : schedule(policy, 1), size_(size)
    {}

    static poll_policy many()
    {
        poll_policy policy;
        policy.batch_query_size = 100;
        return policy;
    }

    void add(std::string const& id)
    {
        tasks.push_back(std::make_unique<scheduled_poll>(id, nullptr, now));
        schedule.add(*tasks.back(), now);
    }

    template <class Report>
    void run(std::chrono::seconds how_long, Report report)
    {
        for (auto const end = now + how_long; now < end; now += 10ms) {
            while (scheduled_poll* const due = schedule.take_due(now)) {
                std::vector<scheduled_poll*> batch{due};
                if (!due->alone)
                    schedule.take_along(batch, size_ - 1, now);
                requests.emplace_back(now, batch.size());
                for (scheduled_poll* const each : batch)
                    report(*each);
            }
        }
    }

    time_point now = time_point(100h);
    poll_scheduler schedule;
    std::vector<std::unique_ptr<scheduled_poll>> tasks;
    std::vector<std::pair<time_point, std::size_t>> requests;

private:
    std::size_t size_;
};

} // namespace

TEST_CASE(
    "one request for many takes along what is due soon, at no more than the size, and asks no task too soon")
{
    batch_fleet f(100);
    for (int i = 0; i < 150; ++i)
        f.add("t" + std::to_string(i));
    std::map<scheduled_poll*, time_point> last;
    f.run(60s, [&](scheduled_poll& task) {
        auto const found = last.find(&task);
        if (found != last.end())
            REQUIRE(f.now - found->second >= poll_policy().min_interval);
        last[&task] = f.now;
        f.schedule.still_running(task, running(), f.now);
    });
    CHECK(last.size() == 150);
    // Two for each of at most thirty times two seconds.
    CHECK(f.requests.size() <= 62);
    for (auto const& [at, size] : f.requests)
        REQUIRE(size <= 100);
}

TEST_CASE("of a request for many that the service refuses for its rate, one answer counts, and every task is "
          "asked again")
{
    poll_policy policy = batch_fleet::many();
    batch_fleet f(100, policy);
    for (int i = 0; i < 100; ++i)
        f.add("t" + std::to_string(i));
    f.run(3s, [&](scheduled_poll& task) { f.schedule.still_running(task, running(), f.now); });
    CHECK(f.schedule.rate() == policy.requests_per_second);
    f.requests.clear();
    f.run(5s, [&](scheduled_poll& task) {
        f.schedule.poll_failed(task, error_info(api_errc::rate_limited).retry_after(2s), f.now);
    });
    CHECK(f.requests.size() <= 4);
    std::map<scheduled_poll*, int> asked;
    f.run(60s, [&](scheduled_poll& task) {
        ++asked[&task];
        f.schedule.still_running(task, running(), f.now);
    });
    CHECK(asked.size() == 100);
}

TEST_CASE("a task whose state an answer about many did not tell is asked alone, at once")
{
    batch_fleet f(100);
    for (int i = 0; i < 20; ++i)
        f.add("t" + std::to_string(i));
    scheduled_poll* const odd = f.tasks[7].get();
    std::vector<std::pair<time_point, bool>> asked; // when, and whether alone
    f.run(30s, [&](scheduled_poll& task) {
        if (&task == odd)
            asked.emplace_back(f.now, f.requests.back().second == 1);
        if (&task == odd && f.requests.back().second > 1)
            f.schedule.ask_alone(task, f.now);
        else
            f.schedule.still_running(task, running(), f.now);
    });
    REQUIRE(asked.size() >= 4);
    for (std::size_t i = 0; i + 1 < asked.size(); i += 2) {
        CHECK_FALSE(asked[i].second);
        CHECK(asked[i + 1].second);
        CHECK(asked[i + 1].first - asked[i].first <= 10ms);
    }
}
