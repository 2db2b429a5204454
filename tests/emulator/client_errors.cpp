// What a caller is told when a submit does not give a task: the code, what is proved, and never the key.
#include "client_fixture.hpp"

#include <apimart/config/virtual_clock.hpp>

using namespace client_tests;
using namespace apimart;

namespace {

// Everything a failure says, in one text.
std::string all_words(error_info const& why)
{
    std::string text = why.describe() + "\n" + why.client_message() + "\n" + why.server_message().text() +
                       "\n" + why.server_message().code() + "\n" + why.server_message().type() + "\n" +
                       why.request_id() + "\n" + error(why).what() + "\n" + why.underlying().message();
    for (attempt const& each : why.attempts())
        text += "\n" + each.phase() + each.code().message();
    return text;
}

error_info failed_submit(asio::io_context& context, client_config config, submit_options options = {})
{
    client user(context, std::move(config));
    recorder<task> got;
    user.submit(corgi(), options, got.token());
    run_to_end(context);
    return got.why();
}

error_info failed_submit(bench& b)
{
    return failed_submit(b.context, b.config());
}

// A port of this machine on which nobody listens, for as long as the object lives.
class refused_port
{
public:
    refused_port() : socket_(context_, {asio::ip::address_v4::loopback(), 0}) {}
    std::string base_url() const
    {
        return "https://127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
    }

private:
    asio::io_context context_;
    asio::ip::tcp::socket socket_; // bound, not listening
};

} // namespace

TEST_CASE("client errors: an invalid request is refused with all its violations, and nothing is sent")
{
    bench b;
    client user = b.make_client();
    recorder<task> got;
    user.submit(refused_request(), got.token());
    b.run();
    error_info const why = got.why();
    CHECK(why.code() == errc::invalid_request);
    CHECK(why.code() == condition::invalid_request);
    CHECK(why.acceptance() == acceptance::not_sent);
    CHECK(why.validation().entries().size() >= 2);
    CHECK(why.describe().find("/duration") != std::string::npos);
    CHECK(why.describe().find("/prompt") != std::string::npos);
    CHECK(b.booked("requests") == 0);
    CHECK(user.metrics().connections_opened == 0);
}

TEST_CASE("client errors: a wrong key is unauthorized and rejected; only a wait asks again")
{
    emulator_options options;
    options.api_key = "sk-another-key";
    bench b(options);
    client user = b.make_client();
    recorder<task> submitted;
    recorder<task_result> generated;
    recorder<task_result> waited;
    recorder<task_state> asked;
    user.submit(corgi(), submitted.token());
    user.generate(corgi(), generated.token());
    user.wait(task("task_1"), waited.token());
    user.status(task("task_1"), asked.token());
    b.run();
    for (error_info const& why : {submitted.why(), generated.why(), waited.why(), asked.why()}) {
        CHECK(why.code() == api_errc::unauthorized);
        CHECK(why.code() == condition::unauthorized);
        CHECK_FALSE(why.code() == condition::retryable);
        CHECK(why.http_status() == 401);
        CHECK_FALSE(why.request_id().empty());
        CHECK(all_words(why).find(key_text) == std::string::npos);
    }
    CHECK(submitted.why().acceptance() == acceptance::rejected);
    CHECK(generated.why().acceptance() == acceptance::rejected);
    CHECK(waited.why().task_id() == "task_1");
    CHECK(asked.why().task_id() == "task_1");
    CHECK(b.booked("unauthorized") == 7);
    CHECK(b.accepted() == 0);
}

