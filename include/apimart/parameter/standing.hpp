// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_STANDING_HPP
#define APIMART_PARAMETER_STANDING_HPP

#include <apimart/parameter/kind.hpp>
#include <apimart/parameter/table.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace apimart {

/// Why a parameter cannot be set; the compiler names one of these where it is set all the same.
template <class Parameter>
struct instead_it_has;
template <class Kind>
struct only_for;
struct it_has_no_effect_here;
struct the_kind_sets_it;
struct no_such_parameter;

namespace detail {

enum class standing : std::uint8_t
{
    no_such_parameter,
    no_effect,
    set_by_the_kind,
    other_kind,      ///< which is the position of that kind
    other_parameter, ///< which is the index of that parameter
    settable
};

struct standing_of
{
    standing what = standing::no_such_parameter;
    std::uint8_t which = 0;
};

inline constexpr auto parameter_count = static_cast<std::size_t>(parameter_index::count);
using standing_list = std::array<standing_of, parameter_count>;

// Whether there is a setter: shots are written by the constructor of a storyboard alone.
constexpr bool has_setter(parameter_spec const& row) noexcept
{
    return row.settable() && row.values.kind != value_kind::shots &&
           row.values.kind != value_kind::shot_script;
}

// Parameters that stand for the same thing in different models have the same number, others have none.
constexpr int meaning_of(parameter_index index) noexcept
{
    switch (index) {
    case parameter_index::mode:
    case parameter_index::resolution:
        return 1;
    case parameter_index::audio:
    case parameter_index::generate_audio:
    case parameter_index::keep_original_sound:
        return 2;
    case parameter_index::watermark:
    case parameter_index::watermark_info:
        return 3;
    case parameter_index::first_frame_image:
    case parameter_index::last_frame_image:
    case parameter_index::image_url:
    case parameter_index::image_urls:
        return 4;
    default:
        return 0;
    }
}

template <class Rows>
constexpr void note_own_rows(standing_list& all, Rows const& rows) noexcept
{
    for (parameter_spec const& row : rows) {
        standing& here = all[static_cast<std::size_t>(row.index)].what;
        if (has_setter(row))
            here = standing::settable;
        else
            here = row.requirement == requirement::ignored ? standing::no_effect : standing::set_by_the_kind;
    }
}

template <class Rows>
constexpr void note_rows_of_other_kind(standing_list& all, Rows const& rows, std::size_t kind) noexcept
{
    for (parameter_spec const& row : rows) {
        standing_of& here = all[static_cast<std::size_t>(row.index)];
        if (has_setter(row) && here.what == standing::no_such_parameter)
            here = {standing::other_kind, static_cast<std::uint8_t>(kind)};
    }
}

template <class Rows>
constexpr void note_parameters_alike(standing_list& all, Rows const& rows) noexcept
{
    for (std::size_t i = 0; i != all.size(); ++i) {
        int const meaning = meaning_of(static_cast<parameter_index>(i));
        for (parameter_spec const& row : rows)
            if (all[i].what == standing::no_such_parameter && meaning != 0 &&
                meaning_of(row.index) == meaning && has_setter(row))
                all[i] = {standing::other_parameter, static_cast<std::uint8_t>(row.index)};
    }
}

template <class Model, class Kind, class... Kinds>
constexpr standing_list standings_of(kind_list<Kinds...>) noexcept
{
    standing_list all{};
    auto const& own = Kind::template table_of<Model>().rows;
    note_own_rows(all, tables::common_parameters.rows);
    note_own_rows(all, own);
    std::size_t kind = 0;
    auto note = [&]<class Other>(Other) {
        if constexpr (offers<Model, Other>)
            note_rows_of_other_kind(all, Other::template table_of<Model>().rows, kind);
        ++kind;
    };
    (note(Kinds{}), ...);
    note_parameters_alike(all, own);
    return all;
}

template <class Model, class Kind>
inline constexpr standing_list standings = standings_of<Model, Kind>(all_kinds{});

template <std::size_t Position, class Kinds>
struct kind_at;
template <class First, class... Rest>
struct kind_at<0, kind_list<First, Rest...>>
{
    using type = First;
};
template <std::size_t Position, class First, class... Rest>
struct kind_at<Position, kind_list<First, Rest...>> : kind_at<Position - 1, kind_list<Rest...>>
{};

template <parameter_index Index>
struct parameter_at;
#define APIMART_PARAMETER(tag, words)                                                                        \
    template <>                                                                                              \
    struct parameter_at<parameter_index::tag>                                                                \
    {                                                                                                        \
        using type = parameter::tag;                                                                         \
    };
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
#include <apimart/parameter/list.hpp>

template <standing What, std::size_t Which>
struct reason_for
{
    using type = no_such_parameter;
};
template <std::size_t Which>
struct reason_for<standing::no_effect, Which>
{
    using type = it_has_no_effect_here;
};
template <std::size_t Which>
struct reason_for<standing::set_by_the_kind, Which>
{
    using type = the_kind_sets_it;
};
template <std::size_t Which>
struct reason_for<standing::other_kind, Which>
{
    using type = only_for<typename kind_at<Which, all_kinds>::type>;
};
template <std::size_t Which>
struct reason_for<standing::other_parameter, Which>
{
    using type = instead_it_has<typename parameter_at<static_cast<parameter_index>(Which)>::type>;
};

} // namespace detail
} // namespace apimart

#endif
