// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_RESOLVER_OPTIONS_IPP
#define APIMART_CONFIG_RESOLVER_OPTIONS_IPP

#include <apimart/config/resolver_options.hpp>
#include <apimart/separate_compilation.hpp>

#include <utility>

namespace apimart {

APIMART_INLINE resolver_options& resolver_options::add_host(std::string host,
                                                            std::vector<std::string> addresses)
{
    for (pinned_host& known : pinned_)
        if (known.name == host)
            return known.addresses = std::move(addresses), *this;
    pinned_.push_back({std::move(host), std::move(addresses)});
    return *this;
}

APIMART_INLINE resolver_options& resolver_options::lookup(lookup_function function)
{
    lookup_ = std::move(function);
    return *this;
}

APIMART_INLINE std::vector<std::string> const* resolver_options::find(std::string_view host) const noexcept
{
    for (pinned_host const& known : pinned_)
        if (known.name == host)
            return &known.addresses;
    return nullptr;
}

} // namespace apimart

#endif
