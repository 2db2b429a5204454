// expect: `audio` of kling-v3 accepts true or false
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto make(std::string const& wanted) { return text_to_video<kling_v3>("a cat").audio(wanted); }
#else
auto make(std::string const& wanted) { return text_to_video<kling_v3>("a cat").audio(wanted == "yes"); }
#endif
