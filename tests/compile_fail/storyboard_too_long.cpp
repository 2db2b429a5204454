// expect: total_of_the_shots_is_outside_the_accepted_range
// expect: kling_v3
// expect: parameter::duration
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<kling_v3>(shot("dawn", 8s), shot("noon", 8s));
#else
auto r = storyboard<kling_v3>(shot("dawn", 8s), shot("noon", 7s));
#endif
