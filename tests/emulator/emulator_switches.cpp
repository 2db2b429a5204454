// Every switch of the scenario can be seen from outside.

#include "emulator_raw_client.hpp"

#include <doctest/doctest.h>

using namespace emulator_tests;

namespace {

// An emulator with one client and, on demand, one task at its end.
class bench
{
public:
    explicit bench(std::string_view scenario_text) : running(scenario_text), client(running.service) {}

    response finished(std::string_view body = corgi)
    {
        id = client.submit_for_id(body);
        running.service.advance(long_enough);
        return client.poll(id);
    }

    unsigned fetch(std::string const& url)
    {
        return client.send(http::verb::get, target_of(url), "", {}).result_int();
    }

    std::int64_t booked() { return running.service.books().at("accepted").as_array().size() & 0xffff; }

    running_emulator running;
    raw_client client;
    std::string id;
};

constexpr std::string_view doomed = R"({"model":"kling-v3","prompt":"a [fail] b"})";
constexpr std::string_view invalid = R"({"model":"kling-v3","prompt":"a","duration":99})";

} // namespace

TEST_CASE("emulator switch: submit_reply")
{
    bench object(R"({"submit_reply":"object"})");
    auto const as_object = object.client.submit(corgi);
    CHECK(text_at(as_object, "/data/id").starts_with("task_"));
    CHECK(text_at(as_object, "/data/status") == "submitted");

    bench queued(R"({"submit_reply":"queued_202"})");
    auto const accepted = queued.client.submit(corgi);
    CHECK(accepted.result_int() == 202);
    CHECK(text_at(accepted, "/data/object") == "generation.task");
    CHECK(text_at(accepted, "/data/status") == "queued");
    CHECK(queued.client.get(target_of(text_at(accepted, "/data/poll_url"))).result_int() == 200);

    bench wrong(R"({"submit_reply":"error_in_200"})");
    auto const hidden = wrong.client.submit(corgi);
    CHECK(hidden.result_int() == 200);
    CHECK(text_at(hidden, "/code") == "402");
    CHECK(wrong.booked() == 0);

    bench empty(R"({"submit_reply":"empty_array"})");
    auto const without_id = empty.client.submit(corgi);
    CHECK(raw_client::at(without_id, "/data").as_array().empty());
    CHECK(empty.booked() == 1);
}

TEST_CASE("emulator switch: profile, with the response contract of the newer one")
{
    constexpr std::string_view long_omni = R"({"model":"kling-v3-omni","prompt":"a","duration":15})";
    bench original("{}");
    CHECK(original.client.submit(long_omni).result_int() == 400);
    CHECK(original.client.submit(corgi, {{"X-APIMart-Response-Version", "2026-07-27"}}).result_int() == 200);
    bench newer(R"({"profile":"newer"})");
    CHECK(newer.client.submit(long_omni).result_int() == 200);
    CHECK(newer.client.submit(corgi, {{"X-APIMart-Response-Version", "2026-07-27"}}).result_int() == 202);
    CHECK(raw_client::at(newer.client.get("/v1/balance"), "/remain_credits").is_number());
}

TEST_CASE("emulator switch: inferred_rules")
{
    constexpr std::string_view local_image = R"({"model":"kling-v3","prompt":"a","image_urls":["file.png"]})";
    bench enforced("{}");
    CHECK(enforced.client.submit(local_image).result_int() == 400);
    bench ignored(R"({"inferred_rules":"ignored"})");
    CHECK(ignored.client.submit(local_image).result_int() == 200);
}

TEST_CASE("emulator switch: first_status")
{
    for (std::string const word : {"submitted", "queued", "running", "processing", "in_progress"}) {
        bench b(R"({"first_status":")" + word + "\"}");
        CHECK(text_at(b.client.poll(b.client.submit_for_id(corgi)), "/data/status") == word);
    }
}

