// Who may talk to the studio: the browser of whoever was given the link, and nobody else. It listens on loopback, where
// every page of every browser tab can send requests to it, too.
#ifndef APIMART_STUDIO_HTTP_ACCESS_HPP
#define APIMART_STUDIO_HTTP_ACCESS_HPP

#include "../secret_text.hpp"

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace studio {

namespace http = boost::beast::http;

class access
{
public:
    access(std::string token, unsigned short port)
        : token_(std::move(token)), port_(std::to_string(port)), cookie_("studio_" + port_)
    {}

    std::string link() const { return "http://127.0.0.1:" + port_ + "/?token=" + token_; }

    // What a browser is given that came by the link. Other sites cannot make it send this, and no script can read it.
    std::string cookie() const
    {
        return cookie_ + "=" + token_ + "; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000";
    }

    bool is_token(std::string_view given) const noexcept { return same_secret(given, token_); }

    // Of a request that is refused, whatever it asks for.
    std::optional<http::status> refusal(http::request_header<> const& head) const
    {
        // A name that a stranger has pointed to this address (DNS rebinding) is not one of these.
        std::string_view const host = head[http::field::host];
        if (host != "127.0.0.1:" + port_ && host != "localhost:" + port_)
            return http::status::misdirected_request;
        std::string_view const site = head["Sec-Fetch-Site"];
        bool const is_navigation = head.method() == http::verb::get && head["Sec-Fetch-Mode"] == "navigate";
        if (!site.empty() && site != "same-origin" && site != "none" && !is_navigation)
            return http::status::forbidden;
        if (head.method() == http::verb::get || head.method() == http::verb::head)
            return std::nullopt;
        // What changes something is sent by our own page: forms cannot add a header, and other origins are named.
        if (head["X-Studio"] != "1" || head[http::field::origin] != "http://" + std::string(host))
            return http::status::forbidden;
        return std::nullopt;
    }

    // By the cookie of a browser, or as the bearer of a program such as Prometheus.
    bool knows(http::request_header<> const& head) const
    {
        std::string_view const given = head[http::field::authorization];
        constexpr std::string_view bearer = "Bearer ";
        if (given.starts_with(bearer))
            return is_token(given.substr(bearer.size()));
        std::string const cookies = "; " + std::string(head[http::field::cookie]) + ";";
        std::string const name = "; " + cookie_ + "=";
        std::size_t const at = cookies.find(name);
        if (at == std::string::npos)
            return false;
        std::size_t const begin = at + name.size();
        return is_token(std::string_view(cookies).substr(begin, cookies.find(';', begin) - begin));
    }

private:
    std::string token_;
    std::string port_;
    std::string cookie_;
};

} // namespace studio

#endif
