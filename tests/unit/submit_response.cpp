// What an answer to a submit proves.
#include <apimart/protocol/json_fields.hpp>
#include <apimart/protocol/submit_response.hpp>
#include <apimart/protocol/task_id.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

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

submit_response read(int status, std::string body)
{
    return read_submit_response(answer(status, std::move(body)), {});
}

} // namespace

TEST_CASE("an id is found in every documented shape of an acceptance")
{
    for (
        char const* const body : {
            R"({"code":200,"data":[{"status":"submitted","task_id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"}]})",
            R"({"code":200,"data":[{"id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"}]})",
            R"({"data":{"id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ","status":"submitted","progress":0}})",
            R"({"code":202,"data":{"object":"generation.task","id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"},"request_id":"r"})",
            R"({"data":{"task_id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"}})",
            R"({"task_id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"})",
            R"({"id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ","success":true})",
        }) {
        CAPTURE(body);
        for (int const status : {200, 201, 202}) {
            submit_response const judged = read(status, body);
            CHECK(judged.classification == submit_classification::accepted);
            CHECK(judged.task_id == "task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ");
        }
    }
}

TEST_CASE("an id under its own name counts before one that may mean something else")
{
    CHECK(read(200, R"({"id":"request_9","data":[{"id":"line_1","task_id":"task_1"}]})").task_id == "task_1");
    CHECK(read(200, R"({"id":"request_9","data":{"id":"task_1"}})").task_id == "task_1");
    // Beside an error it is the request's.
    for (char const* const body :
         {R"({"id":"request_9","error":{"message":"no"}})", R"({"error":"no","id":"request_9"})"}) {
        CAPTURE(body);
        CHECK(read(200, body).classification == submit_classification::indeterminate);
        CHECK(read(200, body).is_final);
    }
    CHECK(read(200, R"({"id":"task_1","error":null})").task_id == "task_1");
}

TEST_CASE("no other status than a success accepts, whatever the body says")
{
    std::string const good = R"({"code":200,"data":[{"task_id":"task_1"}]})";
    for (int const status :
         {300, 301, 303, 400, 401, 402, 404, 408, 409, 422, 429, 500, 502, 503, 504, 600, 999}) {
        CAPTURE(status);
        submit_response const judged = read(status, good);
        CHECK(judged.classification != submit_classification::accepted);
        CHECK(judged.task_id.empty());
        CHECK(judged.why.http_status() == status);
    }
}

TEST_CASE("a gateway's answers never prove that nothing was bought")
{
    for (int const status : {408, 500, 502, 503, 504, 520, 599}) {
        for (char const* const body :
             {"", "<html>", R"({"error":{"code":"400","type":"invalid_request_error"}})"}) {
            CAPTURE(status);
            CAPTURE(body);
            submit_response const judged = read(status, body);
            CHECK(judged.classification == submit_classification::indeterminate);
            CHECK(judged.why.code() == errc::outcome_unknown);
        }
    }
}

TEST_CASE("how long to wait is read from the header, else from the body")
{
    auto const wait = [](std::string header, std::string body) {
        http_response r = answer(429, std::move(body));
        r.retry_after = std::move(header);
        return read_submit_response(r, {}).why.retry_after();
    };
    CHECK(wait("7", R"({"retry_after":9})") == 7s);
    CHECK(wait("", R"({"retry_after":9})") == 9s);
    CHECK(wait("soon", R"({"error":{"retry_after":"9"}})") == 9s);
    CHECK_FALSE(wait("", R"({"retry_after":-9})").has_value());
    CHECK_FALSE(wait("", R"({"retry_after":1e999})").has_value());
    CHECK_FALSE(wait("", "").has_value());
}

TEST_CASE("the request's id is kept from wherever it stands, for the provider's support")
{
    http_response r = answer(500, R"({"error":{"message":"m"},"request_id":"inside"})");
    r.request_id = "outside";
    CHECK(read_submit_response(r, {}).why.request_id() == "inside");
    r.body = "<html>";
    CHECK(read_submit_response(r, {}).why.request_id() == "outside");
    r.status = 200;
    CHECK(read_submit_response(r, {}).why.request_id() == "outside");
}

