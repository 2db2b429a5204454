// Connections that end at every moment of an exchange: what the client says about a submit is compared with
// what the service really got, and questions recover.
#include "client_fixture.hpp"

using namespace client_tests;
using namespace apimart;

namespace {

// A body that does not fit into the buffers between the two sides.
any_request large_request()
{
    return image_to_video<kling_3_0_turbo>("data:image/png;base64," +
                                           std::string(std::size_t{12} << 20U, 'A'));
}

enum class end
{
    reset,
    cut,
    close
};

void finish(scripted_server::peer& peer, end how)
{
    if (how == end::reset)
        peer.reset();
    else if (how == end::cut)
        peer.cut();
    else
        peer.close();
}

constexpr std::string_view word_for(end how)
{
    return how == end::reset ? "reset" : how == end::cut ? "cut" : "close";
}

} // namespace

TEST_CASE("client lost answers: a submit that was handed over is never called unsent, and never sent twice")
{
    for (std::string const act : {"reset", "close"}) {
        for (std::string const when : {"header", "request", "accepted"}) {
            CAPTURE(act);
            CAPTURE(when);
            bench b(R"({"faults":[{"on":"submit","do":")" + act + R"(","when":")" + when + "\"}]}");
            client user = b.make_client();
            recorder<task> got;
            user.submit(corgi(), got.token());
            b.run();
            CHECK(got.why().code() == errc::outcome_unknown);
            CHECK(got.why().acceptance() == acceptance::unknown);
            CHECK(got.why().attempts().size() == 1);
            CHECK(got.why().underlying() == errc::connection_lost);
            CHECK(b.booked("submits_received") == 1);
            CHECK(b.booked("faults_consumed") == 1);
            CHECK(b.accepted() == (when == "accepted" ? 1 : 0));
            CHECK(user.metrics().submits_sent == 1);
            CHECK(user.metrics().outcomes_unknown == 1);
        }
    }
}

TEST_CASE("client lost answers: wherever the answer to a submit breaks off, only a complete one is believed")
{
    // A complete answer is this long at most.
    int complete = 0;
    for (std::string const act : {"reset", "close"}) {
        for (int bytes = 0; bytes <= 420; bytes += 30) {
            CAPTURE(act);
            CAPTURE(bytes);
            bench b(R"({"faults":[{"on":"submit","do":")" + act + R"(","when":"reply","bytes":)" +
                    std::to_string(bytes) + "}]}");
            client user = b.make_client();
            recorder<task> got;
            user.submit(corgi(), got.token());
            b.run();
            CHECK(b.accepted() == 1);
            CHECK(b.booked("submits_received") == 1);
            if (got.outcome()) {
                ++complete;
                CHECK(got.value().id() == std::string_view(b.accepted_entry(0).at("task_id").as_string()));
            } else {
                CHECK(got.why().code() == errc::outcome_unknown);
                CHECK(got.why().acceptance() == acceptance::unknown);
            }
        }
    }
    CHECK(complete > 0);
    CHECK(complete < 16);
}

TEST_CASE(
    "client lost answers: a small submit cut while it is read is doubtful, because the client cannot know")
{
    for (auto const how : {scripted_server::security::plain, scripted_server::security::tls}) {
        for (end const ending : {end::reset, end::cut, end::close}) {
            for (std::size_t const bytes : {std::size_t{1}, std::size_t{60}, std::size_t{250}}) {
                CAPTURE(word_for(ending));
                CAPTURE(bytes);
                scripted_server server(how, [&](scripted_server::peer& peer) {
                    peer.bytes(bytes);
                    finish(peer, ending);
                });
                asio::io_context context;
                client user(context, server.config());
                recorder<task> got;
                user.submit(corgi(), got.token());
                run_to_end(context);
                CHECK(got.why().acceptance() == acceptance::unknown);
                CHECK(got.why().code() == errc::outcome_unknown);
                CHECK(server.connections() == 1);
            }
        }
    }
}

