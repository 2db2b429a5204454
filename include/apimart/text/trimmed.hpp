// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_TRIMMED_HPP
#define APIMART_TEXT_TRIMMED_HPP

#include <algorithm>
#include <string_view>

namespace apimart::detail {

// The text without blanks around it.
constexpr std::string_view trimmed(std::string_view text, std::string_view blanks) noexcept
{
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

} // namespace apimart::detail

#endif
