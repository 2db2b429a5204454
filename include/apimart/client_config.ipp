// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CLIENT_CONFIG_IPP
#define APIMART_CLIENT_CONFIG_IPP

#include <apimart/client_config.hpp>
#include <apimart/error.hpp>
#include <apimart/separate_compilation.hpp>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

namespace apimart {

APIMART_INLINE client_config::client_config(api_key secret) : key(std::move(secret)) {}

APIMART_INLINE client_config client_config::from_environment()
{
    char const* const secret = std::getenv("APIMART_API_KEY");
    if (secret == nullptr || *secret == '\0')
        throw error(
            error_info(errc::invalid_configuration, "the environment variable APIMART_API_KEY is not set"));
    try {
        client_config config{api_key(secret)};
        if (char const* const url = std::getenv("APIMART_BASE_URL"); url != nullptr && *url != '\0')
            config.base_url = url;
        if (char const* const file = std::getenv("APIMART_CA_FILE"); file != nullptr && *file != '\0')
            config.tls.add_ca_file(file);
        config.proxy = proxy_options::from_environment();
        return config;
    } catch (std::invalid_argument const& e) {
        throw error(error_info(errc::invalid_configuration, std::string("APIMART_API_KEY: ") + e.what()));
    }
}

} // namespace apimart

#endif
