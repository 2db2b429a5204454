// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_SUBMIT_MACHINE_IPP
#define APIMART_DETAIL_IMPL_SUBMIT_MACHINE_IPP

#include <apimart/detail/config.hpp>
#include <apimart/detail/submit_machine.hpp>
#include <apimart/detail/wire/submit_reply.hpp>

#include <algorithm>

namespace apimart::detail {

APIMART_INLINE submit_machine::submit_machine(options const& chosen, std::string key)
    : options_(chosen), key_(std::move(key)), random_(chosen.seed)
{}

APIMART_INLINE submit_machine::action submit_machine::start(clock::time_point now)
{
    if (options_.deadline && now >= *options_.deadline)
        return end(failure(errc::deadline_exceeded).proof(proof_level::not_sent));
    return action::send;
}

APIMART_INLINE submit_machine::action submit_machine::resume(clock::time_point)
{
    return action::send;
}

APIMART_INLINE submit_machine::action submit_machine::answered(exchange_outcome const& outcome,
                                                               clock::time_point now,
                                                               std::chrono::sys_seconds wall)
{
    attempts_.emplace_back(outcome.error,
                           outcome.phase == exchange_phase::answered ? outcome.reply.status : 0,
                           std::string(to_string(outcome.phase)));
    if (outcome.phase != exchange_phase::connecting)
        ++requests_;

    switch (outcome.phase) {
    case exchange_phase::connecting:
    case exchange_phase::sending: {
        // The service never had the whole body, so this try cannot have bought anything. An earlier one may
        // have: after a resend the old doubt remains.
        proof_level const proof = first_committed_ ? proof_level::unknown : proof_level::not_sent;
        failure why = failure(outcome.error, outcome.detail).underlying(outcome.underlying).proof(proof);
        if (proof == proof_level::unknown)
            return maybe_resend(lost(outcome, errc::outcome_unknown), now);
        if (outcome.error == errc::certificate_refused || !(outcome.error == cause::retryable))
            return end(std::move(why));
        if (transport_retries_ >= options_.retry.max_retries)
            return end(std::move(why));
        // A kept connection that turns out to be dead says nothing about the service: go on at once.
        bool const stale = outcome.reused && transport_retries_ == 0;
        auto const wait =
            stale ? std::chrono::milliseconds(0) : backoff_delay(options_.retry, transport_retries_, random_);
        ++transport_retries_;
        return again(wait, now, std::move(why));
    }
    case exchange_phase::committed:
        first_committed_ = first_committed_.value_or(now);
        return maybe_resend(lost(outcome, errc::outcome_unknown), now);
    case exchange_phase::answered:
        break;
    }

    submit_reply reply = read_submit_reply(outcome.reply, wall);
    switch (reply.verdict) {
    case submit_verdict::accepted:
        outcome_ = std::move(reply.task_id);
        return action::finish;
    case submit_verdict::refused: {
        // Refusing the repetition says nothing about the first request.
        if (first_committed_)
            return end(std::move(reply.why.proof(proof_level::unknown)));
        return end(std::move(reply.why.proof(proof_level::rejected)));
    }
    case submit_verdict::rate_limited: {
        reply.why.proof(first_committed_ ? proof_level::unknown : proof_level::rejected);
        auto const asked = reply.why.retry_after();
        if (rate_limit_retries_ >= options_.retry.max_rate_limit_retries ||
            (asked && *asked > options_.retry.longest_retry_after))
            return end(std::move(reply.why));
        auto const wait = asked ? std::chrono::milliseconds(*asked)
                                : backoff_delay(options_.retry, rate_limit_retries_ + 1, random_);
        ++rate_limit_retries_;
        return again(wait, now, std::move(reply.why));
    }
    case submit_verdict::not_executed:
    case submit_verdict::still_running: {
        // Both are answers of a service that knows the key, so the contract's limits apply.
        if (reply.verdict == submit_verdict::still_running)
            first_committed_ = first_committed_.value_or(now);
        reply.why.proof(first_committed_ ? proof_level::unknown : proof_level::not_sent);
        return maybe_resend(std::move(reply.why), now);
    }
    case submit_verdict::indeterminate:
        // A conflict that is none of the known ones is the service's last word; asking again gives it again.
        if (reply.why.underlying() == api_errc::conflict)
            return end(std::move(reply.why.proof(proof_level::unknown)));
        first_committed_ = first_committed_.value_or(now);
        return maybe_resend(std::move(reply.why.proof(proof_level::unknown)), now);
    }
    return end(failure(errc::unexpected_response));
}

APIMART_INLINE submit_machine::action submit_machine::stopped(error_code why)
{
    return end(failure(why).proof(first_committed_ ? proof_level::unknown : proof_level::not_sent));
}

APIMART_INLINE submit_machine::action submit_machine::stopped(exchange_outcome const& outcome, error_code why)
{
    attempts_.emplace_back(outcome.error, 0, std::string(to_string(outcome.phase)));
    if (outcome.phase != exchange_phase::connecting)
        ++requests_;
    bool const maybe_accepted = first_committed_ || outcome.phase == exchange_phase::committed;
    if (!maybe_accepted)
        return end(failure(why).proof(proof_level::not_sent));
    return end(lost(outcome, errc::outcome_unknown).underlying(why));
}

APIMART_INLINE failure submit_machine::lost(exchange_outcome const& outcome, errc code) const
{
    std::string words = "the request was sent completely and no complete answer came";
    if (outcome.error)
        words += ": " + outcome.error.message();
    return failure(code, std::move(words)).underlying(outcome.error).proof(proof_level::unknown);
}

APIMART_INLINE submit_machine::action submit_machine::maybe_resend(failure why, clock::time_point now)
{
    using namespace std::chrono;
    if (options_.contract != idempotency::honoured || resends_ >= options_.retry.max_resends)
        return end(std::move(why));
    // Well inside the window, by the clock of the side that does not know when the other began to count.
    auto const usable = duration_cast<milliseconds>(options_.retry.key_window) * 9 / 10;
    if (first_committed_ && now - *first_committed_ >= usable)
        return end(std::move(why));
    // The first request may still be running: leave it time, then more.
    milliseconds const base = seconds(2) * (1 << std::min(resends_, 4));
    auto wait = milliseconds(
        base.count() / 2 + static_cast<std::int64_t>(static_cast<double>(base.count() / 2) * random_.draw()));
    if (auto const asked = why.retry_after()) {
        if (*asked > options_.retry.longest_retry_after)
            return end(std::move(why));
        wait = std::max(wait, milliseconds(*asked));
    }
    ++resends_;
    return again(wait, now, std::move(why));
}

APIMART_INLINE submit_machine::action submit_machine::again(std::chrono::milliseconds wait,
                                                            clock::time_point now, failure otherwise)
{
    if (options_.deadline && now + wait >= *options_.deadline) {
        // What is proved and what went wrong stay; only the reason for giving up is new.
        if (otherwise.code() != errc::outcome_unknown) {
            failure late = failure(errc::deadline_exceeded, otherwise.describe());
            late.underlying(otherwise.code()).proof(otherwise.proof()).http_status(otherwise.http_status());
            late.service(otherwise.service()).request_id(otherwise.request_id());
            late.retry_after(otherwise.retry_after());
            return end(std::move(late));
        }
        return end(std::move(otherwise));
    }
    delay_ = wait;
    return action::pause;
}

APIMART_INLINE submit_machine::action submit_machine::end(failure why)
{
    // Whoever looks at the code alone must not miss the doubt.
    if (why.proof() == proof_level::unknown && why.code() != errc::outcome_unknown) {
        failure doubt(errc::outcome_unknown,
                      "an earlier request may have been accepted; then: " + why.code().message());
        doubt.underlying(why.code()).proof(proof_level::unknown).http_status(why.http_status());
        doubt.service(why.service()).request_id(why.request_id()).retry_after(why.retry_after());
        why = std::move(doubt);
    }
    why.attempts(attempts_);
    why.idempotency_key(key_);
    outcome_ = std::move(why);
    return action::finish;
}

} // namespace apimart::detail

#endif
