// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_RETRY_AFTER_HPP
#define APIMART_PROTOCOL_RETRY_AFTER_HPP

#include <apimart/text/trimmed.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace apimart::detail {

// More is longer than any operation waits, and is reported as it is.
inline constexpr std::int64_t max_retry_after = std::int64_t{1} << 40U;

inline std::optional<unsigned> all_digits(std::string_view text)
{
    unsigned value = 0;
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", the one date form that may be generated.
inline std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text)
{
    using namespace std::chrono;
    static constexpr std::string_view shape = "Sun, 06 Nov 1994 08:49:37 GMT";
    static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static constexpr std::array<std::size_t, 7> separators{3, 4, 7, 11, 16, 19, 22};
    if (text.size() != shape.size() || !text.ends_with(" GMT") ||
        std::any_of(separators.begin(), separators.end(),
                    [&](std::size_t at) { return text[at] != shape[at]; }))
        return std::nullopt;
    auto const month = std::find(months.begin(), months.end(), text.substr(8, 3));
    auto const d = all_digits(text.substr(5, 2));
    auto const y = all_digits(text.substr(12, 4));
    auto const h = all_digits(text.substr(17, 2));
    auto const m = all_digits(text.substr(20, 2));
    auto const s = all_digits(text.substr(23, 2));
    if (month == months.end() || !d || !y || !h || !m || !s || *h > 23 || *m > 59 || *s > 60)
        return std::nullopt;
    year_month_day const date{year{static_cast<int>(*y)},
                              std::chrono::month{static_cast<unsigned>(month - months.begin()) + 1}, day{*d}};
    if (!date.ok())
        return std::nullopt;
    return sys_days(date) + hours(*h) + minutes(*m) + seconds(*s);
}

// Reads the two forms of Retry-After. Rubbish and the past are ignored, as if the header were absent.
inline std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                             std::chrono::sys_seconds now)
{
    value = trimmed(value, " \t");
    if (value.empty())
        return std::nullopt;
    if (value.find_first_not_of("0123456789") == std::string_view::npos) {
        std::int64_t count = max_retry_after;
        std::from_chars(value.data(), value.data() + value.size(), count);
        return std::chrono::seconds(std::min(count, max_retry_after));
    }
    auto const when = parse_http_date(value);
    if (!when || *when <= now)
        return std::nullopt;
    return *when - now;
}

} // namespace apimart::detail

#endif
