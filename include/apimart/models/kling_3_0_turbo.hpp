// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_MODELS_KLING_3_0_TURBO_HPP
#define APIMART_MODELS_KLING_3_0_TURBO_HPP

#include <apimart/request.hpp>

namespace apimart::tables {

// One parameter per line, as in a table of the documentation.
// clang-format off

/// Kling 3.0 Turbo (api-reference.md 3.1).
struct kling_3_0_turbo
{
    static constexpr std::string_view id = "kling-3.0-turbo";

    // The seconds of shots that are written into the prompt should agree with the duration.
    static constexpr auto words = characters(3072).recommended(2500).referencing(reference_kind::shots);
    static constexpr auto length = seconds(3, 15).by_default(5);
    static constexpr auto ratio = one_of(landscape, portrait, square).by_default(landscape);
    static constexpr auto frame = url.or_base64({.bytes = megabytes(50),
                                                 .min_side = 300, // pixels
                                                 .long_side = 5, .short_side = 2});
    static constexpr auto shared = table(optional(resolution, one_of(p720, p1080).by_default(p720)),
                                         optional(watermark, boolean));

    static constexpr auto text_to_video = table(required(prompt, words),
                                                optional(aspect_ratio, ratio),
                                                optional(duration, length),
                                                shared);

    // The picture decides the shape, and may be animated without a word.
    static constexpr auto image_to_video = table(required(first_frame_image, frame),
                                                 optional(prompt, words),
                                                 ignored(aspect_ratio, ratio),
                                                 optional(duration, length),
                                                 shared);

    // Shots are written into the prompt; this model has no field for them.
    static constexpr auto storyboard = table(required(prompt, shot_script(words)),
                                             optional(aspect_ratio, ratio),
                                             derived(duration, length),
                                             shared);
};

// clang-format on

} // namespace apimart::tables

#endif
