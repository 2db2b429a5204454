// expect: a storyboard of kling-v3 has 1 to 6 shots
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<kling_v3>();
#else
auto r = storyboard<kling_v3>(shot("1", 3s));
#endif
