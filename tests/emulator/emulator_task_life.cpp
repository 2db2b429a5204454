// The life of a task over virtual time, and the plans it is made from.

#include <apimart/testing/faults/fault_script.hpp>
#include <apimart/testing/files/file_server.hpp>
#include <apimart/testing/rules/task_durations.hpp>
#include <apimart/testing/service/task_id.hpp>
#include <apimart/testing/service/task_life.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <string>

using namespace apimart::testing::emulation;
using namespace std::chrono_literals;

TEST_CASE("emulator task life: waits, works, ends, and never goes back")
{
    task_life const life(10s, 90s, task_phase::completed);
    CHECK(life.at(-1s).phase == task_phase::pending);
    CHECK(life.at(0s).phase == task_phase::pending);
    CHECK(life.at(10s - 1ns).phase == task_phase::pending);
    CHECK(life.at(10s).phase == task_phase::processing);
    CHECK(life.at(10s).progress == 0);
    CHECK(life.at(55s).progress == 50);
    CHECK(life.at(100s - 1ns).phase == task_phase::processing);
    CHECK(life.at(100s - 1ns).progress == 99);
    CHECK(life.at(100s).phase == task_phase::completed);
    CHECK(life.at(100s).progress == 100);
    CHECK(life.at(24h).finished());

    task_view last;
    for (auto age = 0ms; age < 110s; age += 37ms) {
        auto const now = life.at(age);
        CHECK(now.phase >= last.phase);
        CHECK(now.progress >= last.progress);
        last = now;
    }
}

TEST_CASE("emulator task life: a task may end at once, and may fail")
{
    constexpr task_life at_once(0s, 0s, task_phase::failed);
    static_assert(at_once.at(0ns).phase == task_phase::failed);
    static_assert(at_once.at(0ns).finished());
    CHECK(task_life(-5s, 3s, task_phase::completed).finished_after() == 3s);
}

TEST_CASE("emulator task life: plans are realistic, repeatable and scaled by the speed")
{
    std::set<task_life::duration> different;
    for (auto const of :
         {model::kling_3_0_turbo, model::kling_v3, model::veo_3_1_fast, model::veo_3_1_quality})
        for (std::uint64_t n = 0; n < 50; ++n) {
            order what;
            what.of = of;
            what.seconds = 8;
            auto const life = plan_life(what, task_phase::completed, 1, 7, n);
            CHECK(life.finished_after() >= 39s);
            CHECK(life.finished_after() <= 121s);
            CHECK(life.finished_after() == plan_life(what, task_phase::completed, 1, 7, n).finished_after());
            auto const fast = plan_life(what, task_phase::completed, 1000, 7, n);
            CHECK(std::chrono::abs(fast.finished_after() * 1000 - life.finished_after()) < 10us);
            different.insert(life.finished_after());
        }
    CHECK(different.size() > 150);

    order veo;
    veo.of = model::veo_3_1_fast;
    veo.seconds = 8;
    CHECK(usual_duration(veo).count() == doctest::Approx(70));
    order longer = veo;
    longer.seconds = 12;
    CHECK(usual_duration(longer) > usual_duration(veo));
}

TEST_CASE("emulator task ids: a ULID that depends on the moment and the seed")
{
    std::set<std::string> ids;
    constexpr std::uint64_t moment = 1'763'088'289'000;
    for (std::uint64_t n = 0; n < 2000; ++n) {
        auto const id = make_task_id(42, moment + n / 2, n);
        REQUIRE(id.size() == 31);
        CHECK(id.starts_with("task_01"));
        CHECK(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 5) == std::string::npos);
        ids.insert(id);
    }
    CHECK(ids.size() == 2000);
    CHECK(make_task_id(42, moment, 0) <= make_task_id(42, moment + 1, 0));
    CHECK(make_task_id(42, moment, 0) == make_task_id(42, moment, 0));
    CHECK(make_task_id(43, moment, 0) != make_task_id(42, moment, 0));
}

TEST_CASE("emulator files: byte ranges")
{
    auto const check = [](char const* header, std::uint64_t first, std::uint64_t last) {
        CAPTURE(header);
        byte_range const range(header, 100);
        CHECK(range.partial);
        CHECK(range.satisfiable);
        CHECK(range.first == first);
        CHECK(range.last == last);
    };
    check("bytes=0-0", 0, 0);
    check("bytes=10-", 10, 99);
    check("bytes=10-500", 10, 99);
    check("bytes=-1", 99, 99);
    check("bytes=-500", 0, 99);
    for (char const* whole :
         {"bytes=", "bytes=-", "bytes=5-3", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=1-x"}) {
        CAPTURE(whole);
        CHECK_FALSE(byte_range(whole, 100).partial);
    }
    CHECK_FALSE(byte_range("bytes=100-", 100).satisfiable);
    CHECK_FALSE(byte_range("bytes=-0", 100).satisfiable);
}

TEST_CASE("emulator faults: taken in order, counted, and only by requests they are meant for")
{
    auto const entry = [](char const* text) { return fault(boost::json::parse(text), "fault"); };
    fault_script script({entry(R"({"on":"submit","status":429,"times":2})"),
                         entry(R"({"on":"submit","skip":1})"), entry(R"({"on":"any","do":"reset"})")},
                        1);
    CHECK(script.planned() == 4);
    CHECK_FALSE(script.strike(operation::books));
    CHECK_FALSE(script.strike(operation::connection));
    CHECK(script.strike(operation::submit)->status == 429);
    CHECK(script.strike(operation::submit)->status == 429);
    // The third one passes the second entry and is free for the last.
    CHECK(script.strike(operation::submit)->act == fault_action::reset);
    CHECK(script.strike(operation::submit)->status == 503);
    CHECK_FALSE(script.strike(operation::submit));
    CHECK(script.consumed() == 4);

    fault_script chance({entry(R"({"on":"poll","fraction":0.25})")}, 1);
    int struck = 0;
    for (int i = 0; i < 4000; ++i)
        struck += chance.strike(operation::poll) ? 1 : 0;
    CHECK(struck > 850);
    CHECK(struck < 1150);
    CHECK(chance.planned() == chance.consumed());
}
