// expect: a storyboard of kling-v3 has 1 to 6 shots
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<kling_v3>(shot("1", 1s), shot("2", 1s), shot("3", 1s), shot("4", 1s), shot("5", 1s), shot("6", 1s),
                              shot("7", 1s));
#else
auto r = storyboard<kling_v3>(shot("1", 1s), shot("2", 1s), shot("3", 1s), shot("4", 1s), shot("5", 1s), shot("6", 1s));
#endif
