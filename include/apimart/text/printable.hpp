// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_PRINTABLE_HPP
#define APIMART_TEXT_PRINTABLE_HPP

#include <apimart/text/escape.hpp>
#include <apimart/text/redact.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace apimart::detail {

// Text from outside made safe for a terminal and a log line.
inline std::string printable(std::string_view text, std::size_t limit)
{
    constexpr std::size_t max_character_size = 4;
    return escape(redact_urls(text, (limit + 1) * max_character_size), limit);
}

} // namespace apimart::detail

#endif
