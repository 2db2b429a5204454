// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_ARGUMENT_HPP
#define APIMART_PARAMETER_ARGUMENT_HPP

#include <apimart/parameter/choice.hpp>
#include <apimart/parameter/compile_time_rule.hpp>
#include <apimart/parameter/runtime.hpp>
#include <apimart/parameter/table.hpp>
#include <apimart/text/utf8.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace apimart {
namespace detail {

// The one member of an `enabled_object`.
inline constexpr std::string_view enabled_field = "enabled";

// What every argument is underneath. Not a template, so that storing costs no instantiation per model.
class argument_value
{
public:
    void store_in(boost::json::object& body, std::string_view name) const;

protected:
    enum class form : std::uint8_t
    {
        number,
        flag,
        enabled_object,
        text,
        object
    };

    constexpr argument_value(form f, std::int64_t number) noexcept : form_(f), number_(number) {}
    constexpr explicit argument_value(std::string_view text) noexcept : form_(form::text), text_(text) {}
    explicit argument_value(boost::json::object const& object) noexcept
        : form_(form::object), object_(&object)
    {}

private:
    boost::json::value to_json(boost::json::storage_ptr storage) const;

    form form_;
    std::int64_t number_ = 0;
    std::string_view text_;
    boost::json::object const* object_ = nullptr;
};

template <class T>
concept run_time_text = std::convertible_to<T const&, std::string_view> && !std::is_array_v<T>;

constexpr bool begins_like_a_url(std::string_view text) noexcept
{
    return text.starts_with("https://") || text.starts_with("http://");
}

} // namespace detail

/// The value of one parameter of one kind of generation of one model.
///
/// Literals (`5s`, `landscape`, `"16:9"`, `7`, a text) are judged while compiling: a value that the table
/// does not accept is a compile error that names the model, the parameter and the rule. Texts and URLs in a
/// `std::string`, and everything wrapped in `runtime`, are judged at run time by `any_request::check()`.
///
/// Refers to the text it was made from and lives only for the duration of a setter's call. Trivially
/// copyable.
template <class Model, class Kind, class Parameter>
class argument : public detail::argument_value
{
    static constexpr value_rule const& rule = detail::row_of<Model, Kind, Parameter>.values;

    static constexpr bool is_number = rule.kind == value_kind::integer && !rule.in_seconds;
    static constexpr bool is_length = rule.kind == value_kind::integer && rule.in_seconds;
    static constexpr bool is_switch = rule.kind == value_kind::boolean && !rule.only_true;
    static constexpr bool is_choice = rule.kind == value_kind::choice;
    static constexpr bool is_sound = std::same_as<Parameter, parameter::keep_original_sound>;
    // A text that consists of shots is written by the shots alone.
    static constexpr bool is_text = rule.kind == value_kind::text || rule.kind == value_kind::url;

public:
    /// A length, such as `5s`.
    APIMART_CONSTEVAL_LENGTH argument(std::chrono::seconds length) requires is_length
        : argument_value(form::number, checked(length.count()))
    {}

    /// A whole number.
    template <std::integral Number>
        requires(is_number && !std::same_as<Number, bool>)
    consteval argument(Number number) : argument_value(form::number, checked(number)) {}

    /// A switch; not only literals, since both values are accepted.
    template <std::same_as<bool> Flag>
    requires is_switch constexpr argument(Flag flag) noexcept : argument_value(form::flag, flag) {}

    /// A switch that the service only lets be switched on.
    template <std::same_as<bool> Flag>
        requires(rule.only_true)
    consteval argument(Flag flag) : argument_value(form::flag, flag)
    {
        if (!flag)
            compile_time_rule::value_can_only_be_true<Model, Parameter>();
    }

    /// A switch that travels inside an object.
    template <std::same_as<bool> Flag>
        requires(rule.kind == value_kind::enabled_object)
    constexpr argument(Flag flag) noexcept : argument_value(form::enabled_object, flag) {}

    /// A switch that travels as one of two words.
    template <std::same_as<bool> Flag>
    requires is_sound constexpr argument(Flag keep) noexcept
        : argument_value(keep ? keep_sound.text() : drop_sound.text())
    {}

