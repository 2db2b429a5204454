// expect: kling-v3 does not offer image_reference; it offers image_to_video, storyboard, intelligent_storyboard, text_to_video
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
image_reference<kling_v3> r("a cat", "https://example.com/1.png");
#else
image_to_video<kling_v3> r("a cat", "https://example.com/1.png");
#endif
