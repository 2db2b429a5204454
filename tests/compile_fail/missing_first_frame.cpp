// expect-gcc: use of deleted function
// expect-clang: a required part is missing
// expect: veo_3_1_fast_official
// expect: needs<apimart::parameter::prompt, apimart::parameter::first_frame_image>
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
image_to_video<veo_3_1_fast_official> r("a cat");
#else
image_to_video<veo_3_1_fast_official> r("a cat", "https://example.com/1.png");
#endif
