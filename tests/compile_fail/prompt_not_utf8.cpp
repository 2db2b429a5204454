// expect: text_is_not_utf8
// expect: kling_v3
// expect: parameter::prompt
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("caf\xe9");
#else
auto r = text_to_video<kling_v3>("caf\xc3\xa9");
#endif
