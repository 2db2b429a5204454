// expect: value_can_only_be_true
// expect: veo_3_1_fast_official
// expect: parameter::enhance_prompt
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<veo_3_1_fast_official>("a cat").enhance_prompt(false);
#else
auto r = text_to_video<veo_3_1_fast_official>("a cat").enhance_prompt(true);
#endif
