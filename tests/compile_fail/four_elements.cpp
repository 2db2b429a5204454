// expect: `element_list` of kling-v3 accepts at most 3 entries
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

auto const one = element("a", "a cat", "https://example.com/1.png", "https://example.com/2.png");

#ifndef CONTROL
auto r = text_to_video<kling_v3>("@a").element_list(one, one, one, one);
#else
auto r = text_to_video<kling_v3>("@a").element_list(one, one, one);
#endif
