// SPDX-License-Identifier: BSL-1.0
// What is left of a request once it has been accepted: the part that decides duration, price and result.
#ifndef APIMART_TESTING_RULES_ORDER_HPP
#define APIMART_TESTING_RULES_ORDER_HPP

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace apimart::testing::emulation {

/// The seven models of the original documentation.
enum class model : unsigned char
{
    kling_3_0_turbo,
    kling_v3_omni,
    kling_v3,
    kling_v2_6_motion_control,
    kling_v3_motion_control,
    veo_3_1_fast,
    veo_3_1_quality,
};

/// Model ids as they stand in requests, in the order of `model`.
inline constexpr std::array<std::string_view, 7> model_ids = {
    "kling-3.0-turbo",           "kling-v3-omni",           "kling-v3",
    "kling-v2-6-motion-control", "kling-v3-motion-control", "veo3.1-fast-official",
    "veo3.1-quality-official",
};

/// The id of a model.
constexpr std::string_view id_of(model m) noexcept
{
    return model_ids[static_cast<std::size_t>(m)];
}

/// The model with this id, if the service has it.
constexpr std::optional<model> model_with_id(std::string_view id) noexcept
{
    for (std::size_t i = 0; i < model_ids.size(); ++i)
        if (model_ids[i] == id)
            return static_cast<model>(i);
    return std::nullopt;
}

/// The three price steps that `mode` (std, pro, 4k) and `resolution` (720p, 1080p, 4K) have in common.
enum class quality : unsigned char
{
    standard,
    high,
    ultra
};

/// An accepted order. Trivially copyable, and all that is kept of a request body.
struct order
{
    model of = model::kling_3_0_turbo;
    quality tier = quality::standard;
    int seconds = 5;
    int samples = 1;
    bool sound = false;
    bool reference_video = false;
};

} // namespace apimart::testing::emulation

#endif
