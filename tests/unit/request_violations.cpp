// SPDX-License-Identifier: BSL-1.0
//
// What is wrong with a body, word by word: where, which rule, what was given.

#include <apimart/any_request.hpp>

#include <boost/json/serialize.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace apimart;

struct expected_entry
{
    severity level;
    char const* pointer;
    char const* rule;
    char const* given;
};

struct bad_body
{
    std::string json;
    std::vector<expected_entry> entries;
};

constexpr severity refused = severity::error;
constexpr severity advised = severity::warning;

// Everything that is found in a text, whether it is refused or only advised against.
validation_result found_in(std::string_view json)
{
    auto const request = any_request::parse(json);
    return request ? request->check() : request.error();
}

void check(std::vector<bad_body> const& bodies)
{
    for (bad_body const& body : bodies) {
        CAPTURE(body.json);
        validation_result const found = found_in(body.json);
        CAPTURE(found.describe());
        REQUIRE(found.entries().size() == body.entries.size());
        bool accepted = true;
        for (std::size_t i = 0; i != body.entries.size(); ++i) {
            violation const& entry = found.entries()[i];
            CHECK(entry.severity() == body.entries[i].level);
            CHECK(entry.pointer() == body.entries[i].pointer);
            CHECK(entry.message() == body.entries[i].rule);
            CHECK(entry.value() == body.entries[i].given);
            accepted = accepted && entry.severity() == advised;
        }
        CHECK(found.ok() == accepted);
        CHECK(any_request::parse(body.json).has_value() == accepted);
    }
}

std::string times(std::size_t count, std::string_view text)
{
    std::string result;
    while (count-- != 0)
        result += text;
    return result;
}

std::string turbo(std::string const& members)
{
    return R"({"model":"kling-3.0-turbo",)" + members + "}";
}
std::string omni(std::string const& members)
{
    return R"({"model":"kling-v3-omni",)" + members + "}";
}
std::string v3(std::string const& members)
{
    return R"({"model":"kling-v3",)" + members + "}";
}
std::string veo(std::string const& members)
{
    return R"({"model":"veo3.1-fast-official",)" + members + "}";
}
std::string motion(std::string const& members)
{
    return R"({"model":"kling-v3-motion-control",)" + members + "}";
}
std::string customize(std::string const& shots, std::string const& others = "")
{
    return v3(R"("multi_shot":true,"shot_type":"customize",)" + others + R"("multi_prompt":[)" + shots + "]");
}

constexpr char no_url[] = "must be an absolute http or https URL";
constexpr char local_file[] =
    "must be an absolute http or https URL; the service fetches it and sees no local files";
constexpr char picture_not_uploaded[] = "must be an absolute http or https URL; the service fetches it and "
                                        "sees no local files: a picture is uploaded first";
constexpr char local_picture[] =
    "must be an absolute http or https URL, or a JPEG or PNG picture in Base64; of a local file, "
    "`first_frame_image(image_file(path))` gives that";
constexpr char no_picture[] = "must be an absolute http or https URL, or a JPEG or PNG picture in Base64";

} // namespace

TEST_CASE("request: what is no request at all")
{
    check({
        {"", {{refused, "", "must be JSON: incomplete JSON at offset 0", ""}}},
        {"{", {{refused, "", "must be JSON: incomplete JSON at offset 1", ""}}},
        {R"({"model":"kling-v3","prompt":"a")",
         {{refused, "", "must be JSON: incomplete JSON at offset 32", ""}}},
        {R"({"model":"kling-v3"} x)", {{refused, "", "must be JSON: extra data at offset 21", ""}}},
        {"{\"model\":\"caf\xe9\"}", {{refused, "", "must be UTF-8; the byte at offset 13 is not", ""}}},
        {"[1,2]", {{refused, "", "must be a JSON object", "an array of 2 entries"}}},
        {R"("x")", {{refused, "", "must be a JSON object", "\"x\""}}},
        {"null", {{refused, "", "must be a JSON object", "null"}}},
        {R"({"model":)" + times(40, "[") + times(40, "]") + "}",
         {{refused, "", "must not be nested more than 32 levels deep", ""}}},
        {"{}", {{refused, "/model", "is required", ""}}},
        {R"({"model":7})", {{refused, "/model", "must be a JSON string", "7"}}},
        {R"({"model":"sora-2"})",
         {{refused, "/model",
           "must be a known model; known are kling-3.0-turbo, kling-v3-omni, kling-v3, "
           "kling-v2-6-motion-control, "
           "kling-v3-motion-control, veo3.1-fast-official, veo3.1-quality-official",
           "\"sora-2\""}}},
        {R"({"model":"kling-v3-omny"})",
         {{refused, "/model", "must be a known model; did you mean `kling-v3-omni`?", "\"kling-v3-omny\""}}},
        {R"({"model":"veo3.1-fast"})",
         {{refused, "/model", "must be a known model; did you mean `veo3.1-fast-official`?",
           "\"veo3.1-fast\""}}},
    });
}

