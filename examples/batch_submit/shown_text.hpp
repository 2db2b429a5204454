// Text from outside, made safe for a terminal and for a line of a log.
#ifndef APIMART_EXAMPLES_SHOWN_TEXT_HPP
#define APIMART_EXAMPLES_SHOWN_TEXT_HPP

#include <apimart/text/printable.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace batch_submit {

// The library's own rule for what it shows: nothing that steers a terminal, no signed part of a link.
inline std::string shown(std::string_view text, std::size_t limit = 300)
{
    return apimart::detail::printable(text, limit);
}

inline std::string plural(std::size_t count, std::string const& noun)
{
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

} // namespace batch_submit

#endif
