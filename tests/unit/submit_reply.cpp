// What an answer to a submit proves.
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/submit_response.hpp>

#include <doctest/doctest.h>

#include <chrono>
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

submit_reply read(int status, std::string body)
{
    return read_submit_reply(answer(status, std::move(body)), {});
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
            submit_reply const judged = read(status, body);
            CHECK(judged.verdict == submit_verdict::accepted);
            CHECK(judged.task_id == "task_01J9HA7JPQ9A0Z6JZ3V8M9W6PZ");
        }
    }
}

TEST_CASE("an id under its own name counts before one that may mean something else")
{
    CHECK(read(200, R"({"id":"request_9","data":[{"id":"line_1","task_id":"task_1"}]})").task_id == "task_1");
    CHECK(read(200, R"({"id":"request_9","data":{"id":"task_1"}})").task_id == "task_1");
}

TEST_CASE("no other status than a success accepts, whatever the body says")
{
    std::string const good = R"({"code":200,"data":[{"task_id":"task_1"}]})";
    for (int const status :
         {300, 301, 303, 400, 401, 402, 404, 408, 409, 422, 429, 500, 502, 503, 504, 600, 999}) {
        CAPTURE(status);
        submit_reply const judged = read(status, good);
        CHECK(judged.verdict != submit_verdict::accepted);
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
            submit_reply const judged = read(status, body);
            CHECK(judged.verdict == submit_verdict::indeterminate);
            CHECK(judged.why.code() == errc::outcome_unknown);
        }
    }
}

TEST_CASE("how long to wait is read from the header, else from the body")
{
    auto const wait = [](std::string header, std::string body) {
        http_reply r = answer(429, std::move(body));
        r.retry_after = std::move(header);
        return read_submit_reply(r, {}).why.retry_after();
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
    http_reply r = answer(500, R"({"error":{"message":"m"},"request_id":"inside"})");
    r.request_id = "outside";
    CHECK(read_submit_reply(r, {}).why.request_id() == "inside");
    r.body = "<html>";
    CHECK(read_submit_reply(r, {}).why.request_id() == "outside");
    r.status = 200;
    CHECK(read_submit_reply(r, {}).why.request_id() == "outside");
}

TEST_CASE("what is left of an unreadable acceptance is kept for whoever looks the task up")
{
    submit_reply const two = read(200, R"({"data":[{"task_id":"task_1"},{"task_id":"task_2"}]})");
    CHECK(two.why.detail() == "unreadable success: expected 1 task, got 2: task_1 task_2");
    submit_reply const page = read(200, "<p>accepted as task_1</p>");
    CHECK(page.why.service().text() == "<p>accepted as task_1</p>");
    CHECK(page.why.underlying() == errc::unexpected_response);
    submit_reply const cut = read(200, R"({"code":200,"data":[{"task_id":"task_1")");
    CHECK(cut.why.service().text() == R"({"code":200,"data":[{"task_id":"task_1")");
}

TEST_CASE("failures that nobody has set are one, and changing one changes no other")
{
    submit_reply const accepted = read(200, R"({"task_id":"task_1"})");
    submit_reply other;
    other.why.detail("changed");
    CHECK(accepted.why.detail().empty());
    CHECK(submit_reply().why.detail().empty());
}

TEST_CASE("an answer as deep as allowed is read, one level more is not")
{
    auto const nested = [](std::size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    CHECK(parse_reply(nested(32)).get() != nullptr);
    CHECK(parse_reply(nested(33)).get() == nullptr);
}

TEST_CASE("large bodies are bounded by what they would become, small ones are not looked through")
{
    auto const problem = [](std::string const& body) { return parse_reply(body).problem(); };
    std::string const text(65'000, 'x');
    CHECK(problem("[\"" + text + "\",\"" + text + "\"]").empty());
    CHECK_FALSE(problem("[\"" + text + text + "\"]").empty());
    // An escaped quote does not end a text, and a backslash may be the last byte.
    CHECK_FALSE(problem("[\"" + text + "\\\"" + text + "\"]").empty());
    CHECK_FALSE(problem("[\"" + text + text + "\\").empty());
    std::string list = "[0";
    while (list.size() < 60'000)
        list += ",0";
    CHECK(problem(list + "]").empty());
}
