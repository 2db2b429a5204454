// What the service's answers about a task mean, in all the shapes that are known.
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/task_response.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

http_reply answer(int status, std::string body)
{
    http_reply r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

result<task_state> read(std::string body)
{
    return read_task_reply(answer(200, std::move(body)), "task_1", {});
}

std::string completed_with(std::string const& result)
{
    return R"({"code":200,"data":{"id":"task_1","status":"completed","progress":100,"result":)" + result +
           "}}";
}

} // namespace

TEST_CASE("the documented completed answer is read in full")
{
    auto const state = read(
        R"({"code":200,"data":{"id":"task_1","status":"completed","progress":100,
        "result":{"videos":[{"url":["https://upload.apimart.ai/f/video/a.mp4"],"expires_at":1763174708}]},
        "created":1763088289,"completed":1763088408,"estimated_time":120,"actual_time":119,"cost":0.64,"credits_cost":6.4}})");
    REQUIRE(state.has_value());
    CHECK(state->status() == task_status::succeeded);
    CHECK(state->progress() == 100);
    CHECK(state->estimated_time() == 120s);
    CHECK(state->actual_time() == 119s);
    CHECK(state->cost() == 0.64);
    CHECK(state->credits_cost() == 6.4);
    REQUIRE(state->videos().size() == 1);
    CHECK(state->videos()[0].url().reveal() == "https://upload.apimart.ai/f/video/a.mp4");
    CHECK(state->videos()[0].expires_at() == std::chrono::sys_seconds(1763174708s));
    CHECK(state->videos()[0].task_id() == "task_1");
}

