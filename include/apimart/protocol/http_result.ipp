// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_HTTP_RESULT_IPP
#define APIMART_PROTOCOL_HTTP_RESULT_IPP

#include <apimart/protocol/http_result.hpp>
#include <apimart/separate_compilation.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace apimart::detail {

inline std::optional<int> all_digits(std::string_view text)
{
    int value = 0;
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

APIMART_INLINE std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                                     std::chrono::sys_seconds now)
{
    using namespace std::chrono;
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
        value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t'))
        value.remove_suffix(1);
    if (value.empty())
        return std::nullopt;
    if (std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        std::int64_t count = 0;
        auto const [end, code] = std::from_chars(value.data(), value.data() + value.size(), count);
        if (code == std::errc::result_out_of_range)
            count = std::int64_t{1} << 40U; // longer than anyone waits; the caller reports it
        return seconds(std::min(count, std::int64_t{1} << 40U));
    }
    // "Sun, 06 Nov 1994 08:49:37 GMT", the one date form that may be generated.
    static constexpr std::string_view shape = "Sun, 06 Nov 1994 08:49:37 GMT";
    static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto const differs = [&](std::size_t at) { return value[at] != shape[at]; };
    static constexpr std::array<std::size_t, 7> separators{3, 4, 7, 11, 16, 19, 22};
    if (value.size() != shape.size() || !value.ends_with(" GMT") ||
        std::any_of(separators.begin(), separators.end(), differs))
        return std::nullopt;
    auto const month = std::find(months.begin(), months.end(), value.substr(8, 3));
    auto const d = all_digits(value.substr(5, 2));
    auto const y = all_digits(value.substr(12, 4));
    auto const h = all_digits(value.substr(17, 2));
    auto const m = all_digits(value.substr(20, 2));
    auto const s = all_digits(value.substr(23, 2));
    if (month == months.end() || !d || !y || !h || !m || !s || *h > 23 || *m > 59 || *s > 60 || *h < 0 ||
        *m < 0 || *s < 0)
        return std::nullopt;
    year_month_day const date{year{*y}, std::chrono::month{static_cast<unsigned>(month - months.begin()) + 1},
                              day{static_cast<unsigned>(*d)}};
    if (!date.ok())
        return std::nullopt;
    sys_seconds const when = sys_days(date) + hours(*h) + minutes(*m) + seconds(*s);
    if (when <= now)
        return std::nullopt;
    return when - now;
}

} // namespace apimart::detail

#endif