TEST_CASE("emulator switch: progress")
{
    auto const in_the_middle = [](std::string_view scenario_text) {
        bench b(scenario_text);
        auto const id = b.client.submit_for_id(corgi);
        b.running.service.advance(std::chrono::seconds(25));
        auto const reply = b.client.poll(id);
        CHECK(text_at(reply, "/data/status") == "processing");
        return raw_client::at(reply, "/data/progress");
    };
    CHECK(in_the_middle("{}") == json::value(0));
    auto const gradual = in_the_middle(R"({"progress":"gradual"})").to_number<int>();
    CHECK(gradual > 20);
    CHECK(gradual < 80);
    CHECK(raw_client::text(in_the_middle(R"({"progress":"text"})")) == std::to_string(gradual) + '%');
    CHECK(in_the_middle(R"({"progress":"absent"})").is_null());
}

TEST_CASE("emulator switch: success_word")
{
    for (std::string const word : {"success", "succeeded", "finished", "COMPLETED"}) {
        bench b(R"({"success_word":")" + word + "\"}");
        CHECK(text_at(b.finished(), "/data/status") == word);
    }
}

TEST_CASE("emulator switch: result")
{
    bench late(R"({"result":"late"})");
    auto const first = late.finished();
    CHECK(text_at(first, "/data/status") == "completed");
    CHECK(raw_client::at(first, "/data/result").is_null());
    CHECK(raw_client::at(late.client.poll(late.id), "/data/result").is_object());
    bench absent(R"({"result":"absent"})");
    absent.finished();
    CHECK(raw_client::at(absent.client.poll(absent.id), "/data/result").is_null());
}

TEST_CASE("emulator switch: result_url")
{
    auto const usable = [](std::string_view form, std::string_view pointer) {
        bench b(std::string(R"({"result_url":")").append(form).append("\"}"));
        auto const url = text_at(b.finished(), pointer);
        CAPTURE(form);
        CHECK(b.fetch(url) == 200);
    };
    usable("array", "/data/result/videos/0/url/0");
    usable("string", "/data/result/videos/0/url");
    usable("several", "/data/result/videos/0/url/0");
    usable("several", "/data/result/videos/0/url/1");
    usable("item", "/data/result/videos/0");
    usable("video_url", "/data/result/video_url");
    usable("url", "/data/result/url");
}

TEST_CASE("emulator switch: link")
{
    constexpr std::string_view at = "/data/result/videos/0/url/0";
    auto const status = [&](std::string_view form) {
        bench b(std::string(R"({"link":")").append(form).append("\"}"));
        return b.fetch(text_at(b.finished(), at));
    };
    CHECK(status("valid") == 200);
    CHECK(status("expired") == 403);
    CHECK(status("forbidden") == 403);
    CHECK(status("missing") == 404);

    bench once(R"({"link":"expired_once"})");
    CHECK(once.fetch(text_at(once.finished(), at)) == 403);
    CHECK(once.fetch(text_at(once.client.poll(once.id), at)) == 200);

    bench rigid(R"({"link":"no_range"})");
    auto const url = text_at(rigid.finished(), at);
    auto const whole = rigid.client.send(http::verb::get, target_of(url), "", {{"Range", "bytes=0-9"}});
    CHECK(whole.result_int() == 200);
    CHECK(whole.count(http::field::accept_ranges) == 0);
}

TEST_CASE("emulator switch: expires_at")
{
    bench longer(R"({"expires_at":"72h"})");
    auto const done = longer.finished();
    CHECK(raw_client::at(done, "/data/result/videos/0/expires_at").as_int64() ==
          raw_client::at(done, "/data/completed").as_int64() + 72 * 3600);
    bench absent(R"({"expires_at":"absent"})");
    CHECK(raw_client::at(absent.finished(), "/data/result/videos/0/expires_at").is_null());
}

TEST_CASE("emulator switch: cost")
{
    bench absent(R"({"cost":"absent"})");
    auto const done = absent.finished();
    CHECK(raw_client::at(done, "/data/cost").is_null());
    CHECK(raw_client::at(done, "/data/credits_cost").is_null());
}

