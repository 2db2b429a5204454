// SPDX-License-Identifier: BSL-1.0
// Idempotency keys by api-reference 8.4: what a repeated submit gets.
#ifndef APIMART_TESTING_SERVICE_IDEMPOTENCY_KEYS_HPP
#define APIMART_TESTING_SERVICE_IDEMPOTENCY_KEYS_HPP

#include <apimart/testing/faults/scenario.hpp>
#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/service/service_clock.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace apimart::testing::emulation {

/// What is to be done with a submit that carries a key.
enum class key_ruling : unsigned char
{
    /// Carry it out and remember the outcome.
    execute,
    /// Give the first reply again.
    replay,
    /// 409 `idempotency_in_progress`
    in_progress,
    /// 409 `idempotency_key_reused`
    reused,
    /// 409 `idempotency_result_indeterminate`
    indeterminate,
    /// 503 `idempotency_unavailable`
    unavailable,
    /// 400: the key itself is malformed.
    malformed,
};

/// A submit as its key identifies it.
class keyed_submit
{
public:
    /// `bearer` is the scope of the key; `hash` covers the body and everything else that must be equal.
    keyed_submit(std::string_view bearer, std::string_view given_key, sha256_digest const& hash)
        : key(given_key), name(std::string(given_key).append(1, '\n').append(bearer)), content(hash)
    {}

    std::string key;
    std::string name;
    sha256_digest content;
};

/// The keys that were used, by API key. Not synchronised; the service guards it.
class idempotency_keys
{
public:
    idempotency_keys(scenario::idempotency_form form, service_clock::duration retention)
        : form_(form), retention_(retention)
    {}

    /// What is known of a key.
    class past_use
    {
    public:
        sha256_digest content{};
        service_clock::duration until{0};
        /// The task that the first use made.
        std::optional<std::uint64_t> task;
        /// The reply that was stored; without one, it is made again from the task.
        std::shared_ptr<reply const> stored;
        bool told_to_wait = false;
        /// Whether the first use is not through yet.
        bool running = false;
    };

    static bool well_formed(std::string_view key) noexcept
    {
        return !key.empty() && key.size() <= 191 &&
               std::all_of(key.begin(), key.end(), [](char c) { return c >= '!' && c <= '~'; });
    }

    /// Decides about a submit.
    key_ruling rule(keyed_submit const& what, service_clock::duration now)
    {
        if (!well_formed(what.key))
            return key_ruling::malformed;
        if (auto* use = find(what.name, now))
            return repeated(*use, what.content);
        if (form_ == scenario::idempotency_form::unavailable && turned_away_.emplace(what.name, true).second)
            return key_ruling::unavailable;
        return key_ruling::execute;
    }

    bool knows(keyed_submit const& what, service_clock::duration now)
    {
        return find(what.name, now) != nullptr;
    }

    /// Remembers that a submit made the `task`-th task.
    void remember(keyed_submit const& what, std::uint64_t task, service_clock::duration now)
    {
        past_use use;
        use.content = what.content;
        use.until = now + retention_;
        use.task = task;
        used_.insert_or_assign(what.name, std::move(use));
    }

    /// Remembers the very reply that a submit got; what is known of its task stays known.
    void remember(keyed_submit const& what, reply const& answer, service_clock::duration now)
    {
        auto* use = find(what.name, now);
        if (use == nullptr) {
            use = &(used_[what.name] = past_use());
            use->content = what.content;
            use->until = now + retention_;
        }
        if (!use->stored)
            use->stored = std::make_shared<reply const>(answer);
    }

    /// Notes whether the first use of a key is still at work.
    void set_running(keyed_submit const& what, bool running, service_clock::duration now)
    {
        if (auto* use = find(what.name, now))
            use->running = running;
    }

    /// The first use of a key for which rule() said `replay`.
    past_use const& first_use(keyed_submit const& what) const { return used_.at(what.name); }

private:
    past_use* find(std::string const& name, service_clock::duration now)
    {
        auto const known = used_.find(name);
        return known != used_.end() && now < known->second.until ? &known->second : nullptr;
    }

    key_ruling repeated(past_use& use, sha256_digest const& content)
    {
        using form = scenario::idempotency_form;
        if (use.content != content || form_ == form::key_reused)
            return key_ruling::reused;
        if (form_ == form::indeterminate)
            return key_ruling::indeterminate;
        if (use.running)
            return form_ == form::racing ? key_ruling::execute : key_ruling::in_progress;
        if (form_ == form::in_progress && !std::exchange(use.told_to_wait, true))
            return key_ruling::in_progress;
        return key_ruling::replay;
    }

    scenario::idempotency_form form_;
    service_clock::duration retention_;
    std::unordered_map<std::string, past_use> used_;
    std::unordered_map<std::string, bool> turned_away_;
};

} // namespace apimart::testing::emulation

#endif
