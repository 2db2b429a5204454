// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_ESCAPE_HPP
#define APIMART_TEXT_ESCAPE_HPP

#include <apimart/text/hex.hpp>
#include <apimart/text/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace apimart::detail {

// Control characters in both their ranges, line separators, and the marks that turn the direction of writing.
constexpr bool is_control_or_bidi(std::string_view character) noexcept
{
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
    if (character.size() == 1)
        return byte(0) < 0x20 || byte(0) == 0x7F;
    if (character.size() == 2)
        return (byte(0) == 0xC2 && byte(1) < 0xA0) || character == "\xD8\x9C";
    if (character.size() != 3 || byte(0) != 0xE2)
        return false;
    return byte(1) == 0x80 ? byte(2) == 0x8E || byte(2) == 0x8F || (byte(2) >= 0xA8 && byte(2) <= 0xAE)
                           : byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xAF;
}

// The rule for all shown text: a terminal, a line of a log and a reader's eye get nothing that steers them, and
// no more than `limit` characters. Bytes that are no UTF-8 are spelt out like what steers.
inline std::string escape(std::string_view text, std::size_t limit, std::string_view backslashed = {})
{
    auto const is_plain = [&](char c) {
        return c >= ' ' && c <= '~' && backslashed.find(c) == std::string_view::npos;
    };
    if (text.size() <= limit && std::all_of(text.begin(), text.end(), is_plain)) // mostly
        return std::string(text);
    std::string out;
    std::size_t shown = 0;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const length = utf8_sequence(text, at);
        std::string_view const character = text.substr(at, std::max<std::size_t>(length, 1));
        std::string piece;
        if (length == 0 || is_control_or_bidi(character)) {
            for (char const c : character)
                append_hex(piece += "\\x", static_cast<unsigned char>(c));
            shown += piece.size();
        } else {
            if (backslashed.find(character) != std::string_view::npos)
                piece = '\\';
            shown += piece.size() + 1;
            piece += character;
        }
        if (shown > limit)
            return out + "...";
        out += piece;
        at += character.size();
    }
    return out;
}

inline std::string quote(std::string_view text, std::size_t limit)
{
    return '"' + escape(text, limit, "\"\\") + '"';
}

} // namespace apimart::detail

#endif
