// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_PROXY_HPP
#define APIMART_HTTP_PROXY_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/origin.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace apimart {

class proxy_options;

namespace detail {

// The hosts that are reached without the proxy, in curl's reading of `NO_PROXY`: a name stands for itself and
// for what is below it, an address or a network only for addresses; names are not looked up.
class bypass_list
{
public:
    bypass_list() {}
    // Entries that mean nothing are ignored: the list often comes from an environment made for others.
    explicit bypass_list(std::string_view text);

    bool contains(origin const& to) const;

private:
    // In IPv6 form, which also holds those of IPv4.
    using address_bytes = std::array<unsigned char, 16>;

    struct entry
    {
        std::string name; // lower case, without dots at its ends
        std::optional<address_bytes> network;
        unsigned prefix = 128; // bits that count
        std::string port;      // empty: every port
    };

    static std::optional<address_bytes> bytes_of(std::string_view address);
    static std::optional<entry> parse(std::string_view text);
    static bool matches(entry const& each, std::string_view host,
                        std::optional<address_bytes> const& address);

    bool everything_ = false;
    std::vector<entry> entries_;
};

// Which origins are reached through the proxy, what it is asked, and what its answer means. No I/O.
class proxy_rules
{
public:
    // No proxy.
    proxy_rules() {}
    static result<proxy_rules> make(proxy_options const& chosen);

    bool applies_to(origin const& to) const { return !host_.empty() && !bypass_.contains(to); }
    std::string const& host() const noexcept { return host_; }
    std::string const& port() const noexcept { return port_; }

    // Holds the proxy's password.
    std::string connect_request(origin const& to) const;
    // All bytes received so far; nothing while more are needed. What follows is the service's, so a success
    // ends exactly with the header.
    std::optional<result<void>> judge(std::string_view received, origin const& to) const;

private:
    failure unusable_answer(std::string_view problem, int status) const;
    std::string without_secrets(std::string text) const;

    std::string host_;
    std::string port_;
    std::string authorization_; // the credentials of the header, in base 64
    std::string password_;
    bypass_list bypass_;
};

} // namespace detail
} // namespace apimart

// Brings the implementation, which needs the options.
#include <apimart/config/proxy_options.hpp>

#endif
