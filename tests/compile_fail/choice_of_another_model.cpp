// expect: value_is_not_among_the_accepted_choices
// expect: 720p or 1080p
// expect: kling_3_0_turbo
// expect: parameter::resolution
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_3_0_turbo>("a corgi").resolution(p4k);
#else
auto r = text_to_video<veo_3_1_fast_official>("a corgi").resolution(p4k);
#endif
