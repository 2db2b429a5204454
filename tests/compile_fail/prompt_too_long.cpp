// expect: text_has_more_characters_than_accepted
// expect: kling_3_0_turbo
// expect: parameter::prompt
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#define TIMES_4(x) x x x x
#define TIMES_16(x) TIMES_4(TIMES_4(x))
#define TIMES_256(x) TIMES_16(TIMES_16(x))
#define TIMES_1024(x) TIMES_4(TIMES_256(x))
#define TIMES_4096(x) TIMES_4(TIMES_1024(x))

#ifndef CONTROL
auto r = text_to_video<kling_3_0_turbo>(TIMES_4096("x"));
#else
// Beyond the advised length, but accepted.
auto r = text_to_video<kling_3_0_turbo>(TIMES_1024("x") TIMES_1024("x") TIMES_1024("x"));
#endif
