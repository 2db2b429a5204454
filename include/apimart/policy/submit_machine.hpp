// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_SUBMIT_MACHINE_HPP
#define APIMART_POLICY_SUBMIT_MACHINE_HPP

#include <apimart/config/retry_policy.hpp>
#include <apimart/error.hpp>
#include <apimart/policy/backoff.hpp>
#include <apimart/policy/retry_budget.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/submit_response.hpp>
#include <apimart/text/printable.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
        send,  // put the request on a connection, then report with `on_response`
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
        std::string_view body;          // of the request, which outlives the machine
        // An earlier process may have sent the same request under the same key: since when, by both clocks.
        std::optional<clock::time_point> first_sent{};
        std::chrono::sys_seconds first_sent_wall{};
    };

    submit_machine(options const& chosen, std::string key);

    action start(clock::time_point now);
    action on_response(http_result const& outcome, clock::time_point now, std::chrono::sys_seconds wall);
    // The pause is over. May be asked again when a turn to send came only later: a key can have grown too old
    // meanwhile, and where the wall clock is given, also while the machine slept.
    action resume(clock::time_point now, std::optional<std::chrono::sys_seconds> wall = std::nullopt);
    // The caller's cancellation, or shutdown, while pausing or waiting for a turn: nothing is on the wire.
    action stopped(error_code why);
    // The caller's cancellation cut a request; its outcome says how far it had got.
    action stopped(http_result const& outcome, error_code why);

    std::chrono::milliseconds delay() const noexcept { return delay_; }
    // While pausing: what the pause is for.
    error_info const& pending() const noexcept { return pending_; }
    // Whether the service may have accepted a request already.
    bool in_doubt() const noexcept { return ambiguous_since_.has_value(); }
    result<std::string> const& outcome() const noexcept { return outcome_; }
    int requests() const noexcept { return requests_; }
    std::string const& key() const noexcept { return key_; }
    // The last moment at which a request that is sent again means the same to the service.
    clock::time_point key_expiry() const;
    // The last that is asked of it: what it knows, given away.
    std::string take_key() noexcept { return std::move(key_); }
    result<std::string> take_outcome() noexcept { return std::move(outcome_); }

private:
    enum class retry_cost
    {
        nothing,
        retry,
        throttle
    };

    void record(http_result const& outcome);
    void count(http_result const& outcome);
    void compare_clocks(clock::time_point now, std::chrono::sys_seconds wall);
    bool key_usable(clock::time_point at) const;
    // From here on the service may have accepted the request.
    void mark_ambiguous(http_result const& outcome, clock::time_point now, std::chrono::sys_seconds wall);
    action not_sent(http_result const& outcome, clock::time_point now);
    action answered(http_result const& outcome, clock::time_point now, std::chrono::sys_seconds wall);
    action resend(error_info why, clock::time_point now);
    action pause_for(std::chrono::milliseconds delay, clock::time_point now, retry_cost cost,
                     error_info otherwise);
    action end(error_info why);
    error_info lost(http_result const& outcome) const;

    options options_;
    std::string key_;
    jitter random_;
    std::vector<attempt> attempts_;
    std::chrono::milliseconds delay_{0};
    error_info pending_;
    result<std::string> outcome_{boost::system::in_place_error};

    clock::time_point sent_{}; // the latest request, at the earliest
    // The first request that may have been accepted: when, and what became of it.
    std::optional<clock::time_point> ambiguous_since_;
    std::chrono::sys_seconds ambiguous_since_wall_{};
    std::chrono::seconds wall_ahead_{0}; // of the steady clock, since then
    std::string ambiguous_progress_;

    int requests_ = 0;
    int transport_retries_ = 0;
    int rate_limit_retries_ = 0;
    int resends_ = 0;
    bool stale_replaced_ = false;
};

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
    unsent_rule{errc::host_not_found_try_again, 3},
    unsent_rule{errc::resolve_timeout, 1},
    unsent_rule{errc::connect_failed, 3},
    unsent_rule{errc::connect_timeout, 2},
    unsent_rule{errc::resource_exhausted, 3},
    unsent_rule{errc::proxy_failed, 2},
    unsent_rule{errc::tls_timeout, 2},
    unsent_rule{errc::tls_closed, 2, true},
    unsent_rule{errc::stream_truncated, 2, true},
    unsent_rule{errc::tls_bad_record_mac, 2},
    unsent_rule{errc::connection_lost, 2, true},
    unsent_rule{errc::write_timeout, 1},
    unsent_rule{errc::response_timeout, 1},
    unsent_rule{errc::read_timeout, 1},
};

