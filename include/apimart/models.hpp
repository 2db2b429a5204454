// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_MODELS_HPP
#define APIMART_MODELS_HPP

#include <apimart/models/kling_3_0_turbo.hpp>
#include <apimart/models/kling_v3.hpp>
#include <apimart/models/kling_v3_omni.hpp>
#include <apimart/models/motion_control.hpp>
#include <apimart/models/veo_3_1.hpp>
#include <apimart/parameter/model_info.hpp>

#include <array>
#include <span>
#include <string_view>

namespace apimart {

/// A list of models as types.
template <class... Models>
struct model_list
{
    static constexpr std::array<model_info, sizeof...(Models)> infos{info_of<Models>...};
};

/// The models this library knows.
using known_models = model_list<kling_3_0_turbo, kling_v3_omni, kling_v3, kling_v2_6_motion_control,
                                kling_v3_motion_control, veo_3_1_fast_official, veo_3_1_quality_official>;

/// The same at run time, for listings and forms.
constexpr std::span<model_info const> models() noexcept
{
    return known_models::infos;
}

/// The model of that id, or null.
constexpr model_info const* find_model(std::string_view id,
                                       std::span<model_info const> among = models()) noexcept
{
    for (model_info const& one : among)
        if (one.id == id)
            return &one;
    return nullptr;
}

} // namespace apimart

#endif
