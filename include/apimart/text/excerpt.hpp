// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_EXCERPT_HPP
#define APIMART_TEXT_EXCERPT_HPP

#include <apimart/parameter/argument.hpp>
#include <apimart/text/utf8.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <string>
#include <string_view>

// What may be shown of a value in a message or a log.
namespace apimart::detail {

inline std::string count_of(std::size_t count, std::string_view one, std::string_view many)
{
    return std::to_string(count) + ' ' + std::string(count == 1 ? one : many);
}

// Quotes a text and cuts it; what could steer a terminal or turn the direction of writing is spelt out.
inline std::string in_quotes(std::string_view text)
{
    constexpr std::size_t longest = 60;
    constexpr char digits[] = "0123456789abcdef";
    std::string shown = "\"";
    std::size_t shown_characters = 0;
    for (std::size_t at = 0; at < text.size(); ++shown_characters) {
        if (shown_characters == longest) {
            shown += "...\"";
            return shown;
        }
        std::size_t const length = utf8_sequence(text, at);
        std::string_view const sequence = text.substr(at, length == 0 ? 1 : length);
        auto const lead = static_cast<unsigned char>(sequence.front());
        bool const control = lead < 0x20 || lead == 0x7F;
        bool const c1_control = length == 2 && lead == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
        // General punctuation holds the line separators and the marks that reverse the direction.
        bool const steering = length == 3 && lead == 0xE2 &&
                              (static_cast<unsigned char>(sequence[1]) == 0x80 ||
                               static_cast<unsigned char>(sequence[1]) == 0x81) &&
                              static_cast<unsigned char>(sequence[2]) >= 0xA6 &&
                              static_cast<unsigned char>(sequence[2]) <= 0xAF;
        if (length == 0 || control || c1_control || steering) {
            for (char const c : sequence) {
                auto const byte = static_cast<unsigned char>(c);
                shown += "\\x";
                shown += digits[byte >> 4];
                shown += digits[byte & 15];
            }
        } else {
            if (lead == '"' || lead == '\\')
                shown += '\\';
            shown += sequence;
        }
        at += sequence.size();
    }
    shown += '"';
    return shown;
}

// A URL without what may be secret: user, query, fragment.
inline std::string quoted_url(std::string_view url)
{
    std::size_t const end = url.find_first_of("?#");
    std::string kept(url.substr(0, end));
    std::size_t const host = kept.find("://") + 3;
    std::size_t const user_end = kept.substr(0, kept.find('/', host)).rfind('@');
    if (user_end != std::string::npos && user_end >= host)
        kept.erase(host, user_end + 1 - host);
    if (end != std::string_view::npos)
        kept += url[end] == '?' ? "?..." : "#...";
    return in_quotes(kept);
}

inline bool holds_a_url(std::string_view text) noexcept
{
    // A scheme has few letters; anything else is ordinary text.
    return text.substr(0, 12).find("://") != std::string_view::npos;
}

inline std::string excerpt(std::string_view text, bool media)
{
    constexpr std::size_t longest_plain_medium = 40;
    if (holds_a_url(text))
        return quoted_url(text);
    if (media && text.size() > longest_plain_medium) {
        std::size_t const comma = text.substr(0, longest_plain_medium).find(',');
        if (text.starts_with("data:") && comma != std::string_view::npos)
            return in_quotes(text.substr(0, comma + 1)) + " and " +
                   count_of(text.size() - comma - 1, "character", "characters");
        return "a text of " + count_of(text.size(), "byte", "bytes");
    }
    return in_quotes(text);
}

inline std::string excerpt(boost::json::value const& value, bool media = false)
{
    switch (value.kind()) {
    case boost::json::kind::string:
        return excerpt(std::string_view(value.get_string()), media);
    case boost::json::kind::array:
        return "an array of " + count_of(value.get_array().size(), "entry", "entries");
    case boost::json::kind::object:
        return "an object";
    default:
        return boost::json::serialize(value);
    }
}

} // namespace apimart::detail

#endif