TEST_CASE("client lost answers: a large submit whose end never left is proved unsent and tried again")
{
    for (auto const how : {scripted_server::security::plain, scripted_server::security::tls}) {
        for (end const ending : {end::reset, end::cut}) {
            CAPTURE(word_for(ending));
            scripted_server server(how, [&](scripted_server::peer& peer) {
                if (peer.index < 2) {
                    peer.bytes(100'000);
                    finish(peer, ending);
                } else {
                    peer.request();
                    peer.answer(200, accepted_body("task_1"));
                    peer.wait_for_end();
                }
            });
            asio::io_context context;
            auto config = server.config();
            {
                config.retry.max_retries = 0;
                client user(context, config);
                recorder<task> got;
                user.submit(large_request(), got.token());
                run_to_end(context);
                CHECK(got.why().acceptance() == acceptance::not_sent);
                CHECK(got.why().code() == errc::connection_lost);
                CHECK(got.why().attempts().front().phase() == "sending");
                CHECK(server.requests().empty());
                CHECK(user.metrics().submits_sent == 0);
            }
            run_to_end(context);
            config.retry.max_retries = 1;
            client user(context, config);
            recorder<task> got;
            user.submit(large_request(), got.token());
            run_to_end(context);
            CHECK(got.value().id() == "task_1");
            CHECK(got.value().submit_attempts() == 2);
            CHECK(server.requests().size() == 1);
            CHECK(server.connections() == 3);
            run_to_end(context);
        }
    }
}

TEST_CASE("client lost answers: a connection lost before the request was begun is replaced")
{
    for (end const ending : {end::reset, end::cut}) {
        CAPTURE(word_for(ending));
        scripted_server server(scripted_server::security::plain,
                               [&](scripted_server::peer& peer) { finish(peer, ending); });
        asio::io_context context;
        auto config = server.config();
        config.base_url.replace(0, 4, "https");
        config.retry.max_retries = 2;
        client user(context, config);
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.why().acceptance() == acceptance::not_sent);
        CHECK(got.why().attempts().size() == 3);
        CHECK(server.connections() == 3);
    }
}

TEST_CASE(
    "client lost answers: answers that are not acceptable HTTP leave a submit doubtful and are not reused")
{
    for (std::string_view const answer : {
             "SSH-2.0-OpenSSH_9.2\r\n",
             "HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\n{}",
             "HTTP/1.1 101 Switching\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
             "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
         }) {
        CAPTURE(answer);
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.write(answer);
            peer.wait_for_end();
        });
        asio::io_context context;
        client user(context, server.config());
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.why().code() == errc::outcome_unknown);
        CHECK(got.why().underlying() == errc::protocol_error);
        CHECK(got.why().acceptance() == acceptance::unknown);
        CHECK(server.count("POST") == 1);
    }
}

TEST_CASE("client lost answers: an answer without a length counts only with an orderly end of TLS")
{
    for (end const ending : {end::close, end::cut}) {
        CAPTURE(word_for(ending));
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.write("HTTP/1.1 200 OK\r\n\r\n" + accepted_body("task_1"));
            finish(peer, ending);
        });
        asio::io_context context;
        client user(context, server.config());
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.outcome().has_value() == (ending == end::close));
        if (!got.outcome())
            CHECK(got.why().acceptance() == acceptance::unknown);
        CHECK(server.connections() == 1);
    }
}

TEST_CASE("client lost answers: a complete answer counts even if the connection then ends rudely")
{
    for (end const ending : {end::cut, end::close}) {
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(200, accepted_body("task_1"));
            finish(peer, ending);
        });
        asio::io_context context;
        client user(context, server.config());
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.value().id() == "task_1");
    }
}

TEST_CASE("client lost answers: interim answers are skipped, within bounds")
{
    for (int const interim : {1, 10, 11, 50}) {
        CAPTURE(interim);
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            for (int i = 0; i < interim; ++i)
                peer.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
            peer.answer(200, accepted_body("task_1"));
            peer.wait_for_end();
        });
        asio::io_context context;
        client user(context, server.config());
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.outcome().has_value() == (interim <= 10));
        if (!got.outcome())
            CHECK(got.why().acceptance() == acceptance::unknown);
    }
}

TEST_CASE("client lost answers: an answer above its limit leaves a submit doubtful")
{
    for (bool const in_header : {true, false}) {
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            if (in_header)
                peer.answer(200, accepted_body("task_1"), "X-Long: " + std::string(5000, 'x') + "\r\n");
            else
                peer.answer(200, accepted_body("task_1") + std::string(5000, ' '));
            peer.wait_for_end();
        });
        asio::io_context context;
        auto config = server.config();
        config.limits.header_limit = 2000;
        config.limits.body_limit = 2000;
        client user(context, config);
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.why().code() == errc::outcome_unknown);
        CHECK(got.why().underlying() == errc::response_too_large);
        CHECK(got.why().acceptance() == acceptance::unknown);
    }
}

