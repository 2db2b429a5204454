// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_WAIT_END_HPP
#define APIMART_POLICY_WAIT_END_HPP

#include <apimart/error.hpp>
#include <apimart/policy/submit_machine.hpp>
#include <apimart/task.hpp>

#include <boost/asio/error.hpp>

#include <chrono>
#include <optional>

namespace apimart::detail {

// Decides whether a failed poll ends the wait for a task, which is paid for. One odd answer does not: a gateway's page, a
// key that is being exchanged, a proxy that wants a login. Several in a row do.
class wait_end
{
public:
    using clock = std::chrono::steady_clock;

    // A poll has told the task's state.
    void answered() noexcept
    {
        odd_answers_ = 0;
        without_result_since_.reset();
    }
    static constexpr auto unknown_age = clock::duration::max();

    // `age`: since the service accepted the task, which may be invisible for a while.
    bool after(error_code const& why, clock::duration age) noexcept
    {
        constexpr int several = 4;
        constexpr std::chrono::seconds invisible{30};
        if (why == condition::retryable || why == errc::protocol_error)
            return false;
        // No answer at all, and the next try would end as this one: a certificate, a name, a proxy that does not connect.
        if (why == condition::transport && why != errc::response_too_large)
            return true;
        ++odd_answers_;
        bool const may_be_invisible = why == condition::not_found && age < invisible;
        return odd_answers_ >= several && !may_be_invisible;
    }

    // A poll has told that the task is completed, and no result that could be fetched.
    bool after_no_result(clock::time_point now) noexcept
    {
        constexpr std::chrono::minutes patience{3};
        if (!without_result_since_)
            without_result_since_ = now;
        return now - *without_result_since_ >= patience;
    }

private:
    int odd_answers_ = 0;
    std::optional<clock::time_point> without_result_since_;
};

// Whatever fails when a task is bought already: its id is told, and nothing suggests to buy another.
inline error_info after_purchase(error_info why, task const& bought)
{
    bool const is_asked_for =
        why.code() == boost::asio::error::operation_aborted || why.code() == errc::shutting_down;
    if (!is_asked_for)
        why = renamed(errc::wait_failed, why);
    return why.task_id(bought.id())
        .acceptance(acceptance::accepted)
        .idempotency_key(bought.idempotency_key());
}

} // namespace apimart::detail

#endif
