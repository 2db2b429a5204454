// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CLIENT_CONFIG_HPP
#define APIMART_CLIENT_CONFIG_HPP

#include <apimart/api_key.hpp>
#include <apimart/limits.hpp>
#include <apimart/poll.hpp>
#include <apimart/retry.hpp>

#include <string>
#include <utility>
#include <vector>

namespace apimart {

/// Which servers are trusted besides those the system trusts. Verification cannot be switched off.
class tls_options
{
public:
    tls_options() {}

    /// Trusts the certificates in a PEM file too. Read when the client is made.
    tls_options& additional_ca_file(std::string path) { return ca_files_.push_back(std::move(path)), *this; }
    /// Trusts the certificates in this PEM text too.
    tls_options& additional_ca_pem(std::string pem) { return ca_pems_.push_back(std::move(pem)), *this; }

    std::vector<std::string> const& ca_files() const noexcept { return ca_files_; }
    std::vector<std::string> const& ca_pems() const noexcept { return ca_pems_; }

private:
    std::vector<std::string> ca_files_;
    std::vector<std::string> ca_pems_;
};

/// Everything a client is made from.
///
/// Errors: nothing is checked here; the client's constructor reports what it cannot use as
/// `errc::invalid_configuration`.
class client_config
{
public:
    explicit client_config(api_key secret) : key(std::move(secret)) {}

    /// Reads `APIMART_API_KEY` (required) and `APIMART_BASE_URL` (optional).
    /// Errors: throws `error` with `errc::invalid_configuration` that names the variable.
    /// Thread safety: as `std::getenv`.
    static client_config from_environment();

    api_key key;
    /// Scheme and host, optionally a port; the paths of the API are appended.
    std::string base_url = "https://api.apimart.ai";
    tls_options tls;
    retry_policy retry;
    apimart::idempotency idempotency = apimart::idempotency::none;
    poll_policy poll;
    apimart::limits limits;
    apimart::timeouts timeouts;
    /// Allows a base URL without TLS. For test servers on loopback: the key travels in clear.
    bool allow_plain_http = false;
    /// Allows results to be fetched from private and loopback addresses of other origins than the base URL's.
    bool allow_private_results = false;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/detail/impl/client_config.ipp>
#endif

#endif
