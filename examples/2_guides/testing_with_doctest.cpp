// Tests of your own code: the service is emulated, and what goes wrong with it stands in the test, beside what is expected.

#include <apimart.hpp>
#include <apimart/testing/fixture.hpp>

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <string>

namespace asio = boost::asio;
using namespace apimart;
using namespace std::chrono_literals;

//! [tests]
// The code under test: what a program shows to somebody who asked for a video.
asio::awaitable<std::string> headline(client& service, std::string prompt)
{
    result<task_result> made = co_await service.generate(text_to_video<kling_v3>(prompt), as_result());
    if (!made && made.error().acceptance() == acceptance::unknown)
        co_return "Please do not ask again, we are looking for your video";
    if (!made)
        co_return "Please try again later";
    co_return made->succeeded() ? "Here is your video" : "Sorry: " + made->error().text();
}

TEST_CASE("a video is announced")
{
    testing::fixture service;
    CHECK(service.run(headline(service.client(), "a cat")) == "Here is your video");
}

TEST_CASE("nobody is asked to buy a second time when the answer to a submit is lost")
{
    testing::fixture service(R"({"faults": [{"on": "submit", "do": "reset", "when": "accepted"}]})");
    CHECK(service.run(headline(service.client(), "a cat")).starts_with("Please do not ask again"));
    CHECK(service.emulator().books().at("accepted").as_array().size() == 1);
}

TEST_CASE("a video that takes ten minutes takes the test no time")
{
    testing::fixture service("{}", 1);
    auto headline_later = service.start(headline(service.client(), "a cat"));
    service.advance(10min);
    CHECK(headline_later.get() == "Here is your video");
}
//! [tests]
