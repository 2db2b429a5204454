// expect-gcc: use of deleted function
// expect-clang: a required part is missing
// expect: kling_v2_6_motion_control
// expect: needs<apimart::parameter::image_url, apimart::parameter::video_url, apimart::parameter::character_orientation, apimart::parameter::mode>
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
motion_control<kling_v2_6_motion_control> r("https://example.com/a.png", "https://example.com/a.mp4");
#else
motion_control<kling_v2_6_motion_control> r("https://example.com/a.png", "https://example.com/a.mp4", from_video, standard);
#endif
