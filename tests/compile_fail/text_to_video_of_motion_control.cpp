// expect: offers
// expect: kling_v3_motion_control
// expect: kind::text_to_video
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
text_to_video<kling_v3_motion_control> r("a cat");
#else
text_to_video<kling_v3> r("a cat");
#endif
