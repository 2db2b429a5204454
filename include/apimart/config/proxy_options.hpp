// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_PROXY_OPTIONS_HPP
#define APIMART_CONFIG_PROXY_OPTIONS_HPP

#include <string>
#include <utility>

namespace apimart {

namespace detail {
class proxy_rules;
} // namespace detail

/// An HTTP proxy that connects through to the service with CONNECT. TLS is spoken with the service behind
/// it: the proxy sees the service's host name and nothing of the requests.
///
/// Errors: nothing is checked here; the client's constructor reports an unusable proxy as
/// `errc::invalid_configuration`, without its password.
class proxy_options
{
public:
    /// No proxy.
    proxy_options() {}
    /// `http://[user[:password]@]host[:port]`; user and password percent-encoded, the port 3128 unless given.
    /// `bypass` lists hosts that are reached without it, as in `NO_PROXY`: names (also of their subdomains),
    /// addresses, networks such as 10.0.0.0/8, or `*`, separated by commas.
    explicit proxy_options(std::string url, std::string bypass = {})
        : url_(std::move(url)), bypass_(std::move(bypass))
    {}

    /// As `https_proxy` or `HTTPS_PROXY`, and `no_proxy` or `NO_PROXY`, say; the lower-case name wins. This
    /// machine's own addresses are reached without it in any case.
    /// Thread safety: as `std::getenv`.
    static proxy_options from_environment();

    bool empty() const noexcept { return url_.empty(); }

    template <class Stream>
    friend Stream& operator<<(Stream&, proxy_options const&) = delete;

private:
    friend class detail::proxy_rules;

    std::string url_; // may hold a password: no accessor
    std::string bypass_;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/config/proxy_options.ipp>
#endif

#endif