TEST_CASE("client errors: a key that an answer repeats is in no word of the failure")
{
    struct echo
    {
        char const* key;
        char const* body;
        char const* header;
    };
    for (echo const& each : {
             echo{"sk-test-0123456789abcdef",
                  R"({"error":{"message":"bad key sk-test-0123456789abcdef, sorry"}})", ""},
             echo{"sk-test-0123456789abcdef", "<html>sk-test-0123456789abcdef</html>", ""},
             echo{"sk-test/0123456789abcdef", R"({"error":{"message":"bad key sk-test\/0123456789abcdef"}})",
                  ""},
             echo{"sk-test-0123456789abcdef",
                  R"({"error":{"message":"bad key sk-test\u002d0123456789abcdef"}})", ""},
             echo{"sk-test-0123456789abcdef",
                  R"({"error":{"code":"sk-test-0123456789abcdef","type":"sk-test-0123456789abcdef"}})", ""},
             echo{"sk-test-0123456789abcdef", "{}", "X-Oneapi-Request-Id: sk-test-0123456789abcdef\r\n"},
         }) {
        CAPTURE(each.body);
        for (int const status : {401, 500}) {
            scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
                for (;;) {
                    peer.request();
                    peer.answer(status, each.body, each.header);
                }
            });
            asio::io_context context;
            auto config = server.config("127.0.0.1", each.key);
            config.retry.max_retries = 0;
            client user(context, config);
            recorder<task> submitted;
            recorder<task_state> asked;
            user.submit(corgi(), submitted.token());
            user.status(task("task_1"), asked.token());
            run_to_end(context);
            CHECK(all_words(submitted.why()).find(each.key) == std::string::npos);
            CHECK(all_words(asked.why()).find(each.key) == std::string::npos);
        }
    }
}

TEST_CASE("client errors: an answer that has come is read to its end, however slow the client's turns are")
{
    std::atomic<bool> asked = false;
    std::atomic<bool> delivered = false;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        asked = true;
        std::string const body = accepted_body("task_slow");
        std::string const answer =
            "HTTP/1.1 200 X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        constexpr std::size_t record = 4;
        for (std::size_t at = 0; at < answer.size(); at += record)
            peer.write(answer.substr(at, record));
        peer.wait_until_delivered();
        delivered = true;
        peer.wait_for_end();
    });
    asio::io_context context;
    auto config = server.config();
    auto const clock = std::make_shared<virtual_clock>();
    config.clock = clock;
    config.timeouts.read = 100ms;
    client user(context, config);
    recorder<task> got;
    user.submit(corgi(), got.token());
    run_until(context, [&] { return asked.load(); });
    tests::wait_until([&] { return delivered.load(); });
    // A few handlers at each step, so that those of the clock's own do not pile up.
    run_until(context, [&] {
        for (int i = 0; i < 8; ++i)
            context.poll_one();
        clock->advance(20ms);
        return got.done();
    });
    CHECK(got.value().id() == "task_slow");
}

TEST_CASE("client errors: the key is looked for without harm to answers in which its letters occur")
{
    for (char const* const key : {"e", "task", "redacted", "[redacted]"}) {
        CAPTURE(key);
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(200, accepted_body("task_redacted"));
            peer.request();
            peer.answer(401, R"({"error":{"message":"the key [redacted] is redacted"}})");
            peer.wait_for_end();
        });
        asio::io_context context;
        client user(context, server.config("127.0.0.1", key));
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.value().valid());
        recorder<task> refused;
        user.submit(corgi(), refused.token());
        run_to_end(context);
        CHECK(refused.why().code() == api_errc::unauthorized);
    }
}

TEST_CASE("client errors: an unknown authority is named, proved not sent, and not tried again")
{
    bench b;
    apimart::testing::certificate_authority const other;
    error_info const why = failed_submit(b.context, quick_config(b.service().base_url(), other.pem()));
    CHECK(why.code() == errc::certificate_verify_failed);
    CHECK(why.code() == condition::transport);
    CHECK_FALSE(why.code() == condition::retryable);
    CHECK(why.acceptance() == acceptance::not_sent);
    CHECK(why.attempts().size() == 1);
    CHECK(why.client_message().find("127.0.0.1") != std::string::npos);
    CHECK(why.client_message().find("tls_options::add_ca") != std::string::npos);
    CHECK(b.booked("requests") == 0);
    wait_until([&] { return b.booked("handshakes_failed") == 1; });
}

