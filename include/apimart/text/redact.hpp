// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_REDACT_HPP
#define APIMART_TEXT_REDACT_HPP

#include <boost/url/grammar/ci_string.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

// URLs carry secrets in the user, the query and the fragment: those are dropped before a URL is shown.
namespace apimart::detail {

inline constexpr std::string_view redaction_mark = "[redacted]";

// Behind the slashes of a URL; in JSON that could not be read, they may still be escaped.
constexpr std::size_t find_authority(std::string_view text, std::size_t from = 0) noexcept
{
    for (std::size_t at = text.find(':', from); at != std::string_view::npos; at = text.find(':', at + 1))
        for (std::string_view const slashes : {std::string_view("//"), std::string_view("\\/\\/")})
            if (text.substr(at + 1).starts_with(slashes))
                return at + 1 + slashes.size();
    return std::string_view::npos;
}

// Where the query of a URL begins that was encoded once more, as a part of another URL, of JSON or of HTML.
inline std::size_t find_encoded_query(std::string_view word)
{
    std::string text(word);
    std::transform(text.begin(), text.end(), text.begin(), boost::urls::grammar::to_lower);
    // Each time it was encoded, the percent signs before grew.
    constexpr int layers = 4;
    bool const has_percent = text.find('%') != std::string::npos;
    std::size_t authority = std::min({text.find("://"), text.find(":\\/\\/"), text.find("&#x2f;&#x2f;"),
                                      text.find("&#47;&#47;"), text.find("\\u002f\\u002f")});
    std::string percent = "%";
    for (int layer = 0; has_percent && layer < layers; ++layer, percent += "25")
        authority = std::min(authority, text.find(percent + "3a" + percent + "2f" + percent + "2f"));
    if (authority == std::string::npos)
        return authority;
    std::size_t first = std::string::npos;
    for (char const* const mark : {"&#x3f;", "&#63;", "\\u003f", "\\x3f"})
        first = std::min(first, text.find(mark, authority));
    percent = "%";
    for (int layer = 0; has_percent && layer < layers; ++layer, percent += "25")
        for (char const* const code : {"3f", "23"})
            first = std::min(first, text.find(percent + code, authority));
    return first;
}

// Without any of these there is nothing to be taken out.
constexpr bool may_hold_url(std::string_view text) noexcept
{
    return text.find_first_of(":?%&\\") != std::string_view::npos;
}

// Takes the whole text for one word, in which URLs may stand; a URL may also have been written without its scheme.
inline std::string redact_url(std::string_view word)
{
    if (!may_hold_url(word)) // mostly
        return std::string(word);
    std::size_t query = word.find('?');
    if (query != std::string_view::npos && word.find('=', query) == std::string_view::npos)
        query = std::string_view::npos;
    std::size_t authority = find_authority(word);
    if (authority != std::string_view::npos)
        query = std::min(query, word.find_first_of("?#", authority));
    query = std::min(query, find_encoded_query(word));
    bool const cut = query < word.size() - 1; // a mark at the very end hides nothing
    std::string_view const kept = cut ? word.substr(0, query + 1) : word;

    std::string out;
    std::size_t copied = 0;
    for (; authority < kept.size(); authority = find_authority(kept, authority)) {
        std::string_view const rest = kept.substr(authority);
        std::size_t const user_end = rest.substr(0, rest.find_first_of("/?#\\")).rfind('@');
        if (user_end == std::string_view::npos)
            continue;
        out += kept.substr(copied, authority - copied);
        out += redaction_mark;
        copied = authority + user_end;
    }
    out += kept.substr(copied);
    if (cut)
        out += redaction_mark;
    return out;
}

// Does it for the URLs in prose, in JSON and in HTML. Longer results than `enough` may end early: what is behind
// will not be shown.
inline std::string redact_urls(std::string_view text, std::size_t enough = std::string_view::npos)
{
    auto const ends_url = [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '<' || c == '>';
    };
    if (!may_hold_url(text)) // mostly
        return std::string(text);
    std::string out;
    for (auto at = text.begin(); at != text.end() && out.size() <= enough;) {
        auto const word_end = std::find_if(at, text.end(), ends_url);
        if (word_end != at)
            out += redact_url(std::string_view(&*at, static_cast<std::size_t>(word_end - at)));
        at = std::find_if_not(word_end, text.end(), ends_url);
        out.append(word_end, at);
    }
    return out;
}

} // namespace apimart::detail

#endif
