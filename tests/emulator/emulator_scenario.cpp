// The scenario document: defaults, every switch, and complaints that name the switch.

#include <apimart/testing/emulator_options.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace {

using apimart::testing::scenario;
using apimart::testing::emulation::fault;
using apimart::testing::emulation::fault_body;
using apimart::testing::emulation::fault_moment;

std::string complaint(std::string_view text)
{
    try {
        static_cast<void>(scenario::parse(text));
    } catch (std::invalid_argument const& wrong) {
        return wrong.what();
    }
    return "";
}

bool complains_about(std::string_view text, std::string_view name)
{
    auto const said = complaint(text);
    CAPTURE(said);
    return said.find(name) != std::string::npos;
}

} // namespace

static_assert(!std::is_aggregate_v<scenario>);
static_assert(!std::is_aggregate_v<apimart::testing::emulator_options>);

TEST_CASE("emulator scenario: an empty document is the default")
{
    auto const none = scenario::parse("{}");
    CHECK(none.first_status == "pending");
    CHECK(none.success_word == "completed");
    CHECK(none.failure_word == "[fail]");
    CHECK(none.faults.empty());
    CHECK(none.cost);
}

TEST_CASE("emulator scenario: a full document is read")
{
    auto const all = scenario::parse(R"({
        "profile": "newer", "inferred_rules": "ignored", "submit_reply": "object",
        "invalid_parameter": "error_500", "idempotency": "on", "unknown_id": "error_404",
        "error_code": "text", "batch": "off", "balance_usd": 10.5, "latency_ms": 3,
        "first_status": "queued", "progress": "text", "success_word": "succeeded", "result": "late",
        "result_url": "several", "link": "expired_once", "expires_at": "72h", "cost": "absent",
        "file_bytes": 100000, "idempotency_seconds": 300, "idempotency_stores": "everything",
        "key_reused_status": 422, "balance_reply": "text", "callback": "on", "least_balance_usd": 0.05,
        "usage_reply": "text", "working_status": "thinking", "padding_bytes": 300000,
        "overload": {"form": "502_html", "fraction": 0.25},
        "failure": {"form": "fail_reason", "fraction": 0.5, "word": "", "status": "error", "message": "no",
                    "told": "early"},
        "faults": [{"on": "submit", "do": "reply", "when": "accepted", "status": 502, "body": "html",
                    "times": 3, "skip": 1},
                   {"on": "poll", "status": 429, "retry_after": 2},
                   {"on": "poll", "status": 429, "retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"},
                   {"do": "reset", "when": "reply", "bytes": 40},
                   {"on": "connection", "do": "raw", "raw_hex": "15030A", "then": "cut"},
                   {"on": "file", "do": "drip", "step_bytes": 10, "step_seconds": 0.5, "nth": 4},
                   {"on": "upload", "status": 307, "headers": {"Location": "/x"}, "content": "gone",
                    "content_type": "text/plain", "every": 2, "name": "moved"}]})");
    CHECK(all.submit_reply == scenario::submit_reply_form::object);
    CHECK(all.idempotency == scenario::idempotency_form::on);
    CHECK(all.expires == scenario::expires_form::hours_72);
    CHECK_FALSE(all.cost);
    CHECK(all.failure_fraction == doctest::Approx(0.5));
    CHECK(all.failure_word.empty());
    CHECK(all.failure_told_early);
    CHECK(all.working_status == "thinking");
    CHECK(all.padding_bytes == 300000);
    CHECK(all.usage_reply == scenario::usage_form::texts);
    CHECK(all.least_balance_usd == doctest::Approx(0.05));
    CHECK(all.idempotency_seconds == doctest::Approx(300));
    CHECK(all.key_reused_status == 422);
    REQUIRE(all.faults.size() == 7);
    CHECK(all.faults[0].times == 3);
    CHECK(all.faults[1].retry_after == "2");
    CHECK_FALSE(all.faults[3].on);
    CHECK(all.faults[3].title() == "reset any reply");
    CHECK(all.faults[4].when == fault_moment::connect);
    CHECK(all.faults[4].raw == "\x15\x03\x0a");
    CHECK(all.faults[4].title() == "raw connection connect");
    CHECK(all.faults[5].when == fault_moment::reply);
    CHECK(all.faults[5].skip == 3);
    CHECK(all.faults[5].title() == "drip download reply");
    CHECK(all.faults[6].body == fault_body::given);
    CHECK(all.faults[6].times == fault::unlimited);
    CHECK(all.faults[6].title() == "moved");
    auto const with_overload = all.all_faults();
    REQUIRE(with_overload.size() == 8);
    CHECK(with_overload[7].title() == "overload");
    CHECK(with_overload[7].fraction == doctest::Approx(0.25));
}

