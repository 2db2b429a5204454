// expect: length
// expect-gcc: not a constant expression
// expect-clang: not a constant expression
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto make(std::chrono::seconds length)
{
    return text_to_video<kling_v3>("a cat").duration(length);
}
#else
auto make(std::chrono::seconds length)
{
    return text_to_video<kling_v3>("a cat").duration(runtime(length));
}
#endif
