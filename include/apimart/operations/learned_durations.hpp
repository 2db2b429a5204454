// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_LEARNED_DURATIONS_HPP
#define APIMART_OPERATIONS_LEARNED_DURATIONS_HPP

#include <apimart/learned_durations.hpp>
#include <apimart/operations/client_state.hpp>

#include <memory>
#include <utility>

namespace apimart::detail {

// What a call of `client::learned_durations` is.
inline void start_learned_durations(client_state& client, completion<learned_durations> handler)
{
    client.post([self = client.shared_from_this(), handler = std::move(handler)]() mutable {
        auto end = std::make_shared<pending<learned_durations>>(std::move(handler));
        end->outcome.emplace(self->fleet.scheduler.learned());
        self->deliver(std::move(end));
        self->update_activity();
    });
}

} // namespace apimart::detail

#endif
