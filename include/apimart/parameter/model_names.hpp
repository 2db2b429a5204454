// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_MODEL_NAMES_HPP
#define APIMART_PARAMETER_MODEL_NAMES_HPP

// Where the header of a model is missing, the compiler can say so only if it knows the name.
namespace apimart {
namespace tables {
struct kling_3_0_turbo;
struct kling_v3;
struct kling_v3_omni;
struct kling_v2_6_motion_control;
struct kling_v3_motion_control;
struct veo_3_1_fast_official;
struct veo_3_1_quality_official;
} // namespace tables

using tables::kling_3_0_turbo;
using tables::kling_v2_6_motion_control;
using tables::kling_v3;
using tables::kling_v3_motion_control;
using tables::kling_v3_omni;
using tables::veo_3_1_fast_official;
using tables::veo_3_1_quality_official;
} // namespace apimart

#endif
