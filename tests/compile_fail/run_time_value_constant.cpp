// expect-clang: literal_or_runtime
// expect-clang: 3s to 15s
// expect-gcc: 'length' is not a constant expression
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto make(std::chrono::seconds const length) { return text_to_video<kling_v3>("a cat").duration(length); }
#else
auto make(std::chrono::seconds const length) { return text_to_video<kling_v3>("a cat").duration(runtime(length)); }
#endif