inline unsent_rule rule_for(http_result const& outcome)
{
    unsent_rule const never{errc::connection_lost, 0};
    if (outcome.session_refused)
        return never;
    auto const found = std::find_if(unsent_rules.begin(), unsent_rules.end(),
                                    [&](unsent_rule const& rule) { return outcome.error == rule.code; });
    return found == unsent_rules.end() ? never : *found;
}

// How far a request got, and on what kind of connection.
inline std::string describe_progress(http_result const& outcome)
{
    std::string words(to_string(outcome.phase));
    words += ", " + std::to_string(outcome.bytes_sent) + " bytes sent on a ";
    words += outcome.reused ? "reused connection" : "fresh connection";
    if (!outcome.address.empty())
        words += " to " + outcome.address;
    if (outcome.phase != request_phase::answered) {
        words += ", " + std::to_string(outcome.bytes_received) + " bytes received";
        if (outcome.response.status != 0)
            words += ", HTTP status " + std::to_string(outcome.response.status);
    }
    return words;
}

inline std::string reason_of(http_result const& outcome)
{
    std::string words = outcome.error ? outcome.error.message() : std::string("no reason is known");
    if (!outcome.detail.empty())
        words += ": " + outcome.detail;
    return words;
}

// An answer came and cannot be taken; the same request would get the same one.
inline bool is_final(http_result const& outcome)
{
    return outcome.error == errc::response_too_large || outcome.underlying == api_errc::other;
}

// The same case under another name, because that is why it ends here.
inline error_info renamed(errc code, error_info const& original)
{
    std::string words = original.code().message();
    if (!original.client_message().empty())
        words += ": " + original.client_message();
    error_info why(code, std::move(words));
    why.underlying(original.code()).acceptance(original.acceptance()).http_status(original.http_status());
    why.server_message(original.server_message())
        .request_id(original.request_id())
        .retry_after(original.retry_after());
    return why;
}

inline error_info not_asked_again(error_info original, std::string_view why)
{
    std::string words = original.client_message();
    if (!words.empty())
        words += "; ";
    original.client_message(words.append("not asked again: ").append(why));
    return original;
}

// Doubt keeps its name, whatever prevented that it was resolved.
inline error_info abandoned(errc code, error_info original)
{
    return original.acceptance() == acceptance::unknown
               ? not_asked_again(std::move(original), make_error_code(code).message())
               : renamed(code, original);
}

inline error_info too_old(error_info original)
{
    return not_asked_again(std::move(original), "the window of the idempotency key is over");
}

inline submit_machine::submit_machine(options const& chosen, std::string key)
    : options_(chosen), key_(std::move(key)), random_(chosen.seed)
{
    if (!chosen.first_sent)
        return;
    ambiguous_since_ = chosen.first_sent;
    ambiguous_since_wall_ = chosen.first_sent_wall;
    ambiguous_progress_ = "by an earlier process";
    pending_ = error_info(errc::outcome_unknown, "an earlier process may have sent it");
    pending_.acceptance(acceptance::unknown);
}

inline submit_machine::action submit_machine::start(clock::time_point now)
{
    return resume(now);
}

inline submit_machine::action submit_machine::resume(clock::time_point now,
                                                     std::optional<std::chrono::sys_seconds> wall)
{
    if (wall)
        compare_clocks(now, *wall);
    if (options_.deadline && now >= *options_.deadline) {
        if (!pending_.code())
            return end(error_info(errc::deadline_exceeded).acceptance(acceptance::not_sent));
        return end(abandoned(errc::deadline_exceeded, pending_));
    }
    if (!key_usable(now))
        return end(too_old(pending_));
    sent_ = now;
    return action::send;
}

inline void submit_machine::record(http_result const& outcome)
{
    attempts_.emplace_back(outcome.error,
                           outcome.phase == request_phase::answered ? outcome.response.status : 0,
                           std::string(to_string(outcome.phase)));
}

inline void submit_machine::count(http_result const& outcome)
{
    if (outcome.phase != request_phase::connecting)
        ++requests_;
}

