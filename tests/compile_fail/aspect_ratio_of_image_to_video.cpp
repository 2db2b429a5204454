// expect: not_accepted
// expect: kling_3_0_turbo
// expect: kind::image_to_video
// expect: parameter::aspect_ratio
// expect: it_has_no_effect_here
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = image_to_video<kling_3_0_turbo>("https://example.com/first.jpg").aspect_ratio(landscape);
#else
auto r = image_to_video<kling_3_0_turbo>("https://example.com/first.jpg").resolution(p720);
#endif
