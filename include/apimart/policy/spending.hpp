// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_SPENDING_HPP
#define APIMART_POLICY_SPENDING_HPP

#include <cstdint>
#include <optional>

namespace apimart::detail {

// What a batch has spent and may yet be charged, in millionths of a US dollar. It holds a price from the moment at which an
// item may be bought until it is known what it cost, so that no order of events gets beyond the limit.
class spending
{
public:
    enum class answer
    {
        yes,
        later, // when tasks have ended that may cost less than they could
        never,
        unpriced // nobody knows, and there is a limit
    };

    explicit spending(std::optional<std::int64_t> limit) : limit_(limit) {}

    answer ask(std::optional<std::int64_t> most) const
    {
        if (!limit_)
            return answer::yes;
        if (!most)
            return answer::unpriced;
        if (*most <= *limit_ - spent_ - held_ - doubtful_)
            return answer::yes;
        return held_ > 0 && *most <= *limit_ - spent_ - doubtful_ ? answer::later : answer::never;
    }
    // An item is on its way to be bought.
    void hold(std::optional<std::int64_t> most) { held_ += most.value_or(0); }
    // It was not bought, or its task failed, which costs nothing.
    void release(std::optional<std::int64_t> most) { held_ -= most.value_or(0); }
    // Nobody knows whether it was bought, or nobody waits for its end.
    void doubt(std::optional<std::int64_t> most)
    {
        held_ -= most.value_or(0);
        doubtful_ += most.value_or(0);
    }
    void charged(std::optional<std::int64_t> most, std::optional<std::int64_t> cost)
    {
        held_ -= most.value_or(0);
        spent_ += cost ? *cost : most.value_or(0);
    }

    std::int64_t spent() const noexcept { return spent_; }
    std::int64_t expected() const noexcept { return held_ + doubtful_; }

private:
    std::optional<std::int64_t> const limit_;
    std::int64_t spent_ = 0;
    std::int64_t held_ = 0;
    std::int64_t doubtful_ = 0;
};

} // namespace apimart::detail

#endif
