// What the emulator tells of models and of what was used: by the library's own tables, and by its books.

#include "emulator_raw_client.hpp"

#include <apimart/models.hpp>
#include <apimart/schema.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace emulator_tests;

namespace {

// The library's schema as the service publishes it: it takes fields that it does not know.
json::object published(apimart::model_info const& model)
{
    json::object schema = apimart::schema_of(model);
    for (auto& [name, definition] : schema["$defs"].as_object())
        if (model.find(name) != nullptr)
            definition.as_object()["additionalProperties"] = true;
    return schema;
}

std::string usage(raw_client& client, std::string const& question = "", std::string_view key = "sk-test")
{
    auto const reply = client.send(http::verb::get, "/v1/usage" + question, "",
                                   {{"Authorization", "Bearer " + std::string(key)}});
    if (reply.result_int() != 200)
        return std::to_string(reply.result_int()) + ' ' + text_at(reply, "/error/code") + ' ' +
               text_at(reply, "/error/param");
    std::string seen = std::string(reply["X-Usage-Cache"]) + ' ' + text_at(reply, "/data/total/requests") +
                       ' ' + text_at(reply, "/data/total/amount_usd");
    auto const items = raw_client::at(reply, "/data/items");
    for (auto const& each : items.as_array()) {
        json::object item = each.as_object();
        seen += "; ";
        for (char const* const name : {"model", "date"})
            if (item.contains(name))
                seen += item[name].as_string().c_str() + std::string(" ");
        seen += json::serialize(item["requests"]) + ' ' + json::serialize(item["amount_usd"]);
    }
    return seen;
}

} // namespace

