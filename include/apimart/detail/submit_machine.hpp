// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_SUBMIT_MACHINE_HPP
#define APIMART_DETAIL_SUBMIT_MACHINE_HPP

#include <apimart/detail/backoff.hpp>
#include <apimart/detail/exchange_outcome.hpp>
#include <apimart/error.hpp>
#include <apimart/retry.hpp>

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
    };

    submit_machine(options const& chosen, std::string key);

    action start(clock::time_point now);
    action answered(exchange_outcome const& outcome, clock::time_point now, std::chrono::sys_seconds wall);
    action resume(clock::time_point now);
    // The caller's cancellation, or shutdown, while pausing or waiting for a turn: nothing is on the wire.
    action stopped(error_code why);
    // The caller's cancellation cut a request; its outcome says how far it had got.
    action stopped(exchange_outcome const& outcome, error_code why);

    std::chrono::milliseconds delay() const noexcept { return delay_; }
    result<std::string> const& outcome() const noexcept { return outcome_; }
    int requests() const noexcept { return requests_; }
    std::string const& key() const noexcept { return key_; }

private:
    action again(std::chrono::milliseconds delay, clock::time_point now, failure otherwise);
    action end(failure why);
    action maybe_resend(failure why, clock::time_point now);
    failure lost(exchange_outcome const& outcome, errc code) const;

    options options_;
    std::string key_;
    jitter random_;
    std::vector<attempt> attempts_;
    std::chrono::milliseconds delay_{0};
    result<std::string> outcome_ = failure(errc::shutting_down);
    std::optional<clock::time_point> first_committed_;
    int requests_ = 0;
    int transport_retries_ = 0;
    int rate_limit_retries_ = 0;
    int resends_ = 0;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/detail/impl/submit_machine.ipp>
#endif

#endif
