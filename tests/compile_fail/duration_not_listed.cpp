// expect: value_is_not_among_the_accepted_values
// expect: kling_v3_omni
// expect: parameter::duration
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3_omni>("a corgi").duration(7s);
#else
auto r = text_to_video<kling_v3_omni>("a corgi").duration(10s);
#endif