TEST_CASE("emulator catalogue: every model has a schema, by each of its addresses, and it is the library's")
{
    running_emulator running;
    raw_client client(running.service);
    for (apimart::model_info const& model : apimart::models()) {
        std::string const id(model.id);
        CAPTURE(id);
        for (std::string const& address : {"/v1/models/" + id + "/schema", "/v1/model-schema?model=" + id,
                                           "/v1/model-schema?operation=video_generation&model=" + id}) {
            CAPTURE(address);
            auto const reply = client.get(address);
            CHECK(reply.result_int() == 200);
            CHECK(text_at(reply, "/object") == "model.input_schema");
            CHECK(text_at(reply, "/model") == id);
            CHECK(text_at(reply, "/operation") == "video_generation");
            CHECK(text_at(reply, "/endpoint/path") == "/v1/videos/generations");
            CHECK(text_at(reply, "/idempotency/retention_seconds") == "86400");
            CHECK(text_at(reply, "/response_contract/version") == "2026-07-27");
            CHECK(text_at(reply, "/schema_version") == "2026-07-30");
            CHECK(raw_client::at(reply, "/input_schema") == json::value(published(model)));
        }
        auto const docs = client.get("/v1/model-docs?model=" + id);
        CHECK(text_at(docs, "/object") == "model.documentation");
        CHECK(raw_client::at(docs, "/stale") == json::value(false));
        CHECK(raw_client::at(docs, "/fetched_at").as_int64() > 1'700'000'000);
        for (apimart::kind_info const& kind : model.kinds)
            for (auto const& row : kind.rows)
                CHECK(text_at(docs, "/markdown").find("| `" + std::string(row.name) + "` | ") !=
                      std::string::npos);
        auto const markdown = client.get(target_of(text_at(docs, "/markdown_url")));
        CHECK(text_at(markdown, "/model") == id);
        CHECK(text_at(client.get("/v1/models/" + id), "/id") == id);
    }
}

TEST_CASE("emulator catalogue: what is not offered is refused with the parameter's name")
{
    running_emulator running;
    raw_client client(running.service);
    struct row
    {
        std::string target;
        unsigned status;
        std::string param;
    };
    for (row const& each :
         std::vector<row>{{"/v1/models/kling-v9", 404, "model"},
                          {"/v1/models/kling-v9/schema", 404, "model"},
                          {"/v1/models/a%2Fb", 404, "model"},
                          {"/v1/models//schema", 400, "model"},
                          {"/v1/model-schema", 400, "model"},
                          {"/v1/model-schema?model=x", 404, "model"},
                          {"/v1/model-schema?model=kling-v3&operation=image_generation", 400, "operation"},
                          {"/v1/model-docs?model=", 400, "model"},
                          {"/v1/model-docs?model=x", 404, "model"}}) {
        CAPTURE(each.target);
        auto const reply = client.get(each.target);
        CHECK(reply.result_int() == each.status);
        CHECK(text_at(reply, "/error/param") == each.param);
        CHECK(client.send(http::verb::get, each.target, "", {}).result_int() == 401);
    }
}

TEST_CASE("emulator catalogue: a list has what is asked for")
{
    running_emulator running;
    raw_client client(running.service);
    struct row
    {
        std::string query;
        std::size_t models;
        std::string members;
    };
    std::string const plain = "id object created owned_by supported_endpoint_types";
    for (row const& each :
         std::vector<row>{{"", 7, plain},
                          {"?category=video", 7, plain},
                          {"?category=image", 0, ""},
                          {"?expand=category", 7, plain + " category capability_tags"},
                          {"?expand=parameters", 7, plain + " parameters"},
                          {"?expand=category,parameters", 7, plain + " category capability_tags parameters"},
                          {"?expand=category%2Cparameters&category=video", 7,
                           plain + " category capability_tags parameters"}}) {
        CAPTURE(each.query);
        auto const reply = client.get("/v1/models" + each.query);
        auto const list = raw_client::at(reply, "/data").as_array();
        CHECK(list.size() == each.models);
        CHECK(raw_client::at(reply, "/success") == json::value(true));
        std::string members;
        if (!list.empty())
            for (auto const& [name, value] : list[0].as_object())
                members += (members.empty() ? "" : " ") + std::string(name);
        CHECK(members == each.members);
    }
    auto const expanded = client.get("/v1/models?expand=parameters");
    CHECK(text_at(expanded, "/data/2/id") == "kling-v3");
    CHECK(text_at(expanded, "/data/2/parameters/method") == "POST");
    CHECK(text_at(expanded, "/data/2/parameters/endpoint") == "/v1/videos/generations");
    CHECK(raw_client::at(expanded, "/data/2/parameters/input_schema") ==
          json::value(published(apimart::info_of<apimart::kling_v3>)));
}

TEST_CASE("emulator usage: what has ended is summed up by the books, in groups, of the key or the account")
{
    running_emulator running;
    raw_client client(running.service);
    CHECK(usage(client) == "MISS 0 0");
    client.submit(corgi);
    client.submit(R"({"model":"kling-v3","prompt":"a"})");
    client.submit(R"({"model":"kling-v3","prompt":"a [fail] b"})");
    client.send(http::verb::post, "/v1/videos/generations", R"({"model":"kling-v3","prompt":"a"})",
                {{"Authorization", "Bearer sk-other"}});
    CHECK(usage(client, "?scope=account") == "MISS 0 0");
    running.service.advance(long_enough);
    // The first answer is kept for a minute of the emulator's, which has passed.
    CHECK(usage(client) == "MISS 3 9.08E-1");
    CHECK(usage(client) == "HIT 3 9.08E-1");
    CHECK(usage(client, "", "sk-other") == "MISS 1 3.36E-1");
    CHECK(usage(client, "?scope=account") == "MISS 4 1.244E0");
    CHECK(usage(client, "?group_by=model") ==
          "MISS 3 9.08E-1; kling-3.0-turbo 1 5.72E-1; kling-v3 2 3.36E-1");
    CHECK(usage(client, "?model=kling-v3&group_by=model") == "MISS 2 3.36E-1; kling-v3 2 3.36E-1");
    CHECK(usage(client, "?model=kling-v3%2Ckling-3.0-turbo") == "MISS 3 9.08E-1");
    CHECK(usage(client, "?end=1700000000") == "MISS 0 0");
    CHECK(usage(client, "?start=2023-11-14T22:13:20Z&end=2023-11-15T06:13:20%2B08:00") == "MISS 0 0");
    auto const by_date = usage(client, "?group_by=model,date&tz=UTC");
    CHECK(by_date.starts_with("MISS 3 9.08E-1; kling-3.0-turbo 20"));
    CHECK(std::count(by_date.begin(), by_date.end(), ';') == 2);
    // The same as the balance says.
    CHECK(raw_client::at(client.get("/v1/balance"), "/used_balance").to_number<double>() ==
          doctest::Approx(1.244));
}

TEST_CASE(
    "emulator usage: a question that cannot be answered is refused by name, and more than sixty a minute are")
{
    running_emulator running;
    raw_client client(running.service);
    for (auto const& [question, seen] :
         std::vector<std::pair<std::string, std::string>>{{"?start=yesterday", "400 invalid_start start"},
                                                          {"?start=2026-07-27", "400 invalid_start start"},
                                                          {"?end=2026-07-27T00:00:00", "400 invalid_end end"},
                                                          {"?start=10&end=9", "400 invalid_end end"},
                                                          {"?start=0&end=2678401", "400 invalid_end end"},
                                                          {"?start=0&end=2678400", "MISS 0 0"},
                                                          {"?start=2026-07-27T00:00:00.5-01:30", "MISS 0 0"},
                                                          {"?group_by=day", "400 invalid_group_by group_by"},
                                                          {"?tz=Mars", "400 invalid_tz tz"},
                                                          {"?scope=all", "400 invalid_scope scope"}}) {
        CAPTURE(question);
        CHECK(usage(client, question) == seen);
    }
    std::string many = "?model=a";
    for (int i = 0; i < 50; ++i)
        many += ",a";
    CHECK(usage(client, many) == "400 invalid_model model");
    std::string last;
    for (int i = 0; i < 60; ++i)
        last = usage(client);
    CHECK(last.starts_with("429"));
    CHECK(usage(client, "", "sk-other") == "MISS 0 0");
    running.service.advance(std::chrono::seconds(60));
    CHECK(usage(client) == "MISS 0 0");
}

TEST_CASE(
    "emulator: the response version is echoed where a request has it, in every profile and to every call")
{
    for (std::string const profile : {"original", "newer"}) {
        running_emulator running(R"({"profile":")" + profile + "\"}");
        raw_client client(running.service);
        auto const echo = [&](http::verb verb, std::string_view target, std::string const& version) {
            header_list headers = raw_client::authorized();
            headers.emplace_back("X-APIMart-Response-Version", version);
            auto const reply = client.send(verb, target, verb == http::verb::post ? corgi : "", headers);
            return std::to_string(reply.result_int()) + ' ' +
                   std::string(reply["X-APIMart-Response-Version"]);
        };
        CAPTURE(profile);
        CHECK(echo(http::verb::post, "/v1/videos/generations", "2026-07-27") == "202 2026-07-27");
        CHECK(echo(http::verb::post, "/v1/videos/generations", "2025-01-01") == "200 ");
        CHECK(echo(http::verb::get, "/v1/balance", "2026-07-27") == "200 2026-07-27");
        CHECK(echo(http::verb::get, "/v1/tasks/x", "2026-07-27") == "400 2026-07-27");
        CHECK(client.get("/v1/balance").count("X-APIMart-Response-Version") == 0);
    }
}

