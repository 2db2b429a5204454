// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_REQUEST_HPP
#define APIMART_REQUEST_HPP

#include <apimart/version.hpp>

#include <apimart/parameter/argument.hpp>
#include <apimart/parameter/choice.hpp>
#include <apimart/parameter/element.hpp>
#include <apimart/parameter/kind.hpp>
#include <apimart/parameter/model_names.hpp>
#include <apimart/parameter/runtime.hpp>
#include <apimart/parameter/shot.hpp>
#include <apimart/parameter/table.hpp>
#include <apimart/request/setter.hpp>
#include <apimart/validation/required_parameters.hpp>
#include <apimart/validation/shot_script.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace apimart {

class any_request;

namespace detail {

template <class Model, class Kind>
struct kind_not_offered
{
    template <class... Kinds>
    static constexpr void write_offered(sentence_writer& out, kind_list<Kinds...>)
    {
        if constexpr (!(offers<Model, Kinds> || ...)) {
            out << "this is no model: it offers no kind of generation";
        } else {
            out << Model::id << " does not offer " << Kind::name << "; it offers ";
            std::string_view between;
            ((offers<Model, Kinds> ? (out << between << Kinds::name, between = ", ") : between), ...);
        }
    }
    static constexpr void write(sentence_writer& out)
    {
        if constexpr (requires { sizeof(Model); })
            write_offered(out, all_kinds{});
        else
            out << "the model's header is missing: #include <apimart/models.hpp>, or its own in "
                   "<apimart/models/...>";
    }
};

template <class Model, class Kind, class Needs = needs_of<Model, Kind>>
struct more_than_needed;
template <class Model, class Kind, class... Parameters>
struct more_than_needed<Model, Kind, needs<Parameters...>>
{
    static constexpr void write(sentence_writer& out)
    {
        out << Kind::name << " of " << Model::id << " is made from ";
        std::string_view between;
        ((out << between << Parameters::name, between = ", "), ...);
        out << " alone; all else has a setter, as .prompt(...)";
    }
};

template <class Model>
struct shots_not_accepted
{
    static constexpr void write(sentence_writer& out)
    {
        if constexpr (!offers<Model, kind::storyboard>) {
            kind_not_offered<Model, kind::storyboard>::write(out);
        } else {
            value_rule const& rule = row_of<Model, kind::storyboard, shots_parameter<Model>>.values;
            out << "a storyboard of " << Model::id << " has ";
            if (rule.kind == value_kind::shots)
                out << rule.minimum << " to " << rule.maximum << " shots";
            else
                out << "at least one shot";
        }
    }
};

} // namespace detail

/// A request for one kind of generation with one model; what the model would refuse does not compile.
///
/// The constructor takes the required parameters in the order of the model's table, and there is one setter
/// for each further parameter of that table, named as the JSON field. A parameter that the model does
/// not accept, or that has no effect for this kind, has no setter. Calling a setter again replaces the
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
class request : public detail::parts_of<Model, Kind>,
                public detail::setters<detail::of_request::setter, request<Model, Kind>, Model, Kind>
{
    using parts = detail::parts_of<Model, Kind>;

    template <class... Parameters>
    static constexpr bool needs_only = std::same_as<detail::needs_of<Model, Kind>, needs<Parameters...>>;
    template <std::size_t Position>
    using image = list_entry<Model, Kind, parameter::image_urls, Position>;

public:
    using model_type = Model;
    using kind_type = Kind;

    // The constructors for the required parts of the known models; an editor shows those of the class itself only.
    // Those for other parts, and for ranges, are inherited.
    explicit request(argument<Model, Kind, parameter::prompt> prompt) requires(needs_only<parameter::prompt>)
        : parts(prompt)
    {}
    explicit request(argument<Model, Kind, parameter::first_frame_image> first_frame_image) requires(
        needs_only<parameter::first_frame_image>)
        : parts(first_frame_image)
    {}
    explicit request(
        argument<Model, Kind, parameter::prompt> prompt,
        argument<Model, Kind, parameter::first_frame_image>
            first_frame_image) requires(needs_only<parameter::prompt, parameter::first_frame_image>)
        : parts(prompt, first_frame_image)
    {}
    explicit request(argument<Model, Kind, parameter::prompt> prompt, image<0> image_url_1,
                     image<1> image_url_2 = {}, image<2> image_url_3 = {}, image<3> image_url_4 = {},
                     image<4> image_url_5 = {}, image<5> image_url_6 = {}, image<6> image_url_7 = {},
                     image<7> image_url_8 = {}) requires(needs_only<parameter::prompt, parameter::image_urls>)
        : parts(prompt, image_url_1, image_url_2, image_url_3, image_url_4, image_url_5, image_url_6,
                image_url_7, image_url_8)
    {}
    explicit request(argument<Model, Kind, parameter::image_url> image_url,
                     argument<Model, Kind, parameter::video_url> video_url,
                     argument<Model, Kind, parameter::character_orientation> character_orientation,
                     argument<Model, Kind, parameter::mode>
                         mode) requires(needs_only<parameter::image_url, parameter::video_url,
                                                   parameter::character_orientation, parameter::mode>)
        : parts(image_url, video_url, character_orientation, mode)
    {}
    using parts::parts;

    // Without all that is required there is no request, and the compiler names what it needs.
#if defined(__clang__) && __clang_major__ >= 19
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc++26-extensions"
    template <class Needs = detail::needs_of<Model, Kind>, class... Given>
        requires(sizeof...(Given) < Needs::count)
    explicit request(Given const&...) =
        delete ("a required part is missing; the note names all that it needs");
#pragma clang diagnostic pop
#else
    template <class Needs = detail::needs_of<Model, Kind>, class... Given>
        requires(sizeof...(Given) < Needs::count)
    explicit request(Given const&...) = delete;
#endif

    // What need not be given has a setter.
    template <class Needs = detail::needs_of<Model, Kind>, class... Given>
        requires(sizeof...(Given) > Needs::count &&
                 detail::last_part_of<Model, Kind>() == detail::last_part::value)
    explicit request(Given const&...) : parts(detail::from_json_tag(), {}, {})
    {
        static_assert(sizeof(does_not_compile<detail::written<detail::more_than_needed<Model, Kind>>>) != 0);
    }

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
    template <class, class, class, class>
    friend class detail::of_request::setter;

    request(detail::from_json_tag tag, boost::json::object body, detail::beside_body beside)
        : parts(tag, std::move(body), std::move(beside))
    {}
};

