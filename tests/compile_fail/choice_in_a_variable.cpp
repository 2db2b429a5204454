// expect: a value known only at run time must be marked: runtime(...)
// expect: `mode` of kling-v3, which accepts std, pro or 4k
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto make(bool good) { auto quality = good ? pro : standard; return text_to_video<kling_v3>("a cat").mode(quality); }
#else
auto make(bool good) { auto quality = good ? pro : standard; return text_to_video<kling_v3>("a cat").mode(runtime(quality)); }
#endif
