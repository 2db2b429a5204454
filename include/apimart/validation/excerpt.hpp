// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_EXCERPT_HPP
#define APIMART_VALIDATION_EXCERPT_HPP

#include <apimart/text/escape.hpp>
#include <apimart/text/redact.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

// What a violation shows of a value.
namespace apimart::detail {

inline std::string count_of(std::size_t count, std::string_view one, std::string_view many)
{
    return std::to_string(count) + ' ' + std::string(count == 1 ? one : many);
}

inline std::string excerpt(std::string_view text, bool media = false)
{
    constexpr std::size_t max_characters = 60;
    constexpr std::size_t max_plain_media = 40;
    // A scheme has few letters; what has one is a URL with all that it holds, blanks as well.
    if (find_authority(text.substr(0, 12)) != std::string_view::npos)
        return quote(redact_url(text), max_characters);
    if (media && text.size() > max_plain_media) {
        std::size_t const comma = text.substr(0, max_plain_media).find(',');
        if (text.starts_with("data:") && comma != std::string_view::npos)
            return quote(text.substr(0, comma + 1), max_characters) + " and " +
                   count_of(text.size() - comma - 1, "character", "characters");
        return "a text of " + count_of(text.size(), "byte", "bytes");
    }
    return quote(redact_urls(text), max_characters);
}

// A number as people write it: `5.0`, where Boost.JSON has `5E0`.
inline std::string plain(double value)
{
    std::array<char, 32> text{};
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    std::string shown(text.data(), end);
    if (shown.find_first_not_of("-0123456789") == std::string::npos)
        shown += ".0";
    return shown;
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
    case boost::json::kind::double_:
        return plain(value.get_double());
    default:
        return boost::json::serialize(value);
    }
}

} // namespace apimart::detail

#endif
