// expect: value_is_not_among_the_accepted_choices
// expect: std or pro
// expect: kling_v3_motion_control
// expect: parameter::mode
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
motion_control<kling_v3_motion_control> r("https://example.com/a.png", "https://example.com/a.mp4", from_image, mode_4k);
#else
motion_control<kling_v3_motion_control> r("https://example.com/a.png", "https://example.com/a.mp4", from_image, pro);
#endif
