// expect: not_accepted
// expect: kling_v3
// expect: parameter::shot_type
// expect: the_kind_sets_it
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = intelligent_storyboard<kling_v3>("a day at sea").shot_type("customize");
#else
auto r = intelligent_storyboard<kling_v3>("a day at sea").duration(15s);
#endif
