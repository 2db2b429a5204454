// What comes to the address for callbacks, and which addresses the service calls.
#include <apimart/any_request.hpp>
#include <apimart/models.hpp>
#include <apimart/webhook.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

using namespace apimart;

namespace {

struct sent
{
    std::string body;
    task_status status;
    std::string raw_status;
    std::string task_id = "task_01";
};

struct refused
{
    std::string body;
    std::string why;
};

struct address
{
    std::string webhook;
    std::string called; // empty where it is not
    std::string rule;   // the broken one
};

std::string completed(std::string_view more)
{
    return R"({"id":"task_01","status":"completed",)" + std::string(more) + "}";
}

} // namespace

TEST_CASE("webhook: a callback names its task and what is claimed of it")
{
    std::vector<sent> const rows{
        {R"({"id":"task_01","status":"completed","progress":100,"created":1781589029,"completed":1781589058,)"
         R"("result":{"videos":[{"url":["https://cdn.example.com/v.mp4"],"expires_at":1781675458}]}})",
         task_status::succeeded, "completed"},
        {R"({"id":"task_01","status":"failed","progress":100,"error":{"message":"policy","code":""}})",
         task_status::failed, "failed"},
        {R"({"status":"FAILED","id":"task_01"})", task_status::failed, "FAILED"},
        {R"({"id":"task_01","status":"cancelled"})", task_status::cancelled, "cancelled"},
        // As an answer to a poll has it.
        {R"({"code":200,"data":{"id":"task_01","status":"completed"}})", task_status::succeeded, "completed"},
        {"\xEF\xBB\xBF{\"id\":\"task_01\",\"status\":\"completed\"} ", task_status::succeeded, "completed"},
        {R"({"id":90071992547409931,"status":"completed"})", task_status::succeeded, "completed",
         "90071992547409931"},
        // Words that nobody knows.
        {R"({"id":"task_01","status":"half_baked"})", task_status::running, "half_baked"},
        {R"({"id":"task_01","status":"a\nb\u001b[2J"})", task_status::running, R"(a\x0ab\x1b[2J)"},
        {R"({"id":"task_01","status":"see https://h.example/x?sig=1"})", task_status::running,
         "see https://h.example/x?[redacted]"},
        {R"({"id":"task_01","status":"completed","result":7,"error":[1],"progress":{}})",
         task_status::succeeded, "completed"},
    };
    for (sent const& row : rows) {
        CAPTURE(row.body);
        auto const got = task_callback::parse(row.body);
        REQUIRE_MESSAGE(got.has_value(), got.error().describe());
        CHECK(got->task_id() == row.task_id);
        CHECK(got->status() == row.status);
        CHECK(got->raw_status() == row.raw_status);
    }
}

TEST_CASE("webhook: what the service does not send is refused with the reason")
{
    std::string const limit = std::to_string(task_callback::max_body);
    std::vector<refused> const rows{
        {"", "the body is empty"},
        {" \r\n", "the body is empty"},
        {"id=task_01&status=completed", "the body is bad JSON"},
        {"<html></html>", "the body is bad JSON"},
        {R"({"id":"task_01","status":"completed")", "the body is bad JSON: incomplete"},
        {completed(R"("x":1)") + "{}", "the body is bad JSON: other text"},
        {"{\"id\":\"task_01\",\"status\":\"\xFF\"}", "not UTF-8"},
        {completed("\"x\":" + std::string(200, '[') + std::string(200, ']')), "nested more than"},
        {completed(R"("x":")" + std::string(task_callback::max_body, 'a') + '"'),
         "at most " + limit + " bytes (got "},
        {"[]", "not an object"},
        {"\"completed\"", "not an object"},
        {"null", "not an object"},
        {R"([{"id":"task_01","status":"completed"}])", "not an object"},
        {"{}", "no status"},
        {R"({"id":"task_01"})", "no status"},
        {R"({"id":"task_01","status":5})", "field status: not a word"},
        {R"({"id":"task_01","status":null})", "field status: not a word"},
        {R"({"status":"completed"})", "field id: must be a task id (got \"\")"},
        {R"({"id":null,"status":"completed"})", "field id: must be a task id"},
        {R"({"id":["task_01"],"status":"completed"})", "field id: must be a task id"},
        {R"({"id":"../balance","status":"completed"})", "field id: must be a task id (got \"../balance\")"},
        {R"({"id":"task 01","status":"completed"})", "field id: must be a task id"},
        {R"({"id":"task_01\r\nHost: x","status":"completed"})", "field id: must be a task id"},
        {R"({"id":"https://h.example/x?sig=secret","status":"completed"})", "field id: must be a task id"},
        {R"({"data":[],"id":"task_01","status":"completed"})", "field data: not an object"},
    };
    for (refused const& row : rows) {
        CAPTURE(row.body.substr(0, 100));
        auto const got = task_callback::parse(row.body);
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error().code() == errc::bad_callback);
        std::string const words = got.error().describe();
        CAPTURE(words);
        CHECK(words.find(row.why) != std::string::npos);
        CHECK(words.find("secret") == std::string::npos);
        CHECK(words.size() < 300);
    }
}

TEST_CASE("webhook: the address that is called, or why none is")
{
    std::string const scheme = "be an absolute http or https URL without user information";
    std::string const open = "be public: the service does not call private and loopback addresses";
    std::string const port = "be on port 80 or 443";
    std::string const own = "not be on a domain of the service";
    std::string const bare = "have no query and no fragment, because /callback is appended to it";
    std::vector<address> const rows{
        {"https://h.example/api", "https://h.example/api/callback", ""},
        {"https://h.example/api/", "https://h.example/api/callback", ""},
        {"https://h.example/api//", "https://h.example/api//callback", ""},
        {"https://h.example", "https://h.example/callback", ""},
        {"http://h.example:80/", "http://h.example:80/callback", ""},
        {"http://h.example:443/a%20b", "http://h.example:443/a%20b/callback", ""},
        {"https://8.8.8.8/x", "https://8.8.8.8/x/callback", ""},
        {"https://notapimart.ai/", "https://notapimart.ai/callback", ""},
        {"", "", scheme},
        {"h.example/api", "", scheme},
        {"/callback", "", scheme},
        {"ftp://h.example/", "", scheme},
        {"https://user:word@h.example/", "", scheme},
        {"https://h.example/a b", "", scheme},
        {"https://h.example/?a=1", "", bare},
        {"https://h.example/#a", "", bare},
        {"https://h.example:8443/", "", port},
        {"http://h.example:8080/", "", port},
        {"http://localhost/", "", open},
        {"http://127.0.0.1/", "", open},
        {"http://10.1.2.3/hooks", "", open},
        {"https://192.168.1.1/", "", open},
        {"https://[::1]/", "", open},
        {"https://[fe80::1]/", "", open},
        {"http://2130706433/", "", open},
        {"https://apimart.ai/", "", own},
        {"https://api.apimart.ai/hooks", "", own},
        {"https://API.APIB.AI/", "", own},
        {"https://getapib.org./", "", own},
    };
    for (address const& row : rows) {
        CAPTURE(row.webhook);
        auto const got = callback_url(row.webhook);
        validation_result const warned = [&] {
            auto request =
                text_to_video<kling_v3>("a cat").webhook(apimart::runtime(std::string(row.webhook)));
            return any_request(request).check();
        }();
        if (!row.called.empty()) {
            REQUIRE_MESSAGE(got.has_value(), got.error().describe());
            CHECK(*got == row.called);
            CHECK(warned.entries().empty());
            continue;
        }
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error().code() == errc::invalid_request);
        REQUIRE(got.error().validation().entries().size() == 1);
        violation const broken = got.error().validation().entries().front();
        CHECK(broken.pointer() == "/webhook");
        CHECK(broken.message() == "must " + row.rule);
        CHECK(broken.value().find("word@") == std::string::npos);
        REQUIRE(warned.entries().size() == 1);
        CHECK(warned.entries().front().pointer() == "/webhook");
        // What is no address at all is an error of the request, too; another one is sent.
        if (warned.ok())
            CHECK(warned.entries().front().message() == "should " + row.rule);
        else
            CHECK(row.rule == scheme);
    }
}

TEST_CASE("webhook: every effect of a callback has a word of its own")
{
    CHECK(to_string(callback_effect()) == "not awaited");
    CHECK(to_string(callback_effect::confirming) == "confirming");
    CHECK(to_string(callback_effect::deferred) == "deferred");
    CHECK(to_string(callback_effect::repeated) == "repeated");
}
