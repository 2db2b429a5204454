// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_RECOVERY_HPP
#define APIMART_POLICY_RECOVERY_HPP

#include <apimart/batch_options.hpp>
#include <apimart/config/retry_policy.hpp>
#include <apimart/journal_record.hpp>

#include <chrono>

namespace apimart::detail {

// What a batch does about an item, by what a journal knows of it.
enum class recovery_step
{
    submit,   // it was never sent
    resend,   // it may have been, and the same request under the same key means the same
    doubt,    // it may have been, and nobody can tell: from now on it is unknown
    resubmit, // the caller wants it bought anew, under a new key
    wait,     // it is bought
    list,     // unknown
    done
};

class recovery_rules
{
public:
    apimart::idempotency contract = apimart::idempotency::none;
    std::chrono::seconds key_window{0};
    bool retry_failed = false;
    apimart::on_unknown unknown = on_unknown::list;
    bool fetches = false; // the results
};

// A key that is not certain to be known any more would buy a second time. A clock that was set back tells no age.
inline bool is_key_fresh(journal_record const& known, std::chrono::seconds window,
                         std::chrono::system_clock::time_point now)
{
    if (!known.intended || now < *known.intended)
        return false;
    return now - *known.intended < std::chrono::milliseconds(window) * 9 / 10;
}

inline recovery_step recover(journal_record const& known, recovery_rules const& rules,
                             std::chrono::system_clock::time_point now)
{
    bool const again = rules.unknown == on_unknown::resubmit_may_double_charge;
    switch (known.state) {
    case journal_state::planned:
        return recovery_step::submit;
    case journal_state::intended:
        if (rules.contract == idempotency::supported && is_key_fresh(known, rules.key_window, now))
            return recovery_step::resend;
        return again ? recovery_step::resubmit : recovery_step::doubt;
    case journal_state::accepted:
        return recovery_step::wait;
    case journal_state::unknown:
        return again ? recovery_step::resubmit : recovery_step::list;
    case journal_state::rejected:
    case journal_state::failed:
        return rules.retry_failed ? recovery_step::resubmit : recovery_step::done;
    case journal_state::succeeded:
        return rules.fetches ? recovery_step::wait : recovery_step::done;
    case journal_state::stored:
        return recovery_step::done;
    }
    return recovery_step::list;
}

} // namespace apimart::detail

#endif
