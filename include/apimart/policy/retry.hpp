// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_RETRY_HPP
#define APIMART_POLICY_RETRY_HPP

#include <apimart/config/retry_policy.hpp>
#include <apimart/error.hpp>
#include <apimart/policy/backoff.hpp>
#include <apimart/policy/retry_budget.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace apimart::detail {

// What comes after a failed read: either a delay and then the same again, or the failure to end with.
class retry_decision
{
public:
    explicit retry_decision(error_info given) : why(std::move(given)) {}

    bool retries() const noexcept { return delay.has_value(); }

    std::optional<std::chrono::milliseconds> delay;
    error_info why;              // of the last try while it retries
    bool rate_limited = false;   // the service asked for fewer requests
    bool budget_refused = false; // the client's budget for repetitions is used up
};

// Decides whether one read, which buys nothing however often it is made, is made again. It does no I/O and
// reads no clock.
class read_retry
{
public:
    using clock = std::chrono::steady_clock;

    read_retry(retry_policy const& policy, retry_budget& budget, std::uint64_t seed,
               std::optional<clock::time_point> deadline = std::nullopt)
        : policy_(policy), budget_(budget), random_(seed), deadline_(deadline)
    {}

    void succeeded() noexcept { budget_.succeeded(); }

    // `done`: repetitions before this one. What has made progress is no repetition: it is not paid from the budget, and counts
    // there as the success that it is.
    retry_decision after(error_info const& why, clock::time_point now, int done, bool has_progressed = false)
    {
        retry_decision decision(why);
        auto const asked = why.retry_after();
        if (why.code() != condition::retryable || done >= policy_.max_retries ||
            (asked && *asked > policy_.max_retry_after))
            return decision;
        decision.rate_limited = why.code() == condition::rate_limited;
        if (has_progressed)
            budget_.succeeded();
        decision.budget_refused =
            !has_progressed && !(decision.rate_limited ? budget_.take_throttle() : budget_.take_retry());
        if (decision.budget_refused) {
            decision.why = renamed(errc::retry_budget_exhausted, why);
            return decision;
        }
        auto const delay = asked ? std::chrono::milliseconds(*asked) : backoff_delay(policy_, done, random_);
        if (deadline_ && now + delay >= *deadline_)
            decision.why = renamed(errc::deadline_exceeded, why);
        else
            decision.delay = delay;
        return decision;
    }

private:
    // The same case under another name, because that is why it ends here.
    static error_info renamed(errc code, error_info const& original)
    {
        error_info why(code, original.describe());
        why.underlying(original.code())
            .http_status(original.http_status())
            .server_message(original.server_message());
        why.request_id(original.request_id()).retry_after(original.retry_after());
        return why;
    }

    retry_policy policy_;
    retry_budget& budget_;
    jitter random_;
    std::optional<clock::time_point> deadline_;
};

} // namespace apimart::detail

#endif
