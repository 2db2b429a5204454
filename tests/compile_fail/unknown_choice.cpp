// expect: value_is_not_among_the_accepted_choices
// expect: kling_3_0_turbo
// expect: parameter::aspect_ratio
// expect: 16:9, 9:16 or 1:1
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_3_0_turbo>("a corgi").aspect_ratio("4:3");
#else
auto r = text_to_video<kling_3_0_turbo>("a corgi").aspect_ratio("1:1");
#endif
