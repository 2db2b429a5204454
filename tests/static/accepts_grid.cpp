// SPDX-License-Identifier: BSL-1.0
//
// Which parameter a caller may give to which kind of generation of which model: the hand-written table of the
// documentation, asserted cell by cell in both directions.

#include "documented_grid.hpp"

#include <apimart/models.hpp>

#include <cstddef>
#include <string_view>

namespace {

using namespace apimart;

// The column of a kind, or the number of columns if the documentation knows no such kind of that model.
template <class Model, class Kind>
constexpr std::size_t column_of() noexcept
{
    std::size_t at = 0;
    while (at != documented::columns.size() &&
           (documented::columns[at].model != Model::id || documented::columns[at].kind != Kind::name))
        ++at;
    return at;
}

template <class Parameter>
constexpr std::size_t line_of() noexcept
{
    std::size_t at = 0;
    while (at != documented::lines.size() && documented::lines[at].parameter != Parameter::name)
        ++at;
    return at;
}

// One assertion per cell, so that a failure names model, kind and parameter.
template <class Model, class Kind, class Parameter>
constexpr std::size_t cell_agrees()
{
    constexpr std::size_t column = column_of<Model, Kind>();
    constexpr std::size_t line = line_of<Parameter>();
    static_assert(line != documented::lines.size(), "the hand-written table has no such line");
    if constexpr (column == documented::columns.size()) {
        static_assert(!offers<Model, Kind>);
        static_assert(!accepts<Model, Kind, Parameter>);
    } else {
        static_assert(offers<Model, Kind>);
        constexpr char letter = documented::letter(documented::lines[line], column);
        static_assert(accepts<Model, Kind, Parameter> == documented::can_be_set(letter));
        // Required is what a constructor asks for; in one case it asks for what only should be given.
        constexpr requirement how = detail::row_of<Model, Kind, Parameter>.requirement;
        static_assert((how == requirement::required) == (letter == 'R'));
        static_assert((how == requirement::recommended_argument || how == requirement::recommended) ==
                      (letter == 'A'));
    }
    return 1;
}

template <class Model, class Kind>
constexpr std::size_t row_agrees()
{
    return 0
#define APIMART_PARAMETER(tag, words) +cell_agrees<Model, Kind, parameter::tag>()
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
#include <apimart/parameter/list.hpp>
        ;
}

template <class... Models, class... Kinds>
constexpr std::size_t all_agree(model_list<Models...>, detail::kind_list<Kinds...>)
{
    auto model_agrees = []<class Model>(Model) { return (row_agrees<Model, Kinds>() + ...); };
    return (model_agrees(Models{}) + ...);
}

// Seven models, six kinds whether they are offered or not, and every line.
static_assert(all_agree(known_models{}, detail::all_kinds{}) == 7 * 6 * documented::lines.size());

// Nothing in the hand-written table is overlooked: every column is a kind that the library offers, and every
// line is as long as the table is wide.
constexpr bool table_is_whole()
{
    for (documented::column const& one : documented::columns)
        if (find_model(one.model) == nullptr || find_model(one.model)->find(one.kind) == nullptr)
            return false;
    for (documented::line const& one : documented::lines)
        if (documented::letter(one, documented::columns.size() - 1) == '?' ||
            documented::letter(one, documented::columns.size()) != '?')
            return false;
    return true;
}
static_assert(table_is_whole());

// The same question, asked of a request: what may be called.
template <class Request>
constexpr bool takes_a_seed = requires(Request r)
{
    static_cast<Request&&>(r).seed(runtime(1));
};
static_assert(takes_a_seed<text_to_video<veo_3_1_fast_official>>);
static_assert(!takes_a_seed<text_to_video<kling_v3>>);

template <class Request>
constexpr bool takes_a_duration = requires(Request r)
{
    static_cast<Request&&>(r).duration(runtime(std::chrono::seconds(5)));
};
static_assert(takes_a_duration<text_to_video<kling_v3>>);
static_assert(takes_a_duration<intelligent_storyboard<kling_v3>>);
static_assert(!takes_a_duration<request<kling_v3, kind::storyboard>>);
static_assert(!takes_a_duration<request<kling_3_0_turbo, kind::storyboard>>);
static_assert(!takes_a_duration<motion_control<kling_v3_motion_control>>);

template <class Request>
constexpr bool takes_a_prompt = requires(Request r)
{
    static_cast<Request&&>(r).prompt(std::string_view());
};
static_assert(takes_a_prompt<request<kling_v3, kind::storyboard>>);
// There the prompt holds the shots, and only they may write it.
static_assert(!takes_a_prompt<request<kling_3_0_turbo, kind::storyboard>>);

// Counts of lists, both sides of each border.
static_assert(!accepts_count<kling_v3, kind::image_to_video, parameter::image_urls, 0>);
static_assert(accepts_count<kling_v3, kind::image_to_video, parameter::image_urls, 1>);
static_assert(accepts_count<kling_v3, kind::image_to_video, parameter::image_urls, 2>);
static_assert(!accepts_count<kling_v3, kind::image_to_video, parameter::image_urls, 3>);
static_assert(!accepts_count<kling_v3_omni, kind::image_reference, parameter::image_urls, 0>);
static_assert(accepts_count<kling_v3_omni, kind::image_reference, parameter::image_urls, 50>);
static_assert(accepts_count<kling_v3, kind::text_to_video, parameter::element_list, 3>);
static_assert(!accepts_count<kling_v3, kind::text_to_video, parameter::element_list, 4>);
static_assert(!accepts_pictures_per_element<kling_v3, kind::text_to_video, parameter::element_list, 1>);
static_assert(accepts_pictures_per_element<kling_v3, kind::text_to_video, parameter::element_list, 2>);
static_assert(accepts_pictures_per_element<kling_v3, kind::text_to_video, parameter::element_list, 4>);
static_assert(!accepts_pictures_per_element<kling_v3, kind::text_to_video, parameter::element_list, 5>);
static_assert(!accepts_shots<kling_v3, 0> && accepts_shots<kling_v3, 1>);
static_assert(accepts_shots<kling_v3, 6> && !accepts_shots<kling_v3, 7>);
static_assert(!accepts_shots<kling_3_0_turbo, 0> && accepts_shots<kling_3_0_turbo, 7>);
static_assert(!accepts_shots<veo_3_1_fast_official, 2>);

} // namespace
