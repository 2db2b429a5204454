// expect: url_must_begin_with_http_or_https
// expect: veo_3_1_fast_official
// expect: parameter::first_frame_image
// first-gcc: or image_file(path)
// first-clang: an http or https URL or image_file
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = image_to_video<veo_3_1_fast_official>("a cat", "cat.png");
#else
auto r = image_to_video<veo_3_1_fast_official>("a cat", "https://example.com/cat.png");
#endif
