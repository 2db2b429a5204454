// expect: a value known only at run time must be marked: runtime(...)
// expect: `seed` of veo3.1-fast-official, which accepts 0 to 4294967295
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto make(int seed) { return text_to_video<veo_3_1_fast_official>("a cat").seed(seed); }
#else
auto make(int seed) { return text_to_video<veo_3_1_fast_official>("a cat").seed(runtime(seed)); }
#endif
