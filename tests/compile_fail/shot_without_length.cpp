// expect: shot_must_last_at_least_one_second
// expect: kling_v3
// expect: parameter::multi_prompt
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<kling_v3>(shot("dawn", 5s), shot("noon", 0s));
#else
auto r = storyboard<kling_v3>(shot("dawn", 5s), shot("noon", 1s));
#endif
