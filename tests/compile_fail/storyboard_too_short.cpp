// expect: total_of_the_shots_is_outside_the_accepted_range
// expect: kling_3_0_turbo
// expect: parameter::duration
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<kling_3_0_turbo>(shot("dawn", 1s), shot("noon", 1s));
#else
auto r = storyboard<kling_3_0_turbo>(shot("dawn", 1s), shot("noon", 2s));
#endif