// The steady clock stands still while the machine sleeps; the wall clock may be set. Whichever says that more
// time has passed is believed.
inline void submit_machine::compare_clocks(clock::time_point now, std::chrono::sys_seconds wall)
{
    if (ambiguous_since_)
        wall_ahead_ =
            (wall - ambiguous_since_wall_) - std::chrono::ceil<std::chrono::seconds>(now - *ambiguous_since_);
}

inline submit_machine::clock::time_point submit_machine::key_expiry() const
{
    if (!ambiguous_since_)
        return clock::time_point::max();
    // Well inside the window, by the clock of the side that does not know when the other began to count. An endless window
    // would not fit into the clock's time points.
    std::chrono::seconds const window =
        std::min<std::chrono::seconds>(options_.retry.idempotency_key_ttl, std::chrono::hours(24 * 3650));
    return *ambiguous_since_ + std::chrono::milliseconds(window) * 9 / 10 -
           std::max(wall_ahead_, std::chrono::seconds(0));
}

inline bool submit_machine::key_usable(clock::time_point at) const
{
    return at < key_expiry();
}

inline void submit_machine::mark_ambiguous(http_result const& outcome, clock::time_point now,
                                           std::chrono::sys_seconds wall)
{
    if (ambiguous_since_)
        return;
    ambiguous_since_ = std::max(outcome.begun.value_or(sent_), sent_);
    ambiguous_since_wall_ = wall - std::chrono::floor<std::chrono::seconds>(now - *ambiguous_since_);
    ambiguous_progress_ = describe_progress(outcome);
}

inline submit_machine::action submit_machine::on_response(http_result const& outcome, clock::time_point now,
                                                          std::chrono::sys_seconds wall)
{
    count(outcome);
    compare_clocks(now, wall);
    if (outcome.phase != request_phase::answered)
        record(outcome);
    switch (outcome.phase) {
    case request_phase::connecting:
    case request_phase::sending:
        return not_sent(outcome, now);
    case request_phase::committed:
        if (outcome.session_refused)
            return not_sent(outcome, now);
        mark_ambiguous(outcome, now, wall);
        return is_final(outcome) ? end(lost(outcome)) : resend(lost(outcome), now);
    case request_phase::answered:
        break;
    }
    return answered(outcome, now, wall);
}

// The service never had the whole request, or nobody looked at it, so this try cannot have bought anything.
// An earlier one may have: after a resend the old doubt remains.
inline submit_machine::action submit_machine::not_sent(http_result const& outcome, clock::time_point now)
{
    unsent_rule const rule = rule_for(outcome);
    if (ambiguous_since_)
        return rule.retries > 0 ? resend(lost(outcome), now) : end(lost(outcome));
    error_info why = error_info(outcome.error, outcome.detail).underlying(outcome.underlying);
    why.acceptance(acceptance::not_sent).http_status(outcome.http_status);
    if (outcome.reused && rule.stale && !stale_replaced_) {
        stale_replaced_ = true;
        return pause_for(std::chrono::milliseconds(0), now, retry_cost::nothing, std::move(why));
    }
    if (transport_retries_ >= std::min(rule.retries, options_.retry.max_retries))
        return end(std::move(why));
    auto const wait = backoff_delay(options_.retry, transport_retries_, random_);
    ++transport_retries_;
    return pause_for(wait, now, retry_cost::retry, std::move(why));
}

inline submit_machine::action submit_machine::answered(http_result const& outcome, clock::time_point now,
                                                       std::chrono::sys_seconds wall)
{
    submit_response response = read_submit_response(outcome.response, wall, options_.body);
    // Nobody asks how a success came about.
    if (response.classification != submit_classification::accepted)
        record(outcome);
    error_info& why = response.why;
    // Refusing the repetition says nothing about the first request.
    acceptance const refused = ambiguous_since_ ? acceptance::unknown : acceptance::rejected;
    switch (response.classification) {
    case submit_classification::accepted:
        if (options_.budget != nullptr)
            options_.budget->succeeded();
        outcome_ = std::move(response.task_id);
        return action::finish;
    case submit_classification::refused:
        return end(std::move(why.acceptance(refused)));
    case submit_classification::rate_limited: {
        why.acceptance(refused);
        auto const asked = why.retry_after();
        if (rate_limit_retries_ >= options_.retry.max_rate_limit_retries ||
            (asked && *asked > options_.retry.max_retry_after))
            return end(std::move(why));
        auto const wait = asked ? std::chrono::milliseconds(*asked)
                                : backoff_delay(options_.retry, rate_limit_retries_ + 1, random_);
        ++rate_limit_retries_;
        return pause_for(wait, now, retry_cost::throttle, std::move(why));
    }
    case submit_classification::not_executed:
        if (options_.contract == idempotency::supported)
            return resend(std::move(why.acceptance(refused)), now);
        // That nothing was executed is part of the contract; without it the status says "unknown".
        break;
    case submit_classification::still_running:
    case submit_classification::indeterminate:
        break;
    }
    mark_ambiguous(outcome, now, wall);
    why.acceptance(acceptance::unknown);
    if (why.code() == errc::outcome_unknown)
        why.client_message(why.client_message() + " (" + describe_progress(outcome) + ")");
    return response.is_final ? end(std::move(why)) : resend(std::move(why), now);
}

