// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_SHOT_HPP
#define APIMART_PARAMETER_SHOT_HPP

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace apimart {

/// One shot of a storyboard, written down in the source: `shot("wide shot of a harbour at dawn", 5s)`.
///
/// Refers to the text, which therefore should be a literal. For texts made at run time there is `owned_shot`.
class shot
{
public:
    constexpr shot(std::string_view text, std::chrono::seconds duration) noexcept
        : text_(text), duration_(duration)
    {}

    constexpr std::string_view text() const noexcept { return text_; }
    constexpr std::chrono::seconds duration() const noexcept { return duration_; }

private:
    std::string_view text_;
    std::chrono::seconds duration_;
};

/// One shot of a storyboard whose text is made at run time; owns the text.
class owned_shot
{
public:
    owned_shot(std::string text, std::chrono::seconds duration) : text_(std::move(text)), duration_(duration)
    {}
    owned_shot(shot const& literal) : text_(literal.text()), duration_(literal.duration()) {}

    std::string const& text() const noexcept { return text_; }
    std::chrono::seconds duration() const noexcept { return duration_; }

private:
    std::string text_;
    std::chrono::seconds duration_;
};

namespace detail::shot_field {

// Members of one entry of the shot list.
inline constexpr std::string_view index = "index";
inline constexpr std::string_view prompt = "prompt";
inline constexpr std::string_view duration = "duration";

} // namespace detail::shot_field
} // namespace apimart

#endif
