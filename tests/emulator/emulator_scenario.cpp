// The scenario document: defaults, every switch, and complaints that name the switch.

#include <apimart/testing/emulator/options.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace {

using apimart::testing::scenario;

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
        "file_bytes": 100000,
        "failure": {"form": "fail_reason", "fraction": 0.5, "word": "", "status": "error", "message": "no"},
        "faults": [{"on": "submit", "do": "reply", "when": "accepted", "status": 502, "body": "html",
                    "times": 3, "skip": 1},
                   {"on": "poll", "status": 429, "retry_after": 2},
                   {"on": "poll", "status": 429, "retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"},
                   {"do": "reset", "when": "reply", "bytes": 40}]})");
    CHECK(all.submit_reply == scenario::submit_reply_form::object);
    CHECK(all.idempotency == scenario::idempotency_form::on);
    CHECK(all.expires == scenario::expires_form::hours_72);
    CHECK_FALSE(all.cost);
    CHECK(all.failure_fraction == doctest::Approx(0.5));
    CHECK(all.failure_word.empty());
    REQUIRE(all.faults.size() == 4);
    CHECK(all.faults[0].times == 3);
    CHECK(all.faults[1].retry_after == "2");
    CHECK_FALSE(all.faults[3].on);
}

TEST_CASE("emulator scenario: mistakes are named")
{
    CHECK(complains_about("{", "JSON"));
    CHECK(complains_about("[]", "object"));
    CHECK(complains_about(R"({"frist_status":"pending","linq":"valid"})", "frist_status, linq"));
    CHECK(complains_about(R"({"first_status":"waiting"})", "first_status"));
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
}
