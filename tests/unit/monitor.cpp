// One at a time, without making a thread wait; and the alarms and keys that live inside.
#include <apimart/runtime/idempotency_key.hpp>
#include <apimart/runtime/monitor.hpp>
#include <apimart/runtime/timer_queue.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

constexpr auto nothing = [] {};

} // namespace

TEST_CASE("who comes while another is inside leaves the function behind, and it runs before that one leaves")
{
    monitor m;
    std::string order;
    m.enter(
        [&] {
            order += "a";
            m.enter([&] { order += "b"; }, [&] { order += "!"; }, nothing);
            order += "c";
        },
        [&] { order += "."; }, nothing);
    CHECK(order == "ac.b.");
    m.enter([&] { order += "d"; }, [&] { order += "."; }, nothing);
    CHECK(order == "ac.b.d.");
}

TEST_CASE("what a function throws comes out of the call that ran it, and the next one can enter")
{
    monitor m;
    bool left = false;
    CHECK_THROWS_AS(m.enter([] { throw std::runtime_error("x"); }, [&] { left = true; }, nothing),
                    std::runtime_error);
    CHECK(left);
    bool ran = false;
    m.enter([&] { ran = true; }, nothing, nothing);
    CHECK(ran);
}

TEST_CASE("a thread is not kept for the work of others without end")
{
    monitor m;
    int ran = 0;
    bool handed_over = false;
    // Each one leaves another behind, as busy threads would.
    struct again
    {
        monitor& m;
        int& ran;
        void operator()()
        {
            if (++ran < 1000)
                m.enter(again{m, ran}, nothing, nothing);
        }
    };
    m.enter(again{m, ran}, nothing, [&] { handed_over = true; });
    CHECK(handed_over);
    CHECK(ran < 1000);
    bool entered = false;
    m.enter([&] { entered = true; }, nothing, nothing);
    CHECK_FALSE(entered); // whoever takes over is inside
    while (std::exchange(handed_over, false))
        m.take_over(nothing, [&] { handed_over = true; });
    CHECK(ran == 1000);
    CHECK(entered);
}

TEST_CASE("functions of several threads never overlap, and none is lost")
{
    monitor m;
    std::atomic<int> inside = 0;
    std::atomic<bool> overlapped = false;
    int count = 0; // guarded by the monitor
    std::vector<std::thread> threads;
    std::atomic<int> handed_over = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 5000; ++i) {
                m.enter(
                    [&] {
                        if (inside.fetch_add(1) != 0)
                            overlapped = true;
                        ++count;
                        inside.fetch_sub(1);
                    },
                    nothing, [&] { ++handed_over; });
                while (handed_over.exchange(0) != 0)
                    m.take_over(nothing, [&] { ++handed_over; });
            }
        });
    }
    for (auto& each : threads)
        each.join();
    while (handed_over.exchange(0) != 0)
        m.take_over(nothing, [&] { ++handed_over; });
    CHECK_FALSE(overlapped);
    CHECK(count == 20000);
}

namespace {

class sleeper
{
public:
    sleeper(std::string name, std::string& log)
        : bell(&alarm_of<&sleeper::wake>::ring, this), name_(std::move(name)), log_(log)
    {}
    apimart::detail::alarm bell;

private:
    void wake() { log_ += name_; }

    std::string name_;
    std::string& log_;
};

} // namespace

TEST_CASE("alarms ring in order of time, once, and not after they were cleared or moved")
{
    auto const t0 = std::chrono::steady_clock::time_point{} + 1h;
    std::string log;
    alarm_clock clock;
    sleeper a("a", log);
    sleeper b("b", log);
    sleeper c("c", log);
    CHECK_FALSE(clock.earliest().has_value());
    a.bell.set(clock, t0 + 3s);
    b.bell.set(clock, t0 + 1s);
    c.bell.set(clock, t0 + 2s);
    CHECK(clock.earliest() == t0 + 1s);
    clock.ring_due(t0);
    CHECK(log.empty());
    b.bell.set(clock, t0 + 4s);
    clock.ring_due(t0 + 2s);
    CHECK(log == "c");
    a.bell.clear();
    clock.ring_due(t0 + 10s);
    CHECK(log == "cb");
    CHECK_FALSE(clock.earliest().has_value());
    {
        sleeper gone("x", log);
        gone.bell.set(clock, t0);
    }
    clock.ring_due(t0 + 10s);
    CHECK(log == "cb");
}

TEST_CASE("keys are fresh UUIDs, and a forked child does not mint its parent's")
{
    key_source source;
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        std::string const key = source.mint();
        CHECK(key.size() == 36);
        CHECK(key[14] == '4');
        CHECK(std::string_view("89ab").find(key[19]) != std::string_view::npos);
        CHECK(seen.insert(key).second);
    }
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::string const key = source.mint();
        _exit(::write(ends[1], key.data(), key.size()) == 36 ? 0 : 1);
    }
    std::string from_child(36, ' ');
    CHECK(::read(ends[0], from_child.data(), from_child.size()) == 36);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    ::close(ends[0]);
    ::close(ends[1]);
    CHECK(from_child != source.mint());
    CHECK(from_child[14] == '4');
}
