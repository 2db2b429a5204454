// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_MENTIONS_HPP
#define APIMART_VALIDATION_MENTIONS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

// References from a text to the other parts of a request.
namespace apimart::detail {

inline constexpr std::string_view image_mention_begin = "<<<image_";
inline constexpr std::string_view image_mention_end = ">>>";

// Calls f(whole mention, N) for each `<<<image_N>>>`.
template <class F>
void for_each_image_mention(std::string_view text, F f)
{
    for (std::size_t at = text.find(image_mention_begin); at != std::string_view::npos;
         at = text.find(image_mention_begin, at + 1)) {
        std::size_t const first = at + image_mention_begin.size();
        std::size_t last = first;
        std::uint64_t number = 0;
        for (; last < text.size() && text[last] >= '0' && text[last] <= '9'; ++last)
            // No list is as long as this, and a longer number must not overflow.
            if (number < 1'000'000'000)
                number = number * 10 + static_cast<std::uint64_t>(text[last] - '0');
        if (last == first || !text.substr(last).starts_with(image_mention_end))
            continue;
        f(text.substr(at, last + image_mention_end.size() - at), number);
    }
}

inline bool mentions_an_image(std::string_view text)
{
    bool found = false;
    for_each_image_mention(text, [&](std::string_view, std::uint64_t) { found = true; });
    return found;
}

constexpr bool is_name_character(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Calls f(rest of the text after '@') for each '@' that may begin the name of an element.
template <class F>
void for_each_element_mention(std::string_view text, F f)
{
    for (std::size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
        // "someone@example.com" is no mention, and neither is a lone '@'.
        if (at != 0 && is_name_character(text[at - 1]))
            continue;
        f(text.substr(at + 1));
    }
}

// Whether the rest of a text begins with this name and not with a longer one.
inline bool begins_with_name(std::string_view rest, std::string_view name) noexcept
{
    return !name.empty() && rest.starts_with(name) &&
           (rest.size() == name.size() || !is_name_character(name.back()) ||
            !is_name_character(rest[name.size()]));
}

// The ASCII word at the beginning of a text.
inline std::string_view leading_word(std::string_view rest) noexcept
{
    std::size_t length = 0;
    while (length < rest.size() && is_name_character(rest[length]))
        ++length;
    return rest.substr(0, length);
}

} // namespace apimart::detail

#endif
