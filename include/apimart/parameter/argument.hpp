// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_ARGUMENT_HPP
#define APIMART_PARAMETER_ARGUMENT_HPP

#include <apimart/parameter/choice.hpp>
#include <apimart/parameter/compile_time_rule.hpp>
#include <apimart/parameter/element.hpp>
#include <apimart/parameter/image_file.hpp>
#include <apimart/parameter/runtime.hpp>
#include <apimart/parameter/sentence.hpp>
#include <apimart/parameter/table.hpp>
#include <apimart/text/base64_picture.hpp>
#include <apimart/text/utf8.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace apimart {
namespace detail {

// The one member of an `enabled_object`.
inline constexpr std::string_view enabled_field = "enabled";

// What every argument is underneath. Not a template, so that storing costs no instantiation per model.
class argument_value
{
public:
    void store_in(boost::json::object& body, std::string_view name) const;
    void append_to(boost::json::array& list) const;
    // What of it is a local file, as it stands in the body.
    void add_local_files(std::vector<std::string>& files) const;

protected:
    enum class form : std::uint8_t
    {
        nothing,
        number,
        flag,
        enabled_object,
        text,
        file,
        object
    };

    constexpr argument_value() noexcept = default;
    constexpr argument_value(form f, std::int64_t number) noexcept : form_(f), number_(number) {}
    constexpr explicit argument_value(std::string_view text) noexcept : form_(form::text), text_(text) {}
    explicit argument_value(boost::json::object const& object) noexcept
        : form_(form::object), object_(&object)
    {}
    explicit argument_value(element_entry const& element) noexcept
        : form_(form::object), object_(&element.json()), files_(&element.local_files())
    {}
    explicit argument_value(image_file const& file) noexcept : form_(form::file), text_(file.path()) {}

private:
    boost::json::value to_json(boost::json::storage_ptr storage) const;

