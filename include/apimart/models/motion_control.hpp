// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_MODELS_MOTION_CONTROL_HPP
#define APIMART_MODELS_MOTION_CONTROL_HPP

#include <apimart/request.hpp>

#include <chrono>

namespace apimart {
namespace tables {

// One parameter per line, as in a table of the documentation.
// clang-format off

/// What both motion-control models accept (api-reference.md 3.3). The length follows the reference video.
struct motion_control_family
{
    static constexpr auto motion_control = table(
        required(image_url, url),
        required(video_url, url),
        required(character_orientation, one_of(from_image, from_video)),
        required(mode, one_of(standard, pro)),
        recommended(prompt, text),
        optional(keep_original_sound, one_of(keep_sound, drop_sound).by_default(keep_sound)),
        optional(watermark_info, enabled_object));
};

/// Kling v2.6 Motion Control.
struct kling_v2_6_motion_control : motion_control_family
{
    static constexpr std::string_view id = "kling-v2-6-motion-control";
};

/// Kling v3 Motion Control.
struct kling_v3_motion_control : motion_control_family
{
    static constexpr std::string_view id = "kling-v3-motion-control";
};

// clang-format on

} // namespace tables

using tables::kling_v2_6_motion_control;
using tables::kling_v3_motion_control;

/// The shortest and the longest reference video of a motion control.
struct reference_length
{
    std::chrono::seconds shortest;
    std::chrono::seconds longest;
};

/// How long the reference video may be for that orientation (api-reference.md 3.3).
///
/// The service measures the video itself and charges by what it measured; this library never sees the file.
constexpr reference_length
permitted_reference_length(choice<parameter::character_orientation> orientation) noexcept
{
    using std::chrono::seconds;
    return {seconds(3), orientation == from_image ? seconds(10) : seconds(30)};
}

} // namespace apimart

#endif
