// Connections: shared, bounded, used again, and never trusted when they have been lying about.
#include "client_fixture.hpp"

#include <set>

using namespace client_tests;
using namespace apimart;

TEST_CASE("client pool: five hundred operations at one time use no more connections than the limit")
{
    bench b;
    auto config = b.config();
    config.limits.max_connections = 8;
    client user(b.context, config);
    std::vector<recorder<task_result>> got(500);
    for (auto& each : got)
        user.generate(corgi(), each.token());
    b.run();
    std::set<std::string> ids;
    for (auto const& each : got)
        ids.insert(each.value().id());
    CHECK(ids.size() == got.size());
    CHECK(b.accepted() == got.size());
    CHECK(b.booked("submits_received") == got.size());
    CHECK(b.booked("connections") <= 8);
    CHECK(b.booked("connections_peak") <= 8);
    CHECK(user.metrics().connections_opened == b.booked("connections"));
}

TEST_CASE("client pool: requests one after the other share one connection")
{
    bench b;
    client user = b.make_client();
    scratch_folder folder;
    for (int i = 0; i < 5; ++i) {
        task_result const done = b.finished(user, corgi());
        recorder<std::uint64_t> size;
        user.download(done.video(), folder / std::to_string(i), size.token());
        b.run();
        CHECK(size.value() > 0);
    }
    CHECK(b.booked("requests") >= 15);
    CHECK(b.booked("connections") == 1);
}

TEST_CASE("client pool: submits keep to their share, so that a question always gets through")
{
    bench b(R"({"faults":[{"on":"submit","do":"stall","when":"accepted","times":2}]})");
    auto config = b.config();
    config.limits.max_connections = 3;
    config.limits.max_concurrent_submits = 2;
    config.timeouts.response = 2s;
    client user(b.context, config);
    std::vector<recorder<task>> submits(4);
    for (auto& each : submits)
        user.submit(corgi(), each.token());
    b.run_until([&] { return b.accepted() == 2; });
    recorder<task_state> state;
    user.status(task(std::string(b.accepted_entry(0).at("task_id").as_string())), state.token());
    b.run_until([&] { return state.done(); });
    CHECK(state.outcome().has_value());
    for (auto const& each : submits)
        CHECK_FALSE(each.done());
    CHECK(b.booked("submits_received") == 2);
    b.run();
    int unknown = 0;
    for (auto const& each : submits)
        unknown += each.outcome().has_value() ? 0 : 1;
    CHECK(unknown == 2);
    CHECK(b.accepted() == 4);
}

TEST_CASE("client pool: no more submits are under way than their limit")
{
    bench b(R"({"latency_ms":5})");
    auto config = b.config();
    config.limits.max_concurrent_submits = 3;
    client user(b.context, config);
    std::vector<recorder<task>> got(30);
    for (auto& each : got)
        user.submit(corgi(), each.token());
    b.run();
    for (auto const& each : got)
        CHECK(each.value().valid());
    CHECK(b.booked("connections_peak") <= 3);
}

TEST_CASE("client pool: a server that closes idle connections loses no submit and troubles no question")
{
    for (bool const orderly : {true, false}) {
        std::atomic<int> closed = 0;
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            std::string const request = peer.request();
            if (request.starts_with("POST"))
                peer.answer(200, accepted_body("task_" + std::to_string(peer.index)));
            else
                peer.answer(200, R"({"code":200,"data":{"status":"pending"}})");
            if (orderly)
                peer.close();
            else
                peer.cut();
            ++closed;
        });
        asio::io_context context;
        auto config = server.config();
        config.retry.max_retries = 0;
        client user(context, config);
        for (int i = 0; i < 20; ++i) {
            if (i % 2 == 0) {
                recorder<task> got;
                user.submit(corgi(), got.token());
                run_to_end(context);
                CHECK(got.value().submit_attempts() == 1);
            } else {
                recorder<task_state> got;
                user.status(task("task_1"), got.token());
                run_to_end(context);
                CHECK(got.value().status() == task_status::queued);
            }
            // The close has arrived before the next request looks.
            wait_until([&] { return closed == i + 1; });
        }
        CHECK(server.count("POST") == 10);
        CHECK(server.count("GET") == 10);
    }
}

