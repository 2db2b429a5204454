// What is counted and told is what happened, under its own name.
#include "fault_table.hpp"

#include <apimart/testing/connect_proxy.hpp>
#include <apimart/version.hpp>

#include <thread>

using namespace fault_tests;
using apimart::testing::connect_proxy;

namespace {

constexpr std::string_view user_agent = "\r\nUser-Agent: apimart-cpp/" APIMART_VERSION_STRING "\r\n";

// Delivers at once; a file, too.
void serve(peer& with)
{
    for (;;) {
        std::string const text = with.request();
        if (text.starts_with("POST "))
            with.answer(200, accepted_body("task_asked"));
        else if (text.starts_with("GET /v.mp4 "))
            with.answer(200, apimart::testing::sample_video(), "Content-Type: video/mp4\r\n");
        else
            with.answer(200, finished_body());
    }
}

apimart::client_config quick(scripted_server const& server)
{
    auto config = server.config();
    config.tls.use_system_ca(false);
    config.limits.connects_per_second = 10'000;
    return config;
}

} // namespace

TEST_CASE("faults: the metrics count as polls what the schedule asked, and nothing else")
{
    bench b;
    apimart::client user = b.make_client();
    scratch_folder folder;
    apimart::task_result const done = b.finished(user, corgi());
    auto const polls = b.booked("polls");
    CHECK(user.metrics().polls_sent == polls);
    for (int i = 0; i < 3; ++i) {
        recorder<apimart::task_state> asked;
        user.status(apimart::task(done.id()), asked.token());
        b.run();
        CHECK(asked.outcome().has_value());
    }
    recorder<std::uint64_t> fetched;
    user.download(done.video(), folder / "v.mp4", fetched.token());
    b.run();
    CHECK(fetched.outcome().has_value());
    CHECK(b.booked("polls") == polls + 3);
    CHECK(user.metrics().polls_sent == polls);
    CHECK(user.metrics().submits_sent == 1);
    ++cells_checked();
}

TEST_CASE("faults: a poll is counted as it leaves, not when its answer has come")
{
    bench b(R"({"faults":[{"on":"poll","do":"hold"}]})");
    apimart::client user = b.make_client();
    apimart::task const one = b.submitted(user, corgi());
    recorder<apimart::task_result> got;
    user.wait(one, got.token());
    // Its answer is held.
    b.run_until([&] { return user.metrics().polls_sent == 1 && b.booked("polls") == 1; });
    b.service().release();
    b.run();
    CHECK(got.outcome().has_value());
    CHECK(user.metrics().polls_sent == b.booked("polls"));
    ++cells_checked();
}

TEST_CASE("faults: a shutdown does not call itself a question for a status")
{
    bench b;
    std::vector<std::string> told;
    auto config = b.config();
    config.observer.on_operation = [&](apimart::operation_event const& event) {
        told.emplace_back(apimart::to_string(event.kind));
    };
    apimart::client user(b.context, config);
    recorder<apimart::shutdown_report> got;
    user.shutdown(got.token());
    b.run();
    CHECK(got.outcome().has_value());
    for (auto const& each : told)
        CHECK(each == "shutdown");
    ++cells_checked();
}

TEST_CASE("faults: every request says which version of the library sent it, and so does CONNECT")
{
    scripted_server const server(scripted_server::security::tls, serve, "IP:127.0.0.1,DNS:service.test");
    asio::io_context side;
    auto const work = asio::make_work_guard(side);
    connect_proxy proxy(side.get_executor());
    proxy.route_all(server.port());
    proxy.start();
    std::thread thread([&] { side.run(); });
    {
        scratch_folder folder;
        asio::io_context context;
        auto config = quick(server);
        config.base_url = "https://service.test";
        config.proxy = apimart::proxy_options("http://127.0.0.1:" + std::to_string(proxy.port()));
        config.poll.initial_delay = 0ms;
        apimart::client user(context, config);
        recorder<apimart::task_result> generated;
        recorder<apimart::task_state> asked;
        recorder<std::uint64_t> fetched;
        user.generate(corgi(), generated.token());
        user.status(apimart::task("task_asked"), asked.token());
        user.download(
            apimart::video_file("task_asked", 0, apimart::result_url("https://service.test/v.mp4"), {}),
            folder / "v.mp4", fetched.token());
        run_to_end(context);
        CHECK(generated.outcome().has_value());
        CHECK(asked.outcome().has_value());
        CHECK(fetched.outcome().has_value());
    }
    auto const requests = server.requests();
    CHECK(requests.size() == 4);
    for (auto const& each : requests) {
        CAPTURE(each);
        CHECK(each.find(user_agent) != std::string::npos);
    }
    auto const connects = proxy.bytes_outside_tunnels();
    CHECK(connects.size() >= 1);
    for (auto const& each : connects) {
        CAPTURE(each);
        CHECK(each.starts_with("CONNECT "));
        CHECK(each.find(user_agent) != std::string::npos);
    }
    proxy.stop();
    side.stop();
    thread.join();
    ++cells_checked();
}

TEST_CASE("faults: the phase of a request that went out whole is \"sent\", in events and in failures")
{
    scripted_server const server(scripted_server::security::tls, [](peer& with) {
        with.request();
        with.close();
    });
    asio::io_context context;
    auto config = quick(server);
    std::vector<std::string> phases;
    config.observer.on_attempt = [&](apimart::attempt_event const& event) { phases.push_back(event.phase); };
    apimart::client user(context, config);
    recorder<apimart::task> got;
    user.submit(corgi(), got.token());
    run_to_end(context);
    CHECK(phases == std::vector<std::string>{"sent"});
    REQUIRE(got.why().attempts().size() == 1);
    CHECK(got.why().attempts().front().phase() == "sent");
    ++cells_checked();
}
