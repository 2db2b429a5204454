// A test of your own code without network and money: it talks to an emulator in the same process, over real HTTPS, in which a
// fault can be planned. (With doctest; nothing in the emulator depends on it.)

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <apimart.hpp>
#include <apimart/testing/fixture.hpp>

#include <boost/asio/awaitable.hpp>

#include <string>

namespace asio = boost::asio;
using namespace apimart;

//! [own_code]
// The code under test: what a user of some program is told.
asio::awaitable<std::string> make_trailer(client service, std::string title)
{
    result<task_result> done =
        co_await service.generate(text_to_video<kling_3_0_turbo>("A trailer of " + title), as_result());
    if (!done)
        co_return done.error().code() == condition::payment_required ? "please add credit"
                                                                     : "please try again";
    co_return done->succeeded() ? "your trailer is ready" : "we cannot make this one";
}
//! [own_code]

//! [tests]
TEST_CASE("a trailer is made")
{
    testing::fixture service;
    CHECK(service.run(make_trailer(service.client(), "Corgis")) == "your trailer is ready");
}

TEST_CASE("who has no credit is told so")
{
    testing::fixture service(R"({"faults": [{"on": "submit", "status": 402}]})");
    CHECK(service.run(make_trailer(service.client(), "Corgis")) == "please add credit");
    CHECK(service.emulator().unconsumed_faults().empty());
}

TEST_CASE("what the service refuses to make is no reason to try again")
{
    testing::fixture service;
    CHECK(service.run(make_trailer(service.client(), "Corgis [fail]")) == "we cannot make this one");
}
//! [tests]
