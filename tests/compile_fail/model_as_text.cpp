// expect: the model is a template argument, as in text_to_video<kling_v3>("a cat")
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

using namespace apimart;

#ifndef CONTROL
auto r = text_to_video("kling-v3", "a cat");
#else
auto r = text_to_video<kling_v3>("a cat");
#endif
