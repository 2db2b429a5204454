// expect: value_is_outside_the_accepted_range
// expect: kling_v3
// expect: parameter::duration
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("a corgi").duration(2s);
#else
auto r = text_to_video<kling_v3>("a corgi").duration(3s);
#endif
