// expect: text_must_not_be_empty_or_white_space
// expect: kling_v3
// expect: parameter::prompt
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("");
#else
// A picture may be animated without a word.
auto r = image_to_video<kling_3_0_turbo>("https://example.com/first.jpg").prompt("");
#endif
