// expect: not_accepted
// expect: veo_3_1_fast_official
// expect: kind::text_to_video
// expect: parameter::last_frame_image
// expect: only_for<apimart::kind::image_to_video>
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<veo_3_1_fast_official>("a cat").last_frame_image("https://example.com/last.png");
#else
auto r = image_to_video<veo_3_1_fast_official>("a cat", "https://example.com/first.png").last_frame_image("https://example.com/last.png");
#endif
