// SPDX-License-Identifier: BSL-1.0
// Chance that can be repeated: every draw is a function of the seed and of what it is for.
#ifndef APIMART_TESTING_FAULTS_SEEDED_RANDOM_HPP
#define APIMART_TESTING_FAULTS_SEEDED_RANDOM_HPP

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
    auto scramble = [](std::uint64_t x) {
        x += 0x9e3779b97f4a7c15U;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
        return x ^ (x >> 31);
    };
    return scramble(scramble(seed + static_cast<std::uint64_t>(purpose)) ^ scramble(n));
}

/// The same draw as a number in [0, 1).
constexpr double unit_draw(std::uint64_t seed, draw_for purpose, std::uint64_t n) noexcept
{
    return static_cast<double>(draw(seed, purpose, n) >> 11) * 0x1.0p-53;
}

} // namespace apimart::testing::emulation

#endif
