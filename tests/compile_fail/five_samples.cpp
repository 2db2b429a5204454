// expect: value_is_outside_the_accepted_range
// expect: veo_3_1_fast_official
// expect: parameter::sample_count
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<veo_3_1_fast_official>("a cat").sample_count(5);
#else
auto r = text_to_video<veo_3_1_fast_official>("a cat").sample_count(4);
#endif
