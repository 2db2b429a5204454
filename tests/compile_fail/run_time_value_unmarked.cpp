// expect: a value known only at run time must be marked: runtime(...)
// expect: `duration` of kling-v3, which accepts 3s to 15s
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
