// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_WEBHOOK_ADDRESS_HPP
#define APIMART_PROTOCOL_WEBHOOK_ADDRESS_HPP

#include <apimart/protocol/origin.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

inline bool is_domain_of_the_service(std::string_view host)
{
    static constexpr std::array<std::string_view, 5> domains{"apimart.ai", "apib.ai", "aiuxu.com",
                                                             "aishuch.com", "getapib.org"};
    return std::any_of(domains.begin(), domains.end(), [host](std::string_view domain) {
        return host == domain || (host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.');
    });
}

// What a base address for callbacks is to do and does not; empty where it does all.
inline std::string broken_webhook_rule(std::string_view webhook)
{
    std::optional<request_url> const base = parse_request_url(webhook);
    if (!base)
        return "be an absolute http or https URL without user information";
    if (webhook.find_first_of("?#") != std::string_view::npos)
        return "have no query and no fragment, because /callback is appended to it";
    if (base->origin.port != "80" && base->origin.port != "443")
        return "be on port 80 or 443";
    if (is_private_host(base->origin.host))
        return "be public: the service does not call private and loopback addresses";
    if (is_domain_of_the_service(base->origin.host))
        return "not be on a domain of the service";
    return {};
}

} // namespace apimart::detail

#endif