/// A kind of generation that the model does not offer.
template <class Model, class Kind>
    requires(!offers<Model, Kind>)
class request<Model, Kind>
{
    static_assert(sizeof(does_not_compile<detail::written<detail::kind_not_offered<Model, Kind>>>) != 0);

public:
    template <class... Given>
    explicit request(Given const&...);
};

namespace detail {
struct model_as_text;
} // namespace detail

/// A model that is given as a text, beside the parameters. (GCC does not come as far as this sentence.)
template <class Kind>
class request<detail::model_as_text, Kind>
{
    static_assert(sizeof(Kind*) == 0,
                  "the model is a template argument, as in text_to_video<kling_v3>(\"a cat\"); "
                  "a model whose name is a text is for any_request::parse");

public:
    template <class... Given>
    explicit request(Given const&...);
};
template <class... Given>
request(char const*, Given...) -> request<detail::model_as_text, kind::text_to_video>;
template <class... Given>
request(char const*, Given...) -> request<detail::model_as_text, kind::image_to_video>;

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
class storyboard_draft : public detail::setters<detail::of_draft::setter, storyboard_draft<Model, Count>,
                                                Model, kind::storyboard>
{
    using made = request<Model, kind::storyboard>;

public:
    constexpr explicit storyboard_draft(std::array<shot, Count> const& shots) noexcept : shots_(shots) {}

    constexpr std::array<shot, Count> const& shots() const noexcept { return shots_; }

    /// Sends a field that this library's table does not know, for parameters newer than the headers.
    made extra_field(std::string_view name, boost::json::value value) const
    {
        return made(*this).extra_field(name, std::move(value));
    }

private:
    std::array<shot, Count> shots_;
};

namespace detail {

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
        if (is_blank(one.text()))
            compile_time_rule::text_of_a_shot_must_not_be_empty_or_white_space<Model, place>();
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
&&accepts_shots<Model, sizeof...(Shots)> APIMART_CONSTEVAL storyboard_draft<Model, sizeof...(Shots)>
storyboard(Shots... shots)
{
    std::array<shot, sizeof...(Shots)> const all{shots...};
    detail::check_shots<Model>(all);
    return storyboard_draft<Model, sizeof...(Shots)>(all);
}

namespace detail {
struct no_storyboard
{};
} // namespace detail

/// A number of shots that the model does not take, or a model without storyboards.
template <class Model, class... Shots>
    requires(std::same_as<Shots, shot>&&...)
&&(!accepts_shots<Model, sizeof...(Shots)>)auto storyboard(Shots...)
{
    static_assert(sizeof(does_not_compile<detail::written<detail::shots_not_accepted<Model>>>) != 0);
    return detail::no_storyboard();
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