    form form_ = form::nothing;
    std::int64_t number_ = 0;
    std::string_view text_;
    boost::json::object const* object_ = nullptr;
    std::vector<std::string> const* files_ = nullptr; // of an element
};

template <class T>
concept run_time_text = std::convertible_to<T const&, std::string_view> && !std::is_array_v<T>;

template <class T>
inline constexpr bool is_choice_of_something = false;
template <class Parameter>
inline constexpr bool is_choice_of_something<choice<Parameter>> = true;

template <class T>
inline constexpr bool is_duration = false;
template <class Number, class Period>
inline constexpr bool is_duration<std::chrono::duration<Number, Period>> = true;

template <class T>
inline constexpr bool is_runtime_value = false;
template <class T>
inline constexpr bool is_runtime_value<runtime_value<T>> = true;

template <class T>
inline constexpr bool is_element = false;
template <std::size_t Pictures>
inline constexpr bool is_element<element<Pictures>> = true;

// What is given by mistake for something else, and therefore told so in a sentence.
template <class T>
concept value_like =
    std::is_arithmetic_v<T> || std::convertible_to<T const&, std::string_view> || is_duration<T> ||
    is_choice_of_something<T> || is_runtime_value<T> || is_element<T> || std::same_as<T, image_file>;

template <class T>
inline constexpr bool is_text_literal = false;
template <std::size_t Size>
inline constexpr bool is_text_literal<char[Size]> = true;
template <std::size_t Size>
inline constexpr bool is_text_literal<char const[Size]> = true;

constexpr bool allows_pictures(value_rule const& rule, std::size_t count) noexcept
{
    return count == std::dynamic_extent || (static_cast<std::int64_t>(count) >= rule.item_minimum &&
                                            static_cast<std::int64_t>(count) <= rule.item_maximum);
}

// "3s to 15s", "16:9, 9:16 or 1:1".
constexpr void write_accepted(sentence_writer& out, value_rule const& rule, bool is_picture = false)
{
    switch (rule.kind) {
    case value_kind::integer: {
        std::string_view const unit = rule.in_seconds ? "s" : "";
        if (rule.number_count != 0) {
            write_alternatives(out, rule.number_count,
                               [&](std::size_t i) { out << rule.numbers[i] << unit; });
            out << (rule.numbers_recommended ? " advised" : "");
        } else {
            out << rule.minimum << unit << " to " << rule.maximum << unit;
        }
        break;
    }
    case value_kind::boolean:
    case value_kind::enabled_object:
        out << (rule.only_true ? "only true" : "true or false");
        break;
    case value_kind::choice:
        write_alternatives(out, rule.choice_count, [&](std::size_t i) { out << rule.choices[i]; });
        break;
    case value_kind::url:
    case value_kind::urls:
        // Clang shows no more than the beginning of a long template argument, which therefore holds what a path is given as.
        out << "an http or https URL";
        if (is_picture)
            out << (rule.base64_allowed() ? ", image_file(path) or Base64" : " or image_file(path)");
        else if (rule.base64_allowed())
            out << ", or Base64";
        break;
    case value_kind::elements:
        out << "elements of " << rule.item_minimum << " to " << rule.item_maximum << " pictures";
        break;
    case value_kind::object:
        out << "a JSON object";
        break;
    case value_kind::text:
    case value_kind::shots:
    case value_kind::shot_script:
        if (rule.maximum == value_rule::unlimited)
            out << "a text";
        else
            out << "at most " << rule.maximum << " characters";
        break;
    }
}

template <class Model, class Kind, class Parameter>
struct accepted_values
{
    static constexpr value_rule const& rule = row_of<Model, Kind, Parameter>.values;
    static constexpr void write(sentence_writer& out)
    {
        write_accepted(out, rule, takes_picture(Parameter::name));
    }
};

// "`duration` of kling-v3".
template <class Model, class Parameter>
constexpr sentence_writer& name_parameter(sentence_writer& out)
{
    return out << "`" << Parameter::name << "` of " << Model::id;
}

template <class Model, class Kind, class Parameter>
struct variable_given
{
    static constexpr void write(sentence_writer& out)
    {
        out << "a value known only at run time must be marked: runtime(...), for ";
        name_parameter<Model, Parameter>(out) << ", which accepts ";
        write_accepted(out, row_of<Model, Kind, Parameter>.values, takes_picture(Parameter::name));
    }
};

template <class Model, class Kind, class Parameter, class Given>
struct wrong_value
{
    static constexpr value_rule const& rule = row_of<Model, Kind, Parameter>.values;

    static constexpr void write(sentence_writer& out)
    {
        if (rule.in_seconds &&
            (std::is_integral_v<Given> || std::same_as<Given, runtime_value<std::int64_t>>))
            out << "a duration needs its unit: 5s, or runtime(std::chrono::seconds(n)); ";
        else if (rule.in_seconds && std::convertible_to<Given const&, std::string_view>)
            out << "a duration is no text: 5s, without quotes, or runtime(std::chrono::seconds(n)); ";
        else if (rule.in_seconds && is_duration<Given>)
            out << "a duration is in whole seconds, as 5s; ";
        if (std::same_as<Given, image_file>)
            out << "a local file can stand for the URL of a picture only; ";
        name_parameter<Model, Parameter>(out) << " accepts ";
        write_accepted(out, rule, takes_picture(Parameter::name));
        if (rule.kind == value_kind::choice && run_time_text<Given>)
            out << "; a text known only at run time: runtime(text)";
    }
};

template <class Model, class Kind, class Parameter>
struct pictures_per_element
{
    static constexpr value_rule const& rule = row_of<Model, Kind, Parameter>.values;

    static constexpr void write(sentence_writer& out)
    {
        name_parameter<Model, Parameter>(out) << " accepts elements of " << rule.item_minimum << " to "
                                              << rule.item_maximum << " pictures each";
    }
};

template <class Model, class Kind, class Parameter>
struct entries_of_list
{
    static constexpr void write(sentence_writer& out)
    {
        name_parameter<Model, Parameter>(out)
            << " accepts at most " << row_of<Model, Kind, Parameter>.values.maximum << " entries";
    }
};

} // namespace detail

