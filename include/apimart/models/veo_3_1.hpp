// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_MODELS_VEO_3_1_HPP
#define APIMART_MODELS_VEO_3_1_HPP

#include <apimart/request.hpp>

namespace apimart {
namespace tables {

// One parameter per line, as in a table of the documentation.
// clang-format off

/// What both official Veo 3.1 models accept (api-reference.md 3.5).
struct veo_3_1_family
{
    static constexpr auto fitting = one_of(pad, crop).by_default(pad);
    static constexpr auto shared = table(
        required(prompt, text),
        optional(negative_prompt, text),
        optional(duration, seconds_preferably(4, 6, 8).by_default(8)),
        optional(aspect_ratio, one_of(landscape, portrait).by_default(landscape)),
        optional(resolution, one_of(p720, p1080, p4k).by_default(p720)),
        optional(seed, integer(0, 4294967295)),
        optional(sample_count, integer(1, 4).by_default(1).recommended(1)),
        optional(generate_audio, boolean.by_default(false)),
        optional(person_generation, one_of(allow_adult, disallow).by_default(allow_adult)),
        optional(enhance_prompt, only_true.by_default(true)));

    static constexpr auto text_to_video = table(shared, ignored(resize_mode, fitting));

    static constexpr auto image_to_video = table(shared,
                                                 required(first_frame_image, url),
                                                 optional(last_frame_image, url),
                                                 optional(resize_mode, fitting));
};

/// Veo 3.1 Official, the fast version.
struct veo_3_1_fast_official : veo_3_1_family
{
    static constexpr std::string_view id = "veo3.1-fast-official";
};

/// Veo 3.1 Official, the high-quality version.
struct veo_3_1_quality_official : veo_3_1_family
{
    static constexpr std::string_view id = "veo3.1-quality-official";
};

// clang-format on

} // namespace tables

} // namespace apimart

#endif
