// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_UUID_HPP
#define APIMART_TEXT_UUID_HPP

#include <cstddef>
#include <span>
#include <string>

namespace apimart::detail {

inline constexpr std::size_t uuid_size = 16;

// Random bytes, or such as nobody can tell from random ones, as a UUID of version 4.
inline std::string uuid_text(std::span<unsigned char, uuid_size> bytes)
{
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    static constexpr char digits[] = "0123456789abcdef";
    std::string text("00000000-0000-0000-0000-000000000000");
    std::size_t at = 0;
    for (unsigned char const byte : bytes) {
        if (text[at] == '-')
            ++at;
        text[at++] = digits[byte >> 4U];
        text[at++] = digits[byte & 0xFU];
    }
    return text;
}

} // namespace apimart::detail

#endif