TEST_CASE("client lost answers: a redirect of a submit is neither followed nor believed")
{
    scripted_server elsewhere(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.answer(200, accepted_body("task_1"));
    });
    for (int const status : {301, 302, 303, 307, 308}) {
        CAPTURE(status);
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(status, "", "Location: " + elsewhere.base_url() + "/\r\n");
            peer.wait_for_end();
        });
        asio::io_context context;
        auto config = server.config();
        config.tls.add_ca_pem(elsewhere.ca_pem());
        client user(context, config);
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.why().acceptance() == (status == 303 ? acceptance::unknown : acceptance::rejected));
        CHECK(server.count("POST") == 1);
    }
    CHECK(elsewhere.connections() == 0);
}

TEST_CASE("client lost answers: questions for a task recover from every loss")
{
    for (std::string const act : {"reset", "close"}) {
        for (std::string const when : {R"("header")", R"("request")", R"("accepted")",
                                       R"("reply","bytes":30)", R"("reply","bytes":200)"}) {
            CAPTURE(act);
            CAPTURE(when);
            bench b(R"({"faults":[{"on":"poll","do":")" + act + R"(","when":)" + when + "}]}");
            client user = b.make_client();
            task const one = b.submitted(user, corgi());
            recorder<task_state> state;
            user.status(one, state.token());
            b.run();
            CHECK(state.value().id() == one.id());
            CHECK(b.booked("faults_consumed") == 1);
            CHECK(b.booked("polls") == 2);
        }
    }
}

TEST_CASE(
    "client lost answers: under a contract a lost answer is asked for again with the same key, and buys once")
{
    for (std::string const fault :
         {R"("do":"reset","when":"accepted")", R"("do":"close","when":"reply","bytes":100)",
          R"("status":502,"body":"html","when":"accepted")"}) {
        CAPTURE(fault);
        bench b(R"({"idempotency":"on","faults":[{"on":"submit",)" + fault + "}]}");
        auto config = b.config();
        config.idempotency = idempotency::supported;
        client user(b.context, config);
        task const got = b.submitted(user, corgi());
        CHECK(got.id() == std::string_view(b.accepted_entry(0).at("task_id").as_string()));
        CHECK(got.submit_attempts() == 2);
        CHECK(b.accepted() == 1);
        CHECK(b.booked("submits_received") == 2);
        CHECK(b.booked("replayed") == 1);
    }
}

TEST_CASE("client lost answers: a first request that is still running is waited for")
{
    bench b(R"({"idempotency":"in_progress","faults":[{"on":"submit","do":"reset","when":"accepted"}]})");
    auto config = b.config();
    config.idempotency = idempotency::supported;
    client user(b.context, config);
    task const got = b.submitted(user, corgi());
    CHECK(got.submit_attempts() == 3);
    CHECK(b.accepted() == 1);
    CHECK(b.booked("replayed") == 1);
}

TEST_CASE("client lost answers: a service that does not know its own outcome is not asked again")
{
    bench b(R"({"idempotency":"indeterminate","faults":[{"on":"submit","do":"reset","when":"accepted"}]})");
    auto config = b.config();
    config.idempotency = idempotency::supported;
    config.retry.max_resends = 3;
    client user(b.context, config);
    recorder<task> got;
    user.submit(corgi(), got.token());
    b.run();
    CHECK(got.why().code() == errc::outcome_unknown);
    CHECK(got.why().acceptance() == acceptance::unknown);
    CHECK(got.why().server_message().code() == "idempotency_result_indeterminate");
    CHECK(b.accepted() == 1);
    CHECK(b.booked("submits_received") == 2);
}

TEST_CASE(
    "client lost answers: that nothing was executed for lack of a key store is believed under a contract")
{
    bench b(R"({"idempotency":"unavailable"})");
    {
        client user = b.make_client();
        recorder<task> got;
        user.submit(corgi(), got.token());
        b.run();
        CHECK(got.why().acceptance() == acceptance::unknown);
        CHECK(b.booked("submits_received") == 1);
    }
    b.run();
    auto config = b.config();
    config.idempotency = idempotency::supported;
    client user(b.context, config);
    CHECK(b.submitted(user, corgi()).submit_attempts() == 2);
    CHECK(b.accepted() == 1);
}

TEST_CASE("client lost answers: without a contract the key alone is no reason to send again")
{
    bench b(R"({"idempotency":"on","faults":[{"on":"submit","do":"reset","when":"accepted"}]})");
    client user = b.make_client();
    recorder<task> got;
    user.submit(corgi(), got.token());
    b.run();
    CHECK(got.why().acceptance() == acceptance::unknown);
    CHECK(b.booked("submits_received") == 1);
}
