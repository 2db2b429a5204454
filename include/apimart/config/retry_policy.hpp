// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_RETRY_POLICY_HPP
#define APIMART_CONFIG_RETRY_POLICY_HPP

#include <chrono>

namespace apimart {

/// Whether the caller knows that the service honours `Idempotency-Key` for submits. The key is always sent;
/// only under `supported` may a submit whose outcome is unknown be sent again, with the same key and bytes.
/// Source: API reference, section 8.4; the original documentation does not know the header.
enum class idempotency
{
    none,
    supported,
};

/// How failed requests are repeated. A plain value; one operation draws its own state from it.
/// Delays grow by `backoff_multiplier` from `initial_backoff` up to `max_backoff`, each drawn at random below
/// that bound.
struct retry_policy
{
    /// Repetitions of a read, and of a submit that was proved not to have been sent.
    int max_retries = 3;
    /// Repetitions after the service asked for fewer requests.
    int max_rate_limit_retries = 10;
    std::chrono::milliseconds initial_backoff{250};
    double backoff_multiplier = 2.0;
    std::chrono::milliseconds max_backoff{20'000};
    /// A longer `Retry-After` is reported instead of waited for.
    std::chrono::seconds max_retry_after{120};
    /// Repetitions under `idempotency::supported` after an unknown outcome.
    int max_resends = 4;
    /// All operations of a client share a budget of tokens for repetitions, so that a broken service gets
    /// little more traffic than a sound one. A repetition takes `retry_token_cost`, one after the service
    /// asked for fewer requests `throttle_token_cost`; each success gives one back. When too few are left,
    /// the operation ends with `errc::retry_budget_exhausted`.
    int budget = 500;
    int retry_token_cost = 14;
    int throttle_token_cost = 5;
    /// How long the service remembers a key; a resend happens well within it.
    std::chrono::seconds idempotency_key_ttl{86'400};
};

} // namespace apimart

#endif
