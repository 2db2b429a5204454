// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_RESOLVER_OPTIONS_HPP
#define APIMART_CONFIG_RESOLVER_OPTIONS_HPP

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace apimart {

/// How host names become addresses.
class resolver_options
{
public:
    /// Gives the addresses of a host as text, or throws `boost::system::system_error` with one of
    /// `asio::error::host_not_found`, `no_data` (the name does not exist) or `host_not_found_try_again`.
    using lookup_function = std::function<std::vector<std::string>(std::string const& host)>;

    struct pinned_host
    {
        std::string name;
        std::vector<std::string> addresses;
    };

    resolver_options() {}

    /// The addresses of one host, which is then never looked up, as a line in a hosts file would do.
    resolver_options& add_host(std::string host, std::vector<std::string> addresses);
    /// What is called instead of the system's name service. It may block: it runs on a thread of its own,
    /// which nobody waits for once the time limit for names is over.
    resolver_options& lookup(lookup_function function);
    /// How long an answer is used again.
    resolver_options& cache_ttl(std::chrono::milliseconds time) { return cache_ttl_ = time, *this; }

    /// Whether names that lead into 198.18.0.0/15 may be results' hosts. Some local proxies answer every name from there
    /// ("fake IP"); an address that is written in a link is refused all the same.
    resolver_options& allow_fake_ip(bool allowed) { return allow_fake_ip_ = allowed, *this; }

    std::vector<pinned_host> const& pinned() const noexcept { return pinned_; }
    /// The addresses that were pinned for a host; null where none were.
    std::vector<std::string> const* find(std::string_view host) const noexcept;
    lookup_function const& lookup() const noexcept { return lookup_; }
    std::chrono::milliseconds cache_ttl() const noexcept { return cache_ttl_; }
    bool allow_fake_ip() const noexcept { return allow_fake_ip_; }

private:
    std::vector<pinned_host> pinned_;
    lookup_function lookup_;
    std::chrono::milliseconds cache_ttl_{30'000};
    bool allow_fake_ip_ = false;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/config/resolver_options.ipp>
#endif

#endif