inline submit_machine::action submit_machine::stopped(error_code why)
{
    return end(error_info(why).acceptance(ambiguous_since_ ? acceptance::unknown : acceptance::not_sent));
}

inline submit_machine::action submit_machine::stopped(http_result const& outcome, error_code why)
{
    count(outcome);
    record(outcome);
    bool const maybe_accepted = outcome.phase >= request_phase::committed && !outcome.session_refused;
    if (!ambiguous_since_ && !maybe_accepted)
        return end(error_info(why).acceptance(acceptance::not_sent));
    return end(lost(outcome).underlying(why));
}

inline error_info submit_machine::lost(http_result const& outcome) const
{
    std::string words;
    if (outcome.phase >= request_phase::committed && !outcome.session_refused)
        words = "the request was sent completely and no complete answer came: ";
    else
        words = "a request may have been accepted (" + ambiguous_progress_ + "); then: ";
    words += reason_of(outcome) + " (" + describe_progress(outcome) + ")";
    error_info why(errc::outcome_unknown, std::move(words));
    why.underlying(outcome.error).acceptance(acceptance::unknown);
    if (!outcome.partial.empty())
        why.server_message(server_message({}, {}, printable(outcome.partial, 4096)));
    return why;
}

// Sends again what may have been accepted, or ends where the service does not promise to honour the key.
inline submit_machine::action submit_machine::resend(error_info why, clock::time_point now)
{
    using std::chrono::milliseconds;
    if (options_.contract != idempotency::supported || resends_ >= options_.retry.max_resends)
        return end(std::move(why));
    // The first request may still be running: leave it time, then more.
    milliseconds const base = std::chrono::seconds(2) * (1 << std::min(resends_, 4));
    auto wait =
        base +
        milliseconds(static_cast<std::int64_t>(static_cast<double>(base.count()) * 0.25 * random_.draw()));
    if (auto const asked = why.retry_after()) {
        if (*asked > options_.retry.max_retry_after)
            return end(std::move(why));
        wait = std::max(wait, milliseconds(*asked));
    }
    ++resends_;
    return pause_for(wait, now, retry_cost::retry, std::move(why));
}

inline submit_machine::action submit_machine::pause_for(std::chrono::milliseconds wait, clock::time_point now,
                                                        retry_cost cost, error_info otherwise)
{
    // Longer is not waited for by anyone, and would not fit into the clock's time points.
    wait = std::min<std::chrono::milliseconds>(wait, std::chrono::hours(24 * 365));
    if (!key_usable(now + wait))
        return end(too_old(std::move(otherwise)));
    if (options_.deadline && now + wait >= *options_.deadline)
        return end(abandoned(errc::deadline_exceeded, std::move(otherwise)));
    if (options_.budget != nullptr && cost != retry_cost::nothing &&
        !(cost == retry_cost::retry ? options_.budget->take_retry() : options_.budget->take_throttle()))
        return end(abandoned(errc::retry_budget_exhausted, std::move(otherwise)));
    delay_ = wait;
    pending_ = std::move(otherwise);
    return action::pause;
}

inline submit_machine::action submit_machine::end(error_info why)
{
    // Whoever looks at the code alone must not miss the doubt.
    if (why.acceptance() == acceptance::unknown && why.code() != errc::outcome_unknown) {
        error_info doubtful = renamed(errc::outcome_unknown, why);
        doubtful.client_message("a request may have been accepted (" + ambiguous_progress_ +
                                "); then: " + doubtful.client_message());
        why = std::move(doubtful);
    }
    why.attempts(attempts_);
    why.idempotency_key(key_);
    outcome_ = std::move(why);
    return action::finish;
}

} // namespace apimart::detail

#endif