TEST_CASE("emulator switch: file_bytes")
{
    bench big(R"({"file_bytes":200000})");
    auto const target = target_of(text_at(big.finished(), "/data/result/videos/0/url/0"));
    auto const whole = big.client.send(http::verb::get, target, "", {});
    CHECK(whole.body().size() == 200000);
    CHECK(whole.body().starts_with(apimart::testing::sample_video()));
    auto const tail = big.client.send(http::verb::get, target, "", {{"Range", "bytes=3000-"}});
    CHECK(whole.body().substr(3000) == tail.body());
}

TEST_CASE("emulator switch: failure")
{
    bench plain("{}");
    auto const failed = plain.finished(doomed);
    CHECK(text_at(failed, "/data/status") == "failed");
    CHECK(text_at(failed, "/data/error/code") == "task_failed");
    CHECK(text_at(failed, "/data/error/message") == "content policy violation");
    CHECK(raw_client::at(failed, "/data/completed").is_int64());
    CHECK(raw_client::at(failed, "/data/cost").is_null());
    CHECK(raw_client::at(failed, "/data/result").is_null());

    auto const form = [](std::string_view name) {
        return bench(std::string(R"({"failure":{"form":")").append(name).append("\"}}")).finished(doomed);
    };
    CHECK(text_at(form("text"), "/data/error") == "content policy violation");
    CHECK(raw_client::at(form("empty_code"), "/data/error/code") == json::value(""));
    CHECK(raw_client::at(form("empty_code"), "/data/error/type").is_null());
    CHECK(text_at(form("fail_reason"), "/data/fail_reason") == "content policy violation");
    CHECK(text_at(form("cancelled"), "/data/status") == "cancelled");
    CHECK(raw_client::at(form("cancelled"), "/data/error").is_null());

    bench worded(R"({"failure":{"word":"corgi","status":"failure","message":"no \"dogs\""}})");
    CHECK(text_at(worded.finished(R"({"model":"kling-v3","prompt":"corgi"})"), "/data/status") == "failure");
    CHECK(text_at(worded.client.poll(worded.id), "/data/error/message") == "no \"dogs\"");
    CHECK(text_at(worded.finished(doomed), "/data/status") == "completed");

    bench half(R"({"failure":{"fraction":0.5}})");
    int failures = 0;
    for (int i = 0; i < 100; ++i)
        failures += text_at(half.finished(), "/data/status") == "failed" ? 1 : 0;
    CHECK(failures > 30);
    CHECK(failures < 70);
}

TEST_CASE("emulator switch: invalid_parameter")
{
    bench upstream(R"({"invalid_parameter":"error_500"})");
    auto const refused = upstream.client.submit(invalid);
    CHECK(refused.result_int() == 500);
    CHECK(text_at(refused, "/error/message").starts_with("build_request_failed: `duration`"));
    // An unknown model never reaches the part of the service that builds requests.
    CHECK(upstream.client.submit(R"({"model":"x"})").result_int() == 400);

    bench later(R"({"invalid_parameter":"task_fails"})");
    auto const failed = later.finished(invalid);
    CHECK(text_at(failed, "/data/status") == "failed");
    CHECK(text_at(failed, "/data/error/message").starts_with("`duration`"));

    bench ignored(R"({"invalid_parameter":"ignored"})");
    CHECK(text_at(ignored.finished(invalid), "/data/status") == "completed");
}

TEST_CASE("emulator switch: unknown_id")
{
    bench missing(R"({"unknown_id":"error_404"})");
    CHECK(missing.client.poll("task_x").result_int() == 404);
    bench hidden(R"({"unknown_id":"error_in_200"})");
    auto const reply = hidden.client.poll("task_x");
    CHECK(reply.result_int() == 200);
    CHECK(text_at(reply, "/code") == "400");
}

TEST_CASE("emulator switch: error_code")
{
    auto const code = [](std::string_view form) {
        bench b(std::string(R"({"error_code":")").append(form).append("\"}"));
        auto const reply = b.client.send(http::verb::get, "/v1/balance", "", {});
        return json::serialize(raw_client::at(reply, "/error/code")) + ' ' + text_at(reply, "/error/type");
    };
    CHECK(code("integer") == "401 authentication_error");
    CHECK(code("empty") == "\"\" apimart_error");
    CHECK(code("text") == "\"authentication_error\" authentication_error");
    CHECK(code("absent") == "null authentication_error");
}

