// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CLIENT_CONFIG_HPP
#define APIMART_CLIENT_CONFIG_HPP

#include <apimart/config/api_key.hpp>
#include <apimart/config/limits.hpp>
#include <apimart/config/poll_policy.hpp>
#include <apimart/config/proxy_options.hpp>
#include <apimart/config/resolver_options.hpp>
#include <apimart/config/retry_policy.hpp>
#include <apimart/config/tls_options.hpp>
#include <apimart/learned_durations.hpp>
#include <apimart/observer.hpp>

#include <memory>
#include <string>
#include <vector>

namespace apimart {

class virtual_clock;

/// Everything a client is made from.
///
/// Errors: nothing is checked here; the client's constructor reports what it cannot use as
/// `errc::invalid_configuration`.
class client_config
{
public:
    explicit client_config(api_key secret);

    /// Reads `APIMART_API_KEY` (required), `APIMART_BASE_URL` and `APIMART_CA_FILE` (a PEM file of authorities that are
    /// trusted besides the system's), and the proxy as `proxy_options::from_environment` does.
    /// Errors: throws `error` with `errc::invalid_configuration` that names the variable.
    /// Thread safety: as `std::getenv`.
    static client_config from_environment();

    api_key key;
    /// Scheme and host, optionally a port; the paths of the API are appended.
    std::string base_url = "https://api.apimart.ai";
    /// Other addresses of the same service. The next one is tried where no connection to the one in use could
    /// be made, before anything was sent; the one that answered stays in use. The key is sent to each of
    /// them. Under `idempotency::supported` they have to share what they know of idempotency keys.
    std::vector<std::string> fallback_base_urls;
    tls_options tls;
    resolver_options resolver;
    proxy_options proxy;
    retry_policy retry;
    apimart::idempotency idempotency = apimart::idempotency::none;
    poll_policy poll;
    /// What an earlier client knew of how long tasks take.
    apimart::learned_durations learned_durations;
    apimart::limits limits;
    apimart::timeouts timeouts;
    apimart::observer observer;
    /// For tests; without one, the time is the system's.
    std::shared_ptr<virtual_clock> clock;
    /// Allows a base URL without TLS. For test servers on loopback: the key travels in clear.
    bool allow_plain_http = false;
    /// Allows results to be fetched from private and loopback addresses of other origins than the base URL's.
    bool allow_private_results = false;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/client_config.ipp>
#endif

#endif
