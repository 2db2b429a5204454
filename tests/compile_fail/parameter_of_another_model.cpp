// expect-clang: 'resolution' is a private member of
// expect-gcc: is private within this context
// expect: not_accepted
// expect: kling_v3
// expect: parameter::resolution
// expect: instead_it_has<apimart::parameter::mode>
// SPDX-License-Identifier: BSL-1.0

#include <apimart/models.hpp>

#include <string>

using namespace apimart;
using namespace std::chrono_literals;

#ifndef CONTROL
auto r = text_to_video<kling_v3>("a cat").resolution(p1080);
#else
auto r = text_to_video<kling_v3>("a cat").mode(pro);
#endif
