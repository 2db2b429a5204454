// Whether a failed read is made again, and when. No clock: times are given.
#include <apimart/policy/retry.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

constexpr read_retry::clock::time_point start{1000s};

error_info unavailable()
{
    return error_info(make_error_code(api_errc::unavailable), "detail").http_status(503).request_id("r1");
}

error_info throttled(std::optional<std::chrono::seconds> asked = std::nullopt)
{
    return error_info(make_error_code(api_errc::rate_limited)).http_status(429).retry_after(asked);
}

} // namespace

TEST_CASE("a read that may succeed later is made again, each time within a wider bound, up to its number")
{
    retry_policy policy;
    policy.max_retries = 3;
    policy.initial_backoff = 100ms;
    policy.backoff_multiplier = 2;
    policy.max_backoff = 300ms;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        retry_budget full(policy);
        read_retry machine(policy, full, seed);
        int const bounds[] = {100, 200, 300};
        for (int done = 0; done < 3; ++done) {
            retry_decision const next = machine.after(unavailable(), start, done);
            REQUIRE(next.retries());
            CHECK(*next.delay >= 0ms);
            CHECK(*next.delay <= std::chrono::milliseconds(bounds[done]));
            CHECK_FALSE(next.rate_limited);
            CHECK_FALSE(next.budget_refused);
        }
        retry_decision const last = machine.after(unavailable(), start, 3);
        CHECK_FALSE(last.retries());
        CHECK(last.why.code() == api_errc::unavailable);
        CHECK(last.why.client_message() == "detail");
        CHECK(full.left() == policy.budget - 3 * policy.retry_token_cost);
    }
}

TEST_CASE("a read that cannot succeed later ends with its own failure and costs nothing")
{
    retry_policy const policy;
    retry_budget budget(policy);
    read_retry machine(policy, budget, 1);
    for (error_code const code :
         {make_error_code(errc::task_not_found), make_error_code(api_errc::unauthorized),
          make_error_code(api_errc::payment_required), make_error_code(errc::certificate_verify_failed)}) {
        CAPTURE(code);
        retry_decision const next = machine.after(error_info(code), start, 0);
        CHECK_FALSE(next.retries());
        CHECK_FALSE(next.budget_refused);
        CHECK(next.why.code() == code);
    }
    CHECK(budget.left() == policy.budget);
}

TEST_CASE("the service's own delay is waited for as it is, unless it is too long")
{
    retry_policy policy;
    policy.max_retry_after = 120s;
    retry_budget budget(policy);
    read_retry machine(policy, budget, 1);
    CHECK(machine.after(throttled(7s), start, 0).delay == 7000ms);
    CHECK(machine.after(throttled(0s), start, 0).delay == 0ms);
    CHECK(machine.after(throttled(120s), start, 0).delay == 120'000ms);
    retry_decision const too_long = machine.after(throttled(121s), start, 0);
    CHECK_FALSE(too_long.retries());
    CHECK_FALSE(too_long.rate_limited);
    CHECK(too_long.why.code() == api_errc::rate_limited);
    CHECK(too_long.why.retry_after() == 121s);
}

TEST_CASE("a throttled read takes the price of one, and says so")
{
    retry_policy const policy;
    retry_budget budget(policy);
    read_retry machine(policy, budget, 1);
    CHECK(machine.after(throttled(), start, 0).rate_limited);
    CHECK(budget.left() == policy.budget - policy.throttle_token_cost);
    machine.succeeded();
    CHECK(budget.left() == policy.budget - policy.throttle_token_cost + 1);
}

TEST_CASE("when the client's budget is used up, the failure says so and keeps the original's evidence")
{
    retry_policy policy;
    policy.budget = policy.retry_token_cost;
    retry_budget budget(policy);
    read_retry machine(policy, budget, 1);
    CHECK(machine.after(unavailable(), start, 0).retries());
    retry_decision const refused = machine.after(unavailable(), start, 1);
    CHECK_FALSE(refused.retries());
    CHECK(refused.budget_refused);
    CHECK(refused.why.code() == errc::retry_budget_exhausted);
    CHECK(refused.why.underlying() == api_errc::unavailable);
    CHECK(refused.why.http_status() == 503);
    CHECK(refused.why.request_id() == "r1");
    CHECK(refused.why.client_message().find("detail") != std::string::npos);
    // A throttled one that finds no budget was throttled all the same.
    retry_decision const both = machine.after(throttled(), start, 0);
    CHECK(both.rate_limited);
    CHECK(both.budget_refused);
}

TEST_CASE("a delay that would pass the deadline is not begun")
{
    retry_policy const policy;
    retry_budget budget(policy);
    read_retry machine(policy, budget, 1, start + 10s);
    CHECK(machine.after(throttled(9s), start, 0).retries());
    for (auto const now : {start, start + 5s}) {
        retry_decision const late = machine.after(throttled(10s), now, 0);
        CHECK_FALSE(late.retries());
        CHECK(late.rate_limited);
        CHECK(late.why.code() == errc::deadline_exceeded);
        CHECK(late.why.underlying() == api_errc::rate_limited);
    }
}

TEST_CASE("what makes progress costs the budget nothing and pays it back, however often it is cut")
{
    retry_policy policy;
    policy.budget = 40;
    policy.retry_token_cost = 10;
    retry_budget budget(policy);
    read_retry machine(policy, budget, 1);
    error_info const cut(errc::connection_lost);
    // One cut in twenty comes before anything has: in the handshake, for example.
    for (int i = 1; i <= 2000; ++i)
        REQUIRE(machine.after(cut, start, 0, i % 20 != 0).retries());
    CHECK(budget.left() > 0);
}
