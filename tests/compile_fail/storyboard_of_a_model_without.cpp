// expect: veo3.1-fast-official does not offer storyboard; it offers image_to_video, text_to_video
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<veo_3_1_fast_official>(shot("dawn", 4s), shot("noon", 4s));
#else
auto r = storyboard<kling_v3>(shot("dawn", 4s), shot("noon", 4s));
#endif
