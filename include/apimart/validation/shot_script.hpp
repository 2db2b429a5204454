// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_SHOT_SCRIPT_HPP
#define APIMART_VALIDATION_SHOT_SCRIPT_HPP

#include <apimart/text/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Shots that are written into a prompt: `Shot 1,2,a corgi running;Shot 2,3,it stops;` (api-reference.md 3.1).
namespace apimart::detail {

inline constexpr std::string_view shot_word = "Shot ";
inline constexpr char shot_comma = ',';
inline constexpr char shot_end = ';';

inline void append_shot(std::string& script, std::size_t number, std::int64_t seconds, std::string_view text)
{
    script.append(shot_word);
    script.append(std::to_string(number));
    script.push_back(shot_comma);
    script.append(std::to_string(seconds));
    script.push_back(shot_comma);
    script.append(text);
    script.push_back(shot_end);
}

constexpr std::size_t decimal_digits(std::uint64_t number) noexcept
{
    std::size_t digits = 1;
    for (; number >= 10; number /= 10)
        ++digits;
    return digits;
}

// Characters that append_shot adds to the text of a shot.
constexpr std::size_t shot_frame_length(std::size_t number, std::int64_t seconds) noexcept
{
    return shot_word.size() + decimal_digits(number) + decimal_digits(static_cast<std::uint64_t>(seconds)) +
           3;
}

struct script_summary
{
    bool well_formed = false; ///< the whole text is shots and nothing else
    bool in_order = true;     ///< numbered from one without a gap
    std::size_t shots = 0;
    std::int64_t seconds = 0;
};

// Reads the whole text as shots. Blanks between shots and a missing last semicolon are let through, since the
// documentation shows one example and no grammar.
constexpr script_summary read_shot_script(std::string_view text) noexcept
{
    script_summary result;
    auto skip_blanks = [&] {
        text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
    };
    auto read_number = [&](std::int64_t& number) {
        std::size_t digits = 0;
        number = 0;
        // More digits than a plausible number of seconds has would only invite overflow.
        for (; digits < text.size() && digits < 6 && text[digits] >= '0' && text[digits] <= '9'; ++digits)
            number = number * 10 + (text[digits] - '0');
        text.remove_prefix(digits);
        skip_blanks();
        if (digits == 0 || text.empty() || text.front() != shot_comma)
            return false;
        text.remove_prefix(1);
        skip_blanks();
        return true;
    };

    for (skip_blanks(); !text.empty(); skip_blanks()) {
        std::int64_t number = 0;
        std::int64_t seconds = 0;
        if (!text.starts_with(shot_word))
            return result;
        text.remove_prefix(shot_word.size());
        skip_blanks();
        if (!read_number(number) || !read_number(seconds))
            return result;
        std::size_t const end = text.find(shot_end);
        if (end == 0 || text.empty())
            return result;
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        ++result.shots;
        result.seconds += seconds;
        result.in_order = result.in_order && number == static_cast<std::int64_t>(result.shots);
    }
    result.well_formed = result.shots != 0;
    return result;
}

} // namespace apimart::detail

#endif
