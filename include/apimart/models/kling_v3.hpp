// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_MODELS_KLING_V3_HPP
#define APIMART_MODELS_KLING_V3_HPP

#include <apimart/request.hpp>

namespace apimart::tables {

// One parameter per line, as in a table of the documentation.
// clang-format off

/// Kling v3 (api-reference.md 3.4).
struct kling_v3
{
    static constexpr std::string_view id = "kling-v3";

    static constexpr auto words = text.referencing(reference_kind::elements);
    static constexpr auto length = seconds(3, 15).by_default(5);
    static constexpr auto frames = urls(1, 2);
    static constexpr auto shot_list = shots(1, 6, characters(512)).referencing(reference_kind::elements);
    static constexpr auto division = one_of(customize, intelligence);
    static constexpr auto ratio = one_of(landscape, portrait, square).by_default(landscape);
    static constexpr auto shared = table(optional(mode, one_of(standard, pro, mode_4k).by_default(standard)),
                                         optional(aspect_ratio, ratio),
                                         optional(negative_prompt, text),
                                         optional(watermark, boolean),
                                         optional(audio, boolean.by_default(false)),
                                         optional(element_list, elements(3, urls(2, 4))));

    static constexpr auto one_shot = table(required(prompt, words),
                                           optional(duration, length),
                                           shared,
                                           fixed(multi_shot, false),
                                           ignored(shot_type, division),
                                           ignored(multi_prompt, shot_list));

    static constexpr auto text_to_video = one_shot;

    // The first picture is the first frame, the second the last frame.
    static constexpr auto image_to_video = table(one_shot, required(image_urls, frames));

    static constexpr auto storyboard = table(required(multi_prompt, shot_list),
                                             discriminator(multi_shot, true),
                                             discriminator(shot_type, division, customize),
                                             derived(duration, length),
                                             optional(prompt, words),
                                             shared,
                                             undocumented(image_urls, frames));

    // The page lets the prompt be left out for every division into shots, but then nothing is left to divide.
    static constexpr auto intelligent_storyboard = table(recommended_argument(prompt, words),
                                                         discriminator(multi_shot, true),
                                                         discriminator(shot_type, division, intelligence),
                                                         optional(duration, length),
                                                         shared,
                                                         ignored(multi_prompt, shot_list),
                                                         undocumented(image_urls, frames));
};

// clang-format on

} // namespace apimart::tables

#endif
