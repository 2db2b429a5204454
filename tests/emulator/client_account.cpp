// What a client asks of the service beside videos: balances, and whatever the library does not model.
#include "client_fixture.hpp"

using namespace client_tests;
using namespace apimart;

TEST_CASE("client account: a balance is exact, whatever form its amounts have")
{
    for (std::string const form : {"numbers", "text"}) {
        CAPTURE(form);
        bench b(R"({"balance_usd":0.3,"balance_reply":")" + form + "\"}");
        client user = b.make_client();
        recorder<balance> of_key;
        recorder<balance> of_account;
        user.balance(of_key.token());
        user.account_balance(of_account.token());
        b.run();
        CHECK(of_key.value().remaining_micro_usd() == 300'000);
        CHECK(of_key.value().used_micro_usd() == 0);
        CHECK_FALSE(of_key.value().unlimited());
        CHECK(of_account.value() == of_key.value());
    }
    bench unlimited(R"({"balance_reply":"unlimited"})");
    client user = unlimited.make_client();
    recorder<balance> got;
    user.balance(got.token());
    unlimited.run();
    CHECK(got.value().unlimited());
}

TEST_CASE("client account: what is spent is told by the next balance")
{
    bench b(R"({"balance_usd":100})");
    client user = b.make_client();
    b.finished(user, corgi());
    recorder<balance> got;
    user.balance(got.token());
    b.run();
    CHECK(got.value().used_micro_usd() > 0);
    CHECK(got.value().used_micro_usd() + got.value().remaining_micro_usd() == 100'000'000);
}

TEST_CASE("client account: a balance that cannot be read is an error with what came")
{
    for (char const* const body : {R"({"success":true})", R"({"remain_balance":"much"})", "[]", "<html>"}) {
        CAPTURE(body);
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(200, body);
            peer.wait_for_end();
        });
        asio::io_context context;
        client user(context, server.config());
        recorder<balance> got;
        user.balance(got.token());
        run_to_end(context);
        CHECK(got.why().code() == errc::bad_response);
        CHECK(got.why().server_message().text() == body);
    }
}

TEST_CASE("client account: what the library does not model is asked with its key and its retries")
{
    bench b(R"({"faults":[{"on":"models","status":503}]})");
    client user = b.make_client();
    recorder<api_response> got;
    user.request(api_request("/v1/models"), got.token());
    b.run();
    CHECK(got.value().status() == 200);
    CHECK(got.value().body().find("kling-v3") != std::string::npos);
    recorder<api_response> unknown;
    user.request(api_request("/v1/nothing?x=%20"), unknown.token());
    b.run();
    CHECK(unknown.why().code() == api_errc::not_found);
}

TEST_CASE("client account: what is not a GET is sent once, and its loss is told")
{
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        peer.cut();
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<api_response> got;
    user.request(api_request(api_request::verb::post, "/v1/things", "{}"), got.token());
    run_to_end(context);
    CHECK(got.why().code() == errc::outcome_unknown);
    CHECK_FALSE(got.why().code() == condition::retryable);
    REQUIRE(server.requests().size() == 1);
    CHECK(server.requests()[0].starts_with("POST /v1/things HTTP/1.1\r\n"));
    CHECK(server.requests()[0].find("\r\nContent-Length: 2\r\n") != std::string::npos);
}

TEST_CASE("client account: a path that could end the request line or lead elsewhere is not sent")
{
    bench b;
    client user = b.make_client();
    for (std::string const path :
         {"", "v1/models", "//other/v1", "/a b", "/a\r\nHost: x", "/a#b", "/\xC3\xA4"}) {
        CAPTURE(path);
        recorder<api_response> got;
        user.request(api_request(path), got.token());
        b.run();
        CHECK(got.why().code() == errc::invalid_request);
    }
    CHECK(b.booked("connections") == 0);
}

TEST_CASE("client account: a method that the service does not speak is not sent")
{
    using verb = api_request::verb;
    bench b;
    client user = b.make_client();
    for (verb const method : {verb::head, verb::options, verb::connect, verb::trace, verb::unknown, verb::propfind}) {
        CAPTURE(static_cast<int>(method));
        recorder<api_response> got;
        user.request(api_request(method, "/v1/models"), got.token());
        b.run();
        CHECK(got.why().code() == errc::invalid_request);
        CHECK(got.why().describe().find("GET, POST, PUT, PATCH or DELETE") != std::string::npos);
    }
    CHECK(b.booked("connections") == 0);
}

TEST_CASE("client account: each method that the service may speak stands in the request line, with a body but for a GET")
{
    using verb = api_request::verb;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        for (;;) {
            peer.request();
            peer.answer(200, "{}");
        }
    });
    asio::io_context context;
    client user(context, server.config());
    for (verb const method : {verb::get, verb::post, verb::put, verb::patch, verb::delete_}) {
        recorder<api_response> got;
        user.request(api_request(method, "/v1/things", "[1]"), got.token());
        run_to_end(context);
        CHECK(got.value().status() == 200);
        std::string const line = std::string(to_string(method)) + " /v1/things HTTP/1.1\r\n";
        CAPTURE(line);
        CHECK(server.requests().back().starts_with(line));
        CHECK(server.requests().back().ends_with(method == verb::get ? "\r\n\r\n" : "\r\n\r\n[1]"));
    }
}

TEST_CASE("client account: an answer that echoes the key is given without it")
{
    std::string key;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        std::string const request = peer.request();
        auto const at = request.find("Bearer ") + 7;
        key = request.substr(at, request.find("\r\n", at) - at);
        peer.answer(200, "{\"you\":\"" + key + "\"}");
        peer.wait_for_end();
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<api_response> got;
    user.request(api_request("/v1/me"), got.token());
    run_to_end(context);
    REQUIRE_FALSE(key.empty());
    CHECK(got.value().body().find(key) == std::string::npos);
    CHECK(got.value().body().find("[redacted]") != std::string::npos);
}
