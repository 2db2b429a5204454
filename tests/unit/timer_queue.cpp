// Many deadlines on one timer, and places that are given out in order.
#include <apimart/runtime/slots.hpp>
#include <apimart/runtime/timer_queue.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

using namespace apimart::detail;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

executor strand_of(asio::io_context& context)
{
    return executor(inner_executor(asio::any_io_executor(context.get_executor())));
}

constexpr deadline::time_point start{std::chrono::hours(1'000)};

} // namespace

TEST_CASE("timer queue: deadlines are called in the order of their moments, each once")
{
    asio::io_context context;
    timer_queue queue(strand_of(context));
    std::mt19937 random(3); // NOLINT: the same moments every time
    std::vector<int> moments;
    std::vector<int> called;
    std::deque<deadline> all;
    for (int i = 0; i < 500; ++i) {
        int const at = static_cast<int>(random() % 1'000);
        moments.push_back(at);
        all.emplace_back([&called, at] { called.push_back(at); });
        queue.set(all.back(), start + std::chrono::milliseconds(at));
    }
    for (int now = 0; now <= 1'000; now += 7)
        queue.expire(start + std::chrono::milliseconds(now));
    queue.expire(start + 2s);
    std::sort(moments.begin(), moments.end());
    CHECK(called == moments);
    CHECK_FALSE(queue.next_expiry());
}

TEST_CASE("timer queue: a deadline that is moved, cleared or gone is not called at its old moment")
{
    asio::io_context context;
    timer_queue queue(strand_of(context));
    int moved_calls = 0;
    int cleared_calls = 0;
    int gone_calls = 0;
    deadline moved([&] { ++moved_calls; });
    deadline cleared([&] { ++cleared_calls; });
    auto gone = std::make_unique<deadline>([&] { ++gone_calls; });
    for (deadline* const each : {&moved, &cleared, gone.get()})
        queue.set(*each, start + 1s);
    queue.set(moved, start + 3s);
    cleared.clear();
    gone.reset();
    queue.expire(start + 2s);
    CHECK(moved_calls == 0);
    queue.expire(start + 3s);
    CHECK(moved_calls == 1);
    CHECK(cleared_calls == 0);
    CHECK(gone_calls == 0);
}

TEST_CASE("timer queue: a deadline may set itself and others, and clear or destroy others, when it is called")
{
    asio::io_context context;
    timer_queue queue(strand_of(context));
    int rounds = 0;
    std::unique_ptr<deadline> victim;
    int victim_calls = 0;
    deadline again([&] {
        victim.reset();
        if (++rounds < 3)
            queue.set(again, start + rounds * 1s);
    });
    victim = std::make_unique<deadline>([&] { ++victim_calls; });
    queue.set(again, start);
    queue.set(*victim, start);
    queue.expire(start + 10s);
    CHECK(rounds == 3);
    CHECK(victim_calls == 0);
}

TEST_CASE("timer queue: while it is paused, nothing keeps the context running")
{
    asio::io_context context;
    timer_queue queue(strand_of(context));
    bool called = false;
    deadline soon([&] { called = true; });
    queue.set(soon, deadline::time_point::clock::now() + 1h);
    context.run();
    queue.resume();
    queue.pause();
    context.restart();
    context.run();
    CHECK_FALSE(called);

    queue.set(soon, deadline::time_point::clock::now() + 1ms);
    queue.resume();
    context.restart();
    context.run();
    CHECK(called);
}

TEST_CASE("timer queue: it can go away while its timer is running")
{
    asio::io_context context;
    deadline soon([] { FAIL("it is called after the end"); });
    {
        timer_queue queue(strand_of(context));
        queue.set(soon, deadline::time_point::clock::now() + 1h);
        queue.resume();
        queue.destroy();
    }
    context.run();
    CHECK(context.stopped());
    CHECK_FALSE(soon.is_set());
}

namespace {

awaitable<void> take(slots& from, executor const& on, int number, std::vector<int>& order, bool in_front)
{
    slots::waiter line(on);
    if (!from.try_acquire()) {
        in_front ? from.wait_in_front(line) : from.wait(line);
        co_await line.timer.async_wait(use_tuple);
        if (!line.granted)
            co_return;
    }
    slot_guard const place(from);
    order.push_back(number);
}

} // namespace

TEST_CASE("slots: places go to those in line, in the order of asking, and those in front first")
{
    asio::io_context context;
    executor const strand = strand_of(context);
    slots places(1);
    REQUIRE(places.try_acquire());
    CHECK(places.full());
    std::vector<int> order;
    for (int i = 0; i < 4; ++i)
        asio::co_spawn(strand, take(places, strand, i, order, i == 3), asio::detached);
    context.poll();
    CHECK(order.empty());
    places.release();
    context.restart();
    context.poll();
    CHECK(order == std::vector<int>{3, 0, 1, 2});
    CHECK_FALSE(places.full());
}

TEST_CASE("slots: who leaves the line costs nobody a place")
{
    asio::io_context context;
    executor const strand = strand_of(context);
    slots places(1);
    REQUIRE(places.try_acquire());
    auto leaving = std::make_unique<slots::waiter>(strand);
    slots::waiter stays(strand);
    places.wait(*leaving);
    places.wait(stays);
    leaving.reset();
    places.release();
    CHECK(stays.granted);
    CHECK(places.full());
    places.release();
    CHECK(places.try_acquire());
}

TEST_CASE("timer queue: what is due by a clock that was pushed forward is called, and the rest in real time")
{
    asio::io_context context;
    auto const clock = std::make_shared<apimart::virtual_clock>();
    timer_queue queue(strand_of(context), clock);
    queue.resume();
    int calls = 0;
    deadline one([&] { ++calls; });
    queue.set(one, queue.now() + 1h);
    clock->advance(59min);
    queue.clock_changed();
    CHECK(calls == 0);
    clock->advance(2min);
    queue.clock_changed();
    CHECK(calls == 1);

    queue.set(one, queue.now() + 1ms);
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (calls == 1 && std::chrono::steady_clock::now() < give_up)
        context.run_one_for(1s);
    CHECK(calls == 2);
}

TEST_CASE("virtual clock: those who follow it are told of each push, as long as they are there")
{
    apimart::virtual_clock clock;
    int told = 0;
    auto const follower = std::make_shared<std::function<void()>>([&] { ++told; });
    auto gone = std::make_shared<std::function<void()>>([&] { told += 100; });
    clock.follow(follower);
    clock.follow(gone);
    gone.reset();
    clock.advance(10min);
    clock.advance(1ns);
    CHECK(told == 2);
    CHECK(clock.ahead() == 10min + 1ns);
}
