// SPDX-License-Identifier: BSL-1.0
// Texts with places in them.
#ifndef APIMART_TESTING_RULES_FILLED_TEXT_HPP
#define APIMART_TESTING_RULES_FILLED_TEXT_HPP

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::testing::emulation {

/// A text with its places, such as `{id}`, filled.
inline std::string filled(std::string_view text,
                          std::initializer_list<std::pair<std::string_view, std::string_view>> places)
{
    std::string out(text);
    for (auto const& [place, value] : places)
        for (auto at = out.find(place); at != out.npos; at = out.find(place, at + value.size()))
            out.replace(at, place.size(), value);
    return out;
}

} // namespace apimart::testing::emulation

#endif