TEST_CASE("what is left of an unreadable acceptance is kept for whoever looks the task up")
{
    submit_response const two = read(200, R"({"data":[{"task_id":"task_1"},{"task_id":"task_2"}]})");
    CHECK(two.why.client_message() == "unreadable success: expected 1 task, got 2: task_1 task_2");
    submit_response const page = read(200, "<p>accepted as task_1</p>");
    CHECK(page.why.server_message().text() == "<p>accepted as task_1</p>");
    CHECK(page.why.underlying() == errc::bad_response);
    submit_response const cut = read(200, R"({"code":200,"data":[{"task_id":"task_1")");
    CHECK(cut.why.server_message().text() == R"({"code":200,"data":[{"task_id":"task_1")");
    // A code alone is no message.
    submit_response const bare = read(200, R"({"code":"success","data":"task_1"})");
    CHECK(bare.classification == submit_classification::indeterminate);
    CHECK(bare.why.server_message().text() == R"({"code":"success","data":"task_1"})");
}

TEST_CASE("an id may be a number, or long")
{
    CHECK(read(200, R"({"data":[{"task_id":9007199254740993}]})").task_id == "9007199254740993");
    CHECK(read(200, R"({"data":{"id":18446744073709551615}})").task_id == "18446744073709551615");
    std::string const long_id = "task_" + std::string(800, 'x');
    CHECK(read(200, R"({"data":[{"task_id":")" + long_id + "\"}]}").task_id == long_id);
    CHECK(read(200, R"({"data":[{"task_id":1.5}]})").classification == submit_classification::indeterminate);
}

