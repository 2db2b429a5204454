// expect: not_accepted
// expect: kling_v3
// expect: kind::storyboard
// expect: parameter::duration
// expect: the_kind_sets_it
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = storyboard<kling_v3>(shot("dawn", 3s), shot("noon", 3s)).duration(8s);
#else
auto r = storyboard<kling_v3>(shot("dawn", 3s), shot("noon", 5s));
#endif
