// How fast requests leave when the service's limit is configured, unknown, lowered and lifted: in virtual time.
#include <apimart/policy/backoff.hpp>
#include <apimart/policy/rate_limiter.hpp>
#include <apimart/policy/retry_budget.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

using time_point = rate_limiter::clock::time_point;
using duration = rate_limiter::clock::duration;

double in_seconds(duration d)
{
    return std::chrono::duration<double>(d).count();
}

// A service that refuses what is above its own limit.
class limiting_server
{
public:
    limiting_server(double per_second, double burst) : rate(per_second), burst_(burst), tokens_(burst) {}

    bool lets_through(time_point now)
    {
        if (rate <= 0 || chance.draw() < by_chance)
            return false;
        tokens_ = std::min(burst_, tokens_ + rate * in_seconds(now - seen_));
        seen_ = now;
        if (tokens_ < 1)
            return false;
        tokens_ -= 1;
        return true;
    }

    double rate;
    double by_chance = 0; // so many are refused without a reason
    jitter chance{7};

private:
    double burst_;
    double tokens_;
    time_point seen_ = time_point(100h);
};

// A client with many requests waiting: as many under way at one time as `places`, and what is refused is
// sent again.
class crowd
{
public:
    crowd(double per_second, double burst, limiting_server& s) : limiter(per_second, burst), server(s) {}

    // Until everything is done, or until `end`.
    void run(time_point end = time_point::max())
    {
        while (!waiting.empty() || !under_way_.empty()) {
            while (under_way_.size() < places && !waiting.empty()) {
                duration const pause = limiter.take(now);
                if (pause > 0s) {
                    turn_at_ = now + pause;
                    break;
                }
                int const refusals = waiting.front();
                waiting.pop_front();
                sent.push_back(now);
                auto const half = round_trip / 2 + std::chrono::duration_cast<duration>(5ms * random_.draw());
                // The service decides when the request is with it.
                under_way_.push({now + half, now + 2 * half, refusals});
            }
            auto next = time_point::max();
            if (!under_way_.empty())
                next = under_way_.top().at;
            if (under_way_.size() < places && !waiting.empty())
                next = std::min(next, turn_at_);
            if (next > end) {
                now = end;
                return;
            }
            now = std::max(now, next);
            while (!under_way_.empty() && under_way_.top().at <= now) {
                flight const one = under_way_.top();
                under_way_.pop();
                if (!one.judged) {
                    under_way_.push(
                        {one.back_at, one.back_at, one.refusals, true, server.lets_through(one.at)});
                } else {
                    answer(one.let_through, one.refusals);
                }
            }
        }
    }

    void answer(bool let_through, int refusals)
    {
        if (let_through) {
            done.push_back(now);
            limiter.succeeded(now);
            budget.succeeded();
            return;
        }
        refused.push_back(now);
        limiter.rate_limited(now, retry_after);
        budget_held = budget.take_throttle() && budget_held;
        most_refusals = std::max(most_refusals, refusals + 1);
        waiting.push_front(refusals + 1);
        if (!below_at && limiter.rate() <= server.rate)
            below_at = now;
    }

    rate_limiter limiter;
    limiting_server& server;
    retry_budget budget{retry_policy()};
    std::size_t places = 16;
    duration round_trip = 50ms;
    std::optional<std::chrono::seconds> retry_after;
    std::deque<int> waiting; // how often each was refused
    time_point now = time_point(100h);
    std::vector<time_point> sent;
    std::vector<time_point> done;
    std::vector<time_point> refused;
    std::optional<time_point> below_at;
    int most_refusals = 0;
    bool budget_held = true;

private:
    struct flight
    {
        time_point at;
        time_point back_at;
        int refusals = 0;
        bool judged = false;
        bool let_through = false;

        bool operator<(flight const& other) const { return at > other.at; }
    };

    std::priority_queue<flight> under_way_;
    time_point turn_at_{};
    jitter random_{3};
};

// Waits for the next turn and takes it.
void take_next(rate_limiter& limiter, time_point& now)
{
    while (true) {
        duration const pause = limiter.take(now);
        if (pause == 0s)
            return;
        now += pause;
    }
}

std::ptrdiff_t within(std::vector<time_point> const& times, time_point from, duration length)
{
    return std::count_if(times.begin(), times.end(),
                         [&](time_point at) { return at >= from && at < from + length; });
}

} // namespace