TEST_CASE("emulator: no key and a wrong key are told in different words")
{
    emulator_options options;
    options.api_key = "sk-right";
    running_emulator running(std::move(options));
    raw_client client(running.service);
    auto const words = [&](header_list const& headers) {
        auto const reply = client.send(http::verb::get, "/v1/balance", "", headers);
        CHECK(reply.result_int() == 401);
        auto const message = text_at(reply, "/error/message");
        return message.substr(0, message.find(" (request id"));
    };
    CHECK(words({}) == "API key is required");
    CHECK(words({{"Authorization", "Bearer "}}) == "API key is required");
    CHECK(words({{"Authorization", "Basic sk-right"}}) == "API key is required");
    CHECK(words({{"Authorization", "Bearer sk-wrong"}}) == "invalid API key");
}

TEST_CASE("emulator: an uploaded image is served where its link leads, whatever its name, until the link has "
          "expired")
{
    running_emulator running;
    raw_client client(running.service);
    std::string const png = "\x89PNG\r\n\x1a\n and more";
    struct row
    {
        std::string given;
        std::string name;
        std::string end_of_link;
    };
    for (row const& each :
         std::vector<row>{{"photo.png", "photo.png", "-photo.png"},
                          {"my photo.png", "my photo.png", "-my%20photo.png"},
                          {"a&b=c?d#e%41.png", "a&b=c?d#e%41.png", "-a%26b%3Dc%3Fd%23e%2541.png"},
                          {"Gr\xC3\xBC\xC3\x9F"
                           "e.png",
                           "Gr\xC3\xBC\xC3\x9F"
                           "e.png",
                           "-Gr%C3%BC%C3%9Fe.png"},
                          {R"(say \"cheese\".png)", "say \"cheese\".png", "-say%20%22cheese%22.png"},
                          {"x; name=image; y.png", "x; name=image; y.png", "-x%3B%20name%3Dimage%3B%20y.png"},
                          {"../../etc/passwd", "passwd", "-passwd"}}) {
        CAPTURE(each.given);
        auto const reply = client.post("/v1/uploads/images",
                                       "--xyz\r\nContent-Disposition: form-data; filename=\"" + each.given +
                                           "\"; name=\"file\"\r\n\r\n" + png + "\r\n--xyz--\r\n",
                                       {{"Content-Type", "multipart/form-data; boundary=xyz"}});
        CHECK(text_at(reply, "/filename") == each.name);
        auto const url = text_at(reply, "/url");
        CHECK(url.starts_with(running.service.base_url() + "/f/image/"));
        CHECK(url.ends_with(each.end_of_link));
        auto const fetched = client.send(http::verb::get, target_of(url), "", {});
        CHECK(fetched.result_int() == 200);
        CHECK(fetched.body() == png);
        CHECK(fetched[http::field::content_type] == "image/png");
        auto const head = client.send(http::verb::head, target_of(url), "", {});
        CHECK(head.result_int() == 200);
        CHECK(head[http::field::content_length] == std::to_string(png.size()));
        running.service.advance(std::chrono::hours(72));
        CHECK(client.send(http::verb::get, target_of(url), "", {}).result_int() == 404);
    }
    CHECK(client.send(http::verb::get, "/f/image/none.png", "", {}).result_int() == 404);
    CHECK(running.service.books().at("authorization_leaks").to_number<int>() == 0);
    client.get("/f/image/none.png");
    CHECK(running.service.books().at("authorization_leaks").to_number<int>() == 1);
}

TEST_CASE("emulator faults: what is not the API speaking, instead of a state")
{
    running_emulator running;
    raw_client client(running.service);
    auto const id = client.submit_for_id(corgi);
    for (unsigned const status : {401U, 403U, 301U, 521U}) {
        CAPTURE(status);
        running.service.plan(R"({"on":"poll","body":"cdn","status":)" + std::to_string(status) + '}');
        auto const reply = client.poll(id);
        CHECK(reply.result_int() == status);
        CHECK(reply[http::field::content_type].starts_with("text/html"));
        CHECK(reply.body().find("Ray ID") != std::string::npos);
        CHECK(reply.count(http::field::location) == (status == 301 ? 1 : 0));
    }
    running.service.plan(
        R"({"on":"poll","status":200,"content":"{\"data\":{\"id\":\"{task_id}\",\"status\":\"lost\"}}"})");
    auto const own = client.poll(id);
    CHECK(text_at(own, "/data/id") == id);
    CHECK(text_at(own, "/data/status") == "lost");
}
