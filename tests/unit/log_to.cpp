// Events as lines: their levels, their form, and nothing in them that steers a terminal or makes a second line.
#include <apimart/log_to.hpp>

#include <boost/asio/error.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

namespace {

// The lines that one event of each kind and fate makes, with their levels.
std::vector<std::string> lines_at(log_level level)
{
    std::vector<std::string> lines;
    observer const tell = log_to(
        [&](log_level of, std::string_view line) {
            lines.push_back(std::string(to_string(of)).append(" ").append(line));
        },
        level);
    auto const give = [](auto const& callback, auto const& event) {
        if (callback)
            callback(event);
    };

    connection_event connected;
    connected.host = "api.apimart.ai";
    connected.address = "104.18.3.7";
    connected.tls_version = "TLSv1.3";
    connected.elapsed = 31'640us;
    give(tell.on_connection, connected);
    connected.verified = false;
    give(tell.on_connection, connected);
    connection_event refused;
    refused.event = connection_event::type::failed;
    refused.host = "api.apimart.ai";
    refused.code = make_error_code(errc::connect_timeout);
    give(tell.on_connection, refused);

    attempt_event tried;
    tried.operation = 1;
    tried.tag = "order 17";
    tried.phase = "answered";
    tried.http_status = 200;
    tried.bytes_sent = 742;
    tried.bytes_received = 391;
    tried.host = "api.apimart.ai";
    tried.idempotency_key = "k1";
    give(tell.on_attempt, tried);

    retry_event again;
    again.operation = 1;
    again.delay = 250ms;
    again.why = make_error_code(api_errc::rate_limited);
    again.server_requested = true;
    give(tell.on_retry, again);

    task_event seen;
    seen.task_id = "task_1";
    seen.tag = 17;
    seen.status = task_status::running;
    seen.raw_status = "processing";
    seen.progress = 40;
    seen.polls = 3;
    give(tell.on_task, seen);
    seen.status = task_status::failed;
    seen.raw_status = "failed";
    seen.progress.reset();
    give(tell.on_task, seen);

    operation_event ended;
    ended.operation = 1;
    ended.acceptance = acceptance::accepted;
    ended.attempts = 2;
    ended.elapsed = 702'100us;
    ended.task_id = "task_1";
    ended.idempotency_key = "k1";
    give(tell.on_operation, ended);
    ended.code = boost::asio::error::operation_aborted;
    ended.acceptance = acceptance::not_sent;
    ended.task_id.clear();
    give(tell.on_operation, ended);
    ended.code = make_error_code(errc::outcome_unknown);
    ended.acceptance = acceptance::unknown;
    give(tell.on_operation, ended);

    backpressure_event full;
    full.waiting = 8;
    full.delay = 120ms;
    give(tell.on_backpressure, full);
    return lines;
}

std::string const error_line = "error end kind=submit op=1 code=outcome_unknown because=\"outcome of the "
                               "submit unknown: it may have been "
                               "accepted\" acceptance=unknown attempts=2 ms=702.1 key=k1";
std::string const rate_limited = "because=\"rate limited: too many requests\"";

} // namespace

TEST_CASE("log_to: each level has what matters as much, and all above it")
{
    CHECK(lines_at(log_level::error) == std::vector<std::string>{error_line});
    CHECK(lines_at(log_level::warning) ==
          std::vector<std::string>{"warning connection event=connected host=api.apimart.ai "
                                   "address=104.18.3.7 tls=TLSv1.3 verified=no "
                                   "ms=31.6",
                                   "warning connection event=failed host=api.apimart.ai code=connect_timeout "
                                   "because=\"connect timed "
                                   "out\" ms=0.0",
                                   "warning retry kind=submit op=1 n=2 in_ms=250 code=rate_limited " +
                                       rate_limited + " asked_by=service",
                                   "warning task id=task_1 tag=17 status=failed raw=failed polls=3",
                                   error_line,
                                   "warning backpressure at=\"submit rate\" waiting=8 in_ms=120"});
    auto const info = lines_at(log_level::info);
    REQUIRE(info.size() == 9);
    CHECK(info[3] == "info task id=task_1 tag=17 status=running raw=processing progress=40 polls=3");
    CHECK(info[5] == "info end kind=submit op=1 acceptance=accepted attempts=2 ms=702.1 id=task_1 key=k1");
    CHECK(info[6].starts_with("info end kind=submit op=1 code=system:"));
    auto const debug = lines_at(log_level::debug);
    REQUIRE(debug.size() == 11);
    CHECK(debug[0] ==
          "debug connection event=connected host=api.apimart.ai address=104.18.3.7 tls=TLSv1.3 ms=31.6");
    CHECK(debug[3] == "debug attempt kind=submit op=1 tag=\"order 17\" n=1 phase=answered http=200 sent=742 "
                      "received=391 ms=0.0 host=api.apimart.ai key=k1");
}

TEST_CASE("log_to: what comes from outside stays one value of one line")
{
    std::string line;
    observer const tell = log_to([&](log_level, std::string_view told) { line = told; });
    task_event seen;
    seen.task_id = "a\nerror end\x1B[31m \"b\" c=d\\";
    seen.raw_status = "=";
    tell.on_task(seen);
    CHECK(line == R"(task id="a\x0aerror end\x1b[31m \"b\" c=d\\" status=queued raw="=" polls=0)");
    seen.task_id.assign(5000, 'x');
    tell.on_task(seen);
    CHECK(line.size() < 500);
}

TEST_CASE("log_to: events below the level are not even looked at")
{
    observer const tell = log_to([](log_level, std::string_view) {}, log_level::error);
    CHECK(tell.on_operation);
    CHECK_FALSE(tell.on_attempt);
    CHECK_FALSE(tell.on_retry);
    CHECK_FALSE(tell.on_connection);
    CHECK_FALSE(tell.on_task);
    CHECK_FALSE(tell.on_backpressure);
    CHECK_FALSE(log_to([](log_level, std::string_view) {}).on_attempt);
}

TEST_CASE("log levels: have names, by which they are found")
{
    for (log_level const each : {log_level::error, log_level::warning, log_level::info, log_level::debug})
        CHECK(log_level_of(to_string(each)) == each);
    CHECK_FALSE(log_level_of("trace").has_value());
    CHECK_FALSE(log_level_of("").has_value());
}

TEST_CASE("both: two observers see what each is set for, in their order")
{
    std::string story;
    observer first;
    first.on_retry = [&](retry_event const&) { story += "first retry; "; };
    observer second;
    second.on_retry = [&](retry_event const&) { story += "second retry; "; };
    second.on_task = [&](task_event const&) { story += "second task; "; };
    observer const all = both(first, second);
    all.on_retry({});
    all.on_task({});
    CHECK(story == "first retry; second retry; second task; ");
    CHECK_FALSE(all.on_attempt);
    CHECK(both(second, {}).on_task);
}
