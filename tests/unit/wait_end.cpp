// When a wait for a paid task gives up, and what a call that has bought one may say.
#include <apimart/policy/wait_end.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

constexpr std::array odd_answers{api_errc::unauthorized, api_errc::forbidden, api_errc::other,
                                 api_errc::not_found, api_errc::payment_required};

} // namespace

TEST_CASE("one odd answer does not end the wait for a paid task, several in a row do")
{
    for (api_errc const odd : odd_answers) {
        CAPTURE(make_error_code(odd).message());
        wait_end end;
        for (int i = 0; i < 3; ++i)
            CHECK_FALSE(end.after(odd, 1h));
        end.answered();
        for (int i = 0; i < 3; ++i)
            CHECK_FALSE(end.after(odd, 1h));
        CHECK(end.after(odd, 1h));
    }
}

TEST_CASE("what may pass by itself never ends a wait, and does not hide odd answers around it")
{
    wait_end end;
    for (int i = 0; i < 1000; ++i)
        CHECK_FALSE(end.after(errc::connection_lost, 1h));
    CHECK_FALSE(end.after(api_errc::unauthorized, 1h));
    CHECK_FALSE(end.after(api_errc::unavailable, 1h));
    CHECK_FALSE(end.after(api_errc::unauthorized, 1h));
    CHECK_FALSE(end.after(api_errc::unauthorized, 1h));
    CHECK_FALSE(end.after(api_errc::rate_limited, 1h));
    CHECK(end.after(api_errc::unauthorized, 1h));
}

TEST_CASE("without an answer, and where the next try would end alike, a wait ends at once")
{
    for (errc const why : {errc::certificate_verify_failed, errc::host_not_found, errc::proxy_refused}) {
        wait_end end;
        CHECK(end.after(why, 1h));
    }
    CHECK_FALSE(wait_end().after(errc::response_too_large, 1h));
    CHECK_FALSE(wait_end().after(errc::bad_response, 1h));
}

TEST_CASE("a task that is completed has some minutes to show its result")
{
    wait_end end;
    wait_end::clock::time_point const begun(1h);
    for (auto passed = 0s; passed < 3min; passed += 5s)
        CHECK_FALSE(end.after_no_result(begun + passed));
    CHECK(end.after_no_result(begun + 3min));
    end.answered();
    CHECK_FALSE(end.after_no_result(begun + 4min));
}

TEST_CASE("a task may be invisible for half a minute after the service has accepted it")
{
    wait_end end;
    for (auto age = 0s; age < 30s; ++age)
        CHECK_FALSE(end.after(errc::task_not_found, age));
    CHECK(end.after(errc::task_not_found, 30s));

    wait_end from_id_alone;
    for (int i = 0; i < 3; ++i)
        CHECK_FALSE(from_id_alone.after(errc::task_not_found, wait_end::unknown_age));
    CHECK(from_id_alone.after(errc::task_not_found, wait_end::unknown_age));
}

TEST_CASE("no failure after a purchase suggests to buy again, whatever the wait ended with")
{
    task bought("task_1");
    bought.idempotency_key("key-1");
    auto const judge = [&](error_code const& code) {
        CAPTURE(code.message());
        error_info const why = after_purchase(error_info(code, "a detail").http_status(418), bought);
        CHECK_FALSE(why.code() == condition::retryable);
        CHECK(why.acceptance() == acceptance::accepted);
        CHECK(why.task_id() == "task_1");
        CHECK(why.idempotency_key() == "key-1");
        CHECK((why.code() == code || why.underlying() == code));
        CHECK(why.http_status() == 418);
        CHECK(why.client_message().find("a detail") != std::string::npos);
        // No wait ends with a violation of its own.
        if (code != errc::invalid_request)
            CHECK(why.describe().find("not sent") == std::string::npos);
    };
    for (code_row const& row : errc_table::rows)
        judge(static_cast<errc>(row.number()));
    for (code_row const& row : api_errc_table::rows)
        judge(static_cast<api_errc>(row.number()));
    judge(boost::asio::error::operation_aborted);
    judge(boost::asio::error::no_memory);
}

TEST_CASE("no code that stands for money spent, or perhaps spent, is retryable")
{
    CHECK_FALSE(make_error_code(errc::outcome_unknown) == condition::retryable);
    CHECK_FALSE(make_error_code(errc::wait_failed) == condition::retryable);
}
