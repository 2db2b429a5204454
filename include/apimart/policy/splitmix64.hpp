// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_SPLITMIX64_HPP
#define APIMART_POLICY_SPLITMIX64_HPP

#include <cstdint>

namespace apimart::detail {

inline constexpr std::uint64_t splitmix64_step = 0x9E3779B97F4A7C15U;

// The draw of the generator splitmix64 in this state; its next state is one step further.
constexpr std::uint64_t splitmix64(std::uint64_t state) noexcept
{
    state += splitmix64_step;
    state = (state ^ (state >> 30U)) * 0xBF58476D1CE4E5B9U;
    state = (state ^ (state >> 27U)) * 0x94D049BB133111EBU;
    return state ^ (state >> 31U);
}

// A draw as a number in [0, 1).
constexpr double unit_interval(std::uint64_t drawn) noexcept
{
    return static_cast<double>(drawn >> 11U) * 0x1.0p-53;
}

} // namespace apimart::detail

#endif
