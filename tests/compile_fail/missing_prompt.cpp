// expect-gcc: use of deleted function
// expect-clang: a required part is missing
// expect: kling_v3_omni
// expect: needs<apimart::parameter::prompt>
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
text_to_video<kling_v3_omni> r;
#else
text_to_video<kling_v3_omni> r("a cat");
#endif
