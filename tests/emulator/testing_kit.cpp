// The kit for tests of programs that use the client: what somebody writes, in the framework that we happen to use.
#include <apimart/client.hpp>
#include <apimart/models.hpp>
#include <apimart/testing/fixture.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

any_request cat()
{
    return text_to_video<kling_v3>("a cat");
}

testing::emulator_options real_speed()
{
    testing::emulator_options options;
    options.seed = 3;
    return options;
}

asio::awaitable<void> never()
{
    asio::steady_timer forever(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await forever.async_wait(asio::use_awaitable);
}

} // namespace

TEST_CASE("testing kit: a submit that is rate limited once is made twice and bought once")
{
    testing::fixture service(R"({"faults": [{"on": "submit", "status": 429}]})");
    task const made = service.run(service.client().submit(cat()));
    CHECK(made.submit_attempts() == 2);
    CHECK(service.emulator().unconsumed_faults().empty());
}

TEST_CASE("testing kit: minutes of a task's life pass for the service and for the wait together")
{
    testing::fixture service(real_speed());
    task const made = service.run(service.client().submit(cat()));
    std::future<task_result> waiting = service.client().wait(made, asio::use_future);
    CHECK(waiting.wait_for(0s) == std::future_status::timeout);
    auto const begun = std::chrono::steady_clock::now();
    service.advance(20min);
    REQUIRE(waiting.wait_for(30s) == std::future_status::ready);
    task_result const done = waiting.get();
    CHECK(done.succeeded());
    CHECK(done.poll_count() > 1);
    CHECK(std::chrono::steady_clock::now() - begun < 20s);
    // The service's own times are those of the clock, and so is what the client makes of them.
    REQUIRE(done.created_at());
    REQUIRE(done.completed_at());
    CHECK(*done.completed_at() - *done.created_at() > 10s);
}

TEST_CASE("testing kit: a limit and a pause are over when their time has been pushed past")
{
    testing::fixture service(real_speed());
    service.emulator().plan(R"({"on": "submit", "status": 429, "retry_after": 100})");
    std::future<task> pausing = service.client().submit(cat(), asio::use_future);
    service.advance(10s);
    CHECK(pausing.wait_for(0s) == std::future_status::timeout);
    service.advance(100s);
    REQUIRE(pausing.wait_for(30s) == std::future_status::ready);
    CHECK(pausing.get().submit_attempts() == 2);

    std::future<task_result> limited = service.client().wait(task("task_01KA040K7C5SXNYAVQCM2NB0D1"),
                                                             wait_options{.timeout = 5s}, asio::use_future);
    service.advance(1min);
    REQUIRE(limited.wait_for(30s) == std::future_status::ready);
    CHECK_THROWS_AS(limited.get(), error);
}

TEST_CASE("testing kit: recorded answers are played in their order, before the service's own")
{
    testing::fixture service;
    std::string const id = "task_01KA040K7C5SXNYAVQCM2NB0D1";
    for (std::string const word : {"pending", "processing"})
        service.emulator().replay(
            "poll", 200, R"({"code": 200, "data": {"id": "{task_id}", "status": ")" + word + R"("}})");
    service.emulator().replay("poll", 404, R"({"error": {"code": 404, "message": "gone"}})");
    std::vector<std::string> seen;
    for (int i = 0; i < 2; ++i)
        seen.push_back(service.run(service.client().status(task(id))).raw_status());
    CHECK(seen == std::vector<std::string>{"pending", "processing"});
    CHECK_THROWS_AS(service.run(service.client().status(task(id))), error);
    CHECK(service.emulator().unconsumed_faults().empty());
    CHECK_THROWS_AS(service.emulator().replay("no such kind", 200, "{}"), std::invalid_argument);
}

TEST_CASE("testing kit: what an emulator was made with is what its client is made for")
{
    asio::io_context context;
    testing::emulator_options options;
    options.api_key = "sk-of-this-test";
    options.tls = false;
    options.speed = 100;
    options.clock = std::make_shared<virtual_clock>();
    testing::emulator const service(context.get_executor(), options);
    client_config const config = testing::config_for(service);
    CHECK(config.base_url == service.base_url());
    CHECK(config.allow_plain_http);
    CHECK(config.clock == options.clock);
    CHECK(config.poll.initial_delay == 20ms);
    CHECK(config.poll.min_interval == 10ms);
    CHECK_FALSE(config.tls.use_system_ca());
    CHECK_NOTHROW(client(context, config));
}

TEST_CASE("testing kit: a coroutine that does not end fails its test, and not the next one")
{
    testing::fixture service;
    CHECK_THROWS_WITH_AS(service.run(never(), 10ms), "the coroutine did not end within 10 ms",
                         std::runtime_error);
    CHECK(service.run(service.client().submit(cat())).valid());
}

TEST_CASE("testing kit: a test that ends in the middle of a call leaves no thread behind")
{
    std::future<task_result> waiting;
    {
        testing::fixture service(real_speed());
        waiting = service.client().wait(service.run(service.client().submit(cat())), asio::use_future);
    }
    CHECK_THROWS_AS(waiting.get(), std::future_error);
}