TEST_CASE("a configured rate is kept, after a burst of its size")
{
    rate_limiter limiter(10, 5);
    auto now = time_point(100h);
    for (int i = 0; i < 5; ++i)
        CHECK(limiter.take(now) == 0s);
    CHECK(limiter.take(now) == 100ms);
    CHECK(limiter.take(now + 99ms) == 1ms); // asking takes nothing
    CHECK(limiter.take(now + 100ms) == 0s);
    CHECK(limiter.take(now + 100ms) == 100ms);
    // A quiet hour saves up one burst.
    now += 1h;
    int taken = 0;
    while (limiter.take(now) == 0s)
        ++taken;
    CHECK(taken == 5);
}

TEST_CASE("extreme settings are harmless")
{
    for (double const rate : {1e-12, 1e-3, 1e12}) {
        for (double const burst : {-1.0, 0.0, 1e300, std::numeric_limits<double>::infinity()}) {
            rate_limiter limiter(rate, burst);
            auto now = time_point(100h);
            for (int i = 0; i < 5; ++i) {
                take_next(limiter, now);
                limiter.rate_limited(now, 0s);
                take_next(limiter, now);
                limiter.succeeded(now);
            }
            CHECK(limiter.rate() > 0);
        }
    }
    CHECK(std::isinf(rate_limiter(-1, 1).rate()));
}