    /// A named value, such as `landscape`. A reference keeps GCC 14 from moving it away.
    template <class Owner>
    requires is_choice consteval argument(choice<Owner> const& value) : argument_value(value.text())
    {
        // The text has a part in the condition because GCC would name this constructor, not the rule, if the
        // branch were taken whatever the value.
        if (value.text().empty() || !std::same_as<Owner, Parameter>)
            compile_time_rule::choice_belongs_to_another_parameter<Model, Parameter, Owner>();
        if (!rule.allows_choice(value.text()))
            compile_time_rule::value_is_not_among_the_accepted_choices<Model, Parameter>();
    }

    /// A literal text, URL or choice.
    template <std::size_t Size>
        requires(is_text || is_choice)
    consteval argument(char const (&literal)[Size])
        : argument_value(checked(std::string_view(literal, Size - 1)))
    {}

    /// A text or URL known at run time.
    template <detail::run_time_text Text>
    requires is_text constexpr argument(Text const& text) : argument_value(std::string_view(text)) {}

    /// An object, copied when it is stored.
    argument(boost::json::object const& object) noexcept requires(rule.kind == value_kind::object)
        : argument_value(object)
    {}

    constexpr argument(runtime_value<std::int64_t> const& number) noexcept requires is_number
        : argument_value(form::number, number.get())
    {}

    constexpr argument(runtime_value<std::chrono::seconds> const& length) noexcept requires is_length
        : argument_value(form::number, length.get().count())
    {}

    constexpr argument(runtime_value<bool> const& flag) noexcept requires(rule.kind == value_kind::boolean)
        : argument_value(form::flag, flag.get())
    {}

    constexpr argument(runtime_value<choice<Parameter>> const& value) noexcept requires is_choice
        : argument_value(value.get().text())
    {}

    argument(runtime_value<std::string> const& text) noexcept requires(is_text || is_choice)
        : argument_value(std::string_view(text.get()))
    {}

private:
    static constexpr std::int64_t checked(std::int64_t number)
    {
        if (!__builtin_is_constant_evaluated())
            return number;
        if (number < rule.minimum || number > rule.maximum)
            compile_time_rule::value_is_outside_the_accepted_range<Model, Parameter, rule.minimum,
                                                                   rule.maximum>();
        if constexpr (rule.number_count != 0 && !rule.numbers_recommended) {
            if (!rule.lists_number(number)) {
                if constexpr (rule.number_count == 2)
                    compile_time_rule::value_is_not_among_the_accepted_values<
                        Model, Parameter, rule.numbers[0], rule.numbers[1]>();
                else if constexpr (rule.number_count == 3)
                    compile_time_rule::value_is_not_among_the_accepted_values<
                        Model, Parameter, rule.numbers[0], rule.numbers[1], rule.numbers[2]>();
                else
                    compile_time_rule::value_is_not_among_the_accepted_values<Model, Parameter>();
            }
        }
        return number;
    }

    static consteval std::string_view checked(std::string_view text)
    {
        if constexpr (is_choice) {
            if (!rule.allows_choice(text))
                compile_time_rule::value_is_not_among_the_accepted_choices<Model, Parameter>();
        } else if constexpr (rule.kind == value_kind::url) {
            if (!rule.base64_allowed() && !detail::begins_like_a_url(text))
                compile_time_rule::url_must_begin_with_http_or_https<Model, Parameter>();
            if (text.empty())
                compile_time_rule::text_must_not_be_empty<Model, Parameter>();
        } else {
            detail::utf8_scan const scan = detail::scan_utf8(text);
            if (!scan.valid())
                compile_time_rule::text_is_not_utf8<Model, Parameter>();
            if (rule.minimum > 0 && text.empty())
                compile_time_rule::text_must_not_be_empty<Model, Parameter>();
            if (static_cast<std::int64_t>(scan.code_points) > rule.maximum)
                compile_time_rule::text_has_more_characters_than_accepted<Model, Parameter, rule.maximum>();
        }
        return text;
    }
};

} // namespace apimart

#endif
