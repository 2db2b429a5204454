// Polls of many tasks: one request for many, limits that hold them back, and what a client has learned.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <map>

using namespace client_tests;
using namespace apimart;

namespace {

client_config in_batches(bench const& b, std::size_t size = 100)
{
    client_config config = b.config();
    config.poll.batch_query_size = size;
    return config;
}

// Tasks bought, and the ends of their waits.
class bought_tasks
{
public:
    bought_tasks(bench& b, client& user, int count)
    {
        std::vector<recorder<task>> got(static_cast<std::size_t>(count));
        for (auto const& each : got)
            user.submit(corgi(), each.token());
        b.run();
        for (auto const& each : got)
            tasks.push_back(each.value());
    }
    void wait(client& user)
    {
        ends.resize(tasks.size());
        for (std::size_t i = 0; i < tasks.size(); ++i)
            user.wait(tasks[i], ends[i].token());
    }
    // All succeed, each with its own video.
    void check() const
    {
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            REQUIRE(ends[i].value().succeeded());
            REQUIRE(ends[i].value().id() == tasks[i].id());
            REQUIRE(ends[i].value().video().url().expose().find(tasks[i].id()) != std::string::npos);
        }
    }

    std::vector<task> tasks;
    std::vector<recorder<task_result>> ends;
};

} // namespace

TEST_CASE("client polls: one request asks for many tasks, and each wait ends with its own result")
{
    bench b("{}", 400);
    client user(b.context, in_batches(b));
    bought_tasks all(b, user, 60);
    all.wait(user);
    b.run();
    all.check();
    CHECK(b.booked("batch_queries") >= 1);
    CHECK(b.booked("batch_queries") == user.metrics().batch_queries_sent);
    CHECK(b.booked("polls") == user.metrics().polls_sent);
    // One or two at the edges of a request for many.
    CHECK(b.booked("polls") <= 20);
    CHECK(user.metrics().tasks_waiting == 0);
}

TEST_CASE("client polls: without the option, no request asks for many")
{
    bench b("{}", 4000);
    client user = b.make_client();
    bought_tasks all(b, user, 10);
    all.wait(user);
    b.run();
    all.check();
    CHECK(b.booked("batch_queries") == 0);
}

TEST_CASE("client polls: what an answer about many does not tell in full is asked for by itself")
{
    bench b(R"({"batch":"without_result"})", 400);
    client user(b.context, in_batches(b));
    bought_tasks all(b, user, 20);
    recorder<task_result> unknown;
    user.wait(task("task_01KA040K7C5SXNYAVQCM2NB0D1"), wait_options{.timeout = 100ms}, unknown.token());
    all.wait(user);
    b.run();
    all.check();
    CHECK(unknown.why().underlying() == errc::task_not_found);
    CHECK(b.booked("batch_queries") >= 1);
    CHECK(b.booked("polls") >= 20);
}

TEST_CASE(
    "client polls: a task that failed or was cancelled ends its wait, with the reason where there is one")
{
    for (std::string const form : {"object", "cancelled"}) {
        CAPTURE(form);
        bench b(R"({"failure":{"form":")" + form + "\"}}", 400);
        client user(b.context, in_batches(b));
        std::vector<recorder<task_result>> ends(10);
        for (auto const& each : ends)
            user.generate(text_to_video<kling_3_0_turbo>("a corgi [fail]"), each.token());
        b.run();
        for (auto const& each : ends) {
            REQUIRE_FALSE(each.value().succeeded());
            REQUIRE(is_final(each.value().status()));
            if (form == "object")
                REQUIRE(each.value().error().text() == "content policy violation");
        }
        CHECK(b.booked("batch_queries") >= 1);
    }
}

TEST_CASE("client polls: where the service refuses a request for many, all tasks are asked for one by one")
{
    struct refusal
    {
        std::string scenario;
        bool for_good; // no request for many after those that are under way
    };
    for (refusal const& each :
         {refusal{R"({"batch":"off"})", true},
          refusal{R"({"faults":[{"on":"batch","status":400,"times":100}]})", false},
          refusal{R"({"faults":[{"on":"batch","status":500,"times":3}]})", false},
          refusal{R"({"faults":[{"on":"batch","status":403,"times":3}]})", false},
          refusal{R"({"faults":[{"on":"batch","status":429,"times":2}]})", false},
          refusal{R"({"faults":[{"on":"batch","status":200,"body":"html","times":3}]})", false},
          refusal{R"({"faults":[{"on":"batch","status":200,"body":"garbage","times":3}]})", false}}) {
        CAPTURE(each.scenario);
        bench b(each.scenario, 1000);
        client user(b.context, in_batches(b));
        bought_tasks all(b, user, 20);
        all.wait(user);
        b.run();
        all.check();
        CHECK(b.booked("batch_queries") >= 1);
        if (each.for_good)
            CHECK(b.booked("batch_queries") <= static_cast<unsigned>(b.config().poll.max_concurrent));
        // A hundred is halved six times before it is less than two.
        CHECK(b.booked("batch_queries") <= 40);
    }
}