TEST_CASE("client pool: a connection that ends just as it is used again is a matter of asking again, for a "
          "question")
{
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        peer.answer(200, R"({"code":200,"data":{"status":"pending"}})");
        peer.bytes(10);
        peer.reset();
    });
    asio::io_context context;
    auto config = server.config();
    config.retry.max_retries = 0;
    client user(context, config);
    for (int i = 0; i < 3; ++i) {
        recorder<task_state> got;
        user.status(task("task_1"), got.token());
        run_to_end(context);
        CHECK(got.value().status() == task_status::queued);
    }
    CHECK(server.connections() == 3);
}

TEST_CASE("client pool: the same for a submit is doubtful and not sent again")
{
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        peer.answer(200, accepted_body("task_1"));
        peer.request();
        peer.reset();
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<task> first;
    user.submit(corgi(), first.token());
    run_to_end(context);
    CHECK(first.outcome().has_value());
    recorder<task> second;
    user.submit(corgi(), second.token());
    run_to_end(context);
    CHECK(second.why().acceptance() == acceptance::unknown);
    CHECK(server.count("POST") == 2);
    CHECK(server.connections() == 1);
}

TEST_CASE("client pool: Connection: close and HTTP/1.0 are respected")
{
    for (std::string const head : {"HTTP/1.1 200 OK\r\nConnection: close\r\n", "HTTP/1.0 200 OK\r\n"}) {
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            std::string const body = accepted_body("task_1");
            peer.write(head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
            peer.wait_for_end();
        });
        asio::io_context context;
        client user(context, server.config());
        for (int i = 0; i < 3; ++i) {
            recorder<task> got;
            user.submit(corgi(), got.token());
            run_to_end(context);
            CHECK(got.outcome().has_value());
        }
        CHECK(server.connections() == 3);
    }
}

TEST_CASE("client pool: a server that says how long it keeps a connection is believed")
{
    struct row
    {
        char const* header;
        int connections;
    };
    for (row const& each :
         {row{"", 1}, row{"Keep-Alive: timeout=60, max=5\r\n", 1},
          row{"Keep-Alive: max=5, Timeout=60\r\n", 1}, row{"Keep-Alive: timeout=x\r\n", 1},
          row{"Keep-Alive: timeout=99999999999999999999\r\n", 1}, row{"Keep-Alive: timeout=1\r\n", 3},
          row{"Keep-Alive: timeout=0\r\n", 3}, row{"Keep-Alive: max=9,timeout=1\r\n", 3}}) {
        CAPTURE(each.header);
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            for (;;) {
                peer.request();
                peer.answer(200, accepted_body("task_1"), each.header);
            }
        });
        asio::io_context context;
        client user(context, server.config());
        for (int i = 0; i < 3; ++i) {
            recorder<task> got;
            user.submit(corgi(), got.token());
            run_to_end(context);
            CHECK(got.outcome().has_value());
        }
        CHECK(server.connections() == each.connections);
    }
    // Two seconds are good for one.
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        for (;;) {
            peer.request();
            peer.answer(200, accepted_body("task_1"), "Keep-Alive: timeout=2\r\n");
        }
    });
    asio::io_context context;
    client user(context, server.config());
    for (int i = 0; i < 2; ++i) {
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        auto const now = std::chrono::steady_clock::now();
        wait_until([&] { return std::chrono::steady_clock::now() > now + 1001ms; });
    }
    CHECK(server.connections() == 2);
}

