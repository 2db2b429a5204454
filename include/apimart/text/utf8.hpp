// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_UTF8_HPP
#define APIMART_TEXT_UTF8_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace apimart::detail {

struct utf8_scan
{
    std::size_t code_points = 0;
    std::size_t bad_byte = npos; ///< offset of the first byte that is not UTF-8

    static constexpr std::size_t npos = static_cast<std::size_t>(-1);
    constexpr bool valid() const noexcept { return bad_byte == npos; }
};

// Length of the well-formed sequence that begins at `at`, or 0. The narrowed range of the second byte keeps
// out overlong forms, surrogates and everything beyond the last code point (Unicode, table 3-7).
constexpr std::size_t utf8_sequence(std::string_view text, std::size_t at) noexcept
{
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
        return at + i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    unsigned const lead = byte(0);
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2)
        return 0;
    if (lead < 0xE0)
        return continues(1) ? 2 : 0;
    if (lead < 0xF0)
        return continues(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && continues(2) ? 3 : 0;
    if (lead < 0xF5)
        return continues(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && continues(2) &&
                       continues(3)
                   ? 4
                   : 0;
    return 0;
}

/// Counts code points up to the first byte that is not UTF-8.
constexpr utf8_scan scan_utf8(std::string_view text) noexcept
{
    utf8_scan result;
    std::size_t at = 0;
    while (at < text.size()) {
        if (!std::is_constant_evaluated()) {
            // Nearly all text is ASCII: look at eight bytes at once.
            std::uint64_t block;
            while (text.size() - at >= sizeof block) {
                std::memcpy(&block, text.data() + at, sizeof block);
                if ((block & 0x8080808080808080u) != 0)
                    break;
                at += sizeof block;
                result.code_points += sizeof block;
            }
            if (at == text.size())
                break;
        }
        std::size_t const length = utf8_sequence(text, at);
        if (length == 0) {
            result.bad_byte = at;
            return result;
        }
        at += length;
        ++result.code_points;
    }
    return result;
}

// That of ASCII.
inline constexpr std::string_view white_space = " \t\n\v\f\r";

/// Whether a text says nothing: it is empty or white space only.
constexpr bool is_blank(std::string_view text) noexcept
{
    return text.find_first_not_of(white_space) == std::string_view::npos;
}

} // namespace apimart::detail

#endif
