// expect: for submit, apimart::task_result for wait
// SPDX-License-Identifier: BSL-1.0

#include <apimart/client.hpp>
#include <apimart/models.hpp>

using namespace apimart;

void wait(client& service)
{
#ifndef CONTROL
    service.wait(task("task_1"), [](error_code, task) {});
#else
    service.wait(task("task_1"), [](error_code, task_result) {});
#endif
}
