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

TEST_CASE(
    "client account: usage is exact, whatever form its amounts have, and in the groups that were asked for")
{
    for (std::string const form : {"numbers", "text"}) {
        CAPTURE(form);
        bench b(R"({"usage_reply":")" + form + "\"}");
        client user = b.make_client();
        for (int i = 0; i < 3; ++i)
            b.finished(user, corgi());
        b.finished(user, text_to_video<kling_v3>("a cat"));
        recorder<usage_report> all;
        user.usage(all.token());
        b.run();
        CHECK(all.value().total().micro_usd() == 3 * 572'000 + 336'000);
        CHECK(all.value().total().micro_credits() == 10 * all.value().total().micro_usd());
        CHECK(all.value().total().requests() == 4);
        CHECK(all.value().items().empty());
        recorder<usage_report> grouped;
        auto const now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        std::string const models = "kling-v3,kling-3.0-turbo";
        user.usage({.start = now - std::chrono::days(30),
                    .end = now + std::chrono::hours(1),
                    .models = models,
                    .group_by = usage_group::model_and_date,
                    .time_zone = "Asia/Shanghai",
                    .scope = usage_scope::account},
                   grouped.token());
        b.run();
        CHECK(grouped.value().total() == all.value().total());
        REQUIRE(grouped.value().items().size() == 2);
        CHECK(grouped.value().items()[0].model() == "kling-3.0-turbo");
        CHECK(grouped.value().items()[0].date().size() == 10);
        CHECK(grouped.value().items()[0].micro_usd() == 3 * 572'000);
        CHECK(grouped.value().items()[1].micro_usd() == 336'000);
        CHECK(grouped.value().items()[1].requests() == 1);
    }
}

TEST_CASE("client account: a question about usage asks for what was given, and for nothing else")
{
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        for (;;) {
            peer.request();
            peer.answer(200, R"({"data":{"total":{"amount_usd":0}}})");
        }
    });
    asio::io_context context;
    client user(context, server.config());
    std::chrono::sys_seconds const moment(std::chrono::seconds(1'785'000'000));
    std::vector<std::pair<usage_options, std::string>> const rows{
        {{}, "/v1/usage"},
        {{.start = moment}, "/v1/usage?start=1785000000"},
        {{.end = moment, .models = "a,b c"}, "/v1/usage?end=1785000000&model=a%2Cb%20c"},
        {{.group_by = usage_group::model}, "/v1/usage?group_by=model"},
        {{.group_by = usage_group::date, .time_zone = "Europe/Berlin"},
         "/v1/usage?group_by=date&tz=Europe%2FBerlin"},
        {{.group_by = usage_group::model_and_date, .scope = usage_scope::key},
         "/v1/usage?group_by=model%2Cdate&scope=key"}};
    for (auto const& [options, target] : rows) {
        CAPTURE(target);
        recorder<usage_report> got;
        user.usage(options, got.token());
        run_to_end(context);
        CHECK(got.value().total().micro_usd() == 0);
        CHECK(server.requests().back().starts_with("GET " + target + " HTTP/1.1\r\n"));
    }
}

TEST_CASE("client account: a question about usage beyond the documented limits is not sent")
{
    bench b;
    client user = b.make_client();
    std::chrono::sys_seconds const moment(std::chrono::seconds(1'785'000'000));
    std::string many = "a";
    for (int i = 0; i < 50; ++i)
        many += ",a";
    std::vector<std::pair<usage_options, std::string>> const rows{
        {{.start = moment, .end = moment - std::chrono::seconds(1)}, "usage_options::end"},
        {{.start = moment, .end = moment + std::chrono::days(31) + std::chrono::seconds(1)},
         "at most 31 days"},
        {{.models = many}, "at most 50 entries (got 51)"}};
    for (auto const& [options, words] : rows) {
        CAPTURE(words);
        recorder<usage_report> got;
        user.usage(options, got.token());
        b.run();
        CHECK(got.why().code() == errc::invalid_request);
        CHECK(got.why().describe().find(words) != std::string::npos);
    }
    CHECK(b.booked("connections") == 0);
}

TEST_CASE("client account: usage that is not known is an error, not nothing")
{
    bench b(R"({"usage_reply":"unavailable"})");
    client user = b.make_client();
    recorder<usage_report> got;
    user.usage({.max_retries = 0}, got.token());
    b.run();
    CHECK(got.why().code() == api_errc::unavailable);
    CHECK(got.why().server_message().code() == "usage_unavailable");
}

TEST_CASE("client account: the models that are offered, and what each accepts")
{
    bench b;
    client user = b.make_client();
    recorder<std::vector<listed_model>> plain;
    recorder<std::vector<listed_model>> expanded;
    recorder<std::vector<listed_model>> images;
    user.models(plain.token());
    user.models({.expand = true, .category = "video"}, expanded.token());
    user.models({.category = "image"}, images.token());
    b.run();
    CHECK(images.value().empty());
    REQUIRE(plain.value().size() == models().size());
    REQUIRE(expanded.value().size() == models().size());
    for (std::size_t i = 0; i < models().size(); ++i) {
        listed_model const& bare = plain.value()[i];
        listed_model const& full = expanded.value()[i];
        CAPTURE(bare.id());
        CHECK(bare.id() == models()[i].id);
        CHECK(bare.owned_by() == "apimart");
        CHECK(bare.endpoint_types() == std::vector<std::string>{"video-generation"});
        CHECK(bare.created_at().has_value());
        CHECK(bare.category().empty());
        CHECK_FALSE(bare.parameters());
        CHECK(full.category() == "video");
        CHECK(full.capability_tags().size() == models()[i].kinds.size());
        REQUIRE(full.parameters());
        recorder<model_schema> one;
        user.schema(bare.id(), one.token());
        b.run();
        for (model_schema const* const told : {&one.value(), &*full.parameters()}) {
            CHECK(told->model() == bare.id());
            CHECK(told->operation() == "video_generation");
            CHECK(told->method() == "POST");
            CHECK(told->path() == "/v1/videos/generations");
            CHECK(told->version() == "2026-07-30");
            CHECK(json::parse(told->input_schema()).at("title") == json::value(bare.id()));
        }
        CHECK(one.value().idempotency_retention() == std::chrono::hours(24));
        CHECK(one.value().input_schema() == full.parameters()->input_schema());
    }
    recorder<model_schema> unknown;
    user.schema("a/b?c", unknown.token());
    b.run();
    CHECK(unknown.why().code() == api_errc::not_found);
    CHECK(unknown.why().server_message().text().find("a/b?c") != std::string::npos);
}

TEST_CASE(
    "client account: usage, models and schemas that cannot be read, or fail inside a success, are errors")
{
    struct row
    {
        char const* body;
        error_code code;
    };
    std::vector<row> const rows{{"<html>", errc::bad_response},
                                {"[]", errc::bad_response},
                                {"{}", errc::bad_response},
                                {R"({"data":{"total":{"amount_usd":"much"}}})", errc::bad_response},
                                {R"({"data":{"total":{"amount_usd":1},"items":[{}]}})", errc::bad_response},
                                {R"({"data":[{"object":"model"}],"input_schema":[]})", errc::bad_response},
                                {R"({"success":false,"message":"no"})", api_errc::unavailable},
                                {R"({"code":402,"message":"no"})", api_errc::payment_required},
                                {R"({"error":{"code":401,"message":"no"}})", api_errc::unauthorized},
                                {R"({"error":{"message":"no"}})", api_errc::unavailable}};
    for (auto const& [body, code] : rows) {
        CAPTURE(body);
        scripted_server server(scripted_server::security::tls,
                               [&, text = std::string(body)](scripted_server::peer& peer) {
                                   for (;;) {
                                       peer.request();
                                       peer.answer(200, text);
                                   }
                               });
        asio::io_context context;
        client user(context, server.config());
        recorder<usage_report> usage;
        recorder<std::vector<listed_model>> models;
        recorder<model_schema> schema;
        user.usage(usage.token());
        user.models(models.token());
        user.schema("kling-v3", schema.token());
        run_to_end(context);
        CHECK(usage.why().code() == code);
        CHECK(models.why().code() == code);
        CHECK(schema.why().code() == code);
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
    for (verb const method :
         {verb::head, verb::options, verb::connect, verb::trace, verb::unknown, verb::propfind}) {
        CAPTURE(static_cast<int>(method));
        recorder<api_response> got;
        user.request(api_request(method, "/v1/models"), got.token());
        b.run();
        CHECK(got.why().code() == errc::invalid_request);
        CHECK(got.why().describe().find("GET, POST, PUT, PATCH or DELETE") != std::string::npos);
    }
    CHECK(b.booked("connections") == 0);
}

TEST_CASE("client account: each method that the service may speak stands in the request line, with a body "
          "but for a GET")
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
