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

/// A value that is known only at run time and is judged by `any_request::check()`; made by `runtime`.
template <class T>
class runtime_value
{
public:
    constexpr explicit runtime_value(T value) : value_(std::move(value)) {}
    constexpr T const& get() const noexcept { return value_; }

private:
    T value_;
};

/// The door for values known only at run time: `.duration(runtime(wanted))`,
/// `.mode(runtime(text_from_a_form))`.
///
/// A setter takes literals as they are and judges them while compiling. Everything else passes through here,
/// so that a reader sees which values may still be refused: by `any_request::check()`, which every submit
/// calls before a byte is sent, with the very same rules.
template <std::integral T>
    requires(!std::same_as<T, bool>)
constexpr runtime_value<std::int64_t> runtime(T number) noexcept
{
    // Beyond the range of std::int64_t no rule accepts a number anyway.
    if (std::cmp_greater(number, std::numeric_limits<std::int64_t>::max()))
        return runtime_value(std::numeric_limits<std::int64_t>::max());
    return runtime_value(static_cast<std::int64_t>(number));
}

constexpr runtime_value<bool> runtime(std::same_as<bool> auto flag) noexcept
{
    return runtime_value<bool>(flag);
}

constexpr runtime_value<std::chrono::seconds> runtime(std::chrono::seconds length) noexcept
{
    return runtime_value(length);
}

template <class Parameter>
constexpr runtime_value<choice<Parameter>> runtime(choice<Parameter> value) noexcept
{
    return runtime_value(value);
}

inline runtime_value<std::string> runtime(std::string text)
{
    return runtime_value(std::move(text));
}
inline runtime_value<std::string> runtime(std::string_view text)
{
    return runtime_value(std::string(text));
}
inline runtime_value<std::string> runtime(char const* text)
{
    return runtime_value(std::string(text));
}

/// A range, such as a `std::vector` of URLs, is known only at run time anyway, and stays as it is.
template <class Range>
    requires(!std::convertible_to<Range const&, std::string_view> && requires(Range const& entries) {
        entries.begin();
        entries.end();
    })
constexpr Range const& runtime(Range const& entries) noexcept
{
    return entries;
}

} // namespace apimart

#endif
