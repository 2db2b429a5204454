// Which task is asked when: hours of waiting in virtual time.
#include <apimart/detail/poll_schedule.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

using time_point = poll_schedule::time_point;

task_state running()
{
    return {"t", task_status::running, "processing"};
}

task_state succeeded()
{
    return {"t", task_status::succeeded, "completed"};
}

// Runs a schedule until every task is done; each takes the time given for it.
class simulation {
public:
    explicit simulation(poll_policy const& policy) : schedule(policy, 1) {}

    void add(std::string id, std::string profile, std::chrono::milliseconds takes)
    {
        tasks.push_back(std::make_unique<scheduled_poll>(id, std::move(profile), now));
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
    poll_schedule schedule;
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
    CHECK(s.asked.front() - begun >= policy.first);
    for (std::size_t i = 1; i < s.asked.size(); ++i)
        CHECK(s.asked[i] - s.asked[i - 1] >= policy.shortest);
    CHECK(s.late["a"] <= policy.longest);
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
        // One second's worth and the small burst after a quiet time.
        REQUIRE(i - first + 1 <= 56);
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
    poll_schedule schedule({}, 1);
    auto const now = time_point(100h);
    scheduled_poll a("a", "p", now);
    scheduled_poll b("b", "p", now - 1h);
    schedule.add(a, now);
    scheduled_poll* due = schedule.take_due(now + 3s);
    REQUIRE(due == &a);
    failure slow(make_error_code(api_errc::rate_limited));
    slow.retry_after(20s);
    schedule.poll_failed(a, slow, now + 3s);
    schedule.add(b, now + 4s);
    CHECK(schedule.take_due(now + 10s) == nullptr);
    CHECK(schedule.wake_at().value() >= now + 23s);

    auto gap = 0ms;
    auto at = now + 60s;
    for (int i = 0; i < 12; ++i) {
        due = schedule.take_due(at);
        if (due == &b) {
            schedule.remove(b);
            continue;
        }
        REQUIRE(due == &a);
        schedule.poll_failed(a, failure(errc::connection_lost), at);
        gap = std::chrono::duration_cast<std::chrono::milliseconds>(a.next - at);
        CHECK(gap <= 60s);
        at = a.next;
    }
    CHECK(gap >= 30s);
}

TEST_CASE("the service's estimate is used, but not trusted for long")
{
    poll_policy policy;
    poll_schedule schedule(policy, 1);
    auto now = time_point(100h);
    scheduled_poll a("a", "p", now);
    schedule.add(a, now);
    now = schedule.wake_at().value();
    REQUIRE(schedule.take_due(now) == &a);
    schedule.still_running(a, running().estimated_time(3600s), now);
    CHECK(a.next - now <= policy.longest + policy.longest / 10);
    CHECK(a.next - now >= policy.longest / 2);
}

TEST_CASE("a task can be taken out at any time")
{
    poll_schedule schedule({}, 1);
    auto const now = time_point(100h);
    scheduled_poll a("a", "p", now);
    schedule.add(a, now);
    schedule.remove(a);
    CHECK_FALSE(schedule.wake_at().has_value());
    schedule.remove(a);
    CHECK(schedule.size() == 0);
}