TEST_CASE("client errors: a certificate for another host is refused by name and by address")
{
    scripted_server server(
        scripted_server::security::tls, [](scripted_server::peer& peer) { peer.request(); },
        "DNS:other.test,IP:127.0.0.9");
    asio::io_context context;
    for (auto const& [host, reason] :
         {std::pair("127.0.0.1", "IP address mismatch"), std::pair("localhost", "hostname mismatch")}) {
        CAPTURE(host);
        error_info const why = failed_submit(context, server.config(host));
        CHECK(why.code() == errc::certificate_verify_failed);
        CHECK(why.acceptance() == acceptance::not_sent);
        CHECK(why.client_message().find(reason) != std::string::npos);
        CHECK(why.attempts().size() == 1);
    }
    CHECK(server.requests().empty());
}

TEST_CASE("client errors: a certificate for the host's name serves under that name")
{
    scripted_server server(
        scripted_server::security::tls,
        [](scripted_server::peer& peer) {
            peer.request();
            peer.answer(200, accepted_body("task_1"));
            peer.wait_for_end();
        },
        "DNS:localhost");
    asio::io_context context;
    client user(context, server.config("LocalHost."));
    recorder<task> got;
    user.submit(corgi(), got.token());
    run_to_end(context);
    CHECK(got.value().id() == "task_1");
}

TEST_CASE("client errors: plain HTTP on the TLS port is told as such, once, with nothing sent")
{
    scripted_server server(scripted_server::security::plain, [](scripted_server::peer& peer) {
        peer.bytes(16);
        peer.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        peer.wait_for_end();
    });
    asio::io_context context;
    auto config = server.config();
    config.base_url.replace(0, 4, "https");
    config.retry.max_retries = 1;
    error_info const why = failed_submit(context, config);
    CHECK(why.code() == errc::tls_wrong_protocol);
    CHECK(why.acceptance() == acceptance::not_sent);
    CHECK(why.client_message().find("48 54 54 50") != std::string::npos);
    CHECK(why.attempts().size() == 1);
}

TEST_CASE("client errors: a refused connection is retried as often as the policy says, then proved not sent")
{
    refused_port port;
    for (int const retries : {0, 3}) {
        asio::io_context context;
        auto config = quick_config(port.base_url(), apimart::testing::certificate_authority().pem());
        config.retry.max_retries = retries;
        error_info const why = failed_submit(context, config);
        CHECK(why.code() == errc::connect_failed);
        CHECK(why.code() == condition::retryable);
        CHECK(why.underlying() == boost::system::errc::connection_refused);
        CHECK(why.acceptance() == acceptance::not_sent);
        CHECK(why.attempts().size() == static_cast<std::size_t>(retries) + 1);
        CHECK(why.client_message().find("127.0.0.1") != std::string::npos);
        CHECK_FALSE(why.idempotency_key().empty());
        for (attempt const& each : why.attempts())
            CHECK(each.phase() == "connecting");
    }
}

TEST_CASE("client errors: a call can have its own number of retries")
{
    refused_port port;
    asio::io_context context;
    auto config = quick_config(port.base_url(), apimart::testing::certificate_authority().pem());
    config.retry.max_retries = 3;
    CHECK(failed_submit(context, config, {.max_retries = 1}).attempts().size() == 2);
    client user(context, config);
    recorder<task_state> got;
    user.status(task("task_1"), {.max_retries = 0}, got.token());
    run_to_end(context);
    CHECK(got.why().code() == errc::connect_failed);
    CHECK(user.metrics().connections_opened == 1);

    bench b(R"({"faults":[{"on":"submit","status":429,"times":100}]})");
    error_info const refused = failed_submit(b.context, b.config(), {.max_retries = 2});
    CHECK(refused.code() == condition::rate_limited);
    CHECK(refused.attempts().size() == 3);
}

