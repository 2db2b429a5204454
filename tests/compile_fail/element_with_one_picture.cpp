// expect: `element_list` of kling-v3 accepts elements of 2 to 4 pictures each
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("@a").element_list(element("a", "a cat", "https://example.com/1.png"));
#else
auto r = text_to_video<kling_v3>("@a").element_list(
    element("a", "a cat", "https://example.com/1.png", "https://example.com/2.png"));
#endif
