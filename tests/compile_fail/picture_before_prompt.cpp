// expect: url_must_begin_with_http_or_https
// expect: kling_v3
// expect: parameter::image_urls
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = image_to_video<kling_v3>("https://example.com/1.jpg", "the sun sets");
#else
auto r = image_to_video<kling_v3>("the sun sets", "https://example.com/1.jpg");
#endif
