// How many connections are begun while a service works, is down, and comes back: in virtual time.
#include <apimart/policy/connect_backoff.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

using time_point = connect_backoff::clock::time_point;
using duration = connect_backoff::clock::duration;

// Many requests that each want a connection, and a service that is sometimes down.
class crowd
{
public:
    crowd(int per_second, int burst) : gate(per_second, burst) {}

    void run(duration how_long, bool up, duration takes)
    {
        auto const end = now + how_long;
        while (now < end) {
            while (!under_way_.empty() && under_way_.top().first <= now) {
                if (under_way_.top().second) {
                    gate.succeeded(now);
                    connected.push_back(now);
                    --waiting;
                } else {
                    gate.failed(now);
                }
                under_way_.pop();
            }
            auto next = end;
            while (static_cast<int>(under_way_.size()) < waiting) {
                duration const pause = gate.take(now);
                if (pause > 0s) {
                    next = std::min(next, now + pause);
                    break;
                }
                begun.push_back(now);
                under_way_.push({now + takes, up});
            }
            if (!under_way_.empty())
                next = std::min(next, under_way_.top().first);
            now = std::max(next, now + 1ns);
        }
    }

    std::ptrdiff_t begun_within(time_point from, duration length) const
    {
        return std::count_if(begun.begin(), begun.end(),
                             [&](time_point at) { return at >= from && at < from + length; });
    }

    connect_backoff gate;
    int waiting = 500;
    time_point now = time_point(100h);
    std::vector<time_point> begun;
    std::vector<time_point> connected;

private:
    std::priority_queue<std::pair<time_point, bool>, std::vector<std::pair<time_point, bool>>, std::greater<>>
        under_way_;
};

} // namespace

TEST_CASE("connections are begun in a burst and then at the configured rate")
{
    connect_backoff gate(20, 32);
    auto const now = time_point(100h);
    for (int i = 0; i < 32; ++i)
        CHECK(gate.take(now) == 0s);
    CHECK(gate.take(now) == 50ms);
    CHECK(gate.take(now + 49ms) == 1ms);
    CHECK(gate.take(now + 50ms) == 0s);
    CHECK(gate.take(now + 50ms) == 50ms);
}

TEST_CASE("settings of nothing still let one connection through at a time")
{
    connect_backoff gate(0, 0);
    auto const now = time_point(100h);
    CHECK(gate.take(now) == 0s);
    CHECK(gate.take(now) == 1s);
}

TEST_CASE("failures in a row double the pause up to five seconds, and one success ends that")
{
    connect_backoff gate(20, 32);
    auto now = time_point(100h);
    REQUIRE(gate.take(now) == 0s);
    for (auto const& expected : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms, 5000ms}) {
        gate.failed(now);
        REQUIRE(gate.take(now) == expected);
        now += expected;
        REQUIRE(gate.take(now) == 0s);
    }
    gate.succeeded(now);
    CHECK(gate.take(now) == 0s);
    CHECK(gate.take(now) == 50ms);
    gate.failed(now);
    CHECK(gate.take(now) == 100ms);
}

TEST_CASE("connects that fail together are one failure")
{
    connect_backoff gate(20, 32);
    auto now = time_point(100h);
    for (int i = 0; i < 32; ++i)
        gate.take(now);
    now += 5s; // all of them ran into the limit for connecting
    for (int i = 0; i < 32; ++i)
        gate.failed(now += 1ms);
    CHECK(gate.take(now) <= 100ms);
}

// X2: the service is down for ten minutes while 500 requests want a connection.
TEST_CASE("after an outage no herd of connects meets the service, and it is noticed to be back")
{
    struct shape
    {
        int per_second;
        int burst;
        duration until_failure;
    };
    for (shape const& each :
         {shape{20, 32, 1ms}, shape{20, 32, 5s}, shape{5, 8, 1ms}, shape{100, 64, 200ms}}) {
        int const per_second = each.per_second;
        int const burst = each.burst;
        duration const until_failure = each.until_failure;
        CAPTURE(per_second);
        CAPTURE(until_failure.count());
        crowd c(per_second, burst);
        auto const down = c.now;
        c.run(10min, false, until_failure);
        // At most one in twenty of what would be begun without the gate's help, a minute into the outage.
        CHECK(c.begun_within(down + 1min, 9min) <= 9 * 60 * per_second / 20);
        CHECK(c.begun_within(down + 1min, 9min) >= 9 * 60 / 6);
        auto const up = c.now;
        c.run(60s, true, 20ms);
        REQUIRE_FALSE(c.connected.empty());
        CHECK(c.connected.front() - up <= until_failure + 6s);
        auto const back = c.connected.front();
        CHECK(c.begun_within(up, 1s) <= std::max(burst, per_second + 1));
        for (auto from = up; from < up + 50s; from += 50ms)
            REQUIRE(c.begun_within(from, 1s) <= std::max(burst, per_second + 1));
        // Full speed again.
        CHECK(c.begun_within(back + 1s, 1s) >= std::min(per_second, 500 - per_second - 2) - 1);
    }
}

TEST_CASE("a connect that fails now and then does not slow the others down for long")
{
    connect_backoff gate(20, 32);
    auto now = time_point(100h);
    int begun = 0;
    for (int i = 0; i < 100; ++i) {
        for (duration pause = gate.take(now); pause > 0s; pause = gate.take(now))
            now += pause;
        if (++begun % 10 == 0)
            gate.failed(now += 1ms);
        else
            gate.succeeded(now += 1ms);
    }
    CHECK(now - time_point(100h) <= 100 * 50ms + 10 * 100ms);
}
