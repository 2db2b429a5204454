// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_TABLE_HPP
#define APIMART_PARAMETER_TABLE_HPP

#include <apimart/parameter/kind.hpp>
#include <apimart/parameter/value_rule.hpp>
#include <apimart/parameter/vocabulary.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apimart {

/// How a parameter stands to a kind of generation: the documentation's column "required", in finer steps.
enum class requirement : std::uint8_t
{
    required,             ///< constructor argument; its absence is refused
    recommended_argument, ///< constructor argument; its absence is only advised against
    recommended,          ///< setter; its absence is advised against
    optional,             ///< setter
    undocumented,         ///< setter; not said to work here, so its use is advised against
    ignored,              ///< no setter; accepted at run time with an advice
    fixed,                ///< no setter; accepted at run time with this one value
    discriminator,        ///< no setter; the kind itself writes this one value
    derived               ///< no setter; follows from the other parts of the request
};

/// One row of a table.
struct parameter_spec
{
    static constexpr std::size_t max_in_a_table = 64;

    std::string_view name;
    std::string_view description;
    apimart::requirement requirement = apimart::requirement::optional;
    value_rule values{};
    constant fixed{}; ///< the one value of `fixed` and `discriminator`
    detail::parameter_index index = detail::parameter_index::count;

    /// Whether the caller may set it, at compile time as well.
    constexpr bool settable() const noexcept { return requirement <= apimart::requirement::undocumented; }
    /// Whether it is a constructor argument.
    constexpr bool constructs() const noexcept
    {
        return requirement <= apimart::requirement::recommended_argument;
    }
};

namespace detail {

template <class... Tags>
struct tag_list
{};

template <class... A, class... B>
tag_list<A..., B...> operator+(tag_list<A...>, tag_list<B...>);

// A row of a constructor argument keeps its tag in the type, since the constructor's signature is made from
// it.
template <class Tag>
struct constructor_row : parameter_spec
{};

} // namespace detail

/// What one kind of generation of one model accepts: rows of plain data, in the order of the documentation.
template <std::size_t Count, class ConstructorTags>
struct table_of
{
    using constructor_tags = ConstructorTags;

    static_assert(Count <= parameter_spec::max_in_a_table);

    std::array<parameter_spec, Count> rows{};

    /// Position of the row of that parameter, or the number of rows.
    constexpr std::size_t position(detail::parameter_index index) const noexcept
    {
        std::size_t at = 0;
        while (at != Count && rows[at].index != index)
            ++at;
        return at;
    }
};

namespace detail {

template <class Tag>
constexpr parameter_spec row_for(requirement how, value_rule const& values, constant fixed = {}) noexcept
{
    return {Tag::name, Tag::description, how, values, fixed, Tag::index};
}

} // namespace detail

namespace tables {

template <class Tag>
constexpr detail::constructor_row<Tag> required(Tag, value_rule values) noexcept
{
    // A required text that is empty would be no text.
    if (values.kind == value_kind::text && values.minimum == 0)
        values.minimum = 1;
    return {detail::row_for<Tag>(requirement::required, values)};
}

template <class Tag>
constexpr detail::constructor_row<Tag> recommended_argument(Tag, value_rule values) noexcept
{
    return {detail::row_for<Tag>(requirement::recommended_argument, values)};
}

template <class Tag>
constexpr parameter_spec recommended(Tag, value_rule values) noexcept
{
    return detail::row_for<Tag>(requirement::recommended, values);
}

template <class Tag>
constexpr parameter_spec optional(Tag, value_rule values) noexcept
{
    return detail::row_for<Tag>(requirement::optional, values);
}

template <class Tag>
constexpr parameter_spec undocumented(Tag, value_rule values) noexcept
{
    return detail::row_for<Tag>(requirement::undocumented, values);
}

template <class Tag>
constexpr parameter_spec ignored(Tag, value_rule values) noexcept
{
    return detail::row_for<Tag>(requirement::ignored, values);
}

template <class Tag>
constexpr parameter_spec fixed(Tag, bool value) noexcept
{
    return detail::row_for<Tag>(requirement::fixed, boolean, constant(value));
}

template <class Tag>
constexpr parameter_spec discriminator(Tag, bool value) noexcept
{
    return detail::row_for<Tag>(requirement::discriminator, boolean, constant(value));
}

template <class Tag>
constexpr parameter_spec discriminator(Tag, value_rule values, choice<Tag> value) noexcept
{
    return detail::row_for<Tag>(requirement::discriminator, values, constant(value.text()));
}

template <class Tag>
constexpr parameter_spec derived(Tag, value_rule values) noexcept
{
    return detail::row_for<Tag>(requirement::derived, values);
}

} // namespace tables

