// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_ORIGIN_HPP
#define APIMART_PROTOCOL_ORIGIN_HPP

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

// Scheme, host and port: what connections are made to and what credentials belong to.
class origin
{
public:
    origin() {}

    bool tls = true;
    std::string host; // without brackets, lower case
    std::string port;

    // For the Host header: brackets around IPv6, the port only where it is not the scheme's own.
    std::string authority() const;
    bool is_address() const; // an IP address rather than a name
    std::strong_ordering operator<=>(origin const&) const = default;
    bool operator==(origin const&) const = default;
};

// An absolute http or https URL without user information, split for a request.
class request_url
{
public:
    request_url() {}

    detail::origin origin;
    std::string target; // path and query, percent-encoded, at least "/"
};

std::optional<request_url> parse_request_url(std::string_view text);

// Loopback, private, link-local, multicast and unspecified addresses, in every notation, also inside IPv6.
bool is_private_address(std::string_view address);

std::string percent_encode_segment(std::string_view text);
void append_percent_encoded(std::string& to, std::string_view segment);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/protocol/origin.ipp>
#endif

#endif
