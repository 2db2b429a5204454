// SPDX-License-Identifier: BSL-1.0
// A callback that a client has asked for.
#ifndef APIMART_TESTING_SERVICE_CALLBACK_ORDER_HPP
#define APIMART_TESTING_SERVICE_CALLBACK_ORDER_HPP

#include <apimart/testing/service/service_clock.hpp>

#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// Which task's end is to be told, where, and when.
class callback_order
{
public:
    callback_order(std::string_view id, std::string_view webhook, service_clock::duration moment)
        : task_id(id), base(webhook), due(moment)
    {}

    std::string task_id;
    std::string base;
    service_clock::duration due;
};

} // namespace apimart::testing::emulation

#endif