TEST_CASE("emulator scenario: mistakes are named")
{
    CHECK(complains_about("{", "JSON"));
    CHECK(complains_about("[]", "object"));
    CHECK(complains_about(R"({"frist_status":"pending","linq":"valid"})", "frist_status, linq"));
    CHECK(complains_about(R"({"first_status":""})", "first_status"));
    CHECK(complains_about(R"({"working_status":7})", "working_status"));
    CHECK(complains_about(R"({"success_word":""})", "success_word"));
    CHECK(complains_about(R"({"failure":{"status":""}})", "status"));
    CHECK(complains_about(R"({"failure":{"told":"never"}})", "told"));
    CHECK(complains_about(R"({"submit_reply":"by_post"})", "submit_reply"));
    CHECK(complains_about(R"({"result_url":"nowhere"})", "result_url"));
    CHECK(complains_about(R"({"progress":5})", "progress"));
    CHECK(complains_about(R"({"latency_ms":-1})", "latency_ms"));
    CHECK(complains_about(R"({"file_bytes":1.5})", "file_bytes"));
    CHECK(complains_about(R"({"failure":{"form":"loud"}})", "form"));
    CHECK(complains_about(R"({"failure":{"part":1}})", "scenario.failure has unknown names: part"));
    CHECK(complains_about(R"({"failure":{"fraction":2}})", "fraction"));
    CHECK(complains_about(R"({"faults":{}})", "faults"));
    CHECK(complains_about(R"({"faults":[{},{"on":"submits"}]})", "scenario.faults[1]: `on`"));
    CHECK(complains_about(R"({"faults":[{"staus":429}]})", "staus"));
    CHECK(complains_about(R"({"faults":[{"status":42}]})", "status"));
    CHECK(complains_about(R"({"faults":[{"retry_after":"1\r\nX: y"}]})", "retry_after"));
    CHECK(complains_about(R"({"faults":[{"do":"reply","when":"reply"}]})", "when"));
    CHECK(complains_about(R"({"faults":[{"on":"connection"}]})", "do"));
    CHECK(complains_about(R"({"faults":[{"on":"connection","do":"cut","when":"request"}]})", "when"));
    CHECK(complains_about(R"({"faults":[{"on":"submit","do":"cut","when":"connect"}]})", "when"));
    CHECK(complains_about(R"({"faults":[{"on":"connection","do":"corrupt"}]})", "when"));
    CHECK(complains_about(R"({"faults":[{"do":"reply","when":"sent"}]})", "when"));
    CHECK(complains_about(R"({"faults":[{"do":"drip","when":"accepted"}]})", "when"));
    CHECK(complains_about(R"({"faults":[{"do":"drip","step_bytes":0}]})", "step_bytes"));
    CHECK(complains_about(R"({"faults":[{"do":"raw"}]})", "`raw`"));
    CHECK(complains_about(R"({"faults":[{"do":"raw","raw":"x","then":"drip"}]})", "then"));
    CHECK(complains_about(R"({"faults":[{"do":"raw","raw_hex":"1"}]})", "raw_hex"));
    CHECK(complains_about(R"({"faults":[{"do":"raw","raw_hex":"1g"}]})", "raw_hex"));
    CHECK(complains_about(R"({"faults":[{"headers":[]}]})", "headers"));
    CHECK(complains_about(R"({"faults":[{"headers":{"A":1}}]})", "headers"));
    CHECK(complains_about(R"({"faults":[{"headers":{"A":"1\r\nB: 2"}}]})", "headers"));
    CHECK(complains_about(R"({"faults":[{"nth":0}]})", "nth"));
    CHECK(complains_about(R"({"faults":[{"every":0}]})", "every"));
    CHECK(complains_about(R"({"overload":{"form":"503"}})", "scenario.overload: `form`"));
    CHECK(complains_about(R"({"overload":{"fractoin":1}})", "fractoin"));
    CHECK(complains_about(R"({"key_reused_status":404})", "key_reused_status"));
    CHECK(complains_about(R"({"idempotency_seconds":-1})", "idempotency_seconds"));
}
