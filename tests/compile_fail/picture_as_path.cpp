// expect: text_is_neither_a_url_nor_base64
// expect: kling_3_0_turbo
// expect: parameter::first_frame_image
// first-gcc: image_file(path) or Base64
// first-clang: an http or https URL, image_file
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = image_to_video<kling_3_0_turbo>("dog.png");
#else
// A picture in Base64 is taken as it is.
auto r = image_to_video<kling_3_0_turbo>("iVBORw0KGgo=");
#endif