TEST_CASE("what a limiter says about the next turn is exact")
{
    for (double const rate : {0.3, 3.0, 7.0, 333.0, 100'000.0}) {
        rate_limiter limiter(rate, 3);
        auto now = time_point(100h);
        for (int i = 0; i < 200; ++i) {
            auto const pause = limiter.take(now);

            if (pause == 0s)
                continue;
            CHECK(limiter.ready_at() == now + pause);
            now += pause - 1ns;
            REQUIRE(limiter.take(now) == 1ns);
            now += 1ns;
            REQUIRE(limiter.take(now) == 0s);
        }
    }
}

TEST_CASE("without a configured rate nothing is held back until the service asks for it")
{
    rate_limiter limiter(0, 1);
    auto now = time_point(100h);
    CHECK(std::isinf(limiter.rate()));
    for (int i = 0; i < 100'000; ++i)
        REQUIRE(limiter.take(now) == 0s);
    for (int i = 0; i < 1000; ++i) {
        now += 10ms; // a hundred a second go through
        limiter.take(now);
        limiter.succeeded(now);
    }
    limiter.take(now);
    limiter.rate_limited(now, {});
    CHECK(limiter.rate() == doctest::Approx(70).epsilon(0.1));
    CHECK(limiter.take(now) > 0s);
}

TEST_CASE("refusals of requests sent before a slow-down count once")
{
    rate_limiter limiter(100, 50);
    auto now = time_point(100h);
    for (int i = 0; i < 50; ++i)
        REQUIRE(limiter.take(now) == 0s);
    now += 250ms;
    for (int i = 0; i < 20; ++i)
        limiter.succeeded(now);
    limiter.rate_limited(now, {});
    double const after_one = limiter.rate();
    CHECK(after_one == doctest::Approx(0.7 * 80).epsilon(0.15)); // twenty in a quarter of a second
    for (int i = 0; i < 29; ++i)
        limiter.rate_limited(now += 1ms, {});
    CHECK(limiter.rate() == after_one);
    // The next one was sent at the lower rate.
    now += 1s;
    REQUIRE(limiter.take(now) == 0s);
    limiter.rate_limited(now + 50ms, {});
    CHECK(limiter.rate() < 0.75 * after_one);
}

TEST_CASE("answers that never come do not hide later refusals")
{
    rate_limiter limiter(100, 1000);
    auto now = time_point(100h);
    for (int i = 0; i < 1000; ++i)
        REQUIRE(limiter.take(now) == 0s); // none of them is answered
    for (auto const end = now + 4s; now < end;) {
        take_next(limiter, now);
        limiter.rate_limited(now += 10ms, {});
    }
    CHECK(limiter.rate() < 1);
}

TEST_CASE("a service that refuses everything is asked seldom, but asked")
{
    for (double const configured : {0.0, 0.05, 50.0}) {
        rate_limiter limiter(configured, 5);
        auto now = time_point(100h);
        for (int i = 0; i < 60; ++i) {
            take_next(limiter, now);
            limiter.rate_limited(now += 50ms, {});
        }
        CHECK(limiter.rate() == doctest::Approx(configured == 0.05 ? 0.05 : 0.1));
        CHECK(limiter.take(now) <= 20s);
    }
}

TEST_CASE("the silence that the service asks for is kept, and saves up no burst")
{
    rate_limiter limiter(100, 100);
    auto now = time_point(100h);
    limiter.take(now);
    limiter.rate_limited(now, 7s);
    CHECK(limiter.take(now) == 7s);
    CHECK(limiter.take(now + 6999ms) == 1ms);
    // A shorter one that comes later does not cut it short.
    limiter.rate_limited(now + 1s, 2s);
    CHECK(limiter.take(now + 3s) == 4s);
    now += 7s;
    CHECK(limiter.take(now) == 0s);
    CHECK(limiter.take(now) > 0s);

    limiter.rate_limited(now, std::chrono::seconds(std::int64_t{1} << 40U));
    CHECK(limiter.take(now) == 24h);
    limiter.rate_limited(now, -5s);
    CHECK(limiter.take(now) == 24h);
}

TEST_CASE("a learnt limit comes back to the configured rate and not beyond, without a burst")
{
    rate_limiter limiter(50, 100);
    auto now = time_point(100h);
    for (int i = 0; i < 100; ++i)
        limiter.take(now);
    limiter.rate_limited(now, {});
    auto const slowed_at = now;
    std::vector<time_point> taken;
    for (int i = 0; i < 3000; ++i) {
        take_next(limiter, now);
        taken.push_back(now);
        limiter.succeeded(now);
        if (limiter.rate() == 50)
            break;
    }
    CHECK(limiter.rate() == 50);
    CHECK(now - slowed_at <= 30s);
    for (int i = 0; i < 200; ++i) {
        take_next(limiter, now);
        taken.push_back(now);
        limiter.succeeded(now);
    }
    for (time_point const from : taken)
        REQUIRE(within(taken, from, 1s) <= 56);
}

TEST_CASE("a rate that nobody uses is not raised")
{
    rate_limiter limiter(100, 10);
    auto now = time_point(100h);
    for (int i = 0; i < 20; ++i) {
        take_next(limiter, now);
        limiter.succeeded(now);
    }
    take_next(limiter, now);
    limiter.rate_limited(now, {});
    double const slowed = limiter.rate();
    now += 10min;
    CHECK(limiter.rate() == slowed);
    take_next(limiter, now);
    limiter.succeeded(now);
    CHECK(limiter.rate() < 1.1 * slowed);
}

// X3: the service refuses everything above its limit for a minute. The client does not know the limit.
TEST_CASE("brown-out: within two seconds no more is sent than the service allows, and little time is lost")
{
    int cases = 0;
    for (double const rate : {1.0, 2.0, 5.0, 20.0, 100.0, 250.0}) {
        for (double const burst_seconds : {0.2, 1.0, 3.0}) {
            // With a bucket of one, whoever is exactly at the limit is refused for mere jitter.
            double const burst = std::max(2.0, rate * burst_seconds);
            for (auto const& retry_after : {std::optional<std::chrono::seconds>(), std::optional(1s)}) {
                for (auto const& each :
                     {std::pair{16, 10ms}, std::pair{16, 50ms}, std::pair{64, 50ms}, std::pair{64, 300ms}}) {
                    int const places = each.first;
                    auto const round_trip = each.second;
                    if (places / in_seconds(round_trip) < 1.5 * rate)
                        continue; // never above the limit
                    CAPTURE(rate);
                    CAPTURE(burst);
                    CAPTURE(retry_after.has_value());
                    CAPTURE(places);
                    CAPTURE(round_trip.count());
                    limiting_server server(rate, burst);
                    crowd c(0, 10, server);
                    c.places = static_cast<std::size_t>(places);
                    c.round_trip = round_trip;
                    c.retry_after = retry_after;
                    auto const begun = c.now;
                    auto const jobs = static_cast<std::size_t>(60 * rate + burst);
                    c.waiting.assign(jobs, 0);
                    c.run();
                    REQUIRE(c.done.size() == jobs);
                    CHECK(in_seconds(c.now - begun) <= 1.25 * 60);
                    REQUIRE_FALSE(c.refused.empty());
                    auto const learnt = c.refused.front() + 2s;
                    CHECK(static_cast<double>(within(c.sent, learnt, 10s)) <= 1.1 * 10 * rate + burst + 4);
                    // No ban: from then on refusals are rare; at one a second even probing is a share.
                    CHECK(within(c.refused, learnt, 10s) <= 6 + 0.5 * rate + places * in_seconds(round_trip));
                    CHECK(within(c.refused, learnt + 10s, 1h) <= 10 + 0.025 * static_cast<double>(jobs));
                    CHECK(c.most_refusals <= retry_policy().max_rate_limit_retries);
                    CHECK(c.budget_held);
                    ++cases;
                }
            }
        }
    }
    CHECK(cases > 100);
}

// One of the service's machines, or a model, is short of something.
TEST_CASE("refusals by chance do not take the rate away")
{
    for (double const share : {0.01, 0.05, 0.1}) {
        for (auto const& retry_after : {std::optional<std::chrono::seconds>(), std::optional(1s)}) {
            CAPTURE(share);
            CAPTURE(retry_after.has_value());
            limiting_server server(1e6, 1e6);
            server.by_chance = share;
            crowd c(750, 64, server);
            c.places = 1'000;
            c.retry_after = retry_after;
            constexpr int jobs = 120'000;
            c.waiting.assign(jobs, 0);
            auto const begun = c.now;
            c.run();
            double const ideal = jobs / (1 - share) / 750;
            CHECK(in_seconds(c.now - begun) <= 1.25 * ideal);
        }
    }
}

TEST_CASE("a service that also refuses by chance has its limit found all the same")
{
    limiting_server server(200, 20);
    server.by_chance = 0.05;
    crowd c(750, 64, server);
    c.places = 1'000;
    c.waiting.assign(30'000, 0);
    auto const begun = c.now;
    c.run();
    double const ideal = 30'000 / 0.95 / 200;
    CHECK(in_seconds(c.now - begun) <= 1.25 * ideal);
    // No more than a fifth of what was sent was for nothing.
    CHECK(static_cast<double>(c.refused.size()) <= 0.2 * static_cast<double>(c.sent.size()));
}

TEST_CASE("brown-out: the figure for the rate itself is below what the service allows within two seconds")
{
    for (double const rate : {10.0, 20.0, 50.0, 100.0, 200.0}) {
        CAPTURE(rate);
        limiting_server server(rate, rate);
        crowd c(0, 10, server);
        c.waiting.assign(static_cast<std::size_t>(30 * rate), 0);
        c.run();
        REQUIRE(c.below_at.has_value());
        CHECK(*c.below_at - c.refused.front() <= 2s);
    }
}

// X3, continued: the limit is lifted after a minute, or everything is refused for that long.
TEST_CASE("brown-out: what the service allows again is used again within half a minute")
{
    for (double const during : {0.0, 10.0}) {
        for (double const configured : {0.0, 100.0}) {
            CAPTURE(during);
            CAPTURE(configured);
            limiting_server server(1e9, 1e9);
            crowd c(configured, 10, server);
            c.waiting.assign(1'000'000, 0);
            c.run(c.now + 20s);
            auto const before = within(c.done, c.now - 5s, 5s);
            server = limiting_server(during, 10);
            c.run(c.now + 60s);
            CHECK(within(c.done, c.now - 5s, 5s) <= 5 * during + 10);
            server = limiting_server(1e9, 1e9);
            auto const lifted = c.now;
            c.run(c.now + 40s);
            CHECK(static_cast<double>(within(c.done, lifted + 30s, 5s)) >=
                  0.95 * static_cast<double>(before));
            for (auto from = lifted; from < lifted + 39s; from += 100ms)
                REQUIRE(within(c.sent, from, 1s) <= before / 5 * 2);
            if (configured > 0)
                CHECK(c.limiter.rate() == configured);
            else
                CHECK(c.limiter.rate() > static_cast<double>(before) / 5);
        }
    }
}

TEST_CASE("an outage slows down without teaching a limit, and is over at once when it is over")
{
    for (double const configured : {0.0, 100.0}) {
        CAPTURE(configured);
        rate_limiter limiter(configured, 10);
        auto now = time_point(100h);
        for (int i = 0; i < 500; ++i) {
            now += 20ms; // fifty a second are wanted
            take_next(limiter, now);
            limiter.succeeded(now);
        }
        int asked = 0;
        auto const up = now + 60s;
        for (; now < up; ++asked) {
            take_next(limiter, now);
            limiter.unavailable(now += 1ms);
        }
        CHECK(asked <= 60 * 50 / 20);
        CHECK(limiter.rate() <= 1);
        auto const back = now;
        while (limiter.rate() < 50 && now < back + 1h) {
            take_next(limiter, now);
            limiter.succeeded(now);
        }
        CHECK(now - back <= 25s);
    }
}

TEST_CASE("failures that are no refusals leave the rate alone")
{
    rate_limiter limiter(0, 1);
    auto now = time_point(100h);
    for (int i = 0; i < 10'000; ++i) {
        REQUIRE(limiter.take(now += 1ms) == 0s);
        if (i % 10 == 0)
            limiter.ended();
        else
            limiter.succeeded(now);
    }
    CHECK(std::isinf(limiter.rate()));
}
