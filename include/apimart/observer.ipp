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
    }
    return "submit";
}

APIMART_INLINE std::string_view to_string(connection_event::what happened) noexcept
{
    switch (happened) {
    case connection_event::what::connected:
        return "connected";
    case connection_event::what::failed:
        return "failed";
    case connection_event::what::closed:
        return "closed";
    case connection_event::what::stale:
        return "stale";
    case connection_event::what::unsolicited:
        return "unsolicited";
    }
    return "closed";
}

} // namespace apimart

#endif
