// expect: `watermark` of kling-v3 accepts true or false
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("a cat").watermark("yes");
#else
auto r = text_to_video<kling_v3>("a cat").watermark(true);
#endif
