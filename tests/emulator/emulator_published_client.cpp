// The vendor's published client, request by request: it asks for the schema, submits under a key in the newer contract, and
// polls. What it demands of each answer is demanded here; it refuses to follow redirects, and takes no answer that is not JSON.

#include "emulator_raw_client.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

using namespace emulator_tests;

namespace {

class published_client
{
public:
    explicit published_client(emulator const& service) : connection_(service) {}

    json::object get(std::string const& target) { return answer(http::verb::get, target, "", {}); }

    // What it does for one video; the answer's `data`.
    json::object generate(std::string const& model, json::object input, std::string const& key)
    {
        CHECK_FALSE(input.contains("model"));
        auto const schema = get("/v1/model-schema?model=" + model + "&operation=video_generation");
        CHECK(schema.at("model") == json::value(model));
        CHECK(schema.at("operation") == json::value("video_generation"));
        CHECK(schema.at("input_schema").is_object());
        input["model"] = model;
        auto const envelope = answer(http::verb::post, "/v1/videos/generations", json::serialize(input),
                                     {{"Content-Type", "application/json"},
                                      {"Idempotency-Key", key},
                                      {"X-APIMart-Response-Version", "2026-07-27"}});
        CHECK(last_["X-APIMart-Response-Version"] == "2026-07-27");
        CHECK(envelope.at("request_id").is_string());
        REQUIRE(envelope.at("data").is_object());
        json::object data = envelope.at("data").as_object();
        CHECK(data.at("object") == json::value("generation.task"));
        CHECK_FALSE(data.at("id").as_string().empty());
        CHECK(data.at("status").is_string());
        return data;
    }
    bool replayed() const { return last_["Idempotency-Replayed"] == "true"; }
    unsigned status() const { return last_.result_int(); }

    json::object task(std::string const& id)
    {
        auto const envelope = get("/v1/tasks/" + id + "?language=en");
        REQUIRE(envelope.at("data").is_object());
        return envelope.at("data").as_object();
    }

private:
    json::object answer(http::verb verb, std::string const& target, std::string_view body, header_list more)
    {
        header_list headers{{"Accept", "application/json"}, {"Authorization", "Bearer sk-test"}};
        headers.insert(headers.end(), more.begin(), more.end());
        last_ = connection_.send(verb, target, body, headers);
        CAPTURE(target);
        CAPTURE(last_.body());
        REQUIRE(last_.result_int() / 100 == 2);
        auto const document = json::parse(last_.body());
        REQUIRE(document.is_object());
        json::object const& object = document.as_object();
        CHECK_FALSE(object.contains("error"));
        CHECK((!object.contains("success") || object.at("success") == json::value(true)));
        return object;
    }

    raw_client connection_;
    response last_;
};

// The documented requests, of every model at least one.
std::map<std::string, json::object> one_of_each_model()
{
    std::map<std::string, json::object> all;
    std::ifstream lines(APIMART_SOURCE_DIR "/examples/documented-requests.jsonl");
    for (std::string line; std::getline(lines, line);) {
        auto body = json::parse(line).as_object();
        std::string const model(body.at("model").as_string());
        body.erase("model");
        all.emplace(model, std::move(body));
    }
    return all;
}

} // namespace

TEST_CASE("emulator: the published client submits, replays and finishes every model, with no switch set")
{
    auto const inputs = one_of_each_model();
    REQUIRE(inputs.size() == 7);
    running_emulator running;
    published_client client(running.service);
    auto const listed = client.get("/v1/models").at("data");
    for (auto const& each : listed.as_array())
        CHECK(inputs.contains(std::string(each.at("id").as_string())));
    for (auto const& [model, input] : inputs) {
        CAPTURE(model);
        auto const docs = client.get("/v1/model-docs?model=" + model);
        CHECK(docs.at("object") == json::value("model.documentation"));
        CHECK(docs.at("model") == json::value(model));
        for (char const* const name : {"doc_url", "markdown_url", "markdown"})
            CHECK_FALSE(docs.at(name).as_string().empty());
        CHECK(docs.at("fetched_at").as_int64() > 0);
        CHECK(docs.at("cache_ttl_seconds").as_int64() > 0);
        CHECK(docs.at("stale").is_bool());

        auto const first = client.generate(model, input, "key-of-" + model);
        CHECK(client.status() == 202);
        CHECK_FALSE(client.replayed());
        auto const again = client.generate(model, input, "key-of-" + model);
        CHECK(client.replayed());
        CHECK(again == first);

        std::string const id(first.at("id").as_string());
        CHECK(client.task(id).at("status") == json::value("pending"));
        running.service.advance(long_enough);
        auto const done = client.task(id);
        CHECK(done.at("status") == json::value("completed"));
        CHECK(done.at("result").at("videos").as_array().size() >= 1);
    }
    CHECK(running.service.books().at("accepted").as_array().size() == 7);
    CHECK(running.service.books().at("replayed").to_number<int>() == 7);
}
