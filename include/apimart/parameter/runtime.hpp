// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_RUNTIME_HPP
#define APIMART_PARAMETER_RUNTIME_HPP

#include <apimart/parameter/choice.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace apimart {

/// A value that is known only at run time and is judged by `any_request::check()`; made by `checked`.
template <class T>
class checked_value
{
public:
    constexpr explicit checked_value(T value) : value_(std::move(value)) {}
    constexpr T const& get() const noexcept { return value_; }

private:
    T value_;
};

/// The door for values known only at run time: `.duration(checked(wanted))`,
/// `.mode(checked(text_from_a_form))`.
///
/// A setter takes literals as they are and judges them while compiling. Everything else passes through here,
/// so that a reader sees which values may still be refused: by `any_request::check()`, which every submit
/// calls before a byte is sent, with the very same rules.
template <std::integral T>
    requires(!std::same_as<T, bool>)
constexpr checked_value<std::int64_t> checked(T number) noexcept
{
    // Beyond the range of std::int64_t no rule accepts a number anyway.
    if (std::cmp_greater(number, std::numeric_limits<std::int64_t>::max()))
        return checked_value(std::numeric_limits<std::int64_t>::max());
    return checked_value(static_cast<std::int64_t>(number));
}

constexpr checked_value<bool> checked(std::same_as<bool> auto flag) noexcept
{
    return checked_value<bool>(flag);
}

constexpr checked_value<std::chrono::seconds> checked(std::chrono::seconds length) noexcept
{
    return checked_value(length);
}

template <class Parameter>
constexpr checked_value<choice<Parameter>> checked(choice<Parameter> value) noexcept
{
    return checked_value(value);
}

inline checked_value<std::string> checked(std::string text)
{
    return checked_value(std::move(text));
}
inline checked_value<std::string> checked(std::string_view text)
{
    return checked_value(std::string(text));
}
inline checked_value<std::string> checked(char const* text)
{
    return checked_value(std::string(text));
}

} // namespace apimart

#endif