TEST_CASE("client errors: a refused connection ends a status after its retries, with the task's id")
{
    refused_port port;
    asio::io_context context;
    auto config = quick_config(port.base_url(), apimart::testing::certificate_authority().pem());
    config.retry.max_retries = 2;
    client user(context, config);
    recorder<task_state> got;
    user.status(task("task_1"), got.token());
    run_to_end(context);
    CHECK(got.why().code() == errc::connect_failed);
    CHECK(got.why().task_id() == "task_1");
    CHECK(user.metrics().connections_opened == 3);
}

TEST_CASE("client errors: a host name that does not exist is its own failure")
{
    asio::io_context context;
    auto config =
        quick_config("https://no-such-host.invalid", apimart::testing::certificate_authority().pem());
    config.retry.max_retries = 1;
    error_info const why = failed_submit(context, config);
    // A machine without any name service can only say that it failed for now.
    CHECK((why.code() == errc::host_not_found || why.code() == errc::host_not_found_try_again));
    CHECK(why.acceptance() == acceptance::not_sent);
    CHECK(why.client_message().find("no-such-host.invalid") != std::string::npos);
}

TEST_CASE("client errors: a handshake that stalls ends within its limit, with nothing sent")
{
    scripted_server server(scripted_server::security::plain,
                           [](scripted_server::peer& peer) { peer.wait_for_end(); });
    asio::io_context context;
    auto config = server.config();
    config.base_url.replace(0, 4, "https");
    config.timeouts.tls_handshake = 50ms;
    config.retry.max_retries = 1;
    error_info const why = failed_submit(context, config);
    CHECK(why.code() == errc::tls_timeout);
    CHECK(why.acceptance() == acceptance::not_sent);
    CHECK(why.attempts().size() == 2);
    CHECK(server.connections() == 2);
}

TEST_CASE("client errors: a withheld answer to a submit is an unknown outcome after one request")
{
    bench b(R"({"faults":[{"on":"submit","do":"stall","when":"accepted"}]})");
    auto config = b.config();
    config.timeouts.response = 150ms;
    error_info const why = failed_submit(b.context, config);
    CHECK(why.code() == errc::outcome_unknown);
    CHECK(why.code() == condition::outcome_unknown);
    CHECK_FALSE(why.code() == condition::retryable);
    CHECK(why.underlying() == errc::response_timeout);
    CHECK(why.acceptance() == acceptance::unknown);
    CHECK(why.attempts().size() == 1);
    CHECK(why.attempts().front().phase() == "sent");
    CHECK(why.idempotency_key() == std::string_view(b.accepted_entry(0).at("idempotency_key").as_string()));
    CHECK(b.booked("submits_received") == 1);
}

TEST_CASE("client errors: the time limit of a submit counts while an answer is withheld")
{
    bench b(R"({"faults":[{"on":"submit","do":"stall","when":"accepted"}]})");
    auto config = b.config();
    config.timeouts.abandoned_response = 50ms;
    auto const began = std::chrono::steady_clock::now();
    error_info const why = failed_submit(b.context, config, {.timeout = 100ms});
    // The limit for one response, a minute, is not what ended it.
    CHECK(std::chrono::steady_clock::now() - began < 30s);
    CHECK(why.code() == errc::outcome_unknown);
    CHECK(why.acceptance() == acceptance::unknown);
    CHECK(b.booked("submits_received") == 1);
}

TEST_CASE("client errors: the time limit of a submit counts while it waits for its turn")
{
    bench b(R"({"faults":[{"on":"submit","do":"stall","when":"accepted"}]})");
    auto config = b.config();
    config.limits.max_concurrent_submits = 1;
    config.timeouts.response = 2s;
    client user(b.context, config);
    recorder<task> first;
    recorder<task> second;
    user.submit(corgi(), first.token());
    b.run_until([&] { return b.accepted() == 1; });
    user.submit(corgi(), {.timeout = 20ms}, second.token());
    b.run_until([&] { return second.done(); });
    CHECK_FALSE(first.done());
    CHECK(second.why().code() == errc::deadline_exceeded);
    CHECK(second.why().acceptance() == acceptance::not_sent);
    b.run();
    CHECK(first.why().acceptance() == acceptance::unknown);
    CHECK(b.booked("submits_received") == 1);
}

