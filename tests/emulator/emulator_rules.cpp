// The request rules accept what is documented and refuse what is documented as wrong, naming the field.

#include <apimart/testing/rules/price_list.hpp>
#include <apimart/testing/rules/request_rules.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace {

using namespace apimart::testing::emulation;
namespace json = boost::json;

std::string refused_field(std::string_view body, model_profile profile = model_profile::original)
{
    auto const parsed = json::parse({body.data(), body.size()});
    auto const result = judge(parsed.as_object(), profile);
    if (result.accepted())
        return "(accepted)";
    CHECK(result.refusal->message.find('`' + result.refusal->field + '`') == 0);
    return result.refusal->field;
}

std::filesystem::path documented_requests()
{
    constexpr std::string_view file = "examples/documented-requests.jsonl";
#ifdef APIMART_SOURCE_DIR
    return std::filesystem::path(APIMART_SOURCE_DIR) / file;
#else
    return std::filesystem::path(__FILE__).parent_path() / "../.." / file;
#endif
}

std::string shots(std::string_view list, std::string_view more = "")
{
    std::string body = R"({"model":"kling-v3","multi_shot":true,"shot_type":"customize","duration":6)";
    return body.append(more).append(R"(,"multi_prompt":)").append(list).append("}");
}

std::string subject(std::string_view entry)
{
    return std::string(R"({"model":"kling-v3","prompt":"@a runs","element_list":)").append(entry).append("}");
}

} // namespace

TEST_CASE("emulator rules: every documented body is accepted under both profiles")
{
    std::ifstream file(documented_requests());
    REQUIRE(file);
    int count = 0;
    for (std::string line; std::getline(file, line); ++count) {
        CAPTURE(line);
        CHECK(refused_field(line) == "(accepted)");
        CHECK(refused_field(line, model_profile::newer) == "(accepted)");
    }
    CHECK(count >= 24);
}

TEST_CASE("emulator rules: further bodies that the documentation allows")
{
    for (std::string_view body : {
             R"({"model":"kling-3.0-turbo","prompt":"a","duration":3,"unknown_field":{"x":1}})",
             R"({"model":"kling-3.0-turbo","prompt":"a","watermark":null})",
             R"({"model":"kling-3.0-turbo","first_frame_image":"data:image/png;base64,iVBORw0KGgo="})",
             R"({"model":"kling-3.0-turbo","prompt":"","first_frame_image":"https://a.example/1.png"})",
             R"({"model":"kling-v3-omni","prompt":"a","image_urls":[]})",
             R"({"model":"kling-v3","multi_shot":true,"shot_type":"intelligence"})",
             R"({"model":"kling-v3","prompt":"a","mode":"4k","audio":false})",
             R"({"model":"veo3.1-fast-official","prompt":"a","duration":5})",
             R"({"model":"veo3.1-fast-official","prompt":"a","resolution":"4K","seed":4294967295})",
             R"({"model":"veo3.1-fast-official","prompt":"a","seed":0,"resize_mode":"crop"})",
             R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                 "video_url":"https://a.example/v","character_orientation":"image","mode":"std"})",
         }) {
        CAPTURE(body);
        CHECK(refused_field(body) == "(accepted)");
    }
    // 3072 characters are counted as characters, not as bytes.
    std::string prompt;
    for (int i = 0; i < 3072; ++i)
        prompt += "\xe7\x8a\xac";
    CHECK(refused_field(R"({"model":"kling-3.0-turbo","prompt":")" + prompt + "\"}") == "(accepted)");
    CHECK(refused_field(R"({"model":"kling-3.0-turbo","prompt":")" + prompt + "a\"}") == "prompt");
}

