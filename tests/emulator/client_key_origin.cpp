// The key reaches the service and no other host: judged by all that a second host has received, however it came to be asked.
#include "download_fixture.hpp"

#include <apimart/testing/connect_proxy.hpp>
#include <apimart/text/base64.hpp>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

using namespace client_tests;
using namespace apimart;

namespace {

// A service, and a storage that is none of it. Both play what a case says.
class two_hosts
{
public:
    std::function<void(scripted_server::peer&, std::string const&)> at_service =
        [this](auto& peer, auto const&) { peer.write(ok_head(bytes.size()) + bytes); };
    std::function<void(scripted_server::peer&, std::string const&)> at_storage = at_service;
    std::string const bytes = clip(2'000);
    scripted_server service{scripted_server::security::tls, [this](scripted_server::peer& peer) {
                                for (;;) {
                                    std::string const request = peer.request();
                                    at_service(peer, request);
                                }
                            }};
    scripted_server storage{scripted_server::security::tls, [this](scripted_server::peer& peer) {
                                for (;;) {
                                    std::string const request = peer.request();
                                    at_storage(peer, request);
                                }
                            }};
    std::string const here = service.base_url();
    std::string const there = storage.base_url("localhost");

    client_config config() const
    {
        client_config settings = service.config();
        settings.tls.add_ca_pem(storage.ca_pem());
        settings.allow_private_results = true;
        return settings;
    }

    // Downloads in every form, one after the other.
    void fetch(std::string const& link, client_config settings, bool succeeds = true)
    {
        asio::io_context context;
        client user(context, std::move(settings));
        scratch_folder folder;
        recorder<std::uint64_t> file;
        recorder<std::string> text;
        recorder<std::uint64_t> piped;
        recorder<std::vector<std::string>> all;
        user.download(video_at(link), folder / "v.mp4", file.token());
        run_to_end(context);
        user.download(video_at(link), into_memory(1U << 20U), text.token());
        run_to_end(context);
        asio::local::stream_protocol::socket sink(context);
        asio::local::stream_protocol::socket reader(context);
        asio::local::connect_pair(sink, reader);
        user.download(video_at(link), sink, piped.token());
        run_to_end(context);
        task_state of("task_1", task_status::succeeded, "completed");
        of.videos({video_at(link, 0), video_at(link, 1)});
        user.download_all(of, folder / "w.mp4", all.token());
        run_to_end(context);
        CHECK(file.outcome().has_value() == succeeds);
        CHECK(text.outcome().has_value() == succeeds);
        CHECK(piped.outcome().has_value() == succeeds);
        CHECK(all.outcome().has_value() == succeeds);
    }
    void fetch(std::string const& link) { fetch(link, config()); }

    // Nothing that the storage heard is the key or a credential, and neither is what a link asked the service for.
    void check(std::size_t at_least) const
    {
        CHECK(storage.requests().size() >= at_least);
        for (std::string const& request : storage.requests())
            check_one(request);
        for (std::string const& request : service.requests())
            if (!request.starts_with("GET /v1/"))
                check_one(request);
    }
    static void check_one(std::string const& request)
    {
        CAPTURE(request);
        CHECK(request.find(key_text) == std::string::npos);
        CHECK(request.find(key_text.substr(3)) == std::string::npos);
        for (std::size_t shift = 0; shift < 3; ++shift) {
            std::string const piece(key_text.substr(shift, 15));
            std::string encoded;
            detail::append_base64(encoded,
                                  {reinterpret_cast<unsigned char const*>(piece.data()), piece.size()});
            CHECK(request.find(encoded) == std::string::npos);
        }
        CHECK(request.find("uthorization") == std::string::npos);
        CHECK(request.find("Cookie") == std::string::npos);
    }
};

} // namespace

TEST_CASE("client key: a result at another host, on another port, and on the service's own")
{
    two_hosts f;
    f.fetch(f.there + "/v.mp4?sig=1");
    f.fetch("https://127.0.0.1:" + std::to_string(f.storage.port()) + "/v.mp4");
    f.check(10);
    f.fetch(f.here + "/v.mp4");
    f.fetch("HTTPS://127.0.0.1:" + std::to_string(f.service.port()) + "/v.mp4");
    f.check(10);
    CHECK(f.service.requests().size() == 10);
}

TEST_CASE("client key: redirects from the service, to it, and back again")
{
    for (int const status : {301, 302, 303, 307, 308}) {
        CAPTURE(status);
        two_hosts f;
        std::string place = f.there + "/w.mp4";
        f.at_service = [&](auto& peer, auto const&) {
            peer.answer(status, "", "Location: " + place + "\r\n");
        };
        f.fetch(f.here + "/v.mp4");
        f.check(5);

        // From the storage to the service and back.
        f.at_storage = [&](auto& peer, std::string const& request) {
            if (request.starts_with("GET /w.mp4 "))
                peer.write(ok_head(f.bytes.size()) + f.bytes);
            else
                peer.answer(status, "", "Location: " + f.here + "/x.mp4\r\n");
        };
        f.fetch(f.there + "/v.mp4");
        f.check(15);
    }
}

TEST_CASE("client key: what is asked for again, and by a newer link")
{
    two_hosts f;
    std::atomic<int> asked = 0;
    f.at_storage = [&](auto& peer, std::string const& request) {
        std::string const answer = answer_for(request, f.bytes);
        int const n = asked++;
        if (n % 4 == 0)
            return peer.answer(503, "", "Retry-After: 0\r\n");
        if (n % 4 == 1) {
            peer.write(answer.substr(0, answer.find("\r\n\r\n") + 1'000));
            return peer.cut();
        }
        if (n % 4 == 2)
            return peer.answer(403, "");
        peer.write(answer);
    };
    f.at_service = [&](auto& peer, auto const&) {
        peer.answer(200,
                    R"({"code":200,"data":{"id":"task_1","status":"completed","result":{"videos":[{"url":")" +
                        f.there + R"(/newer.mp4"},{"url":")" + f.there + R"(/newer.mp4"}]}}})");
    };
    f.fetch(f.there + "/v.mp4");
    f.check(20);
    CHECK(f.service.count("GET /v1/tasks/task_1 ") == 5);
    CHECK(f.storage.count("GET /newer.mp4 ") == 5);
}

