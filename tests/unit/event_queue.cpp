// Events are told in order, one at a time, and with the memory of those before.
#include <apimart/runtime/event_dispatcher.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

using namespace apimart;
using namespace apimart::detail;

namespace {

void add(event_list& to, std::string const& host)
{
    attempt_event event;
    event.host = host;
    to.add<attempt_event>() = event;
}

} // namespace

TEST_CASE("events of all kinds are told in their order, and once")
{
    std::string told;
    observer callbacks;
    callbacks.on_attempt = [&](attempt_event const& e) { told += "a" + e.host; };
    callbacks.on_stall = [&](stall_event const& e) { told += "s" + e.where; };
    event_queue queue(callbacks);
    event_list first;
    add(first, "1");
    first.add<stall_event>().where = "2";
    first.add<retry_event>(); // nobody listens to those
    event_list second;
    add(second, "3");
    queue.push(first);
    CHECK(first.empty());
    queue.push(second);
    CHECK(told.empty());
    queue.tell();
    CHECK(told == "a1s2a3");
    queue.tell();
    CHECK(told == "a1s2a3");
}

TEST_CASE("an emptied list gives out its places again")
{
    event_list list;
    std::string const* const place = &list.add<attempt_event>().host;
    list.clear();
    CHECK(list.empty());
    CHECK(&list.add<attempt_event>().host == place);
    list.clear();
    CHECK(list.add<stall_event>().where.empty());
    list.clear();
    CHECK(list.add<attempt_event>().host.empty());
}

TEST_CASE("what comes while events are told is told by the same teller, and an exception is dropped")
{
    std::string told;
    event_queue* queue = nullptr;
    observer callbacks;
    callbacks.on_attempt = [&](attempt_event const& e) {
        told += "(" + e.host;
        if (e.host == "1") {
            event_list more;
            add(more, "3");
            queue->push(more);
            queue->tell();
        }
        told += ")";
        if (e.host == "2")
            throw std::runtime_error("an observer's trouble");
    };
    event_queue told_by(callbacks);
    queue = &told_by;
    event_list events;
    add(events, "1");
    add(events, "2");
    queue->push(events);
    queue->tell();
    CHECK(told == "(1)(2)(3)");
}

TEST_CASE("of several threads only one tells at a time, and nothing is left behind")
{
    std::atomic<bool> inside = false;
    int overlaps = 0;
    int told = 0;
    observer callbacks;
    callbacks.on_attempt = [&](attempt_event const&) {
        overlaps += inside.exchange(true) ? 1 : 0;
        ++told;
        inside = false;
    };
    event_queue queue(callbacks);
    auto const work = [&queue] {
        event_list mine;
        for (int i = 0; i < 2000; ++i) {
            add(mine, "h");
            queue.push(mine);
            queue.tell();
        }
    };
    std::thread first(work);
    std::thread second(work);
    first.join();
    second.join();
    CHECK(told == 4000);
    CHECK(overlaps == 0);
}
