// expect: text_of_a_shot_has_more_characters_than_accepted
// expect: kling_v3
// expect: parameter::multi_prompt
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#define TIMES_4(x) x x x x
#define TIMES_16(x) TIMES_4(TIMES_4(x))
#define TIMES_256(x) TIMES_16(TIMES_16(x))

#ifndef CONTROL
auto r = storyboard<kling_v3>(shot(TIMES_256("x") TIMES_256("x") "x", 5s));
#else
auto r = storyboard<kling_v3>(shot(TIMES_256("x") TIMES_256("x"), 5s));
#endif
