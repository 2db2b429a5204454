// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_PRINTABLE_HPP
#define APIMART_DETAIL_PRINTABLE_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace apimart::detail {

// Text from outside made safe for a terminal and a log line: control characters escaped, length bounded,
// and the query of any URL in it dropped, because that is where links carry their signature.
inline std::string printable(std::string_view text, std::size_t limit)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    bool in_url = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const c = static_cast<unsigned char>(text[i]);
        if (out.size() >= limit) {
            // Never end inside a UTF-8 sequence.
            while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0U) == 0x80U)
                out.pop_back();
            if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xC0U)
                out.pop_back();
            return out + "...";
        }
        if (text.substr(i).starts_with("http://") || text.substr(i).starts_with("https://"))
            in_url = true;
        if (c == ' ' || c == '"' || c == '<' || c == '>' || c == ')')
            in_url = false;
        if (in_url && c == '?') {
            out += "?[redacted]";
            while (i + 1 < text.size() && text[i + 1] != ' ' && text[i + 1] != '"')
                ++i;
            in_url = false;
            continue;
        }
        if (c < 0x20 || c == 0x7F) {
            out += "\\x";
            out += digits[c >> 4U];
            out += digits[c & 0xFU];
        } else {
            out += static_cast<char>(c);
        }
    }
    return out;
}

} // namespace apimart::detail

#endif
