// A test of your own code with GoogleTest, whose namespace is called `testing`, too: the library's is `apimart::testing`.

#include <apimart.hpp>
#include <apimart/testing/fixture.hpp>

#include <gtest/gtest.h>

#include <string>

// The code under test: what a program says about a task whose state it asks for.
boost::asio::awaitable<std::string> describe(apimart::client& service, std::string id)
{
    apimart::result<apimart::task_state> state =
        co_await service.status(apimart::task(id), apimart::as_result());
    co_return state ? state->raw_status() : state.error().code().message();
}

TEST(Describe, ShowsTheWordOfTheService)
{
    apimart::testing::fixture service;
    service.emulator().replay("poll", 200,
                              R"({"code": 200, "data": {"id": "{task_id}", "status": "in_review"}})");
    EXPECT_EQ(service.run(describe(service.client(), "task_01KA040K7C5SXNYAVQCM2NB0D1")), "in_review");
}

TEST(Describe, AsksAgainWhenTheConnectionIsLost)
{
    apimart::testing::fixture service;
    service.emulator().plan(R"({"on": "poll", "do": "cut"})");
    service.emulator().replay("poll", 200,
                              R"({"code": 200, "data": {"id": "{task_id}", "status": "processing"}})");
    EXPECT_EQ(service.run(describe(service.client(), "task_01KA040K7C5SXNYAVQCM2NB0D1")), "processing");
    EXPECT_TRUE(service.emulator().unconsumed_faults().empty());
}