TEST_CASE("client errors: time limits without end do not overflow")
{
    bench b;
    auto config = b.config();
    constexpr auto for_ever = std::chrono::milliseconds::max();
    config.timeouts.connect = for_ever;
    config.timeouts.tls_handshake = for_ever;
    config.timeouts.response = for_ever;
    config.timeouts.abandoned_response = for_ever;
    config.timeouts.pool_idle = for_ever;
    config.timeouts.idle_for_submit = for_ever;
    config.timeouts.shutdown_grace = for_ever;
    config.poll.max_wait = for_ever;
    client user(b.context, config);
    recorder<task> submitted;
    user.submit(corgi(), {.timeout = for_ever}, submitted.token());
    b.run();
    recorder<task_result> waited;
    recorder<task_result> waited_by_default;
    user.wait(submitted.value(), wait_options{.timeout = for_ever}, waited.token());
    user.wait(submitted.value(), waited_by_default.token());
    b.run();
    CHECK(waited.value().succeeded());
    CHECK(waited_by_default.value().succeeded());
    recorder<shutdown_report> gone;
    user.shutdown(gone.token());
    b.run();
    CHECK(gone.outcome().has_value());
}

TEST_CASE("client errors: 429 is waited out as the service asks, and the task is accepted once")
{
    bench b(
        R"({"faults":[{"on":"submit","status":429,"retry_after":1},{"on":"submit","status":429,"times":2}]})");
    client user = b.make_client();
    auto const began = std::chrono::steady_clock::now();
    task const got = b.submitted(user, corgi());
    CHECK(std::chrono::steady_clock::now() - began >= 1s);
    CHECK(got.submit_attempts() == 4);
    CHECK(b.accepted() == 1);
    CHECK(b.booked("submits_received") == 4);
    CHECK(b.booked("faults_consumed") == 3);
    CHECK(b.accepted_entry(0).at("idempotency_key").as_string() == got.idempotency_key());
}

TEST_CASE("client errors: 429 that asks for too long a pause is reported with its length, as rejected")
{
    bench b(R"({"faults":[{"on":"submit","status":429,"retry_after":100000}]})");
    error_info const why = failed_submit(b);
    CHECK(why.code() == api_errc::rate_limited);
    CHECK(why.code() == condition::rate_limited);
    CHECK(why.retry_after() == 100000s);
    CHECK(why.acceptance() == acceptance::rejected);
    CHECK(b.booked("submits_received") == 1);
}

TEST_CASE("client errors: 429 without end gives up after the policy's number")
{
    bench b(R"({"faults":[{"on":"submit","status":429,"times":100}]})");
    auto config = b.config();
    config.retry.max_rate_limit_retries = 3;
    error_info const why = failed_submit(b.context, config);
    CHECK(why.code() == condition::rate_limited);
    CHECK(why.acceptance() == acceptance::rejected);
    CHECK(why.attempts().size() == 4);
    CHECK(b.booked("submits_received") == 4);
    CHECK(b.accepted() == 0);
}

TEST_CASE("client errors: a submit that is told to slow down holds back the others")
{
    std::mutex mutex;
    std::vector<std::chrono::steady_clock::time_point> arrivals;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        for (;;) {
            peer.request();
            std::size_t n = 0;
            {
                std::lock_guard const lock(mutex);
                arrivals.push_back(std::chrono::steady_clock::now());
                n = arrivals.size();
            }
            if (n == 1)
                peer.answer(429, "{}", "Retry-After: 1\r\n");
            else
                peer.answer(200, accepted_body("task_" + std::to_string(n)));
        }
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<task> first;
    user.submit(corgi(), first.token());
    // Its answer has been read when the connection is free again.
    run_until(context, [&] { return server.requests().size() == 1; });
    for (int i = 0; i < 200; ++i)
        context.poll();
    context.run_for(20ms);
    context.restart();
    recorder<task> second;
    user.submit(corgi(), second.token());
    run_to_end(context);
    CHECK(first.value().valid());
    CHECK(second.value().valid());
    REQUIRE(arrivals.size() == 3);
    CHECK(arrivals[1] - arrivals[0] >= 1s);
    CHECK(arrivals[2] - arrivals[0] >= 1s);
}