namespace detail {

template <class Row>
struct part_size
{
    static constexpr std::size_t value = 1;
};
template <std::size_t Count, class Tags>
struct part_size<table_of<Count, Tags>>
{
    static constexpr std::size_t value = Count;
};

tag_list<> tags_of(parameter_spec const&);
template <class Tag>
tag_list<Tag> tags_of(constructor_row<Tag> const&);
template <std::size_t Count, class Tags>
Tags tags_of(table_of<Count, Tags> const&);

// Never defined: the compiler names it where a table contradicts itself.
void table_names_a_parameter_twice();

constexpr parameter_spec* append(parameter_spec* at, parameter_spec const& one) noexcept
{
    *at = one;
    return at + 1;
}
template <std::size_t Count, class Tags>
constexpr parameter_spec* append(parameter_spec* at, table_of<Count, Tags> const& many) noexcept
{
    for (parameter_spec const& one : many.rows)
        *at++ = one;
    return at;
}

} // namespace detail

namespace tables {

/// A table of rows; a table among the arguments is spliced in, which is how a family shares its rows.
template <class... Parts>
consteval auto table(Parts const&... parts)
{
    using tags = decltype((detail::tag_list<>{} + ... + detail::tags_of(parts)));
    table_of<(detail::part_size<Parts>::value + ... + 0), tags> result;
    parameter_spec* at = result.rows.data();
    ((at = detail::append(at, parts)), ...);
    for (parameter_spec const* one = result.rows.data(); one != at; ++one)
        for (parameter_spec const* earlier = result.rows.data(); earlier != one; ++earlier)
            if (earlier->index == one->index)
                detail::table_names_a_parameter_twice();
    return result;
}

/// Parameters every model takes (api-reference.md 2.2).
inline constexpr auto common_parameters =
    table(optional(webhook, url), optional(language, text), optional(nsfw_check, boolean.by_default(false)),
          optional(metadata, object));

} // namespace tables

namespace detail {

inline constexpr parameter_spec no_row{};

// The row of a parameter, or no_row. Positions instead of pointers: compared with null, the address of a
// table is no constant for GCC 12 under the undefined-behaviour sanitizer.
template <class Model, class Kind>
constexpr parameter_spec const& find_row(parameter_index index) noexcept
{
    auto const& own = Kind::template table_of<Model>();
    if (std::size_t const at = own.position(index); at != own.rows.size())
        return own.rows[at];
    auto const& common = tables::common_parameters;
    if (std::size_t const at = common.position(index); at != common.rows.size())
        return common.rows[at];
    return no_row;
}

template <class Model, class Kind, class Parameter>
inline constexpr parameter_spec const& row_of = find_row<Model, Kind>(Parameter::index);

template <class Model, class Kind, class Parameter>
constexpr bool is_settable() noexcept
{
    return !row_of<Model, Kind, Parameter>.name.empty() && row_of<Model, Kind, Parameter>.settable();
}

} // namespace detail

/// Whether a caller may give `Parameter` to a generation of `Kind` with `Model`.
///
/// False for parameters that have no effect there, and for those that the kind writes itself.
template <class Model, class Kind, class Parameter>
concept accepts = offers<Model, Kind> && detail::is_settable<Model, Kind, Parameter>();

/// Whether a list parameter takes so many entries.
template <class Model, class Kind, class Parameter, std::size_t Count>
concept accepts_count = accepts<Model, Kind, Parameter> && detail::row_of<Model, Kind, Parameter>
.values.allows_count(Count);

/// Calls `f(parameter_spec const&)` for every parameter of that kind of generation, in the order of the
/// documentation.
template <class Model, class Kind, class F>
    requires offers<Model, Kind>
constexpr void for_each_parameter(F&& f)
{
    for (parameter_spec const& one : Kind::template table_of<Model>().rows)
        f(one);
}

} // namespace apimart

#endif
