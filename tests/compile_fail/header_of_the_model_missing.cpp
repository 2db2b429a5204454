// expect: header is missing: #include <apimart/models.hpp>
// SPDX-License-Identifier: BSL-1.0

#include <apimart/request.hpp>
#ifdef CONTROL
#include <apimart/models/kling_v3.hpp>
#endif

using namespace apimart;

auto r = text_to_video<kling_v3>("a cat");
