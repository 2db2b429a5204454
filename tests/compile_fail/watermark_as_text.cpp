// expect: argument
// expect: kling_v3
// expect: parameter::watermark
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