TEST_CASE("client pool: bytes that nobody asked for are never taken for the next answer")
{
    for (auto const how : {scripted_server::security::plain, scripted_server::security::tls}) {
        for (bool const in_one_segment : {true, false}) {
            CAPTURE(in_one_segment);
            std::atomic<bool> trap_is_set = false;
            scripted_server server(how, [&](scripted_server::peer& peer) {
                for (;;) {
                    peer.request();
                    if (peer.index == 0) {
                        // The second one is a trap: a complete acceptance that belongs to no request.
                        if (in_one_segment)
                            peer.hold(true);
                        peer.answer(200, accepted_body("task_first"));
                        peer.answer(200, accepted_body("task_trap"));
                        if (in_one_segment)
                            peer.hold(false);
                        peer.wait_until_delivered();
                        trap_is_set = true;
                    } else {
                        peer.answer(200, accepted_body("task_second"));
                    }
                }
            });
            asio::io_context context;
            client user(context, server.config());
            recorder<task> first;
            user.submit(corgi(), first.token());
            run_to_end(context);
            CHECK(first.value().id() == "task_first");
            wait_until([&] { return trap_is_set.load(); });
            recorder<task> second;
            user.submit(corgi(), second.token());
            run_to_end(context);
            CHECK(second.value().id() == "task_second");
            CHECK(server.connections() == 2);
        }
    }
}

TEST_CASE("client pool: an answer to nothing on an idle connection costs the connection, not a request")
{
    std::atomic<bool> told = false;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        peer.answer(200, accepted_body("task_" + std::to_string(peer.index)));
        if (peer.index == 0) {
            peer.answer(408, "{}", "Connection: close\r\n");
            peer.close();
            told = true;
        } else {
            peer.wait_for_end();
        }
    });
    asio::io_context context;
    client user(context, server.config());
    for (int i = 0; i < 2; ++i) {
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.value().id() == "task_" + std::to_string(i));
        wait_until([&] { return told.load(); });
    }
    CHECK(server.count("POST") == 2);
}

TEST_CASE("client pool: a submit takes a fresh connection rather than one that has been idle for long")
{
    bench b;
    auto config = b.config();
    config.timeouts.idle_for_submit = 0ms;
    client user(b.context, config);
    task const one = b.submitted(user, corgi());
    CHECK(b.booked("connections") == 1);
    b.submitted(user, corgi());
    CHECK(b.booked("connections") == 2);
    // Questions are content with what is there.
    for (int i = 0; i < 3; ++i) {
        recorder<task_state> got;
        user.status(one, got.token());
        b.run();
        CHECK(got.outcome().has_value());
    }
    CHECK(b.booked("connections") == 2);
}

TEST_CASE("client pool: a submit gets a fresh connection even where idle ones fill the limit")
{
    bench b;
    auto config = b.config();
    config.timeouts.idle_for_submit = 0ms;
    config.limits.max_connections = 1;
    client user(b.context, config);
    for (int i = 0; i < 3; ++i)
        CHECK(b.submitted(user, corgi()).valid());
    CHECK(b.booked("connections") == 3);
    wait_until([&] { return b.booked("connections_open") == 1; });
}

TEST_CASE("client pool: copies of a client share its connections, other clients do not")
{
    bench b;
    client user = b.make_client();
    client copy = user;
    b.submitted(user, corgi());
    b.submitted(copy, corgi());
    CHECK(b.booked("connections") == 1);
    client other = b.make_client();
    b.submitted(other, corgi());
    CHECK(b.booked("connections") == 2);
}

TEST_CASE("client pool: shutdown closes what is idle")
{
    bench b;
    client user = b.make_client();
    b.submitted(user, corgi());
    CHECK(b.booked("connections_open") == 1);
    recorder<shutdown_report> gone;
    user.shutdown(gone.token());
    b.run();
    CHECK(gone.value().cancelled_operations == 0);
    wait_until([&] { return b.booked("connections_open") == 0; });
}

TEST_CASE("client pool: the last copy's end closes what is idle")
{
    bench b;
    {
        client user = b.make_client();
        b.submitted(user, corgi());
        CHECK(b.booked("connections_open") == 1);
    }
    b.run();
    wait_until([&] { return b.booked("connections_open") == 0; });
    CHECK(b.accepted() == 1);
}
