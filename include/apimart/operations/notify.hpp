// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_NOTIFY_HPP
#define APIMART_OPERATIONS_NOTIFY_HPP

#include <apimart/operations/client_state.hpp>
#include <apimart/webhook.hpp>

#include <memory>
#include <string>
#include <utility>

namespace apimart::detail {

// What a call of `client::notify` is.
inline void start_notify(client_state& client, std::string id, completion<callback_effect> handler)
{
    client.post(
        [self = client.shared_from_this(), id = std::move(id), handler = std::move(handler)]() mutable {
            auto end = std::make_shared<pending<callback_effect>>(std::move(handler));
            if (error_code const why = self->refuses(request_kind::poll))
                end->outcome.emplace(error_info(why).task_id(std::move(id)));
            else
                end->outcome.emplace(self->fleet.hint(id));
            self->pump_polls();
            self->deliver(std::move(end));
        });
}

} // namespace apimart::detail

#endif
