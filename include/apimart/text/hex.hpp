// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_HEX_HPP
#define APIMART_TEXT_HEX_HPP

#include <string>

namespace apimart::detail {

inline void append_hex(std::string& out, unsigned char byte)
{
    constexpr char digits[] = "0123456789abcdef";
    out += digits[byte >> 4U];
    out += digits[byte & 0xFU];
}

} // namespace apimart::detail

#endif
