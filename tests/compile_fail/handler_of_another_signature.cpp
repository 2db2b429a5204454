// expect: a completion handler is called with two arguments, the error_code and the operation's result
// SPDX-License-Identifier: BSL-1.0

#include <apimart/client.hpp>
#include <apimart/models.hpp>

using namespace apimart;

void submit(client& service)
{
#ifndef CONTROL
    service.submit(text_to_video<kling_v3>("a cat"), [](task) {});
#else
    service.submit(text_to_video<kling_v3>("a cat"), [](error_code, task) {});
#endif
}
