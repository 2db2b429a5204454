// expect: picture_must_be_an_http_or_https_url_or_an_image_file
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = element("a", "a cat", "https://example.com/1.png", "2.png");
#else
auto r = element("a", "a cat", "https://example.com/1.png", "https://example.com/2.png");
#endif