TEST_CASE("request: a field that is given twice, however it is spelt")
{
    check({
        {v3(R"("prompt":"a","prompt":"b")"), {{refused, "/prompt", "must not be given twice", ""}}},
        {v3(R"("prompt":"a","\u0070rompt":"b")"), {{refused, "/prompt", "must not be given twice", ""}}},
        {v3(R"("prompt":"a \" : \\","metadata":{"a/b~":[{"c":1,"c":[":"]}]})"),
         {{refused, "/metadata/a~1b~0/0/c", "must not be given twice", ""}}},
        // Colons and quotes inside of texts are no members.
        {v3(R"("prompt":"\"a\":1,\\","negative_prompt":"::::")"), {}},
    });
}

TEST_CASE("request: kling-3.0-turbo")
{
    check({
        {turbo(R"("duration":5)"), {{refused, "/prompt", "is required for text_to_video", ""}}},
        {turbo(R"("prompt":"")"), {{refused, "/prompt", "must not be empty", "\"\""}}},
        {turbo(R"("prompt":null)"), {{refused, "/prompt", "must be a JSON string", "null"}}},
        {turbo(R"("prompt":"x","duration":2)"), {{refused, "/duration", "must be between 3 and 15", "2"}}},
        {turbo(R"("prompt":"x","duration":3)"), {}},
        {turbo(R"("prompt":"x","duration":15)"), {}},
        {turbo(R"("prompt":"x","duration":16)"), {{refused, "/duration", "must be between 3 and 15", "16"}}},
        {turbo(R"("prompt":"x","duration":-5)"), {{refused, "/duration", "must be between 3 and 15", "-5"}}},
        {turbo(R"("prompt":"x","duration":18446744073709551615)"),
         {{refused, "/duration", "must be between 3 and 15", "18446744073709551615"}}},
        {turbo(R"("prompt":"x","duration":"5")"),
         {{refused, "/duration", "must be a JSON integer", "\"5\""}}},
        {turbo(R"("prompt":"x","duration":5.5)"), {{refused, "/duration", "must be a JSON integer", "5.5"}}},
        {turbo(R"("prompt":"x","duration":true)"),
         {{refused, "/duration", "must be a JSON integer", "true"}}},
        {turbo(R"("prompt":"x","aspect_ratio":"4:3")"),
         {{refused, "/aspect_ratio", "must be 16:9, 9:16 or 1:1", "\"4:3\""}}},
        {turbo(R"("prompt":"x","aspect_ratio":"16:8")"),
         {{refused, "/aspect_ratio", "must be 16:9, 9:16 or 1:1; did you mean `16:9`?", "\"16:8\""}}},
        {turbo(R"("prompt":"x","resolution":"1080P")"),
         {{refused, "/resolution", "must be 720p or 1080p; did you mean `1080p`?", "\"1080P\""}}},
        {turbo(R"("prompt":"x","resolution":1080)"),
         {{refused, "/resolution", "must be a JSON string", "1080"}}},
        {turbo(R"("prompt":"x","watermark":"no")"),
         {{refused, "/watermark", "must be a JSON boolean", "\"no\""}}},
        {turbo(R"("prompt":"x","aspect_ration":"16:9")"),
         {{refused, "/aspect_ration", "is not a parameter of kling-3.0-turbo; did you mean `aspect_ratio`?",
           "\"16:9\""}}},
        {turbo(R"("prompt":"x","mode":"pro")"),
         {{refused, "/mode", "is not a parameter of kling-3.0-turbo", "\"pro\""}}},
        {turbo(R"("first_frame_image":"https://a.example/c.jpg","aspect_ratio":"16:9")"),
         {{advised, "/aspect_ratio", "has no effect for image_to_video", "\"16:9\""}}},
        {turbo(R"("first_frame_image":"https://a.example/c.jpg","prompt":"")"), {}},
        {turbo(R"("first_frame_image":"")"), {{refused, "/first_frame_image", no_picture, "\"\""}}},
        {turbo(R"("first_frame_image":"first.jpg")"),
         {{refused, "/first_frame_image", local_picture, "\"first.jpg\""}}},
        {turbo(R"("first_frame_image":"ftp://user:secret@a.example/c.jpg?signature=secret#secret")"),
         {{refused, "/first_frame_image", no_picture, "\"ftp://[redacted]@a.example/c.jpg?[redacted]\""}}},
        {turbo(R"("first_frame_image":"http://a b/")"),
         {{refused, "/first_frame_image", no_url, "\"http://a b/\""}}},
        {turbo(R"("first_frame_image":"data:image/png;base64,iVBORw0KGgo=")"), {}},
        {turbo(R"("first_frame_image":"/9j/4AAQSkZJRg==")"), {}},
        {turbo(R"("first_frame_image":"R0lGODlhAQABAAAAACw=")"),
         {{advised, "/first_frame_image", "should be a JPEG or PNG picture if it is Base64",
           "\"R0lGODlhAQABAAAAACw=\""}}},
        {turbo(R"("first_frame_image":"data:image/webp;base64,)" + times(20, "UklG") + "\""),
         {{refused, "/first_frame_image", no_picture, "\"data:image/webp;base64,\" and 80 characters"}}},
        {turbo(R"("first_frame_image":")" + times(20, "UklG") + "*\""),
         {{refused, "/first_frame_image", no_picture, "a text of 81 bytes"}}},
    });
}

TEST_CASE("request: texts are counted in code points")
{
    // Two, three and four bytes each.
    for (char const* character : {"x", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x90\x95"}) {
        check({
            {turbo(R"("prompt":")" + times(2500, character) + "\""), {}},
            {turbo(R"("prompt":")" + times(2501, character) + "\""),
             {{advised, "/prompt", "should have at most 2500 characters", "2501 characters"}}},
            {turbo(R"("prompt":")" + times(3072, character) + "\""),
             {{advised, "/prompt", "should have at most 2500 characters", "3072 characters"}}},
            {turbo(R"("prompt":")" + times(3073, character) + "\""),
             {{refused, "/prompt", "must have at most 3072 characters", "3073 characters"}}},
        });
    }
}

TEST_CASE("request: shots written into the prompt")
{
    check({
        {turbo(R"("prompt":"Shot 1,2,a;Shot 2,3,b;","duration":5)"), {}},
        {turbo(R"("prompt":"Shot 1,2,a;Shot 2,3,b;")"), {}},
        {turbo(R"("prompt":"Shot 1,2,a;Shot 2,3,b;","duration":6)"),
         {{advised, "/prompt", "should have shots that last together as long as the video: 6 seconds",
           "5 seconds"}}},
        {turbo(R"("prompt":"Shot 1,2,a;Shot 3,3,b;")"),
         {{advised, "/prompt", "should number its shots from 1 in their order", ""}}},
        {turbo(R"("first_frame_image":"https://a.example/c.jpg","prompt":"Shot 1,2,a;","duration":6)"),
         {{advised, "/prompt", "should have shots that last together as long as the video: 6 seconds",
           "2 seconds"}}},
        // A text that merely speaks of shots.
        {turbo(R"("prompt":"Shot 1 is wide; Shot 2,3","duration":6)"), {}},
    });
    CHECK(any_request::parse(turbo(R"("prompt":"Shot 1,2,a;Shot 2,3,b;","duration":5)"))->kind() ==
          "storyboard");
    CHECK(any_request::parse(turbo(R"("prompt":"Shot 1 is wide")"))->kind() == "text_to_video");
}

TEST_CASE("request: kling-v3-omni")
{
    check({
        {omni(R"("mode":"std")"), {{refused, "/prompt", "is required for text_to_video", ""}}},
        {omni(R"("prompt":"x","duration":7)"), {{refused, "/duration", "must be 5 or 10", "7"}}},
        {omni(R"("prompt":"x","mode":"4k")"), {{refused, "/mode", "must be std or pro", "\"4k\""}}},
        {omni(R"("prompt":"x","audio":true)"),
         {{refused, "/audio", "is not a parameter of kling-v3-omni", "true"}}},
        {omni(R"("prompt":"x","image_urls":[])"),
         {{advised, "/image_urls", "has no effect for text_to_video", "an array of 0 entries"}}},
        {omni(R"("prompt":"x","image_urls":"https://a.example/c?secret")"),
         {{refused, "/image_urls", "must be a JSON array", "\"https://a.example/c?[redacted]\""}}},
        {omni(R"("prompt":"x","image_urls":["https://a.example/c","b.png",3])"),
         {{refused, "/image_urls/1", picture_not_uploaded, "\"b.png\""},
          {refused, "/image_urls/2", "must be a JSON string", "3"}}},
        // Boost.URL 1.81 takes what follows the authority for a path.
        {omni(R"("prompt":"x","image_urls":["https://a.example:x","https://a@b@c"])"),
         {{refused, "/image_urls/0", no_url, "\"https://a.example:x\""},
          {refused, "/image_urls/1", no_url, "\"https://[redacted]@c\""}}},
        {omni(R"("prompt":"<<<image_1>>> <<<image_2>>>","image_urls":["https://a.example/c"])"),
         {{advised, "/prompt", "should refer to one of the given pictures; image_urls has 1 entry",
           "\"<<<image_2>>>\""}}},
        {omni(R"("prompt":"<<<image_0>>> <<<image_x>>>","image_urls":["https://a.example/c"])"),
         {{advised, "/prompt", "should refer to one of the given pictures; image_urls has 1 entry",
           "\"<<<image_0>>>\""}}},
        {omni(R"("prompt":"<<<image_1>>>")"),
         {{advised, "/prompt", "should refer to one of the given pictures; image_urls has 0 entries",
           "\"<<<image_1>>>\""}}},
    });
}

TEST_CASE("request: kling-v3 without a storyboard")
{
    check({
        {v3(R"("prompt":"x","image_urls":[])"),
         {{refused, "/image_urls", "must have 1 to 2 entries", "0 entries"}}},
        {v3(R"("prompt":"x","image_urls":["https://a.example/1","https://a.example/2","https://a.example/3"])"),
         {{refused, "/image_urls", "must have 1 to 2 entries", "3 entries"}}},
        {v3(R"("image_urls":["https://a.example/1"])"),
         {{refused, "/prompt", "is required for image_to_video", ""}}},
        {v3(R"("prompt":"x","mode":"4K")"),
         {{refused, "/mode", "must be std, pro or 4k; did you mean `4k`?", "\"4K\""}}},
        {v3(R"("prompt":"x","multi_shot":"true")"),
         {{refused, "/multi_shot", "must be a JSON boolean", "\"true\""}}},
        {v3(R"("prompt":"x","multi_shot":false)"), {}},
        {v3(R"("prompt":"x","shot_type":"customize","multi_prompt":[{"index":7}])"),
         {{advised, "/shot_type", "has no effect for text_to_video", "\"customize\""},
          {advised, "/multi_prompt", "has no effect for text_to_video", "an array of 1 entry"}}},
        {v3(R"("prompt":"x","shot_type":"custom")"),
         {{refused, "/shot_type", "must be customize or intelligence; did you mean `customize`?",
           "\"custom\""},
          {advised, "/shot_type", "has no effect for text_to_video", "\"custom\""}}},
        {v3(R"("Prompt":"x")"),
         {{refused, "/Prompt", "is not a parameter of kling-v3; did you mean `prompt`?", "\"x\""},
          {refused, "/prompt", "is required for text_to_video", ""}}},
        {v3(R"("prompt":"x","a/b~c":1)"), {{refused, "/a~1b~0c", "is not a parameter of kling-v3", "1"}}},
        {v3(R"("prompt":"x","webhook":"nope","language":4,"nsfw_check":1,"metadata":[])"),
         {{refused, "/webhook", no_url, "\"nope\""},
          {refused, "/language", "must be a JSON string", "4"},
          {refused, "/nsfw_check", "must be a JSON boolean", "1"},
          {refused, "/metadata", "must be a JSON object", "an array of 0 entries"}}},
        {v3(R"("prompt":"x","webhook":"https://a.example/","language":"en","nsfw_check":true,"metadata":{})"),
         {}},
    });
}

TEST_CASE("request: kling-v3 storyboards")
{
    check({
        {v3(R"("multi_shot":true)"),
         {{advised, "/prompt", "should be given for intelligent_storyboard", ""},
          {refused, "/shot_type", "is required: customize or intelligence", ""}}},
        {v3(R"("multi_shot":true,"multi_prompt":[{"index":1,"prompt":"a","duration":5}])"),
         {{refused, "/shot_type", "is required: customize or intelligence", ""}}},
        {v3(R"("multi_shot":true,"shot_type":"customise","multi_prompt":[{"index":1,"prompt":"a","duration":5}])"),
         {{refused, "/shot_type", "must be customize or intelligence; did you mean `customize`?",
           "\"customise\""}}},
        {v3(R"("multi_shot":true,"shot_type":"customize")"),
         {{refused, "/multi_prompt", "is required for storyboard", ""}}},
        {v3(R"("multi_shot":true,"shot_type":"intelligence")"),
         {{advised, "/prompt", "should be given for intelligent_storyboard", ""}}},
        {v3(R"("multi_shot":true,"shot_type":"intelligence","prompt":"x","multi_prompt":[])"),
         {{advised, "/multi_prompt", "has no effect for intelligent_storyboard", "an array of 0 entries"}}},
        {v3(R"("multi_shot":true,"shot_type":"intelligence","prompt":"x","image_urls":["https://a.example/c"])"),
         {{advised, "/image_urls", "is not said to work for intelligent_storyboard", "an array of 1 entry"}}},
        {customize(""), {{refused, "/multi_prompt", "must have 1 to 6 entries", "0 entries"}}},
        {customize(times(6, R"({"index":1,"prompt":"a","duration":1},)") +
                       R"({"index":7,"prompt":"a","duration":1})",
                   R"("duration":7,)"),
         {{refused, "/multi_prompt", "must have 1 to 6 entries", "7 entries"},
          {refused, "/multi_prompt/1/index", "must be 2: shots are numbered from 1 in their order", "1"},
          {refused, "/multi_prompt/2/index", "must be 3: shots are numbered from 1 in their order", "1"},
          {refused, "/multi_prompt/3/index", "must be 4: shots are numbered from 1 in their order", "1"},
          {refused, "/multi_prompt/4/index", "must be 5: shots are numbered from 1 in their order", "1"},
          {refused, "/multi_prompt/5/index", "must be 6: shots are numbered from 1 in their order", "1"}}},
        {customize(R"({"index":1,"prompt":"a","duration":3},{"index":2,"prompt":"b","duration":4})",
                   R"("duration":8,)"),
         {{refused, "/multi_prompt", "must last together as long as the video: 8 seconds", "7 seconds"}}},
        // Without a duration the service presumes its default.
        {customize(R"({"index":1,"prompt":"a","duration":2},{"index":2,"prompt":"b","duration":3})"), {}},
        {customize(R"({"index":1,"prompt":"a","duration":2},{"index":2,"prompt":"b","duration":2})"),
         {{refused, "/multi_prompt", "must last together as long as the video: 5 seconds", "4 seconds"}}},
        {customize(R"({"index":1,"prompt":"a","duration":0},{"index":2,"prompt":"b","duration":9})",
                   R"("duration":8,)"),
         {{refused, "/multi_prompt/0/duration", "must be between 1 and the length of the video, 8", "0"},
          {refused, "/multi_prompt/1/duration", "must be between 1 and the length of the video, 8", "9"}}},
        {customize(R"({"index":1,"prompt":"","duration":"8"},7)", R"("duration":8,)"),
         {{refused, "/multi_prompt/0/prompt", "must not be empty", "\"\""},
          {refused, "/multi_prompt/0/duration", "must be a JSON integer", "\"8\""},
          {refused, "/multi_prompt/1", "must be a JSON object", "7"}}},
        {customize(R"({"index":1,"promt":"a","duration":5})"),
         {{refused, "/multi_prompt/0/promt", "is not a field of this object; did you mean `prompt`?",
           "\"a\""},
          {refused, "/multi_prompt/0/prompt", "is required", ""}}},
        {customize(R"({"index":1,"prompt":")" + times(512, "\xe6\x97\xa5") + R"(","duration":5})"), {}},
        {customize(R"({"index":1,"prompt":")" + times(513, "\xe6\x97\xa5") + R"(","duration":5})"),
         {{refused, "/multi_prompt/0/prompt", "must have at most 512 characters", "513 characters"}}},
        {customize(R"({"index":1,"prompt":"a","duration":16})", R"("duration":16,)"),
         {{refused, "/duration", "must be between 3 and 15", "16"}}},
        {v3(R"("multi_shot":true,"shot_type":"customize","multi_prompt":"a")"),
         {{refused, "/multi_prompt", "must be a JSON array", "\"a\""}}},
    });
}

TEST_CASE("request: kling-v3 elements")
{
    std::string const two = R"(["https://a.example/1","https://a.example/2"])";
    auto element = [&](std::string const& name) {
        return R"({"name":")" + name + R"(","description":"d","element_input_urls":)" + two + "}";
    };
    auto with = [](std::string const& prompt, std::string const& list) {
        return v3(R"("prompt":")" + prompt + R"(","element_list":[)" + list + "]");
    };
    check({
        {with("@dog, @cat.", element("dog") + "," + element("cat")), {}},
        {with("x", ""), {}},
        {with("x", element("a") + "," + element("b") + "," + element("c") + "," + element("d")),
         {{refused, "/element_list", "must have at most 3 entries", "4 entries"}}},
        {with("@dogs", element("dog")),
         {{advised, "/prompt", "should refer to elements of element_list; did you mean `dog`?",
           "\"@dogs\""}}},
        {v3(R"("prompt":"@dog runs, mail someone@a.example @ noon")"),
         {{advised, "/prompt", "should refer to elements of element_list", "\"@dog\""}}},
        {with("x", element("dog") + "," + element("dog")),
         {{advised, "/element_list/1/name", "should differ from the names of other elements", "\"dog\""}}},
        {with("x", R"({"name":"","description":7,"element_input_urls":["https://a.example/1"]},{},"x")"),
         {{refused, "/element_list/0/name", "must not be empty", "\"\""},
          {refused, "/element_list/0/description", "must be a JSON string", "7"},
          {refused, "/element_list/0/element_input_urls", "must have 2 to 4 entries", "1 entry"},
          {refused, "/element_list/1/name", "is required", ""},
          {refused, "/element_list/1/description", "is required", ""},
          {refused, "/element_list/1/element_input_urls", "is required", ""},
          {refused, "/element_list/2", "must be a JSON object", "\"x\""}}},
        {customize(R"({"index":1,"prompt":"@cat","duration":5})",
                   R"("element_list":[)" + element("dog") + "],"),
         {{advised, "/multi_prompt/0/prompt", "should refer to elements of element_list", "\"@cat\""}}},
    });
}

TEST_CASE("request: motion control")
{
    std::string const urls = R"("image_url":"https://a.example/i","video_url":"https://a.example/v",)";
    check({
        {motion(R"("prompt":"x")"),
         {{refused, "/image_url", "is required for motion_control", ""},
          {refused, "/video_url", "is required for motion_control", ""},
          {refused, "/character_orientation", "is required for motion_control", ""},
          {refused, "/mode", "is required for motion_control", ""}}},
        {motion(urls + R"("character_orientation":"image","mode":"std")"),
         {{advised, "/prompt", "should be given for motion_control", ""}}},
        {motion(urls +
                R"("prompt":"x","character_orientation":"images","mode":"4k","keep_original_sound":true)"),
         {{refused, "/character_orientation", "must be image or video; did you mean `image`?", "\"images\""},
          {refused, "/mode", "must be std or pro", "\"4k\""},
          {refused, "/keep_original_sound", "must be a JSON string", "true"}}},
        {motion(urls +
                R"("prompt":"x","character_orientation":"image","mode":"std","keep_original_sound":"maybe")"),
         {{refused, "/keep_original_sound", "must be yes or no", "\"maybe\""}}},
        {motion(urls + R"("prompt":"x","character_orientation":"image","mode":"std","watermark_info":true)"),
         {{refused, "/watermark_info", "must be a JSON object", "true"}}},
        {motion(
             urls +
             R"("prompt":"x","character_orientation":"image","mode":"std","watermark_info":{"enabled":"no"})"),
         {{refused, "/watermark_info/enabled", "must be a JSON boolean", "\"no\""}}},
        {motion(
             urls +
             R"("prompt":"x","character_orientation":"image","mode":"std","watermark_info":{"enable":true})"),
         {{refused, "/watermark_info/enable", "is not a field of this object; did you mean `enabled`?",
           "true"},
          {refused, "/watermark_info/enabled", "is required", ""}}},
        {motion(urls + R"("prompt":"x","character_orientation":"image","mode":"std","duration":5)"),
         {{refused, "/duration", "is not a parameter of kling-v3-motion-control", "5"}}},
        {motion(R"("prompt":"x","character_orientation":"image","mode":"std","video_url":"/tmp/v.mp4",)"
                R"("image_url":["https://a.example/i"])"),
         {{refused, "/video_url", local_file, "\"/tmp/v.mp4\""},
          {refused, "/image_url", "must be a JSON string", "an array of 1 entry"}}},
    });
}

TEST_CASE("request: veo 3.1")
{
    check({
        {veo(R"("duration":8)"), {{refused, "/prompt", "is required for text_to_video", ""}}},
        {veo(R"("prompt":"x","duration":7)"), {{advised, "/duration", "should be 4, 6 or 8", "7"}}},
        {veo(R"("prompt":"x","seed":0)"), {}},
        {veo(R"("prompt":"x","seed":4294967295)"), {}},
        {veo(R"("prompt":"x","seed":-1)"), {{refused, "/seed", "must be between 0 and 4294967295", "-1"}}},
        {veo(R"("prompt":"x","seed":4294967296)"),
         {{refused, "/seed", "must be between 0 and 4294967295", "4294967296"}}},
        {veo(R"("prompt":"x","sample_count":0)"),
         {{refused, "/sample_count", "must be between 1 and 4", "0"}}},
        {veo(R"("prompt":"x","sample_count":2)"), {{advised, "/sample_count", "should be at most 1", "2"}}},
        {veo(R"("prompt":"x","sample_count":5)"),
         {{refused, "/sample_count", "must be between 1 and 4", "5"}}},
        {veo(R"("prompt":"x","enhance_prompt":true)"), {}},
        {veo(R"("prompt":"x","enhance_prompt":false)"),
         {{refused, "/enhance_prompt", "must be true, or left out", "false"}}},
        {veo(R"("prompt":"x","resolution":"4k")"),
         {{refused, "/resolution", "must be 720p, 1080p or 4K; did you mean `4K`?", "\"4k\""}}},
        {veo(R"("prompt":"x","aspect_ratio":"1:1")"),
         {{refused, "/aspect_ratio", "must be 16:9 or 9:16", "\"1:1\""}}},
        {veo(R"("prompt":"x","person_generation":"allow_adults")"),
         {{refused, "/person_generation", "must be allow_adult or disallow; did you mean `allow_adult`?",
           "\"allow_adults\""}}},
        {veo(R"("prompt":"x","resize_mode":"crop")"),
         {{advised, "/resize_mode", "has no effect for text_to_video", "\"crop\""}}},
        {veo(R"("prompt":"x","last_frame_image":"https://a.example/c")"),
         {{refused, "/first_frame_image", "is required for image_to_video", ""}}},
        {veo(R"("first_frame_image":"https://a.example/c")"),
         {{refused, "/prompt", "is required for image_to_video", ""}}},
        {veo(R"("prompt":"x","first_frame_image":"iVBORw0KGgo=")"),
         {{refused, "/first_frame_image", no_url, "\"iVBORw0KGgo=\""}}},
    });
}

TEST_CASE("request: all violations of a body come at once, in the order of the body")
{
    check({
        {turbo(R"("duration":99,"prompt":"","foo":1,"resolution":"4K","watermark":1)"),
         {{refused, "/duration", "must be between 3 and 15", "99"},
          {refused, "/prompt", "must not be empty", "\"\""},
          {refused, "/foo", "is not a parameter of kling-3.0-turbo", "1"},
          {refused, "/resolution", "must be 720p or 1080p", "\"4K\""},
          {refused, "/watermark", "must be a JSON boolean", "1"}}},
    });
    CHECK(found_in(turbo(R"("duration":99,"first_frame_image":"https://a.example/c","aspect_ratio":"1:1")"))
              .describe() == "/duration: must be between 3 and 15 (got 99)\n"
                             "advice: /aspect_ratio: has no effect for image_to_video (got \"1:1\")");
}

TEST_CASE("request: what is shown of a value is short and harmless")
{
    auto given = [](std::string const& json_text) {
        return found_in(turbo(R"("prompt":"x","aspect_ratio":)" + json_text)).entries()[0].value();
    };
    CHECK(given("\"" + times(200, "x") + "\"") == "\"" + times(60, "x") + "...\"");
    CHECK(given("\"" + times(200, "\xe6\x97\xa5") + "\"") == "\"" + times(60, "\xe6\x97\xa5") + "...\"");
    CHECK(given(R"("a\nb\u001b[31m\"\\")") == R"("a\x0ab\x1b[31m\"\\")");
    CHECK(given(R"("\u202eabc\u0085")") == R"("\xe2\x80\xaeabc\xc2\x85")");
    CHECK(given(R"("https://user:pass@a.example/x?key=secret")") ==
          "\"https://[redacted]@a.example/x?[redacted]\"");
    CHECK(given(R"("https://user:pass@a.example")") == "\"https://[redacted]@a.example\"");
    CHECK(given("{\"a\":1}") == "an object");

    // A hostile field name cannot break a line of a log.
    CHECK(found_in(turbo(R"("prompt":"x","a\nb":1)")).describe().find('\n') == std::string::npos);
    CHECK(found_in(turbo(R"("prompt":"x",")" + times(500, "k") + "\":1")).describe().size() < 250);
}

TEST_CASE("request: a hostile body does not fill the memory with complaints")
{
    std::string members = R"("prompt":"x")";
    for (int i = 0; i != 5000; ++i)
        members += ",\"field" + std::to_string(i) + "\":1";
    validation_result const found = found_in(turbo(members));
    CHECK(found.entries().size() == validation_result::max_entries);
    CHECK(found.omitted() == 5000 - validation_result::max_entries);
    CHECK(!found.ok());
    CHECK(found.describe().ends_with("and 4968 more"));
}

TEST_CASE("request: values that JSON text cannot hold are found in JSON values")
{
    auto found = [](boost::json::object body) {
        auto const request = any_request::from_json(std::move(body));
        return request ? validation_result() : request.error();
    };
    boost::json::object body;
    body["model"] = "kling-v3";
    body["prompt"] = "caf\xe9";
    CHECK(found(body).describe() == "/prompt: must be UTF-8; the byte at offset 3 is not (got \"caf\\xe9\")");

    body["prompt"] = "x";
    body["metadata"] = boost::json::value{{"a", std::numeric_limits<double>::infinity()}};
    CHECK(found(body).describe() == "/metadata/a: must be a finite number (got infinity)");
    body["metadata"] = boost::json::value{{"a\xff", 1}};
    CHECK(found(body).entries().size() == 1);

    boost::json::value deep = 1;
    for (int i = 0; i != 40; ++i)
        deep = boost::json::array({std::move(deep)});
    body["metadata"] = boost::json::value{{"deep", std::move(deep)}};
    REQUIRE(found(body).entries().size() == 1);
    CHECK(found(body).entries()[0].message() == "is nested too deeply");
}

TEST_CASE("request: taking the value of a refused body throws what is wrong with it")
{
    auto const request = any_request::parse(turbo(R"("prompt":"x","duration":99)"));
    CHECK(!request.has_value());
    try {
        (void)request.value();
        FAIL("no exception");
    } catch (invalid_request const& e) {
        CHECK(std::string(e.what()) == "/duration: must be between 3 and 15 (got 99)");
        CHECK(e.found().entries().size() == 1);
    }
}
