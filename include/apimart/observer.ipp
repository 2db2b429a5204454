// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OBSERVER_IPP
#define APIMART_OBSERVER_IPP

#include <apimart/observer.hpp>
#include <apimart/separate_compilation.hpp>

namespace apimart {

APIMART_INLINE std::string_view to_string(request_kind kind) noexcept
{
    switch (kind) {
    case request_kind::submit:
        return "submit";
    case request_kind::poll:
        return "poll";
    case request_kind::status:
        return "status";
    case request_kind::download:
        return "download";
    case request_kind::upload:
        return "upload";
    case request_kind::request:
        return "request";
    }
    return "submit";
}

APIMART_INLINE std::string_view to_string(connection_event::type type) noexcept
{
    switch (type) {
    case connection_event::type::connected:
        return "connected";
    case connection_event::type::failed:
        return "failed";
    case connection_event::type::closed:
        return "closed";
    case connection_event::type::peer_closed:
        return "peer_closed";
    case connection_event::type::unexpected_data:
        return "unexpected_data";
    }
    return "closed";
}

APIMART_INLINE std::string_view to_string(backpressure_event::place where) noexcept
{
    switch (where) {
    case backpressure_event::place::submit_rate:
        return "submit rate";
    case backpressure_event::place::connect_rate:
        return "connect rate";
    case backpressure_event::place::submit_queue:
        return "submit queue";
    case backpressure_event::place::connections:
        return "connections";
    case backpressure_event::place::poll_rate:
        return "poll rate";
    case backpressure_event::place::poll_concurrency:
        return "poll concurrency";
    }
    return "connections";
}

} // namespace apimart

#endif