TEST_CASE("client polls: waits that end while a request for many is under way leave the others alone")
{
    // Slow enough that no task ends before many are due at a time.
    bench b(R"({"faults":[{"on":"batch","do":"hold","times":1}]})", 20);
    client user(b.context, in_batches(b));
    bought_tasks all(b, user, 10);
    asio::cancellation_signal stop;
    recorder<task_result> stopped;
    user.wait(all.tasks[0], as_result(asio::bind_cancellation_slot(stop.slot(), stopped.plain())));
    std::vector<recorder<task_result>> others(9);
    for (std::size_t i = 0; i < others.size(); ++i)
        user.wait(all.tasks[i + 1], others[i].token());
    b.run_until([&] { return b.booked("batch_queries") >= 1; });
    stop.emit(asio::cancellation_type::terminal);
    b.run_until([&] { return stopped.done(); });
    CHECK(stopped.why().code() == asio::error::operation_aborted);
    b.service().release();
    b.run();
    for (auto const& each : others)
        CHECK(each.value().succeeded());
    CHECK(user.metrics().tasks_waiting == 0);
}

TEST_CASE("client polls: a wait that begins while the last one's poll is being given up is asked for")
{
    bench b(R"({"faults":[{"on":"poll","do":"hold","times":1}]})", 4000);
    client user = b.make_client();
    bought_tasks one(b, user, 1);
    asio::cancellation_signal stop;
    recorder<task_result> stopped;
    recorder<task_result> second;
    user.wait(one.tasks[0], as_result(asio::bind_cancellation_slot(stop.slot(), stopped.plain())));
    b.run_until([&] { return b.booked("polls") == 1; });
    stop.emit(asio::cancellation_type::terminal);
    user.wait(one.tasks[0], second.token());
    b.run();
    CHECK(stopped.why().code() == asio::error::operation_aborted);
    CHECK(second.value().succeeded());
}

TEST_CASE("client polls: limits that hold polls back are told once, and counted")
{
    bench b("{}", 1);
    for (auto const place :
         {backpressure_event::place::poll_rate, backpressure_event::place::poll_concurrency}) {
        CAPTURE(to_string(place));
        client_config config = b.config();
        std::vector<backpressure_event> told;
        config.observer.on_backpressure = [&](backpressure_event const& e) { told.push_back(e); };
        config.poll.initial_delay = 0ms;
        config.poll.min_interval = 5ms;
        config.poll.max_interval = 10ms;
        if (place == backpressure_event::place::poll_rate)
            config.poll.requests_per_second = 200;
        else
            config.poll.max_concurrent = 1;
        client user(b.context, config);
        bought_tasks all(b, user, 100);
        all.wait(user);
        b.run_until([&] { return user.metrics().polls_sent >= 200; });
        REQUIRE(std::count_if(told.begin(), told.end(), [&](auto const& e) { return e.where == place; }) ==
                1);
        CHECK(told.back().waiting >= 10);
        CHECK(told.back().delay >= 5ms);
        CHECK(user.metrics().polls_late >= 50);
        CHECK(user.metrics().poll_delay_ms > 5);
        recorder<shutdown_report> end;
        user.shutdown(end.token());
        b.run();
    }
}

TEST_CASE("client polls: polls that are in time are not told as held back")
{
    bench b("{}", 400);
    client_config config = b.config();
    config.poll.min_interval = 2s; // far more than a busy machine is late
    int told = 0;
    config.observer.on_backpressure = [&](backpressure_event const&) { ++told; };
    client user(b.context, config);
    bought_tasks all(b, user, 5);
    all.wait(user);
    b.run();
    all.check();
    CHECK(told == 0);
    CHECK(user.metrics().polls_late == 0);
}

TEST_CASE("client polls: what one client has learned, another begins with")
{
    bench b("{}", 400);
    client first = b.make_client();
    for (int i = 0; i < 4; ++i)
        CHECK(b.finished(first, corgi()).succeeded());
    recorder<learned_durations> learned;
    first.learned_durations(learned.token());
    b.run();
    REQUIRE(learned.value().by_class.size() == 1);
    CHECK(learned.value().by_class.begin()->second.size() == 4);

    client_config config = b.config();
    config.learned_durations = learned_durations::parse(learned.value().to_json()).value();
    client second(b.context, config);
    auto const polls = b.booked("polls");
    CHECK(b.finished(second, corgi()).succeeded());
    // Without it some twenty: the first soon after the submit.
    CHECK(b.booked("polls") - polls <= 12);
    recorder<learned_durations> again;
    second.learned_durations(again.token());
    b.run();
    CHECK(again.value().by_class.begin()->second.size() == 5);
}

TEST_CASE("client polls: two thousand tasks at a time end on few connections")
{
    bench b("{}", 60);
    client_config config = b.config();
    config.limits.max_connections = 64;
    config.poll.min_interval = 500ms;
    config.poll.max_interval = 2s;
    config.poll.max_concurrent = 48;
    client user(b.context, config);
    std::size_t ended = 0;
    std::size_t with_video = 0;
    for (int i = 0; i < 2000; ++i)
        user.submit(corgi(), as_result([&](result<task> bought) {
                        REQUIRE(bought.has_value());
                        user.wait(*bought, as_result([&](result<task_result> done) {
                            ++ended;
                            with_video += done && !done->video().url().empty() ? 1 : 0;
                        }));
                    }));
    b.run();
    CHECK(ended == 2000);
    CHECK(with_video == 2000);
    CHECK(b.accepted() == 2000);
    CHECK(b.booked("connections_peak") <= 64);
    CHECK(b.booked("polls") <= 5 * 2000);
}