TEST_CASE("emulator rules: broken bodies are refused for the right field")
{
    struct broken
    {
        std::string_view field;
        std::string_view body;
    };
    for (auto const& [field, body] : std::initializer_list<broken>{
             {"model", R"({})"},
             {"model", R"({"model":7})"},
             {"model", R"({"model":"kling-9","prompt":"a"})"},
             {"model", R"({"model":"Kling-v3","prompt":"a"})"},
             // kling-3.0-turbo
             {"prompt", R"({"model":"kling-3.0-turbo"})"},
             {"prompt", R"({"model":"kling-3.0-turbo","prompt":""})"},
             {"prompt", R"({"model":"kling-3.0-turbo","prompt":" \n\t"})"},
             {"prompt", R"({"model":"kling-3.0-turbo","prompt":["a"]})"},
             {"duration", R"({"model":"kling-3.0-turbo","prompt":"a","duration":"5"})"},
             {"duration", R"({"model":"kling-3.0-turbo","prompt":"a","duration":2})"},
             {"duration", R"({"model":"kling-3.0-turbo","prompt":"a","duration":16})"},
             {"duration", R"({"model":"kling-3.0-turbo","prompt":"a","duration":5.5})"},
             {"duration", R"({"model":"kling-3.0-turbo","prompt":"a","duration":18446744073709551615})"},
             {"resolution", R"({"model":"kling-3.0-turbo","prompt":"a","resolution":"4K"})"},
             {"resolution", R"({"model":"kling-3.0-turbo","prompt":"a","resolution":"1080P"})"},
             {"aspect_ratio", R"({"model":"kling-3.0-turbo","prompt":"a","aspect_ratio":"4:3"})"},
             {"watermark", R"({"model":"kling-3.0-turbo","prompt":"a","watermark":"no"})"},
             {"first_frame_image", R"({"model":"kling-3.0-turbo","first_frame_image":"/home/me/a.png"})"},
             {"first_frame_image",
              R"({"model":"kling-3.0-turbo","first_frame_image":["https://a.example/"]})"},
             // kling-v3-omni
             {"prompt", R"({"model":"kling-v3-omni"})"},
             {"duration", R"({"model":"kling-v3-omni","prompt":"a","duration":7})"},
             {"duration", R"({"model":"kling-v3-omni","prompt":"a","duration":15})"},
             {"mode", R"({"model":"kling-v3-omni","prompt":"a","mode":"4k"})"},
             {"image_urls",
              R"({"model":"kling-v3-omni","prompt":"a","image_urls":"https://a.example/1.png"})"},
             {"image_urls[1]",
              R"({"model":"kling-v3-omni","prompt":"a","image_urls":["https://a.example/1","x"]})"},
             {"image_urls[0]",
              R"({"model":"kling-v3-omni","prompt":"a","image_urls":[{"url":"https://a.example"}]})"},
             {"prompt",
              R"({"model":"kling-v3-omni","prompt":"<<<image_2>>> a","image_urls":["https://a.example/1"]})"},
             {"prompt",
              R"({"model":"kling-v3-omni","prompt":"<<<image_0>>> a","image_urls":["https://a.example/1"]})"},
             // motion control
             {"image_url", R"({"model":"kling-v2-6-motion-control","video_url":"https://a.example/v.mp4",
                               "character_orientation":"image","mode":"std"})"},
             {"video_url", R"({"model":"kling-v2-6-motion-control","image_url":"https://a.example/1.png",
                               "character_orientation":"image","mode":"std"})"},
             {"character_orientation",
              R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                               "video_url":"https://a.example/v.mp4","mode":"std"})"},
             {"character_orientation",
              R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                               "video_url":"https://a.example/v.mp4","mode":"std",
                               "character_orientation":"left"})"},
             {"mode", R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                          "video_url":"https://a.example/v.mp4","character_orientation":"image"})"},
             {"mode", R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png","mode":"4k",
                          "video_url":"https://a.example/v.mp4","character_orientation":"image"})"},
             {"keep_original_sound",
              R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                          "video_url":"https://a.example/v.mp4","character_orientation":"image","mode":"std",
                          "keep_original_sound":true})"},
             {"watermark_info", R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                          "video_url":"https://a.example/v.mp4","character_orientation":"image","mode":"std",
                          "watermark_info":false})"},
             {"watermark_info.enabled",
              R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                          "video_url":"https://a.example/v.mp4","character_orientation":"image","mode":"std",
                          "watermark_info":{"enabled":"no"}})"},
             {"video_url", R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                          "video_url":"https://a.example/ref-12s.mp4","character_orientation":"image",
                          "mode":"std"})"},
             {"video_url", R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                          "video_url":"https://a.example/2s.mp4","character_orientation":"video",
                          "mode":"std"})"},
             {"video_url", R"({"model":"kling-v3-motion-control","image_url":"https://a.example/1.png",
                          "video_url":"https://a.example/31s.mp4","character_orientation":"video",
                          "mode":"std"})"},
             // kling-v3
             {"prompt", R"({"model":"kling-v3"})"},
             {"prompt", R"({"model":"kling-v3","image_urls":["https://a.example/1"]})"},
             {"prompt", R"({"model":"kling-v3","multi_shot":false,"shot_type":"intelligence"})"},
             {"duration", R"({"model":"kling-v3","prompt":"a","duration":2})"},
             {"duration", R"({"model":"kling-v3","prompt":"a","duration":16})"},
             {"mode", R"({"model":"kling-v3","prompt":"a","mode":"4K"})"},
             {"audio", R"({"model":"kling-v3","prompt":"a","audio":"true"})"},
             {"image_urls", R"({"model":"kling-v3","prompt":"a","image_urls":[]})"},
             {"image_urls", R"({"model":"kling-v3","prompt":"a",
                                "image_urls":["https://a.example/1","https://a.example/2",
                                "https://a.example/3"]})"},
             {"negative_prompt", R"({"model":"kling-v3","prompt":"a","negative_prompt":1})"},
             {"multi_shot", R"({"model":"kling-v3","prompt":"a","multi_shot":1})"},
             {"shot_type", R"({"model":"kling-v3","multi_shot":true})"},
             {"shot_type", R"({"model":"kling-v3","multi_shot":true,"shot_type":"auto"})"},
             {"multi_prompt", R"({"model":"kling-v3","multi_shot":true,"shot_type":"customize"})"},
             // veo
             {"prompt", R"({"model":"veo3.1-fast-official"})"},
             {"prompt",
              R"({"model":"veo3.1-quality-official","first_frame_image":"https://a.example/1.png"})"},
             {"duration", R"({"model":"veo3.1-fast-official","prompt":"a","duration":"8"})"},
             {"aspect_ratio", R"({"model":"veo3.1-fast-official","prompt":"a","aspect_ratio":"1:1"})"},
             {"resolution", R"({"model":"veo3.1-fast-official","prompt":"a","resolution":"4k"})"},
             {"last_frame_image", R"({"model":"veo3.1-fast-official","prompt":"a",
                                      "last_frame_image":"https://a.example/1.png"})"},
             {"first_frame_image", R"({"model":"veo3.1-fast-official","prompt":"a",
                                       "first_frame_image":"data:image/png;base64,iVBORw0KGgo="})"},
             {"seed", R"({"model":"veo3.1-fast-official","prompt":"a","seed":-1})"},
             {"seed", R"({"model":"veo3.1-fast-official","prompt":"a","seed":4294967296})"},
             {"sample_count", R"({"model":"veo3.1-fast-official","prompt":"a","sample_count":0})"},
             {"sample_count", R"({"model":"veo3.1-fast-official","prompt":"a","sample_count":5})"},
             {"generate_audio", R"({"model":"veo3.1-fast-official","prompt":"a","generate_audio":"yes"})"},
             {"person_generation",
              R"({"model":"veo3.1-fast-official","prompt":"a","person_generation":"allow"})"},
             {"resize_mode", R"({"model":"veo3.1-fast-official","prompt":"a","resize_mode":"stretch"})"},
             {"enhance_prompt", R"({"model":"veo3.1-fast-official","prompt":"a","enhance_prompt":false})"},
         }) {
        CAPTURE(body);
        CHECK(refused_field(body) == field);
    }
}

