// expect: text_of_a_shot_must_not_be_empty_or_white_space
// expect: kling_v3
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<kling_v3>(shot("  ", 5s));
#else
auto r = storyboard<kling_v3>(shot(" dawn ", 5s));
#endif
