// expect-gcc: no matching function
// expect-clang: no matching constructor
// expect: kling_v2_6_motion_control
// expect: parameter::character_orientation
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