TEST_CASE("a result is found wherever the service puts it")
{
    for (char const* const result : {
             R"({"videos":[{"url":["https://h/v.mp4"]}]})",
             R"({"videos":[{"url":"https://h/v.mp4"}]})",
             R"({"videos":["https://h/v.mp4"]})",
             R"({"video":"https://h/v.mp4"})",
             R"({"video_url":"https://h/v.mp4"})",
             R"({"url":"https://h/v.mp4"})",
             R"("https://h/v.mp4")",
         }) {
        CAPTURE(result);
        auto const state = read(completed_with(result));
        REQUIRE(state.has_value());
        REQUIRE(state->videos().size() == 1);
        CHECK(state->videos()[0].url().reveal() == "https://h/v.mp4");
    }
    auto const several =
        read(completed_with(R"({"videos":[{"url":["https://h/1","https://h/2"]},{"url":"https://h/3"}]})"));
    REQUIRE(several.has_value());
    REQUIRE(several->videos().size() == 3);
    CHECK(several->videos()[2].index() == 2);
}

TEST_CASE("completed without anything to fetch is asked again")
{
    for (char const* const result : {"null", "{}", R"({"videos":[]})", R"({"videos":[{"url":[]}]})",
                                     R"({"videos":[{"url":""}]})", R"({"videos":[{"url":7}]})"}) {
        CAPTURE(result);
        auto const state = read(completed_with(result));
        REQUIRE_FALSE(state.has_value());
        CHECK(state.error().code() == cause::retryable);
        CHECK(state.error().task_id() == "task_1");
    }
}

TEST_CASE("status words are understood without regard to case, unknown ones as running")
{
    for (char const* const word : {"submitted", "pending", "QUEUED"})
        CHECK(classify_status(word) == task_status::queued);
    for (char const* const word : {"processing", "in_progress", "running", "somethingnew"})
        CHECK(classify_status(word) == task_status::running);
    for (char const* const word : {"completed", "success", "SUCCEEDED", "finished"})
        CHECK(classify_status(word) == task_status::succeeded);
    for (char const* const word : {"failed", "failure", "error"})
        CHECK(classify_status(word) == task_status::failed);
    for (char const* const word : {"cancelled", "canceled"})
        CHECK(classify_status(word) == task_status::cancelled);
}

TEST_CASE("a failed task carries the service's reason in each form")
{
    for (
        char const* const error : {
            R"("error":{"code":"task_failed","message":"content policy violation","type":"task_failed","param":""})",
            R"("error":{"message":"content policy violation","code":""})",
            R"("error":"content policy violation")",
            R"("fail_reason":"content policy violation")",
        }) {
        CAPTURE(error);
        auto const state =
            read(std::string(R"({"code":200,"data":{"id":"task_1","status":"failed",)") + error + "}}");
        REQUIRE(state.has_value());
        CHECK(state->status() == task_status::failed);
        CHECK(state->reason().text() == "content policy violation");
    }
}

TEST_CASE("progress is believed in any form and kept within its bounds")
{
    auto const progress = [](std::string const& value) {
        return read(R"({"data":{"id":"task_1","status":"processing","progress":)" + value + "}}")
            .value()
            .progress();
    };
    CHECK(progress("45") == 45);
    CHECK(progress("\"50%\"") == 50);
    CHECK(progress("250") == 100);
    CHECK(progress("-3") == 0);
    CHECK_FALSE(progress("\"soon\"").has_value());
    CHECK_FALSE(progress("1e999").has_value());
}

TEST_CASE("figures nobody can believe are dropped")
{
    for (char const* const figures :
         {R"("estimated_time":-5,"actual_time":1e999,"cost":-1,"created":99999999999999)",
          R"("cost":1e999,"credits_cost":-1e999,"progress":1e999,"completed":1e30)"}) {
        CAPTURE(figures);
        auto const state =
            read(std::string(R"({"data":{"id":"task_1","status":"processing",)") + figures + "}}");
        REQUIRE(state.has_value());
        CHECK_FALSE(state->estimated_time().has_value());
        CHECK_FALSE(state->actual_time().has_value());
        CHECK_FALSE(state->cost().has_value());
        CHECK_FALSE(state->credits_cost().has_value());
        CHECK_FALSE(state->progress().has_value());
        CHECK_FALSE(state->created().has_value());
        CHECK_FALSE(state->completed().has_value());
    }
}

TEST_CASE("a link's expiry is told where it can be one")
{
    auto const expiry = [](std::string const& value) {
        return read(completed_with(R"({"videos":[{"url":"https://h/v","expires_at":)" + value + "}]}"))
            .value()
            .videos()[0]
            .expires_at();
    };
    CHECK(expiry("0") == std::chrono::sys_seconds(0s));
    CHECK(expiry("253402300799").has_value());
    for (char const* const value : {"253402300800", "-1", "1e300", "\"tomorrow\"", "null"})
        CHECK_FALSE(expiry(value).has_value());
}

TEST_CASE("an answer that cannot be read, or is about another task, is asked again")
{
    for (char const* const body :
         {"", "null", "42", "[]", "{", "{} {}", "<html>502</html>", "{\"data\":{}}",
          R"({"data":{"id":"task_2","status":"completed","result":{"url":"https://h/v"}}})",
          "\xFF\xFE{\0}\0"}) {
        CAPTURE(body);
        auto const state = read(body);
        REQUIRE_FALSE(state.has_value());
        CHECK(state.error().code() == cause::retryable);
    }
    CHECK(read("\xEF\xBB\xBF{\"data\":{\"id\":\"task_1\",\"status\":\"pending\"}}").has_value());
    std::string const deep = std::string(100'000, '[');
    CHECK_FALSE(read(deep).has_value());
}

TEST_CASE("an unknown id, a refused key and an overloaded service are three different things")
{
    auto const code = [](int status, std::string body) {
        return read_task_reply(answer(status, std::move(body)), "task_1", {}).error().code();
    };
    CHECK(code(400, R"({"error":{"message":"Invalid task ID","type":"invalid_request_error"}})") ==
          errc::task_not_found);
    CHECK(code(404, "") == errc::task_not_found);
    CHECK(code(401, R"({"error":{"message":"bad key"}})") == cause::unauthorized);
    CHECK(code(402, R"({"error":{"message":"empty"}})") == cause::no_credit);
    CHECK(code(429, "{}") == cause::rate_limited);
    CHECK(code(429, "{}") == cause::retryable);
    CHECK(code(500, "{}") == cause::retryable);
    CHECK(code(502, "<html>") == cause::retryable);
    CHECK(code(408, "") == cause::retryable);
    CHECK(code(200, R"({"code":401,"message":"no"})") == cause::unauthorized);
}

TEST_CASE("the service's words are kept apart, escaped and short")
{
    auto const answered = read_task_reply(
        answer(401, R"({"error":{"message":"bad\u001b[31m https://h/x?sig=SECRET end","type":"t"}})"),
        "task_1", {});
    std::string const told = answered.error().describe();
    CHECK(told.find('\x1b') == std::string::npos);
    CHECK(told.find("SECRET") == std::string::npos);
    CHECK(told.find("end") != std::string::npos);
    auto const flood = read_task_reply(answer(500, std::string(100'000, 'x')), "task_1", {});
    CHECK(flood.error().describe().size() < 1000);
}

TEST_CASE("nothing that could change a path or a log line is a task id")
{
    CHECK(is_task_id("task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"));
    CHECK(is_task_id("task-unified-1757165031-abcd1234"));
    for (std::string const& id : {std::string(), std::string("a/b"), std::string(".."), std::string("a?b"),
                                  std::string("a#b"), std::string("a b"), std::string("a\r\nb"),
                                  std::string("a\0b", 3), std::string("\xC3\xA4"), std::string(257, 'a')})
        CHECK_FALSE(is_task_id(id));
}
