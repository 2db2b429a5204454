// expect: a duration needs its unit: 5s, or runtime(std::chrono::seconds(n))
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("a cat").duration(runtime(5));
#else
auto r = text_to_video<kling_v3>("a cat").duration(runtime(std::chrono::seconds(5)));
#endif
