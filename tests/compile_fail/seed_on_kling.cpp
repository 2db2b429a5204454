// expect: not_accepted
// expect: kling_v3
// expect: kind::text_to_video
// expect: parameter::seed
// expect: no_such_parameter
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("a cat").seed(7);
#else
auto r = text_to_video<veo_3_1_fast_official>("a cat").seed(7);
#endif
