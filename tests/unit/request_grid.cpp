// SPDX-License-Identifier: BSL-1.0
//
// The run-time validator against the documentation's tables, cell by cell: to a good body of each kind of
// each model every parameter is added in turn. The lists are written by hand, not taken from the library's
// tables.

#include <apimart/any_request.hpp>

#include <boost/json/parse.hpp>

#include <doctest/doctest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace apimart;

std::vector<std::string> words(std::string const& text)
{
    std::istringstream in(text);
    std::vector<std::string> result;
    for (std::string word; in >> word;)
        result.push_back(word);
    return result;
}

bool has(std::string const& list, std::string const& word)
{
    for (std::string const& one : words(list))
        if (one == word)
            return true;
    return false;
}

// A value that is good wherever the parameter is taken at all.
std::map<std::string, std::string> const samples = {
    {"prompt", R"("a cat")"},
    {"negative_prompt", R"("blurry")"},
    {"mode", R"("pro")"},
    {"resolution", R"("1080p")"},
    {"aspect_ratio", R"("9:16")"},
    {"duration", "10"},
    {"first_frame_image", R"("https://example.com/1.png")"},
    {"last_frame_image", R"("https://example.com/2.png")"},
    {"image_url", R"("https://example.com/3.png")"},
    {"video_url", R"("https://example.com/4.mp4")"},
    {"image_urls", R"(["https://example.com/5.png"])"},
    {"character_orientation", R"("video")"},
    {"watermark", "true"},
    {"watermark_info", R"({"enabled":true})"},
    {"audio", "true"},
    {"generate_audio", "true"},
    {"keep_original_sound", R"("no")"},
    {"multi_shot", "false"},
    {"shot_type", R"("customize")"},
    {"multi_prompt", R"([{"index":1,"prompt":"a","duration":5}])"},
    {"element_list", R"([{"name":"a","description":"b",)"
                     R"("element_input_urls":["https://example.com/6.png","https://example.com/7.png"]}])"},
    {"seed", "7"},
    {"sample_count", "1"},
    {"person_generation", R"("disallow")"},
    {"resize_mode", R"("crop")"},
    {"enhance_prompt", "true"},
    {"webhook", R"("https://example.com/hook")"},
    {"language", R"("en")"},
    {"nsfw_check", "true"},
    {"metadata", "{}"},
    // Fields of newer documentation, which the original one does not know.
    {"video_list", "[]"},
    {"image_with_roles", "[]"},
    {"sound", "true"},
};

struct kind_of_model
{
    char const* model;
    char const* kind;
    char const* base;
    char const* accepted;
    char const* without_effect;
    char const* other_kind; // these make another kind of the body
};

constexpr char veo_text[] =
    "prompt negative_prompt duration aspect_ratio resolution seed sample_count generate_audio "
    "person_generation enhance_prompt";
constexpr char veo_image[] =
    "prompt negative_prompt duration aspect_ratio resolution seed sample_count "
    "generate_audio person_generation enhance_prompt first_frame_image last_frame_image "
    "resize_mode";
constexpr char motion_base[] =
    R"("image_url":"https://example.com/i.png","video_url":"https://example.com/v.mp4","prompt":"x",)"
    R"("character_orientation":"image","mode":"std")";
constexpr char motion[] =
    "prompt image_url video_url keep_original_sound character_orientation mode watermark_info";

kind_of_model const grid[] = {
    {"kling-3.0-turbo", "text_to_video", R"("prompt":"x")",
     "prompt aspect_ratio resolution duration watermark", "", "first_frame_image"},
    {"kling-3.0-turbo", "image_to_video", R"("first_frame_image":"https://example.com/i.png")",
     "prompt first_frame_image resolution duration watermark", "aspect_ratio", ""},
    {"kling-3.0-turbo", "storyboard", R"("prompt":"Shot 1,10,x;","duration":10)",
     "aspect_ratio resolution duration watermark", "", "first_frame_image prompt"},
    {"kling-v3-omni", "text_to_video", R"("prompt":"x")", "prompt mode duration aspect_ratio watermark", "",
     "image_urls"},
    {"kling-v3-omni", "image_reference", R"("prompt":"x","image_urls":["https://example.com/i.png"])",
     "prompt mode duration aspect_ratio image_urls watermark", "", ""},
    {"kling-v3", "text_to_video", R"("prompt":"x")",
     "prompt mode duration aspect_ratio negative_prompt watermark audio multi_shot element_list",
     "shot_type multi_prompt", "image_urls"},
    {"kling-v3", "image_to_video", R"("prompt":"x","image_urls":["https://example.com/i.png"])",
     "prompt mode duration aspect_ratio negative_prompt image_urls watermark audio multi_shot element_list",
     "shot_type multi_prompt", ""},
    {"kling-v3", "storyboard",
     R"("multi_shot":true,"shot_type":"customize","duration":10,)"
     R"("multi_prompt":[{"index":1,"prompt":"x","duration":10}])",
     "prompt mode duration aspect_ratio negative_prompt watermark audio shot_type element_list", "image_urls",
     "multi_shot multi_prompt"},
    {"kling-v3", "intelligent_storyboard", R"("prompt":"x","multi_shot":true,"shot_type":"intelligence")",
     "prompt mode duration aspect_ratio negative_prompt watermark audio element_list",
     "image_urls multi_prompt", "multi_shot shot_type"},
    {"kling-v2-6-motion-control", "motion_control", motion_base, motion, "", ""},
    {"kling-v3-motion-control", "motion_control", motion_base, motion, "", ""},
    {"veo3.1-fast-official", "text_to_video", R"("prompt":"x")", veo_text, "resize_mode",
     "first_frame_image last_frame_image"},
    {"veo3.1-fast-official", "image_to_video",
     R"("prompt":"x","first_frame_image":"https://example.com/i.png")", veo_image, "", ""},
    {"veo3.1-quality-official", "text_to_video", R"("prompt":"x")", veo_text, "resize_mode",
     "first_frame_image last_frame_image"},
    {"veo3.1-quality-official", "image_to_video",
     R"("prompt":"x","first_frame_image":"https://example.com/i.png")", veo_image, "", ""},
};

} // namespace

TEST_CASE("request: every parameter is added to every kind of every model")
{
    for (kind_of_model const& one : grid) {
        std::string const text = std::string("{\"model\":\"") + one.model + "\"," + one.base + "}";
        boost::json::object const base = boost::json::parse(text).as_object();
        auto const plain = any_request::from_json(base);
        CAPTURE(text);
        REQUIRE(plain.has_value());
        CHECK(plain->kind() == one.kind);
        CHECK_MESSAGE(plain->check().entries().empty(), plain->check().describe());

        for (auto const& [name, value] : samples) {
            CAPTURE(name);
            boost::json::object body = base;
            body[name] = boost::json::parse(value);
            // Ten seconds are no length for veo, but only advised against.
            if (name == "duration" && std::string(one.model).starts_with("veo"))
                body[name] = 8;
            auto const request = any_request::from_json(body);
            bool const common = has("webhook language nsfw_check metadata", name);

            if (has(one.other_kind, name)) {
                CHECK((!request.has_value() || request->kind() != one.kind || name == "multi_prompt"));
                continue;
            }
            bool const taken = common || has(one.accepted, name) || has(one.without_effect, name);
            CHECK(request.has_value() == taken);
            if (!request) {
                CHECK(request.error().entries()[0].pointer() == "/" + name);
                continue;
            }
            CHECK(request->kind() == one.kind);
            std::size_t const advices = request->check().entries().size();
            CHECK_MESSAGE(advices == (has(one.without_effect, name) ? 1 : 0), request->check().describe());
        }
    }
}