TEST_CASE("emulator rules: shots")
{
    CHECK(refused_field(
              shots(R"([{"index":1,"prompt":"a","duration":2},{"index":2,"prompt":"b","duration":4}])")) ==
          "(accepted)");
    CHECK(refused_field(shots("[]")) == "multi_prompt");
    CHECK(refused_field(shots("{}")) == "multi_prompt");
    CHECK(refused_field(shots(R"(["a"])")) == "multi_prompt[0]");
    CHECK(refused_field(shots(R"([{"index":0,"prompt":"a","duration":6}])")) == "multi_prompt[0].index");
    CHECK(refused_field(
              shots(R"([{"index":1,"prompt":"a","duration":3},{"index":3,"prompt":"b","duration":3}])")) ==
          "multi_prompt[1].index");
    CHECK(refused_field(shots(R"([{"prompt":"a","duration":6}])")) == "multi_prompt[0].index");
    CHECK(refused_field(shots(R"([{"index":1,"duration":6}])")) == "multi_prompt[0].prompt");
    CHECK(refused_field(shots(R"([{"index":1,"prompt":"a"}])")) == "multi_prompt[0].duration");
    CHECK(refused_field(shots(R"([{"index":1,"prompt":"a","duration":"6"}])")) == "multi_prompt[0].duration");
    CHECK(refused_field(shots(R"([{"index":1,"prompt":"a","duration":0}])")) == "multi_prompt[0].duration");
    CHECK(refused_field(shots(R"([{"index":1,"prompt":"a","duration":7}])")) == "multi_prompt[0].duration");
    CHECK(refused_field(shots(R"([{"index":1,"prompt":"a","duration":5}])")) == "multi_prompt");
    CHECK(refused_field(shots(R"([{"index":1,"prompt":")" + std::string(513, 'x') + R"(","duration":6}])")) ==
          "multi_prompt[0].prompt");
    CHECK(refused_field(shots(R"([{"index":1,"prompt":")" + std::string(512, 'x') + R"(","duration":6}])")) ==
          "(accepted)");
    std::string seven = "[";
    for (int i = 1; i <= 7; ++i)
        seven += R"({"index":)" + std::to_string(i) + R"(,"prompt":"a","duration":1},)";
    seven.back() = ']';
    CHECK(refused_field(shots(seven)) == "multi_prompt");
    // Without a total the default of five seconds counts.
    CHECK(refused_field(R"({"model":"kling-v3","multi_shot":true,"shot_type":"customize",
                            "multi_prompt":[{"index":1,"prompt":"a","duration":5}]})") == "(accepted)");
}

