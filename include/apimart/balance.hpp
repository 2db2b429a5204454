// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BALANCE_HPP
#define APIMART_BALANCE_HPP

#include <cstdint>

namespace apimart {

/// What a key or an account may still spend. Amounts are millionths of a US dollar, so that sums are exact.
/// Source: API reference, section 7.1.
class balance
{
public:
    balance() noexcept {}
    balance(std::int64_t remaining_micro_usd, std::int64_t used_micro_usd, bool unlimited) noexcept
        : remaining_(remaining_micro_usd), used_(used_micro_usd), unlimited_(unlimited)
    {}

    /// Nothing to go by where `unlimited()`.
    std::int64_t remaining_micro_usd() const noexcept { return remaining_; }
    std::int64_t used_micro_usd() const noexcept { return used_; }
    double remaining_usd() const noexcept { return static_cast<double>(remaining_) / 1e6; }
    double used_usd() const noexcept { return static_cast<double>(used_) / 1e6; }
    /// The key has no limit of its own.
    bool unlimited() const noexcept { return unlimited_; }

    friend bool operator==(balance const&, balance const&) = default;

private:
    std::int64_t remaining_ = 0;
    std::int64_t used_ = 0;
    bool unlimited_ = false;
};

} // namespace apimart

#endif
