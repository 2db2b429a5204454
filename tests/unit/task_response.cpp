// What the service's answers about a task mean, in all the shapes that are known.
#include <apimart/protocol/task_id.hpp>
#include <apimart/protocol/task_response.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

http_response answer(int status, std::string body)
{
    http_response r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

result<task_state> read(std::string body)
{
    return read_task_response(answer(200, std::move(body)), "task_1", {});
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
    CHECK(state->videos()[0].url().expose() == "https://upload.apimart.ai/f/video/a.mp4");
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
        CHECK(state->videos()[0].url().expose() == "https://h/v.mp4");
    }
    // What older versions, other models and comparable gateways send.
    for (char const* const data : {
             R"("result":["https://h/v.mp4"])",
             R"("result":"[\"https://h/v.mp4\"]")",
             R"("result":"{\"videos\":[{\"url\":[\"https://h/v.mp4\"]}]}")",
             R"("result":{"videos":[{"video_url":"https://h/v.mp4"}]})",
             R"("result":{"videos":[{"urls":["https://h/v.mp4"]}]})",
             R"("result":{"urls":["https://h/v.mp4"]})",
             R"("result":{"video_urls":["https://h/v.mp4"]})",
             R"("result":{"output":[{"url":"https://h/v.mp4"}]})",
             R"("result":{"video":{"url":" https://h/v.mp4 "}})",
             R"("result":null,"video_url":"https://h/v.mp4")",
             R"("video":{"url":"https://h/v.mp4"})",
             R"("metadata":{"url":"https://h/v.mp4","width":1280})",
             R"("output":"https://h/v.mp4")",
             R"("output":["https://h/v.mp4"],"message":"ok")",
             R"("result":{"videos":[],"url":"https://h/v.mp4"},"error":{"code":"","message":""})",
         }) {
        CAPTURE(data);
        for (std::string const& body :
             {R"({"code":200,"data":{"id":"task_1","status":"succeed",)" + std::string(data) + "}}",
              R"({"id":"task_1","status":"DONE",)" + std::string(data) + "}"}) {
            auto const state = read(body);
            REQUIRE(state.has_value());
            CHECK(state->status() == task_status::succeeded);
            REQUIRE(state->videos().size() == 1);
            CHECK(std::string(state->videos()[0].url().expose()).find("https://h/v.mp4") !=
                  std::string::npos);
        }
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
        CHECK(state.error().code() == condition::retryable);
        CHECK(state.error().underlying() == errc::no_result);
        CHECK(state.error().task_id() == "task_1");
        // What did come is shown, to whom it may tell more.
        CHECK(state.error().server_message().text().find(R"("status":"completed")") != std::string::npos);
    }
}

TEST_CASE("completed without anything to fetch, but with a reason, is a failure")
{
    for (char const* const reason :
         {R"("error":{"code":"c","message":"no video was made"})", R"("error":"no video was made")",
          R"("fail_reason":"no video was made")"}) {
        CAPTURE(reason);
        auto const state =
            read(std::string(R"({"data":{"id":"task_1","status":"completed",)") + reason + "}}");
        REQUIRE(state.has_value());
        CHECK(state->status() == task_status::failed);
        CHECK(state->raw_status() == "completed");
        CHECK(state->error().text() == "no video was made");
    }
}

TEST_CASE("an unknown status goes on, and a reason beside it is shown")
{
    auto const state = read(
        R"({"data":{"id":"task_1","status":"on_hold","error":{"code":"quota","message":"wait for a machine"}}})");
    REQUIRE(state.has_value());
    CHECK(state->status() == task_status::running);
    CHECK(state->raw_status() == "on_hold");
    CHECK(state->error().code() == "quota");
    CHECK(state->error().text() == "wait for a machine");
}

