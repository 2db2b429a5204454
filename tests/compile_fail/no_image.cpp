// expect-gcc: use of deleted function
// expect-clang: a required part is missing
// expect: kling_v3_omni
// expect: needs<apimart::parameter::prompt, apimart::parameter::image_urls>
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
image_reference<kling_v3_omni> r("a cat");
#else
image_reference<kling_v3_omni> r("a cat", "https://example.com/1.png");
#endif
