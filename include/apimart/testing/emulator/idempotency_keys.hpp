// SPDX-License-Identifier: BSL-1.0
// Idempotency keys by api-reference 8.4: what a repeated submit gets.
#pragma once

#include <apimart/testing/emulator/digest.hpp>
#include <apimart/testing/emulator/scenario.hpp>
#include <apimart/testing/emulator/service_clock.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

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

/// The keys that were used, by API key. Not synchronised; the service guards it.
class idempotency_keys
{
public:
    idempotency_keys(scenario::idempotency_form form, service_clock::duration retention)
        : form_(form), retention_(retention)
    {}

    static bool well_formed(std::string_view key) noexcept
    {
        return !key.empty() && key.size() <= 191 &&
               std::all_of(key.begin(), key.end(), [](char c) { return c >= '!' && c <= '~'; });
    }

    /// Decides about a submit. `content` covers the body and everything else that must be equal.
    key_ruling rule(std::string_view bearer, std::string_view key, sha256_digest const& content,
                    service_clock::duration now)
    {
        if (!well_formed(key))
            return key_ruling::malformed;
        std::string const name = scoped(bearer, key);
        auto const known = used_.find(name);
        if (known != used_.end() && now < known->second.until) {
            auto& use = known->second;
            if (use.content != content)
                return key_ruling::reused;
            if (form_ == scenario::idempotency_form::indeterminate)
                return key_ruling::indeterminate;
            if (form_ == scenario::idempotency_form::in_progress && !use.told_to_wait) {
                use.told_to_wait = true;
                return key_ruling::in_progress;
            }
            return key_ruling::replay;
        }
        if (form_ == scenario::idempotency_form::unavailable && turned_away_.emplace(name, true).second)
            return key_ruling::unavailable;
        return key_ruling::execute;
    }

    /// Remembers that a submit made the `task`-th task.
    void remember(std::string_view bearer, std::string_view key, sha256_digest const& content,
                  std::uint64_t task, service_clock::duration now)
    {
        used_.insert_or_assign(scoped(bearer, key), past_use{content, task, now + retention_, false});
    }

    /// The task that the first use of a key made.
    std::uint64_t task_of(std::string_view bearer, std::string_view key) const
    {
        return used_.at(scoped(bearer, key)).task;
    }

private:
    struct past_use
    {
        sha256_digest content;
        std::uint64_t task;
        service_clock::duration until;
        bool told_to_wait;
    };

    static std::string scoped(std::string_view bearer, std::string_view key)
    {
        return std::string(key).append(1, '\n').append(bearer);
    }

    scenario::idempotency_form form_;
    service_clock::duration retention_;
    std::unordered_map<std::string, past_use> used_;
    std::unordered_map<std::string, bool> turned_away_;
};

} // namespace apimart::testing::emulation