TEST_CASE("a date to wait until is meant by the clock of the answer")
{
    http_response r = answer(429, "");
    r.retry_after = "Sun, 06 Nov 1994 08:49:37 GMT";
    r.date = "Sun, 06 Nov 1994 08:49:07 GMT";
    // However wrong the clock of this machine is.
    for (auto const now : {0s, 784'111'777s, 4'000'000'000s})
        CHECK(read_submit_response(r, std::chrono::sys_seconds(now)).why.retry_after() == 30s);
    r.date = "today";
    CHECK(read_submit_response(r, std::chrono::sys_seconds(784'111'767s)).why.retry_after() == 10s);
}

TEST_CASE("what counts when an answer says something twice, or two things at once")
{
    using c = submit_classification;
    struct row
    {
        char const* body;
        c means;
        char const* task_id;
    };
    for (row const& each :
         {row{R"({"code":200,"data":[{"task_id":""}],"data":[{"task_id":"task_2"}]})", c::indeterminate, ""},
          row{R"({"code":200,"data":[{"task_id":"","task_id":"task_2"}]})", c::indeterminate, ""},
          row{R"({"code":200,"data":[{"task_id":"task_1"}],"data":[{"id":"task_2"}]})", c::indeterminate, ""},
          row{R"({"code":200,"data":[{"id":"task_1","task_id":"task_2"}]})", c::accepted, "task_2"},
          row{R"({"code":200,"data":[{"id":"task_1","task_id":".."}]})", c::accepted, "task_1"},
          row{R"({"code":200,"id":"task_1","data":[{"task_id":"task_2"}]})", c::accepted, "task_2"},
          row{R"({"code":200,"data":[{"task_id":"task_1"}],"x":1,"x":{"id":"task_2"}})", c::accepted,
              "task_1"},
          row{R"({"code":200,"data":[{"task_id":"task_1"}],"success":false})", c::indeterminate, ""},
          row{R"({"code":200,"data":[{"task_id":"task_1"}],"success":true})", c::accepted, "task_1"},
          row{R"({"code":200,"data":[{"task_id":"task_1"}],"error":{"code":402}})", c::indeterminate, ""},
          row{R"({"code":500,"data":[{"task_id":"task_1"}]})", c::indeterminate, ""},
          row{R"({"code":"500","data":[{"task_id":"task_1"}]})", c::indeterminate, ""},
          row{R"({"code":200,"code":500,"data":[{"task_id":"task_1"}]})", c::indeterminate, ""},
          row{R"({"code":500,"code":200,"data":[{"task_id":"task_1"}]})", c::accepted, "task_1"},
          row{R"({"code":200,"data":[[{"task_id":"task_1"}]]})", c::indeterminate, ""},
          row{R"({"code":200,"data":[{"x":{"task_id":"task_1"}}]})", c::indeterminate, ""},
          row{R"([{"task_id":"task_1"}])", c::indeterminate, ""},
          row{R"({"data":[{"task\u005fid":"task\u005f1"}]})", c::accepted, "task_1"},
          row{R"({"data":[{"task_id":"task_1"}]})", c::accepted, "task_1"}}) {
        CAPTURE(each.body);
        submit_response const judged = read(200, each.body);
        CHECK(judged.classification == each.means);
        CHECK(judged.task_id == each.task_id);
    }
}

TEST_CASE("an error that names a task proves nothing, tells the id, and is not asked again")
{
    std::string const with_task = R"({"error":{"code":"x","message":"no"},"data":[{"task_id":"task_1"}]})";
    for (int const status :
         {301, 302, 307, 308, 400, 401, 402, 403, 404, 405, 406, 409, 411, 413, 414, 415, 418, 422, 429}) {
        CAPTURE(status);
        submit_response const judged = read(status, with_task);
        CHECK(judged.classification == submit_classification::indeterminate);
        CHECK(judged.is_final);
        CHECK(judged.why.code() == errc::outcome_unknown);
        CHECK(judged.why.client_message().find("yet with a task: task_1") != std::string::npos);
        CHECK(judged.why.http_status() == status);
    }
    CHECK(read(429, with_task).why.underlying() == condition::rate_limited);
    // An id of the document itself may be the refusal's own.
    CHECK(read(400, R"({"id":"request_9","error":{"message":"no"}})").classification ==
          submit_classification::refused);
    CHECK(read(400, R"({"task_id":"a b","error":{"message":"no"}})").classification ==
          submit_classification::refused);
    // The first request under the key may well be told of by its task.
    CHECK(read(409, R"({"error":{"code":"idempotency_in_progress"},"task_id":"task_1"})").classification ==
          submit_classification::still_running);
    // A gateway that fails may have another answer later.
    CHECK_FALSE(read(502, with_task).is_final);
    CHECK(read(502, with_task).why.client_message().find("task_1") != std::string::npos);
}

TEST_CASE(
    "a refusal that names a task in whatever place proves nothing, tells the id, and is not asked again")
{
    std::string const id = "task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ";
    auto const check = [](http_response const& r, std::string const& named) {
        CAPTURE(r.body);
        CAPTURE(r.location);
        for (int const status : {301, 302, 307, 308, 400, 402, 403, 404, 422, 429}) {
            CAPTURE(status);
            http_response told = r;
            told.status = status;
            submit_response const judged = read_submit_response(told, {});
            CHECK(judged.classification == submit_classification::indeterminate);
            CHECK(judged.is_final);
            CHECK(judged.why.code() == errc::outcome_unknown);
            CHECK(judged.why.client_message().find("yet with a task: " + named) != std::string::npos);
        }
    };
    for (std::string const body : {
             R"({"error":{"message":"x","task_id":"$"}})",
             R"({"error":{"message":"x","details":[{"task_id":"$"}]}})",
             R"({"message":"x","data":{"task":{"id":"$","status":"submitted"}}})",
             R"({"message":"x","result":{"taskId":"$"}})",
             R"({"message":"x","task_ids":["$"]})",
             R"({"message":"x","poll_url":"/v1/tasks/$?language=en"})",
             R"({"error":{"message":"too busy, and $ was made."}})",
             R"({"error":{"message":"upstream: {\"task_id\":\"$\"}"}})",
             R"([{"task_id":"$"}])",
             R"({"task_id":"$")",
             R"(too busy; task_id=$)",
             R"(<html><p>$</p></html>)",
         }) {
        std::string told = body;
        check(answer(0, told.replace(told.find('$'), 1, id)), id);
    }
    // Ids are opaque: one under its own name needs no form.
    for (std::string const body :
         {R"({"error":{"task_id":"a-17"}})", R"({"error":{"task_id" : 17}})", R"(Task-Id: 17)"})
        check(answer(0, body), body.find("a-") == std::string::npos ? "17" : "a-17");
    check(answer(0, "no: task-unified-1757165031-x7dq2nfs."), "task-unified-1757165031-x7dq2nfs");
    http_response redirect;
    redirect.location = "/v1/tasks/" + id;
    check(redirect, id);
}

