// A network that cuts every connection after some bytes: files are whole all the same, and little is fetched twice. The
// benchmark `downloads` does the same at length, and measures its memory.
#include "download_fixture.hpp"

#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/tcp_proxy.hpp>

#include <random>

using namespace client_tests;
using namespace apimart;
using apimart::testing::direction;
using apimart::testing::tcp_rule;

TEST_CASE(
    "client download: behind a network that cuts every connection, files are whole and little comes twice")
{
    constexpr std::size_t size = 3'000'000;
    constexpr std::size_t files = 3;
    std::string const bytes = clip(size);
    auto const digest = apimart::testing::emulation::sha256(bytes);
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        for (;;)
            peer.write(answer_for(peer.request(), bytes));
    });
    asio::io_context network;
    auto const work = asio::make_work_guard(network);
    apimart::testing::tcp_proxy proxy(network.get_executor(),
                                      {asio::ip::address_v4::loopback(), server.port()});
    bool is_reset = false;
    SUBCASE("by an orderly end") {}
    SUBCASE("by a reset")
    {
        is_reset = true;
    }
    std::mt19937 random(1);
    std::uniform_int_distribution<std::uint64_t> after(200'000, 600'000);
    for (std::uint64_t connection = 1; connection <= 400; ++connection) {
        auto const end = is_reset ? tcp_rule::reset : tcp_rule::close;
        proxy.plan(end(direction::to_client, after(random)).on_connection(connection));
    }
    proxy.start();
    std::thread wires([&] { network.run(); });

    scratch_folder folder;
    asio::io_context context;
    client user(context, quick_config("https://127.0.0.1:" + std::to_string(proxy.port()), server.ca_pem()));
    std::vector<recorder<std::uint64_t>> got(files);
    for (std::size_t i = 0; i < files; ++i)
        user.download(video_at("https://127.0.0.1:" + std::to_string(proxy.port()) + "/v"),
                      folder / std::to_string(i), {.max_retries = 2}, got[i].token());
    run_to_end(context);
    std::uint64_t const fetched = proxy.bytes(direction::to_client);
    std::uint64_t const connections = proxy.connections();
    network.stop();
    wires.join();

    for (std::size_t i = 0; i < files; ++i) {
        CHECK(got[i].value() == size);
        CHECK(apimart::testing::emulation::sha256(bytes_of(folder / std::to_string(i))) == digest);
    }
    CHECK(folder.names().size() == files);
    CHECK(connections > files * size / 600'000);
    // A reset takes with it what the proxy had handed over to its own system, of which the client knows nothing.
    if (!is_reset)
        CHECK(fetched <= files * size * 105 / 100);
    CHECK(user.metrics().bytes_downloaded == files * size);
}
