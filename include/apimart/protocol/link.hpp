// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_LINK_HPP
#define APIMART_PROTOCOL_LINK_HPP

#include <apimart/protocol/origin.hpp>
#include <apimart/text/trimmed.hpp>

#include <boost/url/encode.hpp>
#include <boost/url/grammar/hexdig_chars.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/pchars.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace apimart::detail {

// A link as a browser takes it: without blanks around it, and with what may not stand in it percent-encoded. Control
// characters stay as they are, and no URL has them.
inline std::string clean_link(std::string_view text)
{
    namespace urls = boost::urls;
    text = trimmed(text, " \t\r\n\f");
    std::size_t const authority = text.find("://");
    std::size_t const path = text.find_first_of("/?#", authority == text.npos ? 0 : authority + 3);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const is_escape = text[i] == '%' && i + 2 < text.size() &&
                               urls::grammar::hexdig_value(text[i + 1]) >= 0 &&
                               urls::grammar::hexdig_value(text[i + 2]) >= 0;
        bool const may_stand = urls::pchars(static_cast<unsigned char>(text[i])) ||
                               std::string_view(i < path ? "/?#[]" : "/?#").find(text[i]) != text.npos;
        if (is_escape || may_stand || (text[i] >= 0 && text[i] < ' '))
            out += text[i];
        else
            urls::encode(text.substr(i, 1), urls::unreserved_chars, {}, urls::string_token::append_to(out));
    }
    return out;
}

// Where a redirect leads, which may be told relative to what was asked (RFC 9110, 10.2.2). What is no reference is given
// as it is, and refused as a link.
inline std::string resolve_link(request_url const& asked, std::string_view location)
{
    std::string const cleaned = clean_link(location);
    std::string const base =
        (asked.origin.tls ? "https://" : "http://") + asked.origin.authority() + asked.target;
    auto const from = boost::urls::parse_uri(base);
    auto const reference = boost::urls::parse_uri_reference(cleaned);
    boost::urls::url out;
    if (!from || !reference || reference->has_scheme() || !boost::urls::resolve(*from, *reference, out))
        return cleaned;
    return std::string(out.buffer().data(), out.buffer().size());
}

// Ports whose servers could take a request for one of their own protocol, as browsers know them (Fetch, 2.9).
inline bool is_port_of_another_protocol(std::string_view port)
{
    constexpr std::array<std::string_view, 16> known{"21",  "22",  "23",   "25",  "53",  "110",
                                                     "111", "119", "143",  "389", "465", "514",
                                                     "587", "636", "3659", "6667"};
    return std::find(known.begin(), known.end(), port) != known.end();
}

} // namespace apimart::detail

#endif
