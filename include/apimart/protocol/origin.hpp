// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_ORIGIN_HPP
#define APIMART_PROTOCOL_ORIGIN_HPP

#include <boost/asio/ip/address.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/grammar/ci_string.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <arpa/inet.h>

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
    std::string authority() const
    {
        std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
        if (port != (tls ? "443" : "80"))
            text += ":" + port;
        return text;
    }

    // An IP address rather than a name.
    bool is_address() const
    {
        boost::system::error_code code;
        boost::asio::ip::make_address(host, code);
        return !code;
    }

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

// Reads `host[:port]`. Equal hosts and ports come out in equal spelling. A host is a name of letters, digits,
// '-', '_' and single dots, or an address; whatever else could be read in two ways is refused, percent-encoding
// included.
inline std::optional<origin> parse_authority(std::string_view text, std::string_view default_port)
{
    namespace ip = boost::asio::ip;
    origin out;
    std::size_t const bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == std::string_view::npos)
        return std::nullopt;
    std::size_t const end = std::min(text.find(':', bracket), text.size());
    std::string_view host = text.substr(0, end);
    std::string_view port = text.substr(std::min(end + 1, text.size()));
    if (bracket != 0) {
        boost::system::error_code code;
        std::string const inside(host.substr(1, bracket - 1));
        ip::address_v6 const address = ip::make_address_v6(inside, code);
        if (code || end != bracket + 1 || inside.find('%') != std::string::npos)
            return std::nullopt;
        out.host = address.to_string();
    } else {
        // One trailing dot names the same host, but no certificate is written for it.
        if (host.ends_with('.'))
            host.remove_suffix(1);
        out.host = host;
        std::transform(host.begin(), host.end(), out.host.begin(), boost::urls::grammar::to_lower);
        auto const may_be_in_a_name = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
        };
        if (out.host.empty() || out.host.front() == '.' || out.host.back() == '.' ||
            out.host.find("..") != std::string::npos ||
            !std::all_of(out.host.begin(), out.host.end(), may_be_in_a_name))
            return std::nullopt;
    }
    if (port.empty())
        port = default_port;
    std::uint16_t number = 0;
    auto const [rest, code] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (code != std::errc() || rest != port.data() + port.size() || number == 0)
        return std::nullopt;
    out.port = std::to_string(number);
    return out;
}

inline std::optional<request_url> parse_request_url(std::string_view text)
{
    auto const parsed = boost::urls::parse_uri(text);
    if (!parsed)
        return std::nullopt;
    bool const tls = parsed->scheme_id() == boost::urls::scheme::https;
    if (!tls && parsed->scheme_id() != boost::urls::scheme::http)
        return std::nullopt;
    // Boost.URL 1.81 ends the authority where a number or an address ends, and takes what follows for a path:
    // it reads 8.8.8.8 in `https://8.8.8.8.example/` and no port in `https://host:x`. Every other reader takes
    // all until the slash.
    text = text.substr(0, text.find('#')).substr(parsed->scheme().size());
    if (!text.starts_with("://"))
        return std::nullopt;
    text.remove_prefix(3);
    std::size_t const end = std::min(text.find_first_of("/?"), text.size());
    auto place = parse_authority(text.substr(0, end), tls ? "443" : "80");
    if (!place)
        return std::nullopt;
    request_url out;
    out.origin = std::move(*place);
    out.origin.tls = tls;
    out.target = text.substr(end);
    if (!out.target.starts_with('/'))
        out.target.insert(out.target.begin(), '/');
    return out;
}

// Whether an address is reached only from where the caller is: loopback, private, link-local, multicast,
// unspecified, and those in a disguise of IPv6.
inline bool is_private_address(boost::asio::ip::address const& address)
{
    namespace ip = boost::asio::ip;
    if (address.is_loopback() || address.is_unspecified() || address.is_multicast())
        return true;
    if (address.is_v6()) {
        auto const bytes = address.to_v6().to_bytes();
        auto const begins_with = [&](std::initializer_list<unsigned char> prefix) {
            return std::equal(prefix.begin(), prefix.end(), bytes.begin());
        };
        auto const embeds_private = [&](std::size_t at) {
            return is_private_address(ip::address_v4(
                ip::address_v4::bytes_type{bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]}));
        };
        if (address.to_v6().is_v4_mapped() ||
            begins_with({0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0}) ||     // IPv4-translated, RFC 2765
            begins_with({0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) // NAT64, RFC 6052
            return embeds_private(12);
        if (begins_with({0x20, 0x02})) // 6to4, RFC 3056
            return embeds_private(2);
        return begins_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) || // IPv4-compatible, RFC 4291
               begins_with({0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01}) || // NAT64 of a local network, RFC 8215
               begins_with({0x20, 0x01, 0x00, 0x00}) ||             // Teredo, RFC 4380
               (bytes[0] & 0xFEU) == 0xFCU ||                       // unique local
               (bytes[0] == 0xFE && bytes[1] >= 0x80);              // link-local and the old site-local
    }
    auto const number = address.to_v4().to_uint();
    auto const in = [number](std::uint32_t network, unsigned bits) {
        return number >> (32U - bits) == network >> (32U - bits);
    };
    return in(0x00000000, 8) || in(0x0A000000, 8) || in(0x64400000, 10) || in(0x7F000000, 8) ||
           in(0xA9FE0000, 16) || in(0xAC100000, 12) || in(0xC0000000, 24) || in(0xC0A80000, 16) ||
           in(0xC6120000, 15) || in(0xF0000000, 4);
}

// What local proxies answer to every name, to see later which name was meant (RFC 2544's addresses).
inline bool is_fake_ip(boost::asio::ip::address const& address)
{
    constexpr unsigned benchmarking = 0xC6120000U >> 17U; // 198.18.0.0/15
    return address.is_v4() && address.to_v4().to_uint() >> 17U == benchmarking;
}

// The same for a host that another machine will look up, as a proxy does: also names of the own machine, and
// numbers that resolvers read as an address, such as `127.1`, `2130706433` or `0x7f000001`. A host that ends in
// a number and is no address is refused with them, since readers differ in what they make of it.
inline bool is_private_host(std::string const& host)
{
    namespace ip = boost::asio::ip;
    boost::system::error_code code;
    if (ip::address const address = ip::make_address(host, code); !code)
        return is_private_address(address);
    if (in_addr number{}; ::inet_aton(host.c_str(), &number) != 0)
        return is_private_address(ip::address_v4(ntohl(number.s_addr)));
    std::string_view const label = std::string_view(host).substr(host.rfind('.') + 1);
    return label == "localhost" || label.starts_with("0x") ||
           std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
}

template <class String>
void append_percent_encoded(String& to, std::string_view segment)
{
    auto const plain = boost::urls::unreserved_chars;
    if (std::all_of(segment.begin(), segment.end(), plain)) // mostly
        to += segment;
    else
        boost::urls::encode(segment, plain, {}, boost::urls::string_token::append_to(to));
}

} // namespace apimart::detail

#endif
