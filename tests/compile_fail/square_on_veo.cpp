// expect: value_is_not_among_the_accepted_choices
// expect: 16:9 or 9:16
// expect: veo_3_1_quality_official
// expect: parameter::aspect_ratio
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<veo_3_1_quality_official>("a cat").aspect_ratio(square);
#else
auto r = text_to_video<veo_3_1_quality_official>("a cat").aspect_ratio(portrait);
#endif
