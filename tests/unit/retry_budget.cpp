// How much a client repeats in all, whatever each of its operations would like.
#include <apimart/policy/backoff.hpp>
#include <apimart/policy/retry_budget.hpp>

#include <doctest/doctest.h>

#include <array>

using namespace apimart;
using namespace apimart::detail;

TEST_CASE("repetitions have a price and successes pay it back one by one")
{
    retry_policy policy;
    policy.budget = 30;
    policy.retry_token_cost = 14;
    policy.throttle_token_cost = 5;
    retry_budget budget(policy);
    CHECK(budget.take_retry());
    CHECK(budget.take_throttle());
    CHECK(budget.left() == 11);
    CHECK_FALSE(budget.take_retry());
    CHECK(budget.left() == 11);
    for (int i = 0; i < 3; ++i)
        budget.succeeded();
    CHECK(budget.take_retry());
    CHECK(budget.left() == 0);
    CHECK_FALSE(budget.take_throttle());
    for (int i = 0; i < 1000; ++i)
        budget.succeeded();
    CHECK(budget.left() == 30);
}

TEST_CASE("a budget of nothing repeats nothing, and repetitions without a price are never refused")
{
    retry_policy policy;
    policy.budget = 0;
    retry_budget none(policy);
    CHECK_FALSE(none.take_retry());
    CHECK_FALSE(none.take_throttle());
    none.succeeded();
    CHECK(none.left() == 0);

    policy.budget = -5;
    policy.retry_token_cost = 0;
    retry_budget free(policy);
    CHECK(free.take_retry());
    CHECK_FALSE(free.take_throttle());
}

TEST_CASE("whatever share of the requests fails, repetitions add no more than a tenth in the long run")
{
    // Three repetitions for each request that fails would be four times the traffic.
    constexpr int calls = 20'000;
    for (double const failing : {0.01, 0.1, 0.5, 0.9, 1.0}) {
        CAPTURE(failing);
        retry_policy const policy;
        retry_budget budget(policy);
        jitter random(7);
        int requests = 0;
        for (int call = 0; call < calls; ++call) {
            for (int retry = 0;; ++retry) {
                ++requests;
                if (random.draw() >= failing) {
                    budget.succeeded();
                    break;
                }
                if (retry == policy.max_retries || !budget.take_retry())
                    break;
            }
        }
        CHECK(requests <= calls * 11 / 10);
    }
}
