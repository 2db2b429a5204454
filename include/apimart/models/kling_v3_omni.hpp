// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_MODELS_KLING_V3_OMNI_HPP
#define APIMART_MODELS_KLING_V3_OMNI_HPP

#include <apimart/request.hpp>

namespace apimart::tables {

// One parameter per line, as in a table of the documentation.
// clang-format off

/// Kling v3 Omni (api-reference.md 3.2, the original documentation).
struct kling_v3_omni
{
    static constexpr std::string_view id = "kling-v3-omni";

    static constexpr auto words = text.referencing(reference_kind::images);
    static constexpr auto ratio = one_of(landscape, portrait, square).by_default(landscape);
    static constexpr auto shared = table(optional(mode, one_of(standard, pro).by_default(standard)),
                                         optional(duration, seconds_among(5, 10).by_default(5)),
                                         optional(aspect_ratio, ratio),
                                         optional(watermark, boolean));

    // An empty list of pictures is not called an error.
    static constexpr auto text_to_video = table(required(prompt, words),
                                                shared,
                                                ignored(image_urls, urls(0, 0)));

    // The largest number of pictures is not documented.
    static constexpr auto image_reference = table(required(prompt, words),
                                                  required(image_urls, urls(1)),
                                                  shared);
};

// clang-format on

} // namespace apimart::tables

#endif
