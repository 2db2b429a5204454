// A test of your own code without network and money: it talks to an emulator in the same process, over real HTTPS, in which a
// fault can be planned. (With doctest; nothing in the emulator depends on it.)

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "../example_service.hpp"

#include <string>

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

namespace {

std::string trailer_of(std::string title, testing::emulator_options options = {})
{
    asio::io_context context;
    options.speed = 1000;
    testing::emulator service(context.get_executor(), options);
    service.start();
    client_config config(api_key("test"));
    config.base_url = service.base_url();
    config.tls.add_ca_pem(service.ca_pem());
    config.poll.initial_delay = config.poll.min_interval = 5ms;
    std::string told;
    asio::co_spawn(context, make_trailer(client(context, config), title),
                   [&](std::exception_ptr, std::string answer) {
                       told = answer;
                       service.stop();
                   });
    context.run();
    CHECK(service.unconsumed_faults().empty());
    return told;
}

} // namespace

//! [tests]
TEST_CASE("a trailer is made")
{
    CHECK(trailer_of("Corgis") == "your trailer is ready");
}

TEST_CASE("who has no money is told so")
{
    testing::emulator_options broke;
    broke.scenario = testing::scenario::parse(R"({"faults": [{"on": "submit", "status": 402}]})");
    CHECK(trailer_of("Corgis", broke) == "please add credit");
}

TEST_CASE("what the service refuses to make is no reason to try again")
{
    CHECK(trailer_of("Corgis [fail]") == "we cannot make this one");
}
//! [tests]
