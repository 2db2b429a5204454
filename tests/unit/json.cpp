// States, failures, findings and counters as JSON: names of accessors, nothing that is not known, no signed links unless asked.
#include <apimart/json.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

constexpr std::string_view signed_link = "https://u:p@cdn.example/v.mp4?Signature=s3cret&Expires=1";

task_state finished()
{
    task_state state("task_1", task_status::succeeded, "completed");
    state.progress(100).estimated_time(60s).actual_time(70s).cost(0.5).credits_cost(5);
    state.created_at(std::chrono::sys_seconds(1'764'000'000s));
    state.completed_at(std::chrono::sys_seconds(1'764'000'070s));
    state.videos(
        {video_file("task_1", 0, result_url(std::string(signed_link)), std::chrono::sys_seconds(9s))});
    return state;
}

json::value parsed(std::string_view text)
{
    return json::parse({text.data(), text.size()});
}

} // namespace

TEST_CASE("json: a state has what is known of it, and its links have no permission")
{
    json::value const expected = parsed(R"({"id": "task_1", "status": "succeeded", "raw_status": "completed",
        "progress": 100, "estimated_time": 60, "actual_time": 70, "created_at": 1764000000, "completed_at": 1764000070,
        "cost": 0.5, "credits_cost": 5E0,
        "videos": [{"index": 0, "url": "https://[redacted]@cdn.example/v.mp4?[redacted]", "expires_at": 9}]})");
    CHECK(json::value_from(finished()) == expected);
    CHECK(json::value_from(task_state("t", task_status::queued, "pending")) ==
          parsed(R"({"id": "t", "status": "queued", "raw_status": "pending"})"));

    json::object const whole = to_json(finished(), result_links::exposed);
    CHECK(whole.at("videos").at(0).at("url").as_string() == signed_link);
}

TEST_CASE("json: a result has its polls besides, and a reason for its failure")
{
    task_state failed("task_1", task_status::failed, "failed");
    failed.error(task_error("E1", "moderation", "see https://h.example/why?token=s3cret"));
    CHECK(json::value_from(task_result(failed, 3)) ==
          parsed(R"({"id": "task_1", "status": "failed", "raw_status": "failed", "poll_count": 3,
              "error": {"code": "E1", "type": "moderation", "text": "see https://h.example/why?[redacted]"}})"));
}

TEST_CASE("json: a failure has its code by name, what is proved and all that is known")
{
    CHECK(json::value_from(error_info(errc::queue_full)) ==
          parsed(R"({"code": "queue_full", "category": "apimart", "message": "queue of the client is full",
              "acceptance": "none", "retryable": true})"));

    error_info why(errc::outcome_unknown, "in our words");
    why.acceptance(acceptance::unknown).underlying(make_error_code(errc::connection_lost)).http_status(502);
    why.server_message(server_message("c", "t", "words")).request_id("r1").task_id("task_1");
    why.idempotency_key("k1").retry_after(7s).tag("order 17");
    why.attempts({attempt(errc::connection_lost, 0, "sent"), attempt({}, 502, "answered")});
    json::value out = json::value_from(why);
    CHECK(out.at("message").as_string() == std::string_view(why.describe()));
    out.as_object().erase("message");
    CHECK(
        out ==
        parsed(
            R"({"code": "outcome_unknown", "category": "apimart", "acceptance": "unknown", "retryable": false,
        "underlying": "connection_lost", "http_status": 502, "server_message": {"code": "c", "type": "t", "text": "words"},
        "client_message": "in our words", "request_id": "r1", "task_id": "task_1", "idempotency_key": "k1",
        "tag": "order 17", "retry_after": 7,
        "attempts": [{"code": "connection_lost", "phase": "sent"}, {"http_status": 502, "phase": "answered"}]})"));

    CHECK(json::value_from(error_info(errc::queue_full).tag(17)).at("tag") == 17);
    CHECK(json::value_from(error_info(error_code(111, boost::system::system_category()))).at("code") ==
          "system:111");
}

TEST_CASE("json: findings are listed with their places")
{
    validation_result found;
    found.add_error("/duration", "must be between 3 and 15", "99");
    found.add_warning("/prompt", "is short", "");
    json::value const expected = parsed(R"({"ok": false, "omitted": 0, "violations": [
        {"severity": "error", "pointer": "/duration", "message": "must be between 3 and 15", "value": "99"},
        {"severity": "warning", "pointer": "/prompt", "message": "is short"}]})");
    CHECK(json::value_from(found) == expected);
    CHECK(json::value_from(error_info(errc::invalid_request).validation(found)).at("validation") == expected);
    CHECK(json::value_from(validation_result()) == parsed(R"({"ok": true, "violations": [], "omitted": 0})"));
}

TEST_CASE("json: counters have their names, all of them")
{
    metrics counters;
    counters.submits_sent = 1;
    counters.connections_open = 2;
    json::object const out = json::value_from(counters).as_object();
    CHECK(out.size() == sizeof counters / sizeof counters.retries);
    CHECK(out.at("submits_sent") == 1);
    CHECK(out.at("connections_open") == 2);
    CHECK(out.at("retries") == 0);
}
