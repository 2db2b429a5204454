// SPDX-License-Identifier: BSL-1.0
// How long the service would take for an order.
#ifndef APIMART_TESTING_RULES_TASK_DURATIONS_HPP
#define APIMART_TESTING_RULES_TASK_DURATIONS_HPP

#include <apimart/testing/faults/seeded_random.hpp>
#include <apimart/testing/rules/order.hpp>
#include <apimart/testing/service/task_life.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace apimart::testing::emulation {

/// The usual time for an order, waiting included, without chance and at speed 1: 40 to 120 seconds.
///
/// Only one figure is known from the live service (an 8 second clip of the fast Veo model takes about 70 s);
/// the others are set so that longer clips and better quality take longer.
constexpr std::chrono::duration<double> usual_duration(order const& what) noexcept
{
    double base = 0;
    double per_second = 0;
    switch (what.of) {
    case model::kling_3_0_turbo:
        base = 35, per_second = 2;
        break;
    case model::kling_v3_omni:
        base = 45, per_second = 3;
        break;
    case model::kling_v3:
        base = 45, per_second = 3;
        break;
    case model::kling_v2_6_motion_control:
        base = 50, per_second = 2;
        break;
    case model::kling_v3_motion_control:
        base = 55, per_second = 2;
        break;
    case model::veo_3_1_fast:
        base = 40, per_second = 3.75;
        break;
    case model::veo_3_1_quality:
        base = 60, per_second = 4;
        break;
    }
    double const factor = what.tier == quality::standard ? 1.0 : what.tier == quality::high ? 1.15 : 1.35;
    return std::chrono::duration<double>(
        std::clamp((base + per_second * what.seconds) * factor, 40.0, 120.0));
}

/// The life of the `n`-th task: the usual duration, 15 per cent more or less by chance, at `speed`.
constexpr task_life plan_life(order const& what, task_phase ending, double speed, std::uint64_t seed,
                              std::uint64_t n) noexcept
{
    double const jitter = 0.85 + 0.3 * unit_draw(seed, draw_for::duration, n);
    double const seconds = std::clamp(usual_duration(what).count() * jitter, 40.0, 120.0) / speed;
    auto const part = [](double s) {
        return task_life::duration(static_cast<task_life::duration::rep>(s * 1e9));
    };
    constexpr double waiting = 0.1;
    return task_life(part(seconds * waiting), part(seconds * (1 - waiting)), ending);
}

} // namespace apimart::testing::emulation

#endif
