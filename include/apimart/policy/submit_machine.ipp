// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_SUBMIT_MACHINE_IPP
#define APIMART_POLICY_SUBMIT_MACHINE_IPP

#include <apimart/policy/submit_machine.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

#include <algorithm>
#include <array>

namespace apimart::detail {

// What is worth doing about a request of which the service never had all: how often it is sent again, and
// whether, on a connection kept from before, the failure tells anything about the service at all. What is not
// listed is not tried again.
struct unsent_rule
{
    errc code;
    int retries;
    bool stale = false;
};

inline constexpr std::array unsent_rules{
    unsent_rule{errc::resolve_unavailable, 3},   unsent_rule{errc::resolve_timeout, 1},
    unsent_rule{errc::connect_failed, 3},        unsent_rule{errc::connect_timeout, 2},
    unsent_rule{errc::local_resource, 3},        unsent_rule{errc::proxy_failed, 2},
    unsent_rule{errc::tls_timeout, 2},           unsent_rule{errc::tls_closed, 2, true},
    unsent_rule{errc::tls_truncated, 2, true},   unsent_rule{errc::tls_corrupt, 2},
    unsent_rule{errc::connection_lost, 2, true}, unsent_rule{errc::send_timeout, 1},
    unsent_rule{errc::response_timeout, 1},      unsent_rule{errc::read_stalled, 1},
};

inline unsent_rule rule_for(exchange_outcome const& outcome)
{
    unsent_rule const never{errc::connection_lost, 0};
    if (outcome.session_refused)
        return never;
    auto const found = std::find_if(unsent_rules.begin(), unsent_rules.end(),
                                    [&](unsent_rule const& rule) { return outcome.error == rule.code; });
    return found == unsent_rules.end() ? never : *found;
}

// How far a request got, and on what kind of connection.
inline std::string evidence(exchange_outcome const& outcome)
{
    std::string words(to_string(outcome.phase));
    words += ", " + std::to_string(outcome.bytes_sent) + " bytes sent on a ";
    words += outcome.reused ? "reused connection" : "fresh connection";
    if (!outcome.address.empty())
        words += " to " + outcome.address;
    if (outcome.phase != exchange_phase::answered) {
        words += ", " + std::to_string(outcome.bytes_received) + " bytes received";
        if (outcome.reply.status != 0)
            words += ", HTTP status " + std::to_string(outcome.reply.status);
    }
    return words;
}

inline std::string reason(exchange_outcome const& outcome)
{
    std::string words = outcome.error ? outcome.error.message() : std::string("no reason is known");
    if (!outcome.detail.empty())
        words += ": " + outcome.detail;
    return words;
}

// An answer came and cannot be taken; the same request would get the same one.
inline bool is_last_word(exchange_outcome const& outcome)
{
    return outcome.error == errc::response_too_large || outcome.underlying == api_errc::other;
}

// The same case under another name, because that is why it ends here.
inline failure renamed(errc code, failure const& original)
{
    std::string words = original.code().message();
    if (!original.detail().empty())
        words += ": " + original.detail();
    failure why(code, std::move(words));
    why.underlying(original.code()).proof(original.proof()).http_status(original.http_status());
    why.service(original.service()).request_id(original.request_id()).retry_after(original.retry_after());
    return why;
}

inline failure not_asked_again(failure original, std::string_view why)
{
    std::string words = original.detail();
    if (!words.empty())
        words += "; ";
    original.detail(words.append("not asked again: ").append(why));
    return original;
}

// Doubt keeps its name, whatever prevented that it was resolved.
inline failure given_up(errc code, failure original)
{
    return original.proof() == proof_level::unknown
               ? not_asked_again(std::move(original), make_error_code(code).message())
               : renamed(code, original);
}

inline failure too_old(failure original)
{
    return not_asked_again(std::move(original), "the window of the idempotency key is over");
}

APIMART_INLINE submit_machine::submit_machine(options const& chosen, std::string key)
    : options_(chosen), key_(std::move(key)), random_(chosen.seed)
{}

APIMART_INLINE submit_machine::action submit_machine::start(clock::time_point now)
{
    return resume(now);
}

APIMART_INLINE submit_machine::action submit_machine::resume(clock::time_point now,
                                                             std::optional<std::chrono::sys_seconds> wall)
{
    if (wall)
        see(now, *wall);
    if (options_.deadline && now >= *options_.deadline) {
        if (!pending_.code())
            return end(failure(errc::deadline_exceeded).proof(proof_level::not_sent));
        return end(given_up(errc::deadline_exceeded, pending_));
    }
    if (!key_usable(now))
        return end(too_old(pending_));
    sent_ = now;
    return action::send;
}

APIMART_INLINE void submit_machine::record(exchange_outcome const& outcome)
{
    attempts_.emplace_back(outcome.error,
                           outcome.phase == exchange_phase::answered ? outcome.reply.status : 0,
                           std::string(to_string(outcome.phase)));
}

APIMART_INLINE void submit_machine::count(exchange_outcome const& outcome)
{
    if (outcome.phase != exchange_phase::connecting)
        ++requests_;
}

// The steady clock stands still while the machine sleeps; the wall clock may be set. Whichever says that more
// time has passed is believed.
APIMART_INLINE void submit_machine::see(clock::time_point now, std::chrono::sys_seconds wall)
{
    if (first_sent_)
        wall_ahead_ = (wall - first_sent_wall_) - std::chrono::ceil<std::chrono::seconds>(now - *first_sent_);
}

APIMART_INLINE bool submit_machine::key_usable(clock::time_point at) const
{
    if (!first_sent_)
        return true;
    using seconds = std::chrono::duration<double>;
    seconds const age = seconds(at - *first_sent_) + seconds(std::max(wall_ahead_, std::chrono::seconds(0)));
    // Well inside the window, by the clock of the side that does not know when the other began to count.
    return age < 0.9 * seconds(options_.retry.key_window);
}

APIMART_INLINE void submit_machine::doubt(exchange_outcome const& outcome, clock::time_point now,
                                          std::chrono::sys_seconds wall)
{
    if (first_sent_)
        return;
    first_sent_ = std::max(outcome.begun.value_or(sent_), sent_);
    first_sent_wall_ = wall - std::chrono::floor<std::chrono::seconds>(now - *first_sent_);
    first_doubt_ = evidence(outcome);
}

APIMART_INLINE submit_machine::action submit_machine::answered(exchange_outcome const& outcome,
                                                               clock::time_point now,
                                                               std::chrono::sys_seconds wall)
{
    count(outcome);
    see(now, wall);
    if (outcome.phase != exchange_phase::answered)
        record(outcome);
    switch (outcome.phase) {
    case exchange_phase::connecting:
    case exchange_phase::sending:
        return not_sent(outcome, now);
    case exchange_phase::committed:
        if (outcome.session_refused)
            return not_sent(outcome, now);
        doubt(outcome, now, wall);
        return is_last_word(outcome) ? end(lost(outcome)) : resend(lost(outcome), now);
    case exchange_phase::answered:
        break;
    }
    return judged(outcome, now, wall);
}

// The service never had the whole request, or nobody looked at it, so this try cannot have bought anything.
// An earlier one may have: after a resend the old doubt remains.
APIMART_INLINE submit_machine::action submit_machine::not_sent(exchange_outcome const& outcome,
                                                               clock::time_point now)
{
    unsent_rule const rule = rule_for(outcome);
    if (first_sent_)
        return rule.retries > 0 ? resend(lost(outcome), now) : end(lost(outcome));
    failure why = failure(outcome.error, outcome.detail).underlying(outcome.underlying);
    why.proof(proof_level::not_sent).http_status(outcome.http_status);
    if (outcome.reused && rule.stale && !stale_replaced_) {
        stale_replaced_ = true;
        return again(std::chrono::milliseconds(0), now, price::nothing, std::move(why));
    }
    if (transport_retries_ >= std::min(rule.retries, options_.retry.max_retries))
        return end(std::move(why));
    auto const wait = backoff_delay(options_.retry, transport_retries_, random_);
    ++transport_retries_;
    return again(wait, now, price::retry, std::move(why));
}

APIMART_INLINE submit_machine::action
submit_machine::judged(exchange_outcome const& outcome, clock::time_point now, std::chrono::sys_seconds wall)
{
    submit_reply reply = read_submit_reply(outcome.reply, wall);
    // Nobody asks how a success came about.
    if (reply.verdict != submit_verdict::accepted)
        record(outcome);
    failure& why = reply.why;
    // Refusing the repetition says nothing about the first request.
    proof_level const refused = first_sent_ ? proof_level::unknown : proof_level::rejected;
    switch (reply.verdict) {
    case submit_verdict::accepted:
        if (options_.budget != nullptr)
            options_.budget->succeeded();
        outcome_ = std::move(reply.task_id);
        return action::finish;
    case submit_verdict::refused:
        return end(std::move(why.proof(refused)));
    case submit_verdict::rate_limited: {
        why.proof(refused);
        auto const asked = why.retry_after();
        if (rate_limit_retries_ >= options_.retry.max_rate_limit_retries ||
            (asked && *asked > options_.retry.longest_retry_after))
            return end(std::move(why));
        auto const wait = asked ? std::chrono::milliseconds(*asked)
                                : backoff_delay(options_.retry, rate_limit_retries_ + 1, random_);
        ++rate_limit_retries_;
        return again(wait, now, price::throttle, std::move(why));
    }
    case submit_verdict::not_executed:
        if (options_.contract == idempotency::honoured)
            return resend(std::move(why.proof(refused)), now);
        // That nothing was executed is part of the contract; without it the status says "unknown".
        break;
    case submit_verdict::still_running:
    case submit_verdict::indeterminate:
        break;
    }
    doubt(outcome, now, wall);
    why.proof(proof_level::unknown);
    if (why.code() == errc::outcome_unknown)
        why.detail(why.detail() + " (" + evidence(outcome) + ")");
    return reply.last_word ? end(std::move(why)) : resend(std::move(why), now);
}

APIMART_INLINE submit_machine::action submit_machine::stopped(error_code why)
{
    return end(failure(why).proof(first_sent_ ? proof_level::unknown : proof_level::not_sent));
}

APIMART_INLINE submit_machine::action submit_machine::stopped(exchange_outcome const& outcome, error_code why)
{
    count(outcome);
    record(outcome);
    bool const maybe_accepted = outcome.phase >= exchange_phase::committed && !outcome.session_refused;
    if (!first_sent_ && !maybe_accepted)
        return end(failure(why).proof(proof_level::not_sent));
    return end(lost(outcome).underlying(why));
}

APIMART_INLINE failure submit_machine::lost(exchange_outcome const& outcome) const
{
    std::string words;
    if (outcome.phase >= exchange_phase::committed && !outcome.session_refused)
        words = "the request was sent completely and no complete answer came: ";
    else
        words = "a request may have been accepted (" + first_doubt_ + "); then: ";
    words += reason(outcome) + " (" + evidence(outcome) + ")";
    failure why(errc::outcome_unknown, std::move(words));
    why.underlying(outcome.error).proof(proof_level::unknown);
    if (!outcome.partial.empty())
        why.service(service_message({}, {}, printable(outcome.partial, 4096)));
    return why;
}

APIMART_INLINE submit_machine::action submit_machine::resend(failure why, clock::time_point now)
{
    using std::chrono::milliseconds;
    if (options_.contract != idempotency::honoured || resends_ >= options_.retry.max_resends)
        return end(std::move(why));
    // The first request may still be running: leave it time, then more.
    milliseconds const base = std::chrono::seconds(2) * (1 << std::min(resends_, 4));
    auto wait =
        base +
        milliseconds(static_cast<std::int64_t>(static_cast<double>(base.count()) * 0.25 * random_.draw()));
    if (auto const asked = why.retry_after()) {
        if (*asked > options_.retry.longest_retry_after)
            return end(std::move(why));
        wait = std::max(wait, milliseconds(*asked));
    }
    ++resends_;
    return again(wait, now, price::retry, std::move(why));
}

APIMART_INLINE submit_machine::action
submit_machine::again(std::chrono::milliseconds wait, clock::time_point now, price cost, failure otherwise)
{
    // Longer is not waited for by anyone, and would not fit into the clock's time points.
    wait = std::min<std::chrono::milliseconds>(wait, std::chrono::hours(24 * 365));
    if (!key_usable(now + wait))
        return end(too_old(std::move(otherwise)));
    if (options_.deadline && now + wait >= *options_.deadline)
        return end(given_up(errc::deadline_exceeded, std::move(otherwise)));
    if (options_.budget != nullptr && cost != price::nothing &&
        !(cost == price::retry ? options_.budget->take_retry() : options_.budget->take_throttle()))
        return end(given_up(errc::retry_budget_exhausted, std::move(otherwise)));
    delay_ = wait;
    pending_ = std::move(otherwise);
    return action::pause;
}

APIMART_INLINE submit_machine::action submit_machine::end(failure why)
{
    // Whoever looks at the code alone must not miss the doubt.
    if (why.proof() == proof_level::unknown && why.code() != errc::outcome_unknown) {
        failure doubtful = renamed(errc::outcome_unknown, why);
        doubtful.detail("a request may have been accepted (" + first_doubt_ +
                        "); then: " + doubtful.detail());
        why = std::move(doubtful);
    }
    why.attempts(attempts_);
    why.idempotency_key(key_);
    outcome_ = std::move(why);
    return action::finish;
}

} // namespace apimart::detail

#endif
