// expect: text_must_not_be_empty_or_white_space
// expect: kling_v3
// expect: parameter::prompt
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>(" \t\n");
#else
auto r = text_to_video<kling_v3>(" a\tcat\n");
#endif
