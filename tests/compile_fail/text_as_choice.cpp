// expect: `aspect_ratio` of kling-3.0-turbo accepts 16:9, 9:16 or 1:1
// expect: a text known only at run time: runtime(text)
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto make(std::string const& shape) { return text_to_video<kling_3_0_turbo>("a corgi").aspect_ratio(shape); }
#else
auto make(std::string const& shape) { return text_to_video<kling_3_0_turbo>("a corgi").aspect_ratio(runtime(shape)); }
#endif
