// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_PRINTABLE_HPP
#define APIMART_TEXT_PRINTABLE_HPP

#include <apimart/text/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace apimart::detail {

// Control characters in both their ranges, line separators, and the marks that turn the direction of writing.
constexpr bool is_steering(std::string_view sequence) noexcept
{
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
    if (sequence.size() == 1)
        return byte(0) < 0x20 || byte(0) == 0x7F;
    if (sequence.size() == 2)
        return byte(0) == 0xC2 && byte(1) < 0xA0;
    if (sequence.size() != 3 || byte(0) != 0xE2)
        return false;
    return byte(1) == 0x80 ? byte(2) == 0x8E || byte(2) == 0x8F || (byte(2) >= 0xA8 && byte(2) <= 0xAE)
                           : byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9;
}

// Where no URL goes on, whether it stands in prose, in JSON or in HTML.
constexpr bool ends_url(char c) noexcept
{
    return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '<' || c == '>';
}

// Needs no look at what stands around it; most text is made of these.
constexpr bool is_plain(char c) noexcept
{
    return c > ' ' && c < 0x7F && c != '"' && c != '<' && c != '>' && c != ':' && c != '?' && c != '#';
}

// Text from outside made safe for a terminal and a log line: what steers or is not UTF-8 is spelt out, the
// length is bounded, and of URLs the user, the query and the fragment are dropped, because that is where they
// carry secrets.
inline std::string printable(std::string_view text, std::size_t limit)
{
    static constexpr std::string_view digits = "0123456789abcdef";
    static constexpr std::string_view secret = "[redacted]";
    // Bounds the work on a text made to be looked at again from each of its characters.
    constexpr std::size_t far_enough = 2048;
    auto const word_at = [&](std::size_t at, std::size_t longest) {
        std::string_view const rest = text.substr(at, longest);
        std::size_t end = 0;
        while (end < rest.size() && !ends_url(rest[end]))
            ++end;
        return rest.substr(0, end);
    };
    std::string out;
    bool in_url = false;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t plain = at;
        while (plain < text.size() && is_plain(text[plain]))
            ++plain;
        if (plain != at) {
            std::size_t const room = limit - out.size();
            out += text.substr(at, std::min(plain - at, room));
            if (plain - at > room)
                return out + "...";
            at = plain;
            continue;
        }
        std::size_t const valid = utf8_sequence(text, at);
        std::string_view const sequence = text.substr(at, valid == 0 ? 1 : valid);
        char const c = sequence.front();
        std::size_t skipped = sequence.size();
        in_url = in_url && !ends_url(c);
        std::string spelt;
        std::string_view piece = sequence;
        if (valid == 0 || is_steering(sequence)) {
            for (char const raw : sequence) {
                auto const byte = static_cast<unsigned char>(raw);
                spelt += "\\x";
                spelt += digits[byte >> 4U];
                spelt += digits[byte & 0xFU];
            }
            piece = spelt;
        } else if (c == ':') {
            // In JSON that could not be read, slashes may still be escaped.
            std::string_view const behind = text.substr(at + 1);
            std::size_t const slashes = behind.starts_with("//") ? 2 : behind.starts_with("\\/\\/") ? 4 : 0;
            if (slashes != 0) {
                in_url = true;
                std::string_view const word = word_at(at + 1 + slashes, far_enough);
                std::size_t const user = word.substr(0, word.find_first_of("/?#\\")).rfind('@');
                if (user != std::string_view::npos) {
                    spelt = "://" + std::string(secret);
                    piece = spelt;
                    skipped = 1 + slashes + user;
                }
            }
        } else if (c == '?' || c == '#') {
            std::string_view const word = word_at(at + 1, far_enough);
            // A link may also have been written without its scheme.
            if (!word.empty() && (in_url || (c == '?' && word.find('=') != std::string_view::npos))) {
                spelt = c + std::string(secret);
                piece = spelt;
                skipped = 1 + word_at(at + 1, text.size()).size();
            }
        }
        if (out.size() + piece.size() > limit)
            return out + "...";
        out += piece;
        at += skipped;
    }
    return out;
}

} // namespace apimart::detail

#endif
