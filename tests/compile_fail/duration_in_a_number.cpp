// expect: a duration needs its unit: 5s, or runtime(std::chrono::seconds(n))
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto make(int seconds) { return text_to_video<kling_v3>("a cat").duration(seconds); }
#else
auto make(int seconds) { return text_to_video<kling_v3>("a cat").duration(runtime(std::chrono::seconds(seconds))); }
#endif
