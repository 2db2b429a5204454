// Tasks, states and failures are values: a change of one copy is not seen in the other, and what was got out of a
// temporary may be used.
#include <apimart/any_request.hpp>
#include <apimart/error.hpp>
#include <apimart/models.hpp>
#include <apimart/task.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

namespace {

std::vector<video_file> two_files()
{
    std::vector<video_file> files;
    for (std::size_t i = 0; i != 2; ++i)
        files.emplace_back("task_1", i, result_url("https://h/a-link-longer-than-any-short-string"),
                           std::chrono::sys_seconds(1s));
    return files;
}

result<task_result> two_videos()
{
    task_state state("task_1", task_status::succeeded, "completed");
    state.videos(two_files()).error(task_error("c", "t", "words that are longer than any short string"));
    return task_result(std::move(state), 3);
}

} // namespace

TEST_CASE("values: a task is a value")
{
    task a("task_1");
    task b = a;
    b.model("m").duration_class("p").idempotency_key("k").submit_attempts(2).accepted_at(
        std::chrono::steady_clock::time_point(5s));
    CHECK(a.duration_class().empty());
    CHECK(a.submit_attempts() == 0);
    CHECK_FALSE(a.accepted_at());
    CHECK(a == b);
    task const c = std::move(b);
    CHECK_FALSE(b.valid());
    CHECK(c.valid());
    CHECK(c.model() == "m");
    CHECK(c.duration_class() == "p");
    CHECK(c.idempotency_key() == "k");
    CHECK(c.submit_attempts() == 2);
    CHECK(c.accepted_at() == std::chrono::steady_clock::time_point(5s));
    a = c;
    CHECK(a.duration_class() == "p");
    a = task();
    CHECK_FALSE(a.valid());
    CHECK_FALSE(a == c);
    a = std::as_const(a);
    CHECK_FALSE(a.valid());
}

TEST_CASE("values: a state is a value")
{
    task_state a("task_1", task_status::running, "processing");
    task_state b = a;
    b.progress(50).estimated_time(60s).actual_time(70s).created_at(std::chrono::sys_seconds(1s));
    b.completed_at(std::chrono::sys_seconds(2s))
        .cost(0.5)
        .credits_cost(1.5)
        .videos(two_files())
        .raw_status("w");
    CHECK_FALSE(a.progress());
    CHECK(a.videos().empty());
    CHECK(a.raw_status() == "processing");
    CHECK(b.id() == "task_1");
    CHECK(b.status() == task_status::running);
    CHECK(b.raw_status() == "w");
    CHECK(b.progress() == 50);
    CHECK(b.estimated_time() == 60s);
    CHECK(b.actual_time() == 70s);
    CHECK(b.created_at() == std::chrono::sys_seconds(1s));
    CHECK(b.completed_at() == std::chrono::sys_seconds(2s));
    CHECK(b.cost() == 0.5);
    CHECK(b.credits_cost() == 1.5);
    CHECK(b.videos().size() == 2);
}

TEST_CASE("values: a failure is a value")
{
    error_info a(errc::connection_lost, "one");
    error_info b = a;
    std::vector<attempt> tries;
    tries.emplace_back(make_error_code(errc::connect_timeout), 0, "connecting");
    validation_result found;
    found.add_error("/x", "must be y", "z");
    b.code(api_errc::rate_limited).underlying(make_error_code(errc::read_timeout));
    b.acceptance(acceptance::rejected).http_status(429).request_id("r").task_id("t").idempotency_key("k");
    b.server_message(server_message("c", "t", "slow"))
        .retry_after(3s)
        .attempts(tries)
        .validation(found)
        .client_message("two");
    CHECK(a.code() == errc::connection_lost);
    CHECK(a.client_message() == "one");
    CHECK(a.acceptance() == acceptance::none);
    CHECK(a.validation().ok());
    CHECK(b.code() == api_errc::rate_limited);
    CHECK(b.underlying() == errc::read_timeout);
    CHECK(b.acceptance() == acceptance::rejected);
    CHECK(b.http_status() == 429);
    CHECK(b.request_id() == "r");
    CHECK(b.task_id() == "t");
    CHECK(b.idempotency_key() == "k");
    CHECK(b.server_message().text() == "slow");
    CHECK(b.retry_after() == 3s);
    CHECK(b.attempts().size() == 1);
    CHECK(b.validation().entries().size() == 1);
    CHECK(b.client_message() == "two");
    CHECK(b.describe() ==
          "rate limited: too many requests: two: /x: must be y (got z) [HTTP 429]; the service says "
          "t: \"slow\"; task t");
    CHECK_FALSE(error_info().code());
}

TEST_CASE("values: what is got out of a temporary may be used")
{
    std::size_t seen = 0;
    for (video_file const& each : two_videos().value().videos())
        CHECK(each.index() == seen++);
    CHECK(seen == 2);
    for (violation const& each : any_request::parse(R"({"model":"kling-v3"})").error().entries()) {
        CHECK(each.describe() == "/prompt: is required for text_to_video");
        ++seen;
    }
    CHECK(seen == 3);
    auto const failed = [] {
        validation_result found;
        found.add_error("/a-pointer-longer-than-any-short-string", "must be y", "z");
        std::vector<attempt> tries;
        tries.emplace_back(make_error_code(errc::connect_timeout), 0, "a phase longer than any short string");
        error_info why(errc::invalid_request);
        why.validation(found).attempts(tries);
        why.server_message(server_message("", "", "words that are longer than any short string"));
        return result<task>(why);
    };
    for (violation const& each : failed().error().validation().entries())
        CHECK(each.pointer() == "/a-pointer-longer-than-any-short-string");
    for (attempt const& each : failed().error().attempts())
        CHECK(each.phase() == "a phase longer than any short string");
    server_message const& words = failed().error().server_message();
    CHECK(words.text() == "words that are longer than any short string");
    task_error const& reason = two_videos().value().error();
    CHECK(reason.text() == "words that are longer than any short string");
    // Of what is kept, nothing is taken.
    result<task_result> const kept = two_videos();
    CHECK(kept->videos().size() == 2);
    CHECK(&kept->videos() == &kept->videos());
    CHECK(kept->video().index() == 0);
    CHECK(task_result().video().url().empty());
}

TEST_CASE("values: a path is a text")
{
    auto const name = [](std::string path) { return path; };
    CHECK(name("v.mp4") == "v.mp4");
    CHECK(name(std::string("v.mp4")) == "v.mp4");
    CHECK(name(std::filesystem::path("folder") / "v.mp4") == "folder/v.mp4");
}
