// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_PROXY_HPP
#define APIMART_HTTP_PROXY_HPP

#include <apimart/config/proxy_options.hpp>
#include <apimart/error.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/protocol/user_agent.hpp>
#include <apimart/text/base64.hpp>
#include <apimart/text/printable.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/url/grammar/ci_string.hpp>
#include <boost/url/grammar/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/rfc/pchars.hpp>
#include <boost/url/rfc/pct_encoded_rule.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// The hosts that are reached without the proxy, in curl's reading of `NO_PROXY`: a name stands for itself and
// for what is below it, an address or a network only for addresses; names are not looked up.
class bypass_list
{
public:
    bypass_list() {}

    // Entries that mean nothing are ignored: the list often comes from an environment made for others.
    explicit bypass_list(std::string_view text)
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

    bool contains(origin const& to) const
    {
        if (everything_)
            return true;
        auto const address = bytes_of(to.host);
        return std::any_of(entries_.begin(), entries_.end(), [&](entry const& each) {
            return (each.port.empty() || each.port == to.port) && each.matches(to.host, address);
        });
    }

private:
    // In IPv6 form, which also holds those of IPv4.
    using address_bytes = std::array<unsigned char, 16>;

    class entry
    {
    public:
        bool matches(std::string_view host, std::optional<address_bytes> const& address) const
        {
            if (!network) {
                // A name ends at a dot: `example.com` is not in `badexample.com`.
                return !address && host.ends_with(name) &&
                       (host.size() == name.size() || host[host.size() - name.size() - 1] == '.');
            }
            for (unsigned bit = 0; address && bit < prefix; bit += 8) {
                unsigned const differs = (*network)[bit / 8] ^ (*address)[bit / 8];
                if (differs >> (8U - std::min(prefix - bit, 8U)) != 0)
                    return false;
            }
            return address.has_value();
        }

        std::string name; // lower case, without dots at its ends
        std::optional<address_bytes> network;
        unsigned prefix = 128; // bits that count
        std::string port;      // empty: every port
    };

    static std::optional<address_bytes> bytes_of(std::string_view text)
    {
        namespace ip = boost::asio::ip;
        boost::system::error_code code;
        ip::address const address = ip::make_address(std::string(text), code);
        if (code)
            return std::nullopt;
        return address.is_v6() ? address.to_v6().to_bytes()
                               : ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
    }

    static std::string_view without_brackets(std::string_view text)
    {
        return text.starts_with('[') && text.ends_with(']') ? text.substr(1, text.size() - 2) : text;
    }

    static std::optional<entry> parse(std::string_view text)
    {
        entry out;
        if (std::size_t const slash = text.find('/'); slash != std::string_view::npos) {
            std::string_view const network = without_brackets(text.substr(0, slash));
            char const* const end = text.data() + text.size();
            unsigned const maximum = network.find(':') == std::string_view::npos ? 32 : 128;
            auto const [rest, code] = std::from_chars(text.data() + slash + 1, end, out.prefix);
            out.network = bytes_of(network);
            if (code != std::errc() || rest != end || out.prefix > maximum || !out.network)
                return std::nullopt;
            out.prefix += 128 - maximum;
            return out;
        }
        out.network = bytes_of(text);
        if (out.network)
            return out;
        if (std::size_t const colon = text.rfind(':');
            colon != std::string_view::npos &&
            text.find_first_not_of("0123456789", colon + 1) == std::string_view::npos) {
            out.port = text.substr(colon + 1);
            text = text.substr(0, colon);
        }
        out.network = bytes_of(without_brackets(text));
        if (out.network)
            return out;
        if (text.starts_with("*."))
            text.remove_prefix(1);
        while (text.starts_with('.'))
            text.remove_prefix(1);
        while (text.ends_with('.'))
            text.remove_suffix(1);
        if (text.empty())
            return std::nullopt;
        out.name = text;
        std::transform(text.begin(), text.end(), out.name.begin(), boost::urls::grammar::to_lower);
        return out;
    }

    bool everything_ = false;
    std::vector<entry> entries_;
};

// Which origins are reached through the proxy, what it is asked, and what its answer means. No I/O.
class proxy_rules
{
public:
    // No proxy.
    proxy_rules() {}

    static result<proxy_rules> make(proxy_options const& chosen)
    {
        proxy_rules out;
        if (chosen.empty())
            return out;
        auto const unusable = [](char const* why) {
            return error_info(errc::invalid_configuration, std::string("the proxy's URL: ") + why);
        };
        std::string_view place = chosen.url_;
        // Environments often hold only host and port.
        if (std::size_t const scheme = place.find("://"); scheme != std::string_view::npos) {
            if (!boost::urls::grammar::ci_is_equal(place.substr(0, scheme), "http"))
                return unusable("its scheme is not http");
            place.remove_prefix(scheme + 3);
        }
        if (place.ends_with('/'))
            place.remove_suffix(1);
        if (place.find_first_of("/?#") != std::string_view::npos)
            return unusable("something follows the host and port");
        if (std::size_t const at = place.find('@'); at != std::string_view::npos) {
            // Boost.URL 1.81 takes `[::1]x` in a user's place for a host.
            std::string_view const named = place.substr(0, at);
            if (!boost::urls::grammar::parse(named, boost::urls::pct_encoded_rule(boost::urls::pchars)))
                return unusable("user or password are not percent-encoded");
            std::size_t const colon = std::min(named.find(':'), named.size());
            auto const decoded = [](std::string_view text) {
                return boost::urls::pct_string_view(text).decode();
            };
            std::string const user = decoded(named.substr(0, colon));
            out.password_ = decoded(named.substr(std::min(colon + 1, named.size())));
            std::string const both = user + ":" + out.password_;
            if (std::any_of(both.begin(), both.end(),
                            [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; }))
                return unusable("user or password hold a control character");
            if (user.find(':') != std::string::npos)
                return unusable("the user holds a colon, which basic authentication cannot carry");
            append_base64(out.authorization_,
                          {reinterpret_cast<unsigned char const*>(both.data()), both.size()});
            place.remove_prefix(at + 1);
        }
        auto found = parse_authority(place, "3128");
        if (!found)
            return unusable("its host or port is unusable");
        out.host_ = std::move(found->host);
        out.port_ = std::move(found->port);
        out.bypass_ = bypass_list(chosen.bypass_);
        return out;
    }

