// expect: `resolution` of kling-3.0-turbo accepts 720p or 1080p
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_3_0_turbo>("a corgi").resolution(1080);
#else
auto r = text_to_video<kling_3_0_turbo>("a corgi").resolution("1080p");
#endif