TEST_CASE("emulator switch: batch")
{
    bench off(R"({"batch":"off"})");
    CHECK(off.client.post("/v1/tasks/batch", R"({"task_ids":[]})").result_int() == 404);
    bench bare(R"({"batch":"without_result"})");
    bare.finished();
    auto const reply = bare.client.post("/v1/tasks/batch", R"({"task_ids":[")" + bare.id + R"("]})");
    CHECK(text_at(reply, "/data/0/status") == "completed");
    CHECK(raw_client::at(reply, "/data/0/result").is_null());
    CHECK(raw_client::at(reply, "/data/0/progress").is_null());
}

TEST_CASE("emulator switch: latency_ms")
{
    bench slow(R"({"latency_ms":20})");
    auto const start = std::chrono::steady_clock::now();
    slow.client.get("/v1/models");
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(20));
}

TEST_CASE("emulator switch: idempotency")
{
    header_list const key{{"Idempotency-Key", "k-1"}};
    constexpr std::string_view other = R"({"model":"kling-v3","prompt":"a"})";

    bench off("{}");
    off.client.submit(corgi, key);
    CHECK(off.client.submit(corgi, key).count("Idempotency-Replayed") == 0);
    CHECK(off.booked() == 2);

    bench on(R"({"idempotency":"on"})");
    auto const first = on.client.submit(corgi, key);
    auto const again = on.client.submit(corgi, key);
    CHECK(first.count("Idempotency-Replayed") == 0);
    CHECK(again["Idempotency-Replayed"] == "true");
    CHECK(again.body() == first.body());
    CHECK(on.booked() == 1);
    auto const reused = on.client.submit(other, key);
    CHECK(reused.result_int() == 409);
    CHECK(text_at(reused, "/error/code") == "idempotency_key_reused");
    CHECK(on.client.submit(corgi, {{"Idempotency-Key", "k-1"}, {"X-APIMart-Response-Version", "1"}})
              .result_int() == 409);
    CHECK(on.client.submit(corgi, {{"Idempotency-Key", std::string(192, 'k')}}).result_int() == 400);
    CHECK(on.client.submit(corgi, {{"Idempotency-Key", "with space"}}).result_int() == 400);
    // Another API key is another scope; a refused order does not use its key up; and keys are kept for a day.
    CHECK(on.client
              .send(http::verb::post, "/v1/videos/generations", corgi,
                    {{"Authorization", "Bearer sk-other"}, {"Idempotency-Key", "k-1"}})
              .count("Idempotency-Replayed") == 0);
    CHECK(on.client.submit(invalid, {{"Idempotency-Key", "k-2"}}).result_int() == 400);
    CHECK(on.client.submit(corgi, {{"Idempotency-Key", "k-2"}}).result_int() == 200);
    on.running.service.advance(std::chrono::hours(24));
    CHECK(on.client.submit(corgi, key).count("Idempotency-Replayed") == 0);

    bench busy(R"({"idempotency":"in_progress"})");
    auto const original = busy.client.submit(corgi, key);
    auto const wait = busy.client.submit(corgi, key);
    CHECK(text_at(wait, "/error/code") == "idempotency_in_progress");
    CHECK(wait[http::field::retry_after] == "1");
    CHECK(busy.client.submit(corgi, key).body() == original.body());

    bench unknown(R"({"idempotency":"indeterminate"})");
    unknown.client.submit(corgi, key);
    CHECK(text_at(unknown.client.submit(corgi, key), "/error/code") == "idempotency_result_indeterminate");

    bench away(R"({"idempotency":"unavailable"})");
    auto const turned_away = away.client.submit(corgi, key);
    CHECK(turned_away.result_int() == 503);
    CHECK(text_at(turned_away, "/error/code") == "idempotency_unavailable");
    CHECK(away.booked() == 0);
    CHECK(away.client.submit(corgi, key).result_int() == 200);
}