    bool applies_to(origin const& to) const { return !host_.empty() && !bypass_.contains(to); }
    std::string const& host() const noexcept { return host_; }
    std::string const& port() const noexcept { return port_; }

    // Holds the proxy's password.
    std::string connect_request(origin const& to) const
    {
        // Unlike in other requests, the port is always there.
        std::string const target =
            (to.host.find(':') == std::string::npos ? to.host : "[" + to.host + "]") + ":" + to.port;
        std::string text = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\nUser-Agent: ";
        text.append(user_agent).append("\r\n");
        if (!authorization_.empty())
            text += "Proxy-Authorization: Basic " + authorization_ + "\r\n";
        return text += "\r\n";
    }

    // Takes all bytes received so far; gives nothing while more are needed. What follows is the service's, so
    // a success ends exactly with the header.
    std::optional<result<void>> parse_response(std::string_view received, origin const& to) const
    {
        namespace http = boost::beast::http;
        std::string head(received.substr(0, max_header));
        std::size_t const end = head.find("\r\n\r\n");
        bool const complete = end != std::string::npos;
        head.resize(complete ? end + 4 : head.size());

        // What can never become an answer is not waited for.
        static constexpr std::string_view begin = "HTTP/1.";
        if (!begin.starts_with(std::string_view(head).substr(0, begin.size())))
            return unusable_answer("is not HTTP: \"" + printable(without_secrets(head.substr(0, 512)), 16) +
                                   '"');
        if (head.find("\r\n ") != std::string::npos || head.find("\r\n\t") != std::string::npos)
            return unusable_answer("has a folded header field");
        // Proxies exist that leave out the space where they give no reason.
        if (head.size() > 12 && head[12] == '\r')
            head.insert(12, 1, ' ');

        http::response_parser<http::empty_body> parser;
        parser.skip(true);
        parser.header_limit(2 * max_header); // the bound is kept below, alike in every version of Beast
        error_code code;
        parser.put(boost::asio::buffer(head), code);
        // RFC 9110 wants the fields of a body ignored in a success, and a refusal's body is not read.
        bool const about_body = code == http::error::bad_content_length ||
                                code == http::error::multiple_content_length ||
                                code == http::error::bad_transfer_encoding;
        if (code && !about_body && (complete || code != http::error::need_more))
            return unusable_answer("is unacceptable: " + code.message());
        if (!complete && received.size() >= max_header)
            return unusable_answer("has a header of more than " + std::to_string(max_header) + " bytes");
        if (!complete)
            return std::nullopt;

        int const status = static_cast<int>(parser.get().result_int());
        if (status < 200 || status > 599)
            return unusable_answer("has no acceptable status", status);
        if (status <= 299 && received.size() != end + 4)
            return unusable_answer("goes on behind the header of its success", status);
        if (status <= 299)
            return result<void>();
        return refusal(status, std::string(parser.get().reason()), to);
    }

private:
    static constexpr std::size_t max_header = 8192;

    error_info unusable_answer(std::string const& problem, int status = 0) const
    {
        return error_info(errc::proxy_protocol_error, "the answer of " + host_ + ":" + port_ + " " + problem)
            .http_status(status);
    }

    error_info refusal(int status, std::string reason, origin const& to) const
    {
        std::string words = host_ + ":" + port_ + " answered CONNECT " + to.host + ":" + to.port + " with ";
        words += std::to_string(status);
        // Before it is cut, lest a part of a secret stays.
        reason = printable(without_secrets(std::move(reason)), 200);
        if (!reason.empty())
            words += " \"" + reason + '"';
        if (status == 407)
            words += authorization_.empty() ? "; no user was given" : "; user and password were sent";
        errc const code = status == 407   ? errc::proxy_auth_required
                          : status >= 500 ? errc::proxy_failed
                                          : errc::proxy_refused;
        return error_info(code, std::move(words)).http_status(status);
    }

    // A proxy may say again what it was sent.
    std::string without_secrets(std::string text) const
    {
        static constexpr std::string_view mark = "[redacted]";
        for (std::string const* secret : {&authorization_, &password_}) {
            for (std::size_t at = text.find(*secret); !secret->empty() && at != std::string::npos;
                 at = text.find(*secret, at + mark.size()))
                text.replace(at, secret->size(), mark);
        }
        return text;
    }

    std::string host_;
    std::string port_;
    std::string authorization_; // the credentials of the header, in base 64
    std::string password_;
    bypass_list bypass_;
};

} // namespace apimart::detail

#endif
