// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_SUBMIT_MACHINE_HPP
#define APIMART_POLICY_SUBMIT_MACHINE_HPP

#include <apimart/config/retry_policy.hpp>
#include <apimart/error.hpp>
#include <apimart/policy/backoff.hpp>
#include <apimart/policy/retry_budget.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/submit_response.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace apimart::detail {

// Decides what one logical submit does next. It does no I/O and reads no clock, so every order of events is a
// unit test. Its first rule: once the last byte of the body was handed over, only an answer in the refusal
// set proves that nothing was bought; everything else ends as `outcome_unknown`, unless the caller declared
// that the service honours the key, in which case the same bytes may travel again under the same key.
class submit_machine
{
public:
    using clock = std::chrono::steady_clock;

    enum class action
    {
        send,  // put the request on a connection, then report with `answered`
        pause, // wait for `delay()`, then call `resume`
        finish // `outcome()` holds the end
    };

    struct options
    {
        retry_policy retry;
        apimart::idempotency contract = apimart::idempotency::none;
        std::optional<clock::time_point> deadline;
        std::uint64_t seed = 0;
        retry_budget* budget = nullptr; // without one, repetitions are free
    };

    submit_machine(options const& chosen, std::string key);

    action start(clock::time_point now);
    action answered(exchange_outcome const& outcome, clock::time_point now, std::chrono::sys_seconds wall);
    // The pause is over. May be asked again when a turn to send came only later: a key can have grown too old
    // meanwhile, and where the wall clock is given, also while the machine slept.
    action resume(clock::time_point now, std::optional<std::chrono::sys_seconds> wall = std::nullopt);
    // The caller's cancellation, or shutdown, while pausing or waiting for a turn: nothing is on the wire.
    action stopped(error_code why);
    // The caller's cancellation cut a request; its outcome says how far it had got.
    action stopped(exchange_outcome const& outcome, error_code why);

    std::chrono::milliseconds delay() const noexcept { return delay_; }
    // While pausing: what the pause is for, and whether the request may have been accepted already.
    failure const& pending() const noexcept { return pending_; }
    bool resending() const noexcept { return first_sent_.has_value(); }
    result<std::string> const& outcome() const noexcept { return outcome_; }
    int requests() const noexcept { return requests_; }
    std::string const& key() const noexcept { return key_; }
    // The last that is asked of it: what it knows, given away.
    std::string take_key() noexcept { return std::move(key_); }
    result<std::string> take_outcome() noexcept { return std::move(outcome_); }

private:
    enum class price
    {
        nothing,
        retry,
        throttle
    };

    void record(exchange_outcome const& outcome);
    void count(exchange_outcome const& outcome);
    void see(clock::time_point now, std::chrono::sys_seconds wall);
    bool key_usable(clock::time_point at) const;
    // From here on the service may have accepted the request.
    void doubt(exchange_outcome const& outcome, clock::time_point now, std::chrono::sys_seconds wall);
    action not_sent(exchange_outcome const& outcome, clock::time_point now);
    action judged(exchange_outcome const& outcome, clock::time_point now, std::chrono::sys_seconds wall);
    action resend(failure why, clock::time_point now);
    action again(std::chrono::milliseconds delay, clock::time_point now, price cost, failure otherwise);
    action end(failure why);
    failure lost(exchange_outcome const& outcome) const;

    options options_;
    std::string key_;
    jitter random_;
    std::vector<attempt> attempts_;
    std::chrono::milliseconds delay_{0};
    failure pending_ = no_failure();
    result<std::string> outcome_ = no_failure();

    clock::time_point sent_{}; // the latest request, at the earliest
    // The first request that may have been accepted: when, and what became of it.
    std::optional<clock::time_point> first_sent_;
    std::chrono::sys_seconds first_sent_wall_{};
    std::chrono::seconds wall_ahead_{0}; // of the steady clock, since then
    std::string first_doubt_;

    int requests_ = 0;
    int transport_retries_ = 0;
    int rate_limit_retries_ = 0;
    int resends_ = 0;
    bool stale_replaced_ = false;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/policy/submit_machine.ipp>
#endif

#endif