/// Stands in the name of the function that the compiler says is "not a constant expression": a literal must
/// be among what is accepted, and what is known only at run time passes through `runtime`.
template <auto Accepted>
struct literal_or_runtime;

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
    static constexpr bool is_url = rule.kind == value_kind::url || rule.kind == value_kind::urls;
    static constexpr bool is_list = rule.kind == value_kind::urls || rule.kind == value_kind::elements;
    static constexpr bool is_picture = is_url && detail::takes_picture(Parameter::name);
    // A text that consists of shots is written by the shots alone.
    static constexpr bool is_text = rule.kind == value_kind::text || is_url;

    // What is judged while compiling.
    template <class T>
    static constexpr bool is_literal = (is_length && std::convertible_to<T const&, std::chrono::seconds>) ||
                                       (is_number && std::integral<T> && !std::same_as<T, bool>) ||
                                       (rule.only_true && std::same_as<T, bool>) ||
                                       (is_choice && detail::is_choice_of_something<T>) ||
                                       ((is_text || is_choice) && detail::is_text_literal<T>);
    // What is taken as it is.
    template <class T>
    static constexpr bool is_taken = (is_text && detail::run_time_text<T>) ||
                                     ((is_switch || is_sound || rule.kind == value_kind::enabled_object) &&
                                      std::same_as<T, bool>) ||
                                     (rule.kind == value_kind::elements && detail::is_element<T>) ||
                                     (is_picture && std::same_as<T, image_file>);
    template <class T>
    static constexpr bool
        is_runtime = (is_number && std::same_as<T, runtime_value<std::int64_t>>) ||
                     (is_length && std::same_as<T, runtime_value<std::chrono::seconds>>) ||
                     (rule.kind == value_kind::boolean && std::same_as<T, runtime_value<bool>>) ||
                     (is_choice && std::same_as<T, runtime_value<choice<Parameter>>>) ||
                     ((is_text || is_choice) && std::same_as<T, runtime_value<std::string>>);

    using accepted = literal_or_runtime<detail::written<detail::accepted_values<Model, Kind, Parameter>>>;