TEST_CASE("emulator rules: subjects")
{
    constexpr std::string_view two = R"(["https://a.example/1","https://a.example/2"])";
    auto const entry = [&](std::string_view name) {
        return std::string(R"({"name":")")
                   .append(name)
                   .append(R"(","description":"d","element_input_urls":)")
                   .append(two) +
               '}';
    };
    CHECK(refused_field(subject('[' + entry("a") + ']')) == "(accepted)");
    CHECK(refused_field(subject('[' + entry("a") + ',' + entry("a") + ']')) == "element_list[1].name");
    CHECK(refused_field(subject('[' + entry("a") + ',' + entry("b") + ',' + entry("c") + ',' + entry("d") +
                                ']')) == "element_list");
    CHECK(refused_field(subject(R"(["a"])")) == "element_list[0]");
    CHECK(refused_field(subject(R"([{"description":"d","element_input_urls":["https://a.example/1"]}])")) ==
          "element_list[0].name");
    CHECK(refused_field(subject(R"([{"name":"a","element_input_urls":["https://a.example/1"]}])")) ==
          "element_list[0].description");
    CHECK(refused_field(subject(R"([{"name":"a","description":"d"}])")) ==
          "element_list[0].element_input_urls");
    CHECK(refused_field(
              subject(R"([{"name":"a","description":"d","element_input_urls":["https://a.example/1"]}])")) ==
          "element_list[0].element_input_urls");
    CHECK(refused_field(subject(
              R"([{"name":"a","description":"d","element_input_urls":["https://a.example/1","x"]}])")) ==
          "element_list[0].element_input_urls[1]");
}

TEST_CASE("emulator rules: the newer profile widens kling-v3-omni and nothing else")
{
    auto const newer = [](std::string_view rest) {
        return refused_field(
            std::string(R"({"model":"kling-v3-omni","prompt":"a",)").append(rest).append("}"),
            model_profile::newer);
    };
    CHECK(newer(R"("duration":15,"mode":"4k")") == "(accepted)");
    CHECK(newer(R"("duration":16)") == "duration");
    CHECK(newer(R"("negative_prompt":1)") == "negative_prompt");
    CHECK(newer(R"("audio":"yes")") == "audio");
    CHECK(newer(R"("image_with_roles":[{"url":"https://a.example/1","role":"last_frame"}])") ==
          "image_with_roles");
    CHECK(newer(R"("image_with_roles":[{"url":"https://a.example/1","role":"middle"}])") ==
          "image_with_roles[0].role");
    CHECK(newer(R"("image_urls":["https://a.example/1"],
                   "image_with_roles":[{"url":"https://a.example/1","role":"reference"}])") ==
          "image_with_roles");
    CHECK(newer(R"("video_list":[{"video_url":"https://a.example/v.mp4"}])") == "(accepted)");
    CHECK(newer(R"("video_list":[{"video_url":""}])") == "video_list[0].video_url");
    CHECK(
        newer(R"("video_list":[{"video_url":"https://a.example/v"},{"video_url":"https://a.example/w"}])") ==
        "video_list");
    CHECK(newer(R"("video_list":[{"video_url":"https://a.example/v"}],
                   "image_with_roles":[{"url":"https://a.example/1","role":"first_frame"}])") ==
          "image_with_roles");
    CHECK(newer(R"("multi_shot":true)") == "shot_type");
    CHECK(refused_field(R"({"model":"kling-3.0-turbo","prompt":"a","duration":16})", model_profile::newer) ==
          "duration");
}

TEST_CASE("emulator rules: implied rules can be switched off")
{
    auto const body =
        json::parse(R"({"model":"kling-v3-omni","prompt":"<<<image_3>>>","image_urls":["somewhere"]})");
    CHECK_FALSE(judge(body.as_object()).accepted());
    CHECK(judge(body.as_object(), model_profile::original, inferred_rules::ignored).accepted());
}

TEST_CASE("emulator rules: the order has what the price needs")
{
    auto const price = [](std::string_view body) {
        auto const parsed = json::parse({body.data(), body.size()});
        return usd_text(price_of(judge(parsed.as_object()).what));
    };
    CHECK(price(R"({"model":"veo3.1-fast-official","prompt":"a","generate_audio":true})") == "0.64");
    CHECK(price(R"({"model":"veo3.1-fast-official","prompt":"a","sample_count":2})") == "1.024");
    CHECK(price(R"({"model":"veo3.1-quality-official","prompt":"a","duration":4})") == "0.64");
    CHECK(price(R"({"model":"kling-3.0-turbo","prompt":"a","resolution":"1080p"})") == "0.716");
    CHECK(price(R"({"model":"kling-v3","prompt":"a","audio":true,"mode":"pro","duration":10})") == "1.344");
    CHECK(price(R"({"model":"kling-v3","prompt":"a","mode":"4k"})") == "2.1428");
    CHECK(price(R"({"model":"kling-v2-6-motion-control","image_url":"https://a.example/1","mode":"pro",
                    "video_url":"https://a.example/ref-12s.mp4","character_orientation":"video"})") ==
          "1.09728");
    CHECK(credits_text(640'000) == "6.4");
    CHECK(usd_text(0) == "0");
    CHECK(usd_text(-1'500'000) == "-1.5");
}