TEST_CASE("client errors: a server's or gateway's failure is an unknown outcome after one request")
{
    for (std::string const when : {"request", "accepted"}) {
        for (std::string const fault :
             {R"("status":500)", R"("status":502,"body":"html")", R"("status":503,"body":"empty")",
              R"("status":504,"body":"html")", R"("status":408)", R"("status":200,"body":"garbage")",
              R"("status":200,"body":"html")", R"("status":500,"body":"json_in_200")"}) {
            CAPTURE(when);
            CAPTURE(fault);
            bench b(R"({"faults":[{"on":"submit",)" + fault + R"(,"when":")" + when + "\"}]}");
            error_info const why = failed_submit(b);
            CHECK(why.code() == errc::outcome_unknown);
            CHECK(why.acceptance() == acceptance::unknown);
            CHECK(why.attempts().size() == 1);
            CHECK(why.http_status() != 0);
            CHECK(why.underlying().failed());
            CHECK(b.booked("submits_received") == 1);
            CHECK(b.accepted() == (when == "accepted" ? 1 : 0));
        }
    }
}

TEST_CASE("client errors: an error inside 200 is the error it names, and proves that nothing was accepted")
{
    bench b(R"({"submit_reply":"error_in_200"})");
    error_info const why = failed_submit(b);
    CHECK(why.code() == api_errc::payment_required);
    CHECK(why.acceptance() == acceptance::rejected);
    CHECK(why.server_message().text() == "insufficient balance");
    CHECK(b.booked("submits_received") == 1);
    CHECK(b.accepted() == 0);
}

TEST_CASE("client errors: an empty account is payment_required and not retried")
{
    bench b(R"({"balance_usd":0})");
    error_info const why = failed_submit(b);
    CHECK(why.code() == condition::payment_required);
    CHECK_FALSE(why.code() == condition::retryable);
    CHECK(why.acceptance() == acceptance::rejected);
    CHECK(b.booked("submits_received") == 1);
}

TEST_CASE("client errors: a parameter that only the service refuses is told in its words")
{
    bench b;
    client user = b.make_client();
    recorder<task> got;
    // A known model in the disguise of one that the library has no table for.
    user.submit(custom_model("kling-3.0-turbo", {{"prompt", "a corgi"}, {"duration", 99}}), got.token());
    b.run();
    CHECK(got.why().code() == api_errc::invalid_request);
    CHECK(got.why().acceptance() == acceptance::rejected);
    CHECK(got.why().http_status() == 400);
    CHECK(got.why().server_message().text().find("duration") != std::string::npos);
    CHECK_FALSE(got.why().request_id().empty());
    CHECK(b.booked("rejected") == 1);
    CHECK(b.accepted() == 0);
}

TEST_CASE("client errors: a success without a task id is an unknown outcome, as the task exists")
{
    bench b(R"({"submit_reply":"empty_array"})");
    error_info const why = failed_submit(b);
    CHECK(why.code() == errc::outcome_unknown);
    CHECK(why.acceptance() == acceptance::unknown);
    CHECK(why.http_status() == 200);
    CHECK(b.accepted() == 1);
    CHECK(b.booked("submits_received") == 1);
}

TEST_CASE("client errors: an object in place of the list, and 202 queued, are acceptances")
{
    for (std::string const form : {"object", "queued_202"}) {
        CAPTURE(form);
        bench b(R"({"submit_reply":")" + form + "\"}");
        client user = b.make_client();
        task const got = b.submitted(user, corgi());
        CHECK(got.id() == std::string_view(b.accepted_entry(0).at("task_id").as_string()));
        recorder<task_result> done;
        user.wait(got, done.token());
        b.run();
        CHECK(done.value().succeeded());
    }
}
