// expect: image_to_video of kling-3.0-turbo is made from first_frame_image alone
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = image_to_video<kling_3_0_turbo>("the dog runs", "https://example.com/1.jpg");
#else
auto r = image_to_video<kling_3_0_turbo>("https://example.com/1.jpg").prompt("the dog runs");
#endif
