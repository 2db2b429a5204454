// expect: a duration is in whole seconds
// expect: `duration` of kling-3.0-turbo accepts 3s to 15s
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_3_0_turbo>("a corgi").duration(5500ms);
#else
auto r = text_to_video<kling_3_0_turbo>("a corgi").duration(5s);
#endif
