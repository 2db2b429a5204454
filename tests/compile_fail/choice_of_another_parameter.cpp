// expect: choice_belongs_to_another_parameter
// expect: 16:9, 9:16 or 1:1
// expect: kling_3_0_turbo
// expect: parameter::aspect_ratio
// expect: parameter::resolution
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_3_0_turbo>("a corgi").aspect_ratio(p1080);
#else
auto r = text_to_video<kling_3_0_turbo>("a corgi").resolution(p1080);
#endif