TEST_CASE("status words are understood without regard to case, unknown ones as running")
{
    for (char const* const word : {"submitted", "pending", "QUEUED"})
        CHECK(classify_status(word) == task_status::queued);
    for (char const* const word : {"processing", "in_progress", "running", "somethingnew"})
        CHECK(classify_status(word) == task_status::running);
    for (char const* const word :
         {"completed", "success", "SUCCEEDED", "finished", "succeed", "Done", "complete", "READY"})
        CHECK(classify_status(word) == task_status::succeeded);
    for (char const* const word :
         {"failed", "failure", "error", "FAIL", "expired", "timeout", "Rejected", "aborted"})
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
        CHECK(state->error().text() == "content policy violation");
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
        CHECK_FALSE(state->created_at().has_value());
        CHECK_FALSE(state->completed_at().has_value());
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
        CHECK(state.error().code() == condition::retryable);
    }
    CHECK(read("\xEF\xBB\xBF{\"data\":{\"id\":\"task_1\",\"status\":\"pending\"}}").has_value());
    std::string const deep = std::string(100'000, '[');
    CHECK_FALSE(read(deep).has_value());
}

TEST_CASE("an unknown id, a refused key and an overloaded service are three different things")
{
    auto const code = [](int status, std::string body) {
        return read_task_response(answer(status, std::move(body)), "task_1", {}).error().code();
    };
    CHECK(code(400, R"({"error":{"message":"Invalid task ID","type":"invalid_request_error"}})") ==
          errc::task_not_found);
    CHECK(code(404, "") == errc::task_not_found);
    CHECK(code(401, R"({"error":{"message":"bad key"}})") == condition::unauthorized);
    CHECK(code(402, R"({"error":{"message":"empty"}})") == condition::payment_required);
    CHECK(code(429, "{}") == condition::rate_limited);
    CHECK(code(429, "{}") == condition::retryable);
    CHECK(code(500, "{}") == condition::retryable);
    CHECK(code(502, "<html>") == condition::retryable);
    CHECK(code(408, "") == condition::retryable);
    CHECK(code(200, R"({"code":401,"message":"no"})") == condition::unauthorized);
}

TEST_CASE("the service's words are kept apart, escaped and short")
{
    auto const answered = read_task_response(
        answer(401, R"({"error":{"message":"bad\u001b[31m https://h/x?sig=SECRET end","type":"t"}})"),
        "task_1", {});
    std::string const told = answered.error().describe();
    CHECK(told.find('\x1b') == std::string::npos);
    CHECK(told.find("SECRET") == std::string::npos);
    CHECK(told.find("end") != std::string::npos);
    auto const flood = read_task_response(answer(500, std::string(100'000, 'x')), "task_1", {});
    CHECK(flood.error().describe().size() < 1000);
}

TEST_CASE("nothing that could change a path or a log line is a task id")
{
    CHECK(is_task_id("task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"));
    CHECK(is_task_id("task-unified-1757165031-abcd1234"));
    for (std::string const& id : {std::string(), std::string("a/b"), std::string(".."), std::string("a?b"),
                                  std::string("a#b"), std::string("a b"), std::string("a\r\nb"),
                                  std::string("a\0b", 3), std::string("\xC3\xA4"), std::string(1025, 'a')})
        CHECK_FALSE(is_task_id(id));
}

TEST_CASE("links are found in all the forms that services write, with the expiry of their entry")
{
    struct row
    {
        char const* result;
        char const* links;
    };
    for (row const& each :
         {row{R"({"videos":[{"url":"https:\/\/h\/v"}]})", "https://h/v "},
          row{R"({"videos":[{"url":["https://h/1","","https://h/2"],"expires_at":7}]})",
              "https://h/1@7 https://h/2@7 "},
          row{R"({"videos":[{"url":"https://h/1"},{"expires_at":7,"url":"https://h/2"}]})",
              "https://h/1 https://h/2@7 "},
          row{R"({"videos":[{"url":"https://h/1","expires_at":8},{"url":"https://h/2"}]})",
              "https://h/1@8 https://h/2 "},
          row{R"({"videos":[{"url":[{"url":"https://h/1"}]}]})", "https://h/1 "},
          row{R"({"videos":[{"url":["1","2","3","4","5","6","7","8","9"]}]})", "1 2 3 4 5 6 7 8 9 "},
          // The documented form wins, and of two members of one name the last.
          row{R"({"url":"https://h/1","videos":["https://h/2"]})", "https://h/2 "},
          row{R"({"videos":["https://h/2"],"url":"https://h/1"})", "https://h/2 "},
          row{R"({"videos":[],"url":"https://h/1"})", "https://h/1 "},
          row{R"({"video":[{"url":"1"},{"url":"2"}],"videos":[{"url":"3","expires_at":7}]})", "3@7 "},
          row{R"({"videos":[{"url":"https://h/1"}],"videos":["https://h/2"]})", "https://h/2 "},
          row{R"({"videos":[{"url":"https://h/0"},{"url":"https://h/1","url":"https://h/2"}]})",
              "https://h/0 https://h/2 "}}) {
        CAPTURE(each.result);
        auto const state = read(completed_with(each.result));
        REQUIRE(state.has_value());
        std::string links;
        for (video_file const& file : state->videos()) {
            CHECK(file.task_id() == "task_1");
            links += file.url().expose();
            if (file.expires_at())
                links += "@" + std::to_string(file.expires_at()->time_since_epoch().count());
            links += ' ';
        }
        CHECK(links == each.links);
    }
    CHECK_FALSE(read(completed_with(R"({"videos":[{"url":"https://h/1"}],"videos":[]})")).has_value());
}

TEST_CASE("a state stands in `data` or is the document itself, and the last member of a name counts")
{
    for (std::string const members :
         {R"("status":"running","progress":7)", R"("status":"queued","status":"running","progress":7.0)",
          R"("progress":9,"status":"running","progress":"7%")",
          R"("status":"running","progress":7,"result":{"videos":[{"url":"https://h/1"}]})",
          R"("status":"running","progress":7,"extra":{"a":[{"id":"other","status":"failed"}]})",
          R"("status":"running","progress":7,"error":{})"}) {
        CAPTURE(members);
        for (std::string const& body :
             {R"({"code":200,"data":{"id":"task_1",)" + members + "}}",
              R"({"code":200,"data":{)" + members + "}}", R"({"id":"task_1",)" + members + "}",
              R"({"data":null,)" + members + "}",
              R"({"status":"failed","progress":50,"data":{)" + members + "}}"}) {
            CAPTURE(body);
            auto const state = read(body);
            REQUIRE(state.has_value());
            CHECK(state->status() == task_status::running);
            CHECK(state->raw_status() == "running");
            CHECK(state->progress() == 7);
            CHECK(state->videos().empty());
        }
        CHECK_FALSE(read(R"({"code":200,"data":{"id":"task_2",)" + members + "}}").has_value());
        CHECK(read(R"({"code":404,"data":{"id":"task_1",)" + members + "}}").error().code() ==
              errc::task_not_found);
        CHECK(read(R"({"error":{"code":500},"data":{"id":"task_1",)" + members + "}}").error().code() ==
              api_errc::unavailable);
    }
    CHECK_FALSE(read(R"({"data":{"status":["running"]}})").has_value());
    CHECK_FALSE(read(R"([{"status":"running"}])").has_value());
}

TEST_CASE("figures are read as Boost.JSON reads them")
{
    for (char const* const number :
         {"0", "-0", "1.5", "0.1", "0.64", "100.10", "1e3", "1E-3", "999999999999999", "1000000000000000",
          "12345678901234.5", "0.000000000000001"}) {
        CAPTURE(number);
        auto const state = read(std::string(R"({"data":{"status":"running","cost":)") + number + "}}");
        REQUIRE(state.has_value());
        CHECK(state->cost() == boost::json::parse(number).to_number<double>());
    }
    for (char const* const bad :
         {"01", "1.", ".5", "-", "--1", "+1", "1e", "nul", "[1,]", "{a:1}", "\"tab\there\""})
        CHECK_FALSE(read(std::string(R"({"data":{"status":"running","cost":)") + bad + "}}").has_value());
}
