// expect: a local file can stand for the URL of a picture only; `video_url` of kling-v3-motion-control
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = motion_control<kling_v3_motion_control>(image_file("a.png"), image_file("a.mp4"), from_video, pro);
#else
auto r = motion_control<kling_v3_motion_control>(image_file("a.png"), "https://example.com/a.mp4", from_video,
                                                 pro);
#endif
