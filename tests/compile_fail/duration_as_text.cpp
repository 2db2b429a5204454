// expect: a duration is no text: 5s, without quotes
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("a cat").duration("5s");
#else
auto r = text_to_video<kling_v3>("a cat").duration(5s);
#endif
