// expect: `image_urls` of kling-v3 accepts at most 2 entries
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
image_to_video<kling_v3> r("a cat", "https://example.com/1.png", "https://example.com/2.png", "https://example.com/3.png");
#else
image_to_video<kling_v3> r("a cat", "https://example.com/1.png", "https://example.com/2.png");
#endif