TEST_CASE("client key: redirects of calls to the service itself, none of which is followed")
{
    for (int const status : {301, 302, 303, 307, 308}) {
        CAPTURE(status);
        two_hosts f;
        f.at_service = [&](auto& peer, auto const&) {
            peer.answer(status, "", "Location: " + f.there + "/v1/videos/generations\r\nSet-Cookie: a=1\r\n");
        };
        asio::io_context context;
        client user(context, f.config());
        recorder<task> bought;
        recorder<task_state> state;
        recorder<task_result> waited;
        recorder<balance> left;
        recorder<api_response> answered;
        user.submit(corgi(), bought.token());
        user.status(task("task_1"), state.token());
        user.wait(task("task_1"), {.timeout = 200ms}, waited.token());
        user.balance(left.token());
        user.request(api_request("/v1/models"), answered.token());
        run_to_end(context);
        CHECK_FALSE(bought.outcome().has_value());
        CHECK_FALSE(state.outcome().has_value());
        CHECK_FALSE(waited.outcome().has_value());
        CHECK_FALSE(left.outcome().has_value());
        CHECK_FALSE(answered.outcome().has_value());
        CHECK(f.storage.connections() == 0);
        for (std::string const& request : f.service.requests())
            CHECK(request.find("Cookie") == std::string::npos);
    }
}

TEST_CASE("client key: through a proxy, which hears names and its own password, and the storage neither")
{
    two_hosts f;
    f.at_service = [&](auto& peer, std::string const& request) {
        if (request.starts_with("GET /v1/"))
            peer.answer(200, completed_body("task_1", f.there + "/v.mp4"));
        else
            peer.answer(302, "", "Location: " + f.there + "/w.mp4\r\n");
    };
    asio::io_context network;
    auto const work = asio::make_work_guard(network);
    apimart::testing::connect_proxy_options wanted;
    wanted.user = "someone";
    wanted.password = "proxy-password";
    apimart::testing::connect_proxy proxy(network.get_executor(), wanted);
    proxy.start();
    std::thread wires([&] { network.run(); });
    client_config settings = f.config();
    settings.proxy = proxy_options("http://someone:proxy-password@127.0.0.1:" + std::to_string(proxy.port()));
    f.fetch(f.there + "/v.mp4", settings);
    f.fetch(f.here + "/v.mp4", settings);
    asio::io_context context;
    {
        client user(context, settings);
        recorder<task_state> state;
        user.status(task("task_1"), state.token());
        run_to_end(context);
        CHECK(state.value().videos().size() == 1);
    }
    run_to_end(context);
    f.check(10);
    std::vector<std::string> const heard = proxy.bytes_outside_tunnels();
    CHECK(heard.size() > 2);
    for (std::string const& each : heard)
        CHECK(each.find(key_text) == std::string::npos);
    for (auto const* const host : {&f.storage, &f.service})
        for (std::string const& request : host->requests())
            CHECK(request.find("roxy-") == std::string::npos);
    network.stop();
    wires.join();
}
