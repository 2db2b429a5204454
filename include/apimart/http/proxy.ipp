// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_PROXY_IPP
#define APIMART_HTTP_PROXY_IPP

#include <apimart/config/proxy_options.hpp>
#include <apimart/http/proxy.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>

namespace apimart {
namespace detail {

inline constexpr std::size_t longest_proxy_header = 8192;

inline bool is_control(char c) noexcept
{
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

inline bool all_are_digits(std::string_view text) noexcept
{
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

inline std::string lower_case(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

inline std::string base_64(std::string_view text)
{
    // OpenSSL writes a NUL behind it.
    std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
    int const length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<unsigned char const*>(text.data()), static_cast<int>(text.size()));
    out.resize(static_cast<std::size_t>(length));
    return out;
}

// ---- who is reached without the proxy ----

APIMART_INLINE std::optional<bypass_list::address_bytes> bypass_list::bytes_of(std::string_view text)
{
    namespace ip = boost::asio::ip;
    boost::system::error_code code;
    ip::address const address = ip::make_address(std::string(text), code);
    if (code)
        return std::nullopt;
    return address.is_v6() ? address.to_v6().to_bytes()
                           : ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
}

APIMART_INLINE std::optional<bypass_list::entry> bypass_list::parse(std::string_view text)
{
    entry out;
    auto const is_address = [&](std::string_view part) {
        out.network = bytes_of(part);
        return out.network.has_value();
    };
    if (std::size_t const slash = text.find('/'); slash != std::string_view::npos) {
        std::string_view network = text.substr(0, slash);
        std::string_view const bits = text.substr(slash + 1);
        if (network.starts_with('[') && network.ends_with(']'))
            network = network.substr(1, network.size() - 2);
        // Not even IPv6 has more than three digits of bits.
        if (!all_are_digits(bits) || bits.size() > 3 || !is_address(network))
            return std::nullopt;
        std::from_chars(bits.data(), bits.data() + bits.size(), out.prefix);
        if (network.find(':') == std::string_view::npos)
            out.prefix += 96;
        if (out.prefix > 128)
            return std::nullopt;
        return out;
    }
    if (is_address(text))
        return out;
    if (std::size_t const colon = text.rfind(':');
        colon != std::string_view::npos && all_are_digits(text.substr(colon + 1))) {
        out.port = std::string(text.substr(colon + 1));
        text = text.substr(0, colon);
    }
    if (text.starts_with('[') && text.ends_with(']')) {
        if (!is_address(text.substr(1, text.size() - 2)))
            return std::nullopt;
        return out;
    }
    if (is_address(text))
        return out;
    if (text.starts_with("*."))
        text.remove_prefix(1);
    while (text.starts_with('.'))
        text.remove_prefix(1);
    while (text.ends_with('.'))
        text.remove_suffix(1);
    out.name = lower_case(text);
    if (out.name.empty())
        return std::nullopt;
    return out;
}

APIMART_INLINE bypass_list::bypass_list(std::string_view text)
{
    while (!text.empty()) {
        std::size_t const end = std::min(text.find_first_of(", \t\r\n"), text.size());
        std::string_view const word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word == "*")
            everything_ = true;
        else if (auto each = word.empty() ? std::nullopt : parse(word))
            entries_.push_back(std::move(*each));
    }
}

APIMART_INLINE bool bypass_list::matches(entry const& each, std::string_view host,
                                         std::optional<address_bytes> const& address)
{
    if (each.network) {
        if (!address)
            return false;
        for (unsigned bit = 0; bit < each.prefix; bit += 8) {
            unsigned const differs = (*each.network)[bit / 8] ^ (*address)[bit / 8];
            unsigned const counted = std::min(each.prefix - bit, 8U);
            if (differs >> (8U - counted) != 0)
                return false;
        }
        return true;
    }
    // A name ends at a dot: `example.com` is not in `badexample.com`.
    return !address && host.ends_with(each.name) &&
           (host.size() == each.name.size() || host[host.size() - each.name.size() - 1] == '.');
}

APIMART_INLINE bool bypass_list::contains(origin const& to) const
{
    if (everything_)
        return true;
    auto const address = bytes_of(to.host);
    std::string host = lower_case(to.host);
    while (host.ends_with('.'))
        host.pop_back();
    return std::any_of(entries_.begin(), entries_.end(), [&](entry const& each) {
        return (each.port.empty() || each.port == to.port) && matches(each, host, address);
    });
}

// ---- the proxy ----

APIMART_INLINE result<proxy_rules> proxy_rules::make(proxy_options const& chosen)
{
    proxy_rules out;
    if (chosen.empty())
        return out;
    auto const unusable = [](char const* why) {
        return failure(errc::invalid_configuration, std::string("the proxy's URL: ") + why);
    };
    // Environments often hold only host and port.
    std::string const text =
        chosen.url_.find("://") == std::string::npos ? "http://" + chosen.url_ : chosen.url_;
    auto const parsed = boost::urls::parse_uri(text);
    if (!parsed)
        return unusable("it is not http://[user[:password]@]host[:port]");
    boost::urls::url_view const url = *parsed;
    if (url.scheme_id() != boost::urls::scheme::http)
        return unusable("its scheme is not http");
    if (url.has_query() || url.has_fragment() || !(url.encoded_path().empty() || url.encoded_path() == "/"))
        return unusable("something follows the host and port");
    // The rest has the rules of every URL that is connected to; user information is not among them.
    auto const place = parse_request_url("http://" + std::string(url.encoded_host_and_port()) + "/");
    if (!place)
        return unusable("its host or port is unusable");
    out.host_ = place->origin.host;
    out.port_ = url.has_port() && !url.port().empty() ? place->origin.port : "3128";
    if (url.has_userinfo()) {
        std::string const user = url.user();
        out.password_ = url.password();
        std::string const both = user + ":" + out.password_;
        if (std::any_of(both.begin(), both.end(), is_control))
            return unusable("user or password hold a control character");
        if (user.find(':') != std::string::npos)
            return unusable("the user holds a colon, which basic authentication cannot carry");
        out.authorization_ = base_64(both);
    }
    out.bypass_ = bypass_list(chosen.bypass_);
    return out;
}

APIMART_INLINE std::string proxy_rules::connect_request(origin const& to) const
{
    // Unlike in other requests, the port is always there.
    std::string const target =
        (to.host.find(':') == std::string::npos ? to.host : "[" + to.host + "]") + ":" + to.port;
    std::string text =
        "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\nUser-Agent: apimart-cpp\r\n";
    if (!authorization_.empty())
        text += "Proxy-Authorization: Basic " + authorization_ + "\r\n";
    return text += "\r\n";
}

// A proxy may say again what it was sent.
APIMART_INLINE std::string proxy_rules::without_secrets(std::string text) const
{
    for (std::string const* secret : {&authorization_, &password_}) {
        if (secret->empty())
            continue;
        static constexpr std::string_view mark = "[redacted]";
        for (std::size_t at = text.find(*secret); at != std::string::npos;
             at = text.find(*secret, at + mark.size()))
            text.replace(at, secret->size(), mark);
    }
    return text;
}

APIMART_INLINE failure proxy_rules::unusable_answer(std::string_view problem, int status) const
{
    return failure(errc::proxy_protocol_error,
                   "the answer of " + host_ + ":" + port_ + " " + std::string(problem))
        .http_status(status);
}

// The end of an HTTP/1 status line's number; zero where it is not one.
inline int status_of(std::string_view line)
{
    if (!(line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ")) || line.size() < 12 ||
        (line.size() > 12 && line[12] != ' ') || !all_are_digits(line.substr(9, 3)))
        return 0;
    int status = 0;
    std::from_chars(line.data() + 9, line.data() + 12, status);
    return status >= 100 && status <= 599 ? status : 0;
}

APIMART_INLINE std::optional<result<void>> proxy_rules::judge(std::string_view received,
                                                              origin const& to) const
{
    std::size_t const end = received.substr(0, longest_proxy_header).find("\r\n\r\n");
    bool const complete = end != std::string_view::npos;
    std::string_view const head = complete ? received.substr(0, end + 2) : received;

    // What can never become an answer is not waited for.
    static constexpr std::string_view begin = "HTTP/1.";
    if (head.substr(0, begin.size()) != begin.substr(0, head.size()))
        return unusable_answer(
            "is not HTTP: \"" + printable(without_secrets(std::string(head.substr(0, 512))), 16) + '"', 0);
    for (std::size_t at = 0; at < head.size(); ++at) {
        char const c = head[at];
        bool const line_end =
            c == '\r' ? at + 1 == head.size() || head[at + 1] == '\n' : c == '\n' && head[at - 1] == '\r';
        if (is_control(c) && c != '\t' && !line_end)
            return unusable_answer("holds a control character", 0);
    }
    if (!complete) {
        if (received.size() >= longest_proxy_header)
            return unusable_answer(
                "has a header of more than " + std::to_string(longest_proxy_header) + " bytes", 0);
        return std::nullopt;
    }

    std::string_view const line = head.substr(0, head.find('\r'));
    int const status = status_of(line);
    if (status == 0)
        return unusable_answer("has no acceptable status line", 0);
    for (std::string_view rest = head.substr(line.size() + 2); !rest.empty();) {
        std::size_t const length = rest.find('\r');
        std::size_t const colon = rest.substr(0, length).find(':');
        if (colon == std::string_view::npos || colon == 0 ||
            rest.substr(0, colon).find_first_of(" \t") != std::string_view::npos)
            return unusable_answer("has an unacceptable header field", status);
        rest.remove_prefix(length + 2);
    }
    if (status >= 200 && status <= 299) {
        if (received.size() != end + 4)
            return unusable_answer("goes on behind the header of its success", status);
        return result<void>();
    }
    if (status < 200)
        return unusable_answer("is not a final one", status);

    errc const code = status == 407   ? errc::proxy_auth_required
                      : status >= 500 ? errc::proxy_failed
                                      : errc::proxy_refused;
    std::string words = host_ + ":" + port_ + " answered CONNECT " + to.host + ":" + to.port + " with ";
    words += std::to_string(status);
    // Before it is cut, lest a part of a secret stays.
    std::string const its_own =
        printable(without_secrets(std::string(line.substr(std::min<std::size_t>(13, line.size())))), 200);
    if (!its_own.empty())
        words += " \"" + its_own + '"';
    if (status == 407)
        words += authorization_.empty() ? "; no user was given" : "; user and password were sent";
    return failure(code, std::move(words)).http_status(status);
}

} // namespace detail

APIMART_INLINE proxy_options proxy_options::from_environment()
{
    auto const either = [](char const* lower, char const* upper) {
        for (char const* const name : {lower, upper}) {
            char const* const value = std::getenv(name);
            if (value != nullptr && *value != '\0')
                return std::string(value);
        }
        return std::string();
    };
    // What runs on this machine is not behind anybody's proxy, whoever wrote the variables.
    std::string bypass = either("no_proxy", "NO_PROXY");
    bypass += bypass.empty() ? "" : ",";
    bypass += "localhost,127.0.0.0/8,::1";
    return proxy_options(either("https_proxy", "HTTPS_PROXY"), std::move(bypass));
}

} // namespace apimart

#endif
