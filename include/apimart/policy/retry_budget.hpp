// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_RETRY_BUDGET_HPP
#define APIMART_POLICY_RETRY_BUDGET_HPP

#include <apimart/config/retry_policy.hpp>

#include <algorithm>

namespace apimart::detail {

// What all operations of a client may spend on repetitions together. Each policy by itself multiplies the
// traffic of a broken service; only a sum that successes refill keeps the whole near what a sound one gets.
class retry_budget
{
public:
    explicit retry_budget(retry_policy const& policy)
        : full_(std::max(policy.budget, 0)), per_retry_(std::max(policy.retry_token_cost, 0)),
          per_throttle_(std::max(policy.throttle_token_cost, 0)), left_(full_)
    {}

    bool take_retry() noexcept { return take(per_retry_); }
    bool take_throttle() noexcept { return take(per_throttle_); }
    void succeeded() noexcept
    {
        if (left_ < full_)
            ++left_;
    }
    int left() const noexcept { return left_; }

private:
    bool take(int price) noexcept
    {
        if (left_ < price)
            return false;
        left_ -= price;
        return true;
    }

    int full_;
    int per_retry_;
    int per_throttle_;
    int left_;
};

} // namespace apimart::detail

#endif
