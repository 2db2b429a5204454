// expect: text_of_a_shot_must_not_hold_a_semicolon
// expect: kling_3_0_turbo
// expect: parameter::prompt
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<kling_3_0_turbo>(shot("dawn; noon", 5s));
#else
// Only a model that takes shots inside of the prompt has a use for semicolons.
auto r = storyboard<kling_v3>(shot("dawn; noon", 5s));
#endif
