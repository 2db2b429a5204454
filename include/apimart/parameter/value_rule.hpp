// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_VALUE_RULE_HPP
#define APIMART_PARAMETER_VALUE_RULE_HPP

#include <apimart/parameter/choice.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace apimart {

/// What a value is in JSON and how it is judged.
enum class value_kind : std::uint8_t
{
    text,           ///< a string, measured in code points
    integer,        ///< a whole number, never quoted
    boolean,        ///< true or false
    choice,         ///< a string out of a list
    url,            ///< a string: an absolute http or https URL, or Base64 where the rule says so
    urls,           ///< an array of such URLs
    shots,          ///< an array of numbered shots whose seconds add up to the length of the video
    shot_script,    ///< a string in which shots are written one after the other
    elements,       ///< an array of named elements with pictures
    enabled_object, ///< an object that holds one boolean
    object          ///< any object
};

/// What a text may refer to, and what is therefore compared with another parameter.
enum class reference_kind : std::uint8_t
{
    nothing,
    images,   ///< `<<<image_N>>>`, the Nth entry of the image list
    elements, ///< `@name`, an entry of the element list
    shots     ///< shots written into the text, whose seconds should agree with the length of the video
};

/// A number, a text, a truth value or nothing; usable in constant expressions.
class constant
{
public:
    enum class type : std::uint8_t
    {
        nothing,
        number,
        text,
        boolean
    };

    constexpr constant() noexcept = default;
    constexpr explicit constant(std::int64_t number) noexcept : type_(type::number), number_(number) {}
    constexpr explicit constant(std::string_view text) noexcept : type_(type::text), text_(text) {}
    constexpr explicit constant(bool flag) noexcept : type_(type::boolean), number_(flag) {}

    constexpr type holds() const noexcept { return type_; }
    constexpr std::int64_t number() const noexcept { return number_; }
    constexpr std::string_view text() const noexcept { return text_; }
    constexpr bool flag() const noexcept { return number_ != 0; }

private:
    type type_ = type::nothing;
    std::int64_t number_ = 0;
    std::string_view text_;
};

/// What a picture may be that travels inside a request.
struct image_limits
{
    std::int64_t bytes = 0;     ///< size of its file
    std::int64_t min_side = 0;  ///< pixels
    std::int64_t long_side = 0; ///< the longer side to the shorter is at most long_side to short_side
    std::int64_t short_side = 0;
};

/// The rule for one value: the columns "type", "default" and "allowed" of a documentation table.
///
/// Plain data on purpose: one validator that is not a template walks it at run time, the same data is asked
/// at compile time, and a listing or a schema can be printed from it. Written with the words of namespace
/// `tables` and refined by the member functions below, each of which returns a changed copy.
struct value_rule
{
    static constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();
    static constexpr std::size_t max_list_size = 4;

    value_kind kind = value_kind::object;
    reference_kind references = reference_kind::nothing;
    bool in_seconds = false;
    bool only_true = false;
    bool numbers_recommended = false;
    std::uint8_t choice_count = 0;
    std::uint8_t number_count = 0;
    std::int64_t minimum = -unlimited; ///< integer: value; text: code points; list: entries
    std::int64_t maximum = unlimited;  ///< likewise
    std::int64_t recommended_maximum =
        unlimited;                         ///< likewise; beyond it a request is accepted with an advice
    std::int64_t item_minimum = 0;         ///< shot: code points of its text; element: pictures
    std::int64_t item_maximum = unlimited; ///< likewise
    std::array<std::string_view, max_list_size> choices{};
    std::array<std::int64_t, max_list_size> numbers{};
    image_limits picture{}; ///< url: of a picture in Base64
    constant default_value{};

    /// Whether a picture in Base64 may stand for its URL.
    constexpr bool base64_allowed() const noexcept { return picture.bytes != 0; }

    constexpr value_rule by_default(std::int64_t number) const noexcept
    {
        value_rule changed = *this;
        changed.default_value = constant(number);
        return changed;
    }
    constexpr value_rule by_default(int number) const noexcept { return by_default(std::int64_t{number}); }
    constexpr value_rule by_default(bool flag) const noexcept
    {
        value_rule changed = *this;
        changed.default_value = constant(flag);
        return changed;
    }
    template <class Parameter>
    constexpr value_rule by_default(choice<Parameter> value) const noexcept
    {
        value_rule changed = *this;
        changed.default_value = constant(value.text());
        return changed;
    }

    /// The service takes more, but the documentation advises not to exceed this.
    constexpr value_rule recommended(std::int64_t at_most) const noexcept
    {
        value_rule changed = *this;
        changed.recommended_maximum = at_most;
        return changed;
    }

