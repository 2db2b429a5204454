// expect: url_must_begin_with_http_or_https
// expect: kling_v3
// expect: parameter::image_urls
// first-gcc: or image_file(path)
// first-clang: an http or https URL or image_file
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("a cat");
auto s = image_to_video<kling_v3>("a cat", "https://example.com/1.jpg", "dog.png");
#else
auto r = image_to_video<kling_v3>("a cat", "https://example.com/1.jpg", "https://example.com/dog.png");
#endif
