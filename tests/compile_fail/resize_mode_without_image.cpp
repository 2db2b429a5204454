// expect: not_accepted
// expect: veo_3_1_fast_official
// expect: kind::text_to_video
// expect: parameter::resize_mode
// expect: it_has_no_effect_here
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<veo_3_1_fast_official>("a cat").resize_mode(crop);
#else
auto r = image_to_video<veo_3_1_fast_official>("a cat", "https://example.com/first.png").resize_mode(crop);
#endif