TEST_CASE("a refusal that speaks of tasks and names none, or one that the request named, is a refusal")
{
    for (std::string const body : {
             R"({"error":{"code":"task_not_found","message":"task_id is required"}})",
             R"({"error":{"param":"task_id","message":"the field task_id: must be a text"}})",
             R"({"errors":{"task_id":["required"],"task_type":["unknown"]}})",
             R"({"error":{"message":"too many tasks, task-based limit: 17 at a time","task_id":null}})",
             R"({"error":{"message":"x","task_id":""},"id":"request_0123456789"})",
             R"({"error":{"code":"task_limit_5","message":"task queue 2 is full"}})",
         }) {
        CAPTURE(body);
        CHECK(read(400, body).classification == submit_classification::refused);
        CHECK(read(429, body).classification == submit_classification::rate_limited);
    }
    std::string const sent = R"({"model":"some-model","task_id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"})";
    for (std::string const body :
         {R"({"error":{"message":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ is not yours"}})",
          R"({"error":{"message":"x"},"task_id":"task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ"})"}) {
        CAPTURE(body);
        CHECK(read_submit_response(answer(404, body), {}, sent).classification ==
              submit_classification::refused);
    }
}

TEST_CASE("a refusal behind which more bytes came proves nothing, and is not asked again")
{
    for (int const status : {302, 400, 402, 404, 422, 429}) {
        CAPTURE(status);
        http_response told = answer(status, R"({"error":{"message":"no"}})");
        CHECK(read_submit_response(told, {}).classification != submit_classification::indeterminate);
        told.followed = true;
        submit_response const judged = read_submit_response(told, {});
        CHECK(judged.classification == submit_classification::indeterminate);
        CHECK(judged.is_final);
        CHECK(judged.why.code() == errc::outcome_unknown);
        CHECK(judged.why.client_message().ends_with(", and more came behind it"));
    }
    http_response bought = answer(200, R"({"code":200,"data":[{"task_id":"task_1"}]})");
    bought.followed = true;
    CHECK(read_submit_response(bought, {}).task_id == "task_1");
}

TEST_CASE("of a ticket that is one byte off, only an id that Boost.JSON reads is taken")
{
    std::string const body = R"({"code":200,"data":[{"status":"submitted","task_id":"task_1"}]})";
    int accepted = 0;
    auto const check = [&](std::string const& changed) {
        submit_response const judged = read(200, changed);
        if (judged.classification != submit_classification::accepted)
            return;
        CAPTURE(changed);
        ++accepted;
        error_code code;
        boost::json::value const tree = boost::json::parse(changed, code);
        REQUIRE_FALSE(code);
        CHECK(tree.at("data").at(0).at("task_id") == boost::json::value(judged.task_id));
        CHECK(is_task_id(judged.task_id));
    };
    for (std::size_t at = 0; at < body.size(); ++at) {
        check(body.substr(0, at + 1));
        std::string changed = body;
        changed.erase(at, 1);
        check(changed);
        changed.insert(at, 2, body[at]);
        check(changed);
        for (char const c : std::string_view("\"\\{}[]:,-.0e n\x01\x80", 16)) {
            changed = body;
            changed[at] = c;
            check(changed);
        }
    }
    CHECK(accepted > 100);
}

TEST_CASE("an answer as deep as allowed is read, one level more is not")
{
    auto const problem = [](std::size_t levels) {
        return json_answer<submit_fields>(std::string(levels, '[') + std::string(levels, ']')).problem();
    };
    CHECK(problem(32).empty());
    CHECK(problem(33) == "bad JSON: nested more than 32 levels deep");
}

TEST_CASE("answers are bounded by the texts and the entries they hold")
{
    auto const problem = [](std::string const& body) { return json_answer<submit_fields>(body).problem(); };
    std::string const text(65'000, 'x');
    CHECK(problem("[\"" + text + "\",\"" + text + "\"]").empty());
    CHECK_FALSE(problem("[\"" + text + text + "\"]").empty());
    CHECK_FALSE(problem("{\"" + text + text + "\":1}").empty());
    // An escaped quote does not end a text, and a backslash may be the last byte.
    CHECK_FALSE(problem("[\"" + text + "\\\"" + text + "\"]").empty());
    CHECK_FALSE(problem("[\"" + text + text + "\\").empty());
    std::string list = "[0";
    while (list.size() < 60'000)
        list += ",0";
    CHECK(problem(list + "]").empty());
}
