// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_REQUEST_HPP
#define APIMART_REQUEST_HPP

#include <apimart/version.hpp>

#include <apimart/parameter/argument.hpp>
#include <apimart/parameter/choice.hpp>
#include <apimart/parameter/element.hpp>
#include <apimart/parameter/kind.hpp>
#include <apimart/parameter/runtime.hpp>
#include <apimart/parameter/shot.hpp>
#include <apimart/parameter/table.hpp>
#include <apimart/validation/required_parameters.hpp>
#include <apimart/validation/shot_script.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace apimart {

class any_request;

/// A request for one kind of generation with one model; what the model would refuse does not compile.
///
/// The constructor takes the required parameters in the order of the model's table, and there is one setter
/// for each further parameter of that table, named as the JSON field. A setter of a parameter that the model
/// does not accept, or that has no effect for this kind, is no member. Calling a setter again replaces the
/// value.
///
/// Values in the source are judged while compiling; `std::string` texts and `runtime` values are judged by
/// `any_request::check()`, and so are rules that concern several parameters.
///
/// Lifetime: owns everything it was given. Thread safety: distinct objects safe, shared objects unsafe.
/// Errors: `std::bad_alloc` only.
/// Units: durations in whole seconds; texts measured in code points.
/// Source: api-reference.md section 3.
template <class Model, class Kind>
    requires offers<Model, Kind>
class request : public detail::parts_of<Model, Kind>
{
    using parts = detail::parts_of<Model, Kind>;

public:
    using model_type = Model;
    using kind_type = Kind;

    using parts::parts;

#define APIMART_PARAMETER(tag, words)                                                                        \
    request& tag(argument<Model, Kind, parameter::tag> value) &                                              \
        requires accepts<Model, Kind, parameter::tag>                                                        \
    {                                                                                                        \
        this->store(parameter::tag::name, value);                                                            \
        return *this;                                                                                        \
    }                                                                                                        \
    request&& tag(argument<Model, Kind, parameter::tag> value) &&                                            \
        requires accepts<Model, Kind, parameter::tag>                                                        \
    {                                                                                                        \
        this->store(parameter::tag::name, value);                                                            \
        return std::move(*this);                                                                             \
    }
#define APIMART_LIST_PARAMETER(tag, words)                                                                   \
    template <class... Items>                                                                                \
        requires accepts<Model, Kind, parameter::tag> &&                                                     \
            accepts_count<Model, Kind, parameter::tag, sizeof...(Items)> &&                                  \
            (accepts_item<Model, Kind, parameter::tag, Items> && ...) &&                                     \
            (accepts_pictures_per_element<Model, Kind, parameter::tag, detail::picture_count<Items>> && ...) \
                request&                                                                                     \
                tag(Items const&... items)&                                                                  \
        {                                                                                                    \
            boost::json::array& list = this->store_empty_list(parameter::tag::name);                         \
            (this->append(list, items), ...);                                                                \
            return *this;                                                                                    \
        }                                                                                                    \
        template <class... Items>                                                                            \
            requires accepts<Model, Kind, parameter::tag> &&                                                 \
                accepts_count<Model, Kind, parameter::tag, sizeof...(Items)> &&                              \
                (accepts_item<Model, Kind, parameter::tag, Items> && ...) &&                                 \
                (accepts_pictures_per_element<Model, Kind, parameter::tag, detail::picture_count<Items>> &&  \
                 ...) request&&                                                                              \
                tag(Items const&... items)&&                                                                 \
            {                                                                                                \
                return std::move(this->tag(items...));                                                       \
            }                                                                                                \
            template <class Range>                                                                           \
            requires accepts<Model, Kind, parameter::tag> &&                                                 \
                accepts_range<Model, Kind, parameter::tag, Range>                                            \
                    request& tag(Range const& items)&                                                        \
            {                                                                                                \
                boost::json::array& list = this->store_empty_list(parameter::tag::name);                     \
                for (auto const& one : items)                                                                \
                    this->append(list, one);                                                                 \
                return *this;                                                                                \
            }                                                                                                \
            template <class Range>                                                                           \
                requires accepts<Model, Kind, parameter::tag> &&                                             \
                    accepts_range<Model, Kind, parameter::tag, Range>                                        \
                        request && tag(Range const& items) && {                                              \
                    return std::move(this->tag(items));                                                      \
                }
#include <apimart/parameter/list.hpp>

    /// Sends a field that this library's table does not know, for parameters newer than the headers.
    ///
    /// A name that the table knows is refused by `any_request::check()`: use its setter.
    request& extra_field(std::string_view name, boost::json::value value) &
    {
        this->store_extra(name, std::move(value));
        return *this;
    }
    request&& extra_field(std::string_view name, boost::json::value value) &&
    {
        this->store_extra(name, std::move(value));
        return std::move(*this);
    }

private:
    friend class any_request;
    request(detail::from_json_tag tag, boost::json::object body, std::vector<std::string> extras)
        : parts(tag, std::move(body), std::move(extras))
    {}
};

/// A video from words. Example: `text_to_video<kling_3_0_turbo>("A corgi running on the beach")`.
template <class Model>
using text_to_video = request<Model, kind::text_to_video>;

/// A video from its first picture, for some models also its last.
/// Example: `image_to_video<kling_v3>("the sun sets", first, last)`.
template <class Model>
using image_to_video = request<Model, kind::image_to_video>;

/// A video after pictures that the prompt refers to.
/// Example: `image_reference<kling_v3_omni>("<<<image_1>>> waves at the camera", url)`.
template <class Model>
using image_reference = request<Model, kind::image_reference>;

