// Memory of a client does not grow with what it has done.
#include "fault_table.hpp"
#include "thread_memory.hpp"

using namespace fault_tests;

namespace {

apimart::client_config frugal(scripted_server const& server)
{
    auto config = server.config();
    config.tls.use_system_ca(false);
    config.limits.connects_per_second = 10'000;
    config.allow_private_results = true;
    return config;
}

std::string video_answer()
{
    std::string const video(apimart::testing::sample_video());
    return "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: " + std::to_string(video.size()) +
           "\r\n\r\n" + video;
}

// One download from each of some hosts.
void fetch(asio::io_context& context, apimart::client& by, unsigned short port, int first, int count)
{
    scratch_folder folder;
    for (int i = first; i < first + count; ++i) {
        recorder<std::uint64_t> got;
        std::string const link =
            "https://h" + std::to_string(i) + ".many.test:" + std::to_string(port) + "/v.mp4";
        by.download(apimart::video_file("task_1", 0, apimart::result_url(link), {}), folder / "v.mp4",
                    apimart::download_options{.overwrite = true}, got.token());
        run_until(context, [&] { return got.done(); });
        got.value();
    }
}

} // namespace

TEST_CASE("faults: hosts that results came from are forgotten once the time of their connections is over")
{
    constexpr int hosts = 100;
    scripted_server server(
        scripted_server::security::tls,
        [&](peer& with) {
            for (;;) {
                with.request();
                with.write(video_answer());
            }
        },
        "DNS:*.many.test");
    asio::io_context context;
    auto config = frugal(server);
    config.timeouts.pool_idle = 30ms;
    config.resolver.cache_ttl(0ms);
    for (int i = 0; i < 3 * hosts; ++i)
        config.resolver.add_host("h" + std::to_string(i) + ".many.test", {"127.0.0.1"});
    apimart::client user(context, config);
    auto const left_by = [&](int first, int count) {
        fetch(context, user, server.port(), first, count);
        auto const until = cell::clock::now() + 2 * config.timeouts.pool_idle;
        run_until(context, [&] { return cell::clock::now() > until; });
        return bytes_in_use();
    };
    // What is made once is not what is looked for.
    auto const before = left_by(0, hosts);
    CHECK(left_by(hosts, 2 * hosts) - before < 2 * hosts * 40);
    CHECK(user.metrics().connections_open == 0);
    ++cells_checked();
}

TEST_CASE("faults: connections whose time is over are not used again, and go when the client is next used")
{
    std::atomic<int> ended = 0;
    scripted_server server(scripted_server::security::tls, [&](peer& with) {
        with.request();
        with.answer(200, finished_body());
        with.wait_for_end();
        ++ended;
    });
    asio::io_context context;
    auto config = frugal(server);
    config.timeouts.pool_idle = 50ms;
    apimart::client user(context, config);
    for (int round = 1; round <= 3; ++round) {
        std::vector<recorder<apimart::task_state>> asked(8);
        for (auto const& each : asked)
            user.status(apimart::task("task_asked"), each.token());
        run_until(context, [&] {
            return std::all_of(asked.begin(), asked.end(), [](auto const& each) { return each.done(); });
        });
        CHECK(server.connections() == 8 * round);
        wait_until([&] { return ended == 8 * (round - 1); });
        CHECK(user.metrics().connections_open == 8);
        auto const over = cell::clock::now() + 2 * config.timeouts.pool_idle;
        run_until(context, [&] { return cell::clock::now() > over; });
    }
    CHECK(user.metrics().stale_connections == 0);
    ++cells_checked();
}

TEST_CASE("faults: a context has nothing left to do while a client only keeps connections")
{
    scripted_server server(scripted_server::security::tls, [&](peer& with) {
        for (;;) {
            with.request();
            with.answer(200, finished_body());
        }
    });
    asio::io_context context;
    apimart::client user(context, frugal(server));
    auto const begun = cell::clock::now();
    recorder<apimart::task_state> asked;
    user.status(apimart::task("task_asked"), asked.token());
    run_to_end(context);
    CHECK(asked.outcome().has_value());
    CHECK(user.metrics().connections_open == 1);
    CHECK(cell::clock::now() - begun < 10s);
    ++cells_checked();
}

TEST_CASE("faults: the largest request that went over a connection is not kept with it")
{
    constexpr std::size_t at_once = 8;
    constexpr std::size_t size = std::size_t{2} << 20U;
    std::atomic<std::size_t> waiting = 0;
    scripted_server server(scripted_server::security::tls, [&](peer& with) {
        for (;;) {
            with.bytes(std::stoul([&] {
                std::string const head = with.head();
                return head.substr(head.find("Content-Length: ") + 16);
            }()));
            // Each on a connection of its own.
            ++waiting;
            waiting.notify_all();
            for (std::size_t count = waiting; count < at_once; count = waiting)
                waiting.wait(count);
            with.answer(200, accepted_body("task_1"));
        }
    });
    asio::io_context context;
    apimart::client user(context, frugal(server));
    auto const before = bytes_in_use();
    {
        std::vector<recorder<apimart::task>> got(at_once);
        for (auto const& each : got)
            user.submit(apimart::image_to_video<apimart::kling_3_0_turbo>("data:image/png;base64," +
                                                                          std::string(size, 'A')),
                        each.token());
        run_until(context, [&] {
            return std::all_of(got.begin(), got.end(), [](auto const& each) { return each.done(); });
        });
        for (auto const& each : got)
            CHECK(each.outcome().has_value());
    }
    run_to_end(context);
    CHECK(user.metrics().connections_open == at_once);
    // Buffers for a record in each direction, and no more.
    CHECK(bytes_in_use() - before < static_cast<std::int64_t>(at_once * 100'000));
    ++cells_checked();
}

TEST_CASE("faults: the largest answer that came over a connection is not kept with it")
{
    constexpr std::size_t at_once = 8;
    std::atomic<std::size_t> waiting = 0;
    scripted_server server(scripted_server::security::tls, [&](peer& with) {
        for (;;) {
            with.request();
            ++waiting;
            waiting.notify_all();
            for (std::size_t count = waiting; count < at_once; count = waiting)
                waiting.wait(count);
            with.answer(200, finished_body() + std::string(900'000, ' '));
        }
    });
    asio::io_context context;
    apimart::client user(context, frugal(server));
    auto const before = bytes_in_use();
    {
        std::vector<recorder<apimart::task_state>> got(at_once);
        for (auto const& each : got)
            user.status(apimart::task("task_asked"), each.token());
        run_until(context, [&] {
            return std::all_of(got.begin(), got.end(), [](auto const& each) { return each.done(); });
        });
        for (auto const& each : got)
            CHECK(each.outcome().has_value());
    }
    run_to_end(context);
    CHECK(user.metrics().connections_open == at_once);
    CHECK(bytes_in_use() - before < static_cast<std::int64_t>(at_once * 100'000));
    ++cells_checked();
}
