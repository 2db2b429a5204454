// SPDX-License-Identifier: BSL-1.0
//
// Which parameter a caller may give to which kind of generation of which model: written down by hand from the
// tables of the original documentation, not from the library's tables, and asserted cell by cell in both
// directions.

#include <apimart/models.hpp>

#include <string_view>

namespace {

using namespace apimart;

// Whether a list of words separated by blanks holds the word.
constexpr bool has(std::string_view list, std::string_view word)
{
    while (!list.empty()) {
        std::size_t const end = list.find(' ');
        if (list.substr(0, end) == word)
            return true;
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    }
    return false;
}

static_assert(has("a bc d", "bc") && has("a", "a") && !has("a bc d", "b") && !has("", "a"));

// Fields of every model (api-reference.md 2.2).
constexpr std::string_view common = "webhook language nsfw_check metadata";

template <class Model, class Kind>
constexpr std::string_view documented = "";

// kling-3.0-turbo.txt: field list and table "Text-to-Video vs Image-to-Video"; scenario 5 for the storyboard.
template <>
constexpr std::string_view documented<kling_3_0_turbo, kind::text_to_video> =
    "prompt aspect_ratio resolution duration watermark";
template <>
constexpr std::string_view documented<kling_3_0_turbo, kind::image_to_video> =
    "prompt first_frame_image resolution duration watermark";
template <>
constexpr std::string_view documented<kling_3_0_turbo, kind::storyboard> =
    "prompt aspect_ratio resolution watermark"; // the duration follows from the shots

// kling-v3-omni.txt: field list.
template <>
constexpr std::string_view documented<kling_v3_omni, kind::text_to_video> =
    "prompt mode duration aspect_ratio watermark";
template <>
constexpr std::string_view documented<kling_v3_omni, kind::image_reference> =
    "prompt mode duration aspect_ratio image_urls watermark";

// kling-v3.txt: field list and table "Text-to-Video vs Image-to-Video".
template <>
constexpr std::string_view documented<kling_v3, kind::text_to_video> =
    "prompt mode duration aspect_ratio negative_prompt watermark audio element_list";
template <>
constexpr std::string_view documented<kling_v3, kind::image_to_video> =
    "prompt mode duration aspect_ratio negative_prompt image_urls watermark audio element_list";
template <>
constexpr std::string_view documented<kling_v3, kind::storyboard> =
    "prompt mode aspect_ratio negative_prompt image_urls watermark audio multi_prompt element_list";
template <>
constexpr std::string_view documented<kling_v3, kind::intelligent_storyboard> =
    "prompt mode duration aspect_ratio negative_prompt image_urls watermark audio element_list";

// motion-control.txt: field list.
constexpr std::string_view motion =
    "prompt image_url video_url keep_original_sound character_orientation mode watermark_info";
template <>
constexpr std::string_view documented<kling_v2_6_motion_control, kind::motion_control> = motion;
template <>
constexpr std::string_view documented<kling_v3_motion_control, kind::motion_control> = motion;

// veo-3.1.txt: field list and table "Text-to-Video vs Image-to-Video".
constexpr std::string_view veo_text =
    "prompt negative_prompt duration aspect_ratio resolution seed sample_count "
    "generate_audio person_generation enhance_prompt";
constexpr std::string_view veo_image =
    "prompt negative_prompt duration aspect_ratio resolution seed sample_count "
    "generate_audio person_generation enhance_prompt first_frame_image "
    "last_frame_image resize_mode";
template <>
constexpr std::string_view documented<veo_3_1_fast_official, kind::text_to_video> = veo_text;
template <>
constexpr std::string_view documented<veo_3_1_fast_official, kind::image_to_video> = veo_image;
template <>
constexpr std::string_view documented<veo_3_1_quality_official, kind::text_to_video> = veo_text;
template <>
constexpr std::string_view documented<veo_3_1_quality_official, kind::image_to_video> = veo_image;

// One assertion per cell, so that a failure names model, kind and parameter.
template <class Model, class Kind, class Parameter>
constexpr bool cell_agrees()
{
    constexpr std::string_view list = documented<Model, Kind>;
    static_assert(offers<Model, Kind> == !list.empty());
    static_assert(accepts<Model, Kind, Parameter> ==
                  (!list.empty() && (has(list, Parameter::name) || has(common, Parameter::name))));
    return true;
}

template <class Model, class Kind>
constexpr bool row_agrees()
{
#define APIMART_PARAMETER(tag, words) static_assert(cell_agrees<Model, Kind, parameter::tag>());
#define APIMART_LIST_PARAMETER APIMART_PARAMETER
#include <apimart/parameter/list.hpp>
    return true;
}

template <class Model>
constexpr bool model_agrees()
{
    return row_agrees<Model, kind::text_to_video>() && row_agrees<Model, kind::image_to_video>() &&
           row_agrees<Model, kind::image_reference>() && row_agrees<Model, kind::storyboard>() &&
           row_agrees<Model, kind::intelligent_storyboard>() && row_agrees<Model, kind::motion_control>();
}

static_assert(model_agrees<kling_3_0_turbo>());
static_assert(model_agrees<kling_v3_omni>());
static_assert(model_agrees<kling_v3>());
static_assert(model_agrees<kling_v2_6_motion_control>());
static_assert(model_agrees<kling_v3_motion_control>());
static_assert(model_agrees<veo_3_1_fast_official>());
static_assert(model_agrees<veo_3_1_quality_official>());

// The same question, asked of a request: what may be called.
template <class Request>
constexpr bool takes_a_seed = requires(Request r) { static_cast<Request&&>(r).seed(checked(1)); };
static_assert(takes_a_seed<text_to_video<veo_3_1_fast_official>>);
static_assert(!takes_a_seed<text_to_video<kling_v3>>);

template <class Request>
constexpr bool takes_a_duration = requires(Request r) { static_cast<Request&&>(r).duration(checked(
                                                           std::chrono::seconds(5))); };
static_assert(takes_a_duration<text_to_video<kling_v3>>);
static_assert(takes_a_duration<intelligent_storyboard<kling_v3>>);
static_assert(!takes_a_duration<request<kling_v3, kind::storyboard>>);
static_assert(!takes_a_duration<request<kling_3_0_turbo, kind::storyboard>>);
static_assert(!takes_a_duration<motion_control<kling_v3_motion_control>>);

template <class Request>
constexpr bool takes_a_prompt = requires(Request r) { static_cast<Request&&>(r).prompt(std::string_view()); };
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
static_assert(!accepts_pictures_per_subject<kling_v3, kind::text_to_video, parameter::element_list, 1>);
static_assert(accepts_pictures_per_subject<kling_v3, kind::text_to_video, parameter::element_list, 2>);
static_assert(accepts_pictures_per_subject<kling_v3, kind::text_to_video, parameter::element_list, 4>);
static_assert(!accepts_pictures_per_subject<kling_v3, kind::text_to_video, parameter::element_list, 5>);
static_assert(!accepts_shots<kling_v3, 0> && accepts_shots<kling_v3, 1>);
static_assert(accepts_shots<kling_v3, 6> && !accepts_shots<kling_v3, 7>);
static_assert(!accepts_shots<kling_3_0_turbo, 0> && accepts_shots<kling_3_0_turbo, 7>);
static_assert(!accepts_shots<veo_3_1_fast_official, 2>);

} // namespace
