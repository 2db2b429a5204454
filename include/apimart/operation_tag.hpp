// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATION_TAG_HPP
#define APIMART_OPERATION_TAG_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace apimart {

/// What a caller knows one of its calls by: a text or a number, given in the options of the call and found again in every
/// event and failure of it.
///
///     co_await client.submit(request, {.tag = "order 17"});
///     co_await client.wait(task, {.tag = 17});
///
/// It goes nowhere else: the service does not see it. It is shown in logs, so it is no place for secrets. Counters have no
/// tags, because there would be one for each.
///
/// A value that owns nothing and is trivially copyable; a text is copied into it, so that a temporary one will do.
/// Errors: throws `std::length_error` for a text of more than `max_size` bytes, which is room for a `traceparent` of W3C
/// Trace Context.
/// Thread safety: as any value.
class operation_tag
{
public:
    static constexpr std::size_t max_size = 55;

    /// No tag; `empty()` is true.
    constexpr operation_tag() noexcept = default;
    constexpr operation_tag(std::string_view text) : form_(form::text)
    {
        if (text.size() > max_size)
            throw std::length_error("a tag has at most " + std::to_string(max_size) + " bytes, not " +
                                    std::to_string(text.size()));
        size_ = static_cast<unsigned char>(text.size());
        std::copy(text.begin(), text.end(), text_.begin());
        if (text.empty())
            form_ = form::none;
    }
    constexpr operation_tag(char const* text) : operation_tag(std::string_view(text)) {}
    operation_tag(std::string const& text) : operation_tag(std::string_view(text)) {}
    /// A negative number is the one that has its bits.
    template <std::integral Number>
        requires(!std::same_as<Number, bool> && !std::same_as<Number, char>)
    constexpr operation_tag(Number number) noexcept : form_(form::number)
    {
        auto const bits = static_cast<std::uint64_t>(number);
        for (std::size_t i = 0; i < sizeof bits; ++i)
            text_[i] = static_cast<char>(static_cast<unsigned char>(bits >> (8 * i)));
    }

    constexpr bool empty() const noexcept { return form_ == form::none; }
    /// Not set for a text.
    constexpr std::optional<std::uint64_t> number() const noexcept
    {
        if (form_ != form::number)
            return std::nullopt;
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < sizeof bits; ++i)
            bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(text_[i])) << (8 * i);
        return bits;
    }
    /// Empty for a number. A view into this tag.
    constexpr std::string_view text() const& noexcept { return {text_.data(), size_}; }
    std::string text() && { return std::string(text_.data(), size_); }

    friend constexpr bool operator==(operation_tag const&, operation_tag const&) noexcept = default;

private:
    enum class form : unsigned char
    {
        none,
        text,
        number,
    };

    std::array<char, max_size> text_{};
    unsigned char size_ = 0;
    form form_ = form::none;
};

/// The text, or the number in decimal digits.
inline std::string to_string(operation_tag const& tag)
{
    return tag.number() ? std::to_string(*tag.number()) : std::string(tag.text());
}

} // namespace apimart

#endif
