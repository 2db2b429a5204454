// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_PROXY_OPTIONS_IPP
#define APIMART_CONFIG_PROXY_OPTIONS_IPP

#include <apimart/config/proxy_options.hpp>
#include <apimart/separate_compilation.hpp>

#include <cstdlib>

namespace apimart {

APIMART_INLINE proxy_options proxy_options::from_environment()
{
    auto const either = [](char const* lower, char const* upper) {
        for (char const* const name : {lower, upper}) {
            char const* const value = std::getenv(name);
            if (value != nullptr && *value != '\0')
                return std::string(value);
        }
        return std::string();
    };
    // What runs on this machine is not behind anybody's proxy, whoever wrote the variables.
    std::string bypass = either("no_proxy", "NO_PROXY");
    bypass += bypass.empty() ? "" : ",";
    bypass += "localhost,127.0.0.0/8,::1";
    return proxy_options(either("https_proxy", "HTTPS_PROXY"), std::move(bypass));
}

} // namespace apimart

#endif
