// SPDX-License-Identifier: BSL-1.0
// Chance that can be repeated: every draw is a function of the seed and of what it is for.
#ifndef APIMART_TESTING_FAULTS_SEEDED_RANDOM_HPP
#define APIMART_TESTING_FAULTS_SEEDED_RANDOM_HPP

#include <apimart/policy/splitmix64.hpp>

#include <cstdint>

namespace apimart::testing::emulation {

/// What a draw decides; two draws of one task for different purposes must not be correlated.
enum class draw_for : std::uint64_t
{
    id_high,
    id_low,
    duration,
    outcome,
    fault,
    link,
    request
};

/// A repeatable 64-bit draw for the `n`-th object (splitmix64).
///
/// A stream of numbers shared by all requests would make the outcome of one task depend on how many polls
/// came in between, so there is no state.
constexpr std::uint64_t draw(std::uint64_t seed, draw_for purpose, std::uint64_t n) noexcept
{
    using apimart::detail::splitmix64;
    return splitmix64(splitmix64(seed + static_cast<std::uint64_t>(purpose)) ^ splitmix64(n));
}

/// The same draw as a number in [0, 1).
constexpr double unit_draw(std::uint64_t seed, draw_for purpose, std::uint64_t n) noexcept
{
    return apimart::detail::unit_interval(draw(seed, purpose, n));
}

} // namespace apimart::testing::emulation

#endif
