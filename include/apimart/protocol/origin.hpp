// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_ORIGIN_HPP
#define APIMART_PROTOCOL_ORIGIN_HPP

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>
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

inline std::string origin::authority() const
{
    std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
    if (port != (tls ? "443" : "80"))
        text += ":" + port;
    return text;
}

inline bool origin::is_address() const
{
    boost::system::error_code code;
    boost::asio::ip::make_address(host, code);
    return !code;
}

inline std::optional<request_url> parse_request_url(std::string_view text)
{
    auto const parsed = boost::urls::parse_uri(text);
    if (!parsed || parsed->has_userinfo())
        return std::nullopt;
    boost::urls::url_view const url = *parsed;
    request_url out;
    if (url.scheme_id() == boost::urls::scheme::https)
        out.origin.tls = true;
    else if (url.scheme_id() == boost::urls::scheme::http)
        out.origin.tls = false;
    else
        return std::nullopt;
    out.origin.host = url.host_address();
    std::transform(out.origin.host.begin(), out.origin.host.end(), out.origin.host.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    // One trailing dot names the same host, but no certificate is written for it.
    if (out.origin.host.ends_with('.'))
        out.origin.host.pop_back();
    if (out.origin.host.empty() || std::any_of(out.origin.host.begin(), out.origin.host.end(),
                                               [](char c) { return c <= ' ' || c > '~'; }))
        return std::nullopt;
    out.origin.port = url.has_port() && !url.port().empty() ? std::string(url.port())
                      : out.origin.tls                      ? "443"
                                                            : "80";
    unsigned number = 0;
    auto const [end, code] =
        std::from_chars(out.origin.port.data(), out.origin.port.data() + out.origin.port.size(), number);
    if (code != std::errc() || number == 0 || number > 65'535)
        return std::nullopt;
    out.origin.port = std::to_string(number); // no leading zeros, so that equal origins compare equal
    out.target = std::string(url.encoded_path().data(), url.encoded_path().size());
    if (!out.target.starts_with('/'))
        out.target.insert(out.target.begin(), '/');
    if (url.has_query())
        out.target += "?" + std::string(url.encoded_query().data(), url.encoded_query().size());
    return out;
}

inline bool is_private_address(std::string_view text)
{
    namespace ip = boost::asio::ip;
    boost::system::error_code code;
    ip::address address = ip::make_address(std::string(text), code);
    if (code)
        return false;
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
    if (address.is_loopback() || address.is_unspecified() || address.is_multicast())
        return true;
    if (address.is_v6()) {
        auto const bytes = address.to_v6().to_bytes();
        return address.to_v6().is_link_local() || (bytes[0] & 0xFEU) == 0xFCU;
    }
    auto const n = address.to_v4().to_uint();
    auto const in = [n](std::uint32_t net, unsigned bits) {
        return n >> (32U - bits) == net >> (32U - bits);
    };
    return in(0x00000000, 8) || in(0x0A000000, 8) || in(0x64400000, 10) || in(0x7F000000, 8) ||
           in(0xA9FE0000, 16) || in(0xAC100000, 12) || in(0xC0000000, 24) || in(0xC0A80000, 16) ||
           in(0xC6120000, 15) || in(0xF0000000, 4);
}

inline bool is_unreserved(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

inline void append_percent_encoded(std::string& to, std::string_view segment)
{
    static constexpr char digits[] = "0123456789ABCDEF";
    while (!segment.empty()) {
        auto const reserved = std::find_if_not(segment.begin(), segment.end(), is_unreserved);
        auto const plain = static_cast<std::size_t>(reserved - segment.begin());
        to.append(segment.substr(0, plain));
        segment.remove_prefix(plain);
        if (!segment.empty()) {
            auto const byte = static_cast<unsigned char>(segment.front());
            to += '%';
            to += digits[byte >> 4U];
            to += digits[byte & 0xFU];
            segment.remove_prefix(1);
        }
    }
}

inline std::string percent_encode_segment(std::string_view text)
{
    std::string out;
    append_percent_encoded(out, text);
    return out;
}

} // namespace apimart::detail

#endif