public:
    /// A length, such as `5s`.
    template <class Accepted = accepted, class Length>
        requires(is_length&& is_literal<Length>)
    APIMART_CONSTEVAL argument(Length const& length)
        : argument_value(form::number, checked(std::chrono::seconds(length).count()))
    {}

    /// A whole number.
    template <class Accepted = accepted, std::integral Number>
        requires(is_number&& is_literal<Number>)
    APIMART_CONSTEVAL argument(Number const& number) : argument_value(form::number, checked(number)) {}

    /// A switch; not only literals, since both values are accepted.
    template <std::same_as<bool> Flag>
    requires is_switch constexpr argument(Flag flag) noexcept : argument_value(form::flag, flag) {}

    /// A switch that the service only lets be switched on.
    template <class Accepted = accepted, std::same_as<bool> Flag>
        requires(rule.only_true)
    APIMART_CONSTEVAL argument(Flag const& flag) : argument_value(form::flag, checked_switch(flag)) {}

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
    template <class Accepted = accepted, class Owner>
    requires is_choice consteval argument(choice<Owner> const& value) : argument_value(value.text())
    {
        // The text has a part in the condition because GCC would name this constructor, not the rule, if the
        // branch were taken whatever the value.
        if (value.text().empty() || !std::same_as<Owner, Parameter>)
            compile_time_rule::choice_belongs_to_another_parameter<Model, Parameter, Owner, Accepted>();
        if (!rule.allows_choice(value.text()))
            compile_time_rule::value_is_not_among_the_accepted_choices<Model, Parameter, Accepted>();
    }

    /// A literal text, URL or choice.
    template <class Accepted = accepted, std::size_t Size>
        requires(is_text || is_choice)
    consteval argument(char const (&literal)[Size])
        : argument_value(checked(std::string_view(literal, Size - 1)))
    {}

    /// A text or URL known at run time.
    template <detail::run_time_text Text>
    requires is_text constexpr argument(Text const& text) : argument_value(std::string_view(text)) {}

    /// A picture in a local file, which is uploaded before the request is sent.
    argument(image_file const& file) noexcept requires is_picture : argument_value(file) {}

    /// An element, copied when it is stored.
    template <std::size_t Pictures>
        requires(rule.kind == value_kind::elements)
    argument(element<Pictures> const& one)
    noexcept : argument_value(static_cast<detail::element_entry const&>(one))
    {
        if constexpr (!detail::allows_pictures(rule, Pictures))
            static_assert(sizeof(does_not_compile<
                                 detail::written<detail::pictures_per_element<Model, Kind, Parameter>>>) !=
                          0);
    }

    /// An object, copied when it is stored.
    argument(boost::json::object const& object) noexcept requires(rule.kind == value_kind::object)
        : argument_value(object)
    {}

    /// What can be changed is no literal: it passes through `runtime`.
    template <class Variable>
        requires(!std::is_const_v<Variable> && is_literal<Variable>)
    argument(Variable&)
    {
        static_assert(
            sizeof(does_not_compile<detail::written<detail::variable_given<Model, Kind, Parameter>>>) != 0);
    }

    /// A value of another kind than the parameter takes.
    template <detail::value_like Given>
        requires(!is_literal<Given> && !is_taken<Given> && !is_runtime<Given>)
    argument(Given const&)
    {
        static_assert(
            sizeof(does_not_compile<detail::written<detail::wrong_value<Model, Kind, Parameter, Given>>>) !=
            0);
    }

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

    /// An entry of a list that is left out.
    constexpr argument() noexcept requires(is_list) {}

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

    static constexpr bool checked_switch(bool flag)
    {
        if (__builtin_is_constant_evaluated() && !flag)
            compile_time_rule::value_can_only_be_true<Model, Parameter>();
        return flag;
    }

    static consteval std::string_view checked(std::string_view text)
    {
        if constexpr (is_choice) {
            if (!rule.allows_choice(text))
                compile_time_rule::value_is_not_among_the_accepted_choices<Model, Parameter, accepted>();
        } else if constexpr (is_url) {
            if (text.empty())
                compile_time_rule::text_must_not_be_empty_or_white_space<Model, Parameter>();
            if (!detail::begins_like_a_url(text) && !rule.base64_allowed())
                compile_time_rule::url_must_begin_with_http_or_https<Model, Parameter, accepted>();
            if (!detail::begins_like_a_url(text) && !detail::base64_picture(text).well_formed())
                compile_time_rule::text_is_neither_a_url_nor_base64<Model, Parameter, accepted>();
        } else {
            detail::utf8_scan const scan = detail::scan_utf8(text);
            if (!scan.valid())
                compile_time_rule::text_is_not_utf8<Model, Parameter>();
            if (rule.minimum > 0 && detail::is_blank(text))
                compile_time_rule::text_must_not_be_empty_or_white_space<Model, Parameter>();
            if (static_cast<std::int64_t>(scan.code_points) > rule.maximum)
                compile_time_rule::text_has_more_characters_than_accepted<Model, Parameter, rule.maximum>();
        }
        return text;
    }
};

/// An entry of a list that is beyond its largest number of entries: may only be left out.
template <class Model, class Kind, class Parameter>
class surplus_entry : public detail::argument_value
{
public:
    constexpr surplus_entry() noexcept = default;

    template <detail::value_like Given>
    surplus_entry(Given const&)
    {
        static_assert(
            sizeof(does_not_compile<detail::written<detail::entries_of_list<Model, Kind, Parameter>>>) != 0);
    }
};

/// An entry of a list parameter.
template <class Model, class Kind, class Parameter, std::size_t Position>
using list_entry =
    std::conditional_t<(static_cast<std::int64_t>(Position) <
                        detail::row_of<Model, Kind, Parameter>.values.maximum),
                       argument<Model, Kind, Parameter>, surplus_entry<Model, Kind, Parameter>>;

} // namespace apimart

#endif