/// A video of several shots that the service divides by itself.
template <class Model>
using intelligent_storyboard = request<Model, kind::intelligent_storyboard>;

/// A picture that moves as a reference video does.
/// Example: `motion_control<kling_v3_motion_control>(image_url, video_url, from_video, pro)`.
template <class Model>
using motion_control = request<Model, kind::motion_control>;

/// Shots that were checked while compiling; becomes a request with the first setter, or by conversion.
///
/// Lifetime: refers to the literals it was made from.
template <class Model, std::size_t Count>
class storyboard_draft
{
    using made = request<Model, kind::storyboard>;

public:
    constexpr explicit storyboard_draft(std::array<shot, Count> const& shots) noexcept : shots_(shots) {}

    constexpr std::array<shot, Count> const& shots() const noexcept { return shots_; }

#define APIMART_PARAMETER(tag, words)                                                                        \
    made tag(argument<Model, kind::storyboard, parameter::tag> value)                                        \
        const requires accepts<Model, kind::storyboard, parameter::tag>                                      \
    {                                                                                                        \
        return made(*this).tag(value);                                                                       \
    }
#define APIMART_LIST_PARAMETER(tag, words)                                                                   \
    template <class... Items>                                                                                \
        requires requires(made m, Items const&... items)                                                     \
        {                                                                                                    \
            m.tag(items...);                                                                                 \
        }                                                                                                    \
    made tag(Items const&... items) const                                                                    \
    {                                                                                                        \
        return made(*this).tag(items...);                                                                    \
    }
#include <apimart/parameter/list.hpp>

    made extra_field(std::string_view name, boost::json::value value) const
    {
        return made(*this).extra_field(name, std::move(value));
    }

private:
    std::array<shot, Count> shots_;
};

namespace detail {

template <class Model>
using shots_parameter = typename last_of<constructor_tags<Model, kind::storyboard>>::last;

template <class Model>
constexpr bool allows_shots(std::size_t count) noexcept
{
    value_rule const& rule = row_of<Model, kind::storyboard, shots_parameter<Model>>.values;
    return rule.kind == value_kind::shot_script ? count != 0
                                                : rule.allows_count(static_cast<std::int64_t>(count));
}

template <class Model, std::size_t Count>
constexpr void check_shots(std::array<shot, Count> const& shots)
{
    if (!__builtin_is_constant_evaluated())
        return;
    using place = shots_parameter<Model>;
    constexpr value_rule const& rule = row_of<Model, kind::storyboard, place>.values;
    constexpr value_rule const& length = row_of<Model, kind::storyboard, parameter::duration>.values;
    constexpr bool script = rule.kind == value_kind::shot_script;

    std::int64_t total = 0;
    std::size_t characters = 0;
    std::size_t number = 0;
    for (shot const& one : shots) {
        std::int64_t const seconds = one.duration().count();
        utf8_scan const text = scan_utf8(one.text());
        if (seconds < 1)
            compile_time_rule::shot_must_last_at_least_one_second<Model, place>();
        if (one.text().empty())
            compile_time_rule::text_of_a_shot_must_not_be_empty<Model, place>();
        if (!text.valid())
            compile_time_rule::text_is_not_utf8<Model, place>();
        if (script && one.text().find(shot_end) != std::string_view::npos)
            compile_time_rule::text_of_a_shot_must_not_hold_a_semicolon<Model, place>();
        if (!script && static_cast<std::int64_t>(text.code_points) > rule.item_maximum)
            compile_time_rule::text_of_a_shot_has_more_characters_than_accepted<Model, place,
                                                                                rule.item_maximum>();
        total += seconds;
        characters += text.code_points + shot_frame_length(++number, seconds);
    }
    if (script && static_cast<std::int64_t>(characters) > rule.maximum)
        compile_time_rule::text_has_more_characters_than_accepted<Model, place, rule.maximum>();
    if (total < length.minimum || total > length.maximum)
        compile_time_rule::total_of_the_shots_is_outside_the_accepted_range<Model, parameter::duration,
                                                                            length.minimum, length.maximum>();
}

} // namespace detail

/// Whether a storyboard of the model may have so many shots.
template <class Model, std::size_t Count>
concept accepts_shots = offers<Model, kind::storyboard> && detail::allows_shots<Model>(Count);

/// A video of several shots: `storyboard<kling_v3>(shot("dawn", 3s), shot("noon", 5s))`.
///
/// Numbers the shots and computes the length of the video from theirs. Number, texts, each length and the
/// total are judged while compiling. The result has the setters of the request and converts to it. Source:
/// api-reference.md 3.1 (shots in the prompt) and 3.4.
template <class Model, class... Shots>
    requires(std::same_as<Shots, shot>&&...)
&&accepts_shots<Model, sizeof...(Shots)> APIMART_CONSTEVAL_SHOTS storyboard_draft<Model, sizeof...(Shots)>
storyboard(Shots... shots)
{
    std::array<shot, sizeof...(Shots)> const all{shots...};
    detail::check_shots<Model>(all);
    return storyboard_draft<Model, sizeof...(Shots)>(all);
}

/// The same with a range of `owned_shot` (or `shot`) known at run time, judged by `any_request::check()`.
template <class Model, class Shots>
    requires offers<Model, kind::storyboard> && detail::range_of_shots<Shots> request<Model, kind::storyboard>
    storyboard(Shots const& shots)
    {
        return request<Model, kind::storyboard>(shots);
    }

} // namespace apimart

#endif
