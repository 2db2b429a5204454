// expect: not_accepted
// expect: kling_v3_omni
// expect: kind::text_to_video
// expect: parameter::element_list
// expect: no_such_parameter
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

auto const one = element("a", "a cat", "https://example.com/1.png", "https://example.com/2.png");

#ifndef CONTROL
auto r = text_to_video<kling_v3_omni>("@a").element_list(one);
#else
auto r = text_to_video<kling_v3>("@a").element_list(one);
#endif