    /// Besides a URL, a picture in Base64 is taken.
    constexpr value_rule or_base64(image_limits limits) const noexcept
    {
        value_rule changed = *this;
        changed.picture = limits;
        return changed;
    }

    constexpr value_rule referencing(reference_kind target) const noexcept
    {
        value_rule changed = *this;
        changed.references = target;
        return changed;
    }

    constexpr bool allows_choice(std::string_view text) const noexcept
    {
        for (std::size_t i = 0; i != choice_count; ++i)
            if (choices[i] == text)
                return true;
        return false;
    }

    constexpr bool allows_number(std::int64_t number) const noexcept
    {
        if (number < minimum || number > maximum)
            return false;
        return number_count == 0 || numbers_recommended || lists_number(number);
    }

    constexpr bool lists_number(std::int64_t number) const noexcept
    {
        for (std::size_t i = 0; i != number_count; ++i)
            if (numbers[i] == number)
                return true;
        return false;
    }

    constexpr bool allows_count(std::int64_t count) const noexcept
    {
        return count >= minimum && count <= maximum;
    }
};

namespace tables {

/// A text without a stated limit.
inline constexpr value_rule text{.kind = value_kind::text, .minimum = 0};

/// A text of at most so many code points.
constexpr value_rule characters(std::int64_t at_most) noexcept
{
    return {.kind = value_kind::text, .minimum = 0, .maximum = at_most};
}

/// A text that consists of shots, of at most so many code points in all.
constexpr value_rule shot_script(value_rule whole_text) noexcept
{
    whole_text.kind = value_kind::shot_script;
    return whole_text;
}

inline constexpr value_rule boolean{.kind = value_kind::boolean};

/// A switch that the service only lets be switched on.
inline constexpr value_rule only_true{.kind = value_kind::boolean, .only_true = true};

constexpr value_rule integer(std::int64_t minimum, std::int64_t maximum) noexcept
{
    return {.kind = value_kind::integer, .minimum = minimum, .maximum = maximum};
}

/// Whole seconds within a range.
constexpr value_rule seconds(std::int64_t minimum, std::int64_t maximum) noexcept
{
    return {.kind = value_kind::integer, .in_seconds = true, .minimum = minimum, .maximum = maximum};
}

/// Whole seconds out of a list.
template <class... Numbers>
constexpr value_rule seconds_among(Numbers... numbers) noexcept
{
    static_assert(sizeof...(numbers) <= value_rule::max_list_size);
    return {.kind = value_kind::integer,
            .in_seconds = true,
            .number_count = sizeof...(numbers),
            .numbers = {numbers...}};
}

/// Whole seconds for which the documentation recommends a list without forbidding other values.
template <class... Numbers>
constexpr value_rule seconds_preferably(Numbers... numbers) noexcept
{
    value_rule rule = seconds_among(numbers...);
    rule.numbers_recommended = true;
    return rule;
}

/// One of the named values.
template <class Parameter, class... More>
constexpr value_rule one_of(choice<Parameter> first, choice<More>... more) noexcept
{
    static_assert(1 + sizeof...(more) <= value_rule::max_list_size);
    return {.kind = value_kind::choice,
            .choice_count = 1 + sizeof...(more),
            .choices = {first.text(), more.text()...}};
}

/// An absolute http or https URL.
inline constexpr value_rule url{.kind = value_kind::url};

/// A list of URLs.
constexpr value_rule urls(std::int64_t minimum, std::int64_t maximum = value_rule::unlimited) noexcept
{
    return {.kind = value_kind::urls, .minimum = minimum, .maximum = maximum};
}

/// A list of shots whose texts have at most so many code points.
constexpr value_rule shots(std::int64_t minimum, std::int64_t maximum, value_rule shot_text) noexcept
{
    return {.kind = value_kind::shots,
            .minimum = minimum,
            .maximum = maximum,
            .item_minimum = 1,
            .item_maximum = shot_text.maximum};
}

/// A list of elements with so many pictures each.
constexpr value_rule elements(std::int64_t maximum, value_rule pictures_of_one) noexcept
{
    return {.kind = value_kind::elements,
            .minimum = 0,
            .maximum = maximum,
            .item_minimum = pictures_of_one.minimum,
            .item_maximum = pictures_of_one.maximum};
}

/// `{"enabled": true}` or `{"enabled": false}`.
inline constexpr value_rule enabled_object{.kind = value_kind::enabled_object};

/// An object the documentation says nothing more about.
inline constexpr value_rule object{.kind = value_kind::object};

constexpr std::int64_t megabytes(std::int64_t count) noexcept
{
    return count * 1024 * 1024;
}

} // namespace tables
} // namespace apimart

#endif
