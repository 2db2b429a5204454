// expect: inside of as_result with one: [](apimart::result<apimart::task> task)
// SPDX-License-Identifier: BSL-1.0

#include <apimart/client.hpp>
#include <apimart/models.hpp>

using namespace apimart;

void wait(client& service)
{
#ifndef CONTROL
    service.wait(task("task_1"), as_result([](task_result) {}));
#else
    service.wait(task("task_1"), as_result([](result<task_result>) {}));
#endif
}
