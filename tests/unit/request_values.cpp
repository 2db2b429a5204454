// SPDX-License-Identifier: BSL-1.0
//
// Typed requests: how values get in, what is judged only at run time, the exit doors, and a model of one's
// own.

#include <apimart/any_request.hpp>
#include <apimart/visit.hpp>

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <list>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A model that this library does not know, as a user would add it.
namespace studio {

using namespace apimart::tables;

struct made_up
{
    static constexpr std::string_view id = "made-up-1";

    static constexpr auto shared =
        table(optional(duration, seconds(2, 12).by_default(4)),
              optional(mode, one_of(apimart::standard, apimart::pro)), optional(seed, integer(0, 99)));

    static constexpr auto text_to_video = table(required(prompt, characters(40).recommended(30)), shared);

    static constexpr auto image_to_video =
        table(required(first_frame_image, url), recommended(prompt, characters(40)), shared,
              optional(last_frame_image, url));

    static constexpr auto storyboard =
        table(required(multi_prompt, shots(2, 3, characters(10))), discriminator(multi_shot, true),
              derived(duration, seconds(2, 12).by_default(4)));
};

} // namespace studio

namespace {

using namespace apimart;
using namespace std::chrono_literals;

std::string describe(any_request const& request)
{
    return request.check().describe();
}

} // namespace

TEST_CASE("request: setting a parameter again replaces the value")
{
    CHECK(text_to_video<kling_3_0_turbo>("a").duration(5s).aspect_ratio(square).duration(6s).serialize() ==
          R"({"model":"kling-3.0-turbo","prompt":"a","duration":6,"aspect_ratio":"1:1"})");
    CHECK(text_to_video<kling_3_0_turbo>("a").prompt("b").serialize() ==
          R"({"model":"kling-3.0-turbo","prompt":"b"})");
    CHECK(
        image_to_video<kling_v3>("a", "https://a.example/1").image_urls("https://a.example/2").serialize() ==
        R"({"model":"kling-v3","prompt":"a","image_urls":["https://a.example/2"]})");
}

TEST_CASE("request: setters work over several statements and on what is moved")
{
    text_to_video<veo_3_1_fast_official> request("a");
    request.duration(8s);
    request.seed(7).generate_audio(true);
    auto const copy = request;
    auto moved = std::move(request).negative_prompt("b");
    CHECK(copy.serialize() ==
          R"({"model":"veo3.1-fast-official","prompt":"a","duration":8,"seed":7,"generate_audio":true})");
    CHECK(moved.serialize() == R"({"model":"veo3.1-fast-official","prompt":"a","duration":8,"seed":7,)"
                               R"("generate_audio":true,"negative_prompt":"b"})");
    static_assert(std::is_same_v<decltype(moved.duration(8s)), text_to_video<veo_3_1_fast_official>&>);
    static_assert(
        std::is_same_v<decltype(std::move(moved).duration(8s)), text_to_video<veo_3_1_fast_official>&&>);
}

TEST_CASE("request: values known only at run time are stored and judged by check")
{
    std::string const text = "a corgi";
    std::string_view const view = text;
    char const* const pointer = "a corgi";
    CHECK(describe(text_to_video<kling_v3>(text)).empty());
    CHECK(describe(text_to_video<kling_v3>(view)).empty());
    CHECK(describe(text_to_video<kling_v3>(pointer)).empty());
    CHECK(describe(text_to_video<kling_v3>(runtime(text))).empty());

    CHECK(describe(text_to_video<kling_v3>(std::string())) == "/prompt: must not be empty (got \"\")");
    CHECK(describe(text_to_video<kling_v3>("a").duration(runtime(20s))) ==
          "/duration: must be between 3 and 15 (got 20)");
    CHECK(describe(text_to_video<kling_v3>("a").duration(runtime(1min))) ==
          "/duration: must be between 3 and 15 (got 60)");
    CHECK(describe(text_to_video<kling_v3>("a").aspect_ratio(runtime("4:3"))) ==
          "/aspect_ratio: must be 16:9, 9:16 or 1:1 (got \"4:3\")");
    auto const shape = text.empty() ? landscape : portrait;
    CHECK(describe(text_to_video<kling_v3>("a").aspect_ratio(runtime(shape))).empty());
    std::vector<std::string> const pictures(3, "https://a.example/1.jpg");
    CHECK(describe(image_to_video<kling_v3>("a", runtime(pictures))) ==
          "/image_urls: must have 1 to 2 entries (got 3 entries)");
    CHECK(describe(text_to_video<veo_3_1_fast_official>("a").resolution(runtime(p4k))).empty());
    CHECK(describe(text_to_video<kling_3_0_turbo>("a").resolution(runtime(p4k))) ==
          "/resolution: must be 720p or 1080p (got \"4K\")");
    CHECK(describe(text_to_video<veo_3_1_fast_official>("a").seed(runtime(-1))) ==
          "/seed: must be between 0 and 4294967295 (got -1)");
    CHECK(describe(text_to_video<veo_3_1_fast_official>("a").seed(runtime(~0ull))) ==
          "/seed: must be between 0 and 4294967295 (got 9223372036854775807)");
    CHECK(describe(text_to_video<veo_3_1_fast_official>("a").enhance_prompt(runtime(false))) ==
          "/enhance_prompt: must be true, or left out (got false)");
    bool const wanted = !text.empty();
    CHECK(text_to_video<kling_v3>("a").audio(wanted).serialize() ==
          R"({"model":"kling-v3","prompt":"a","audio":true})");
    CHECK(describe(text_to_video<kling_v3>(std::string("caf\xe9"))) ==
          "/prompt: must be UTF-8; the byte at offset 3 is not (got \"caf\\xe9\")");
    CHECK(describe(image_to_video<veo_3_1_fast_official>("a", std::string("c d"))) ==
          "/first_frame_image: must be an absolute http or https URL (got \"c d\")");
}

TEST_CASE("request: a path where a URL is expected gets a hint")
{
    for (std::string const path : {"c.png", "/tmp/c", "./c.webp", "~/c.jpeg", "C:\\c"}) {
        CAPTURE(path);
        CHECK(describe(image_to_video<veo_3_1_fast_official>("a", path))
                  .find("the service fetches it and sees no local files") != std::string::npos);
        CHECK(describe(image_to_video<kling_v3>("a", path))
                  .find("/image_urls/0: must be an absolute http or https URL; the service") == 0);
        CHECK(describe(image_to_video<kling_3_0_turbo>(path))
                  .find("of a local file, `first_frame_image(image_file(path))` gives that") !=
              std::string::npos);
    }
    for (std::string const other : {"", "a cat", "ftp://a.example/c.png", "a.", ".", "a sentence. It ends"}) {
        CAPTURE(other);
        std::string const said = describe(image_to_video<veo_3_1_fast_official>("a", other));
        CHECK(said.find("/first_frame_image: must be an absolute http or https URL (got ") == 0);
    }
}

TEST_CASE("request: a text of white space only is as good as none")
{
    for (std::string const blank : {" ", "  \t", "\n\r\n", "\v\f"}) {
        CAPTURE(blank);
        CHECK(describe(text_to_video<kling_v3>(blank)).find("/prompt: must not be white space only") == 0);
        boost::json::object const body{{"model", "kling-v3"}, {"prompt", blank}};
        auto const read = any_request::from_json(body);
        REQUIRE(!read.has_value());
        CHECK(read.error().entries()[0].pointer() == "/prompt");
        std::vector<owned_shot> const shots{owned_shot(blank, 5s)};
        CHECK(describe(storyboard<kling_v3>(shots))
                  .find("/multi_prompt/0/prompt: must not be white space only") == 0);
        CHECK(!any_request(storyboard<kling_3_0_turbo>(shots)).check().ok());
        // Where a picture can be animated without a word, it can be without a letter.
        CHECK(describe(image_to_video<kling_3_0_turbo>("https://a.example/1").prompt(blank)).empty());
    }
    CHECK(describe(text_to_video<kling_v3>(" a ")).empty());
}

TEST_CASE("request: literals are counted in code points while compiling, too")
{
    // 40 characters of three bytes each fit into 40 characters.
    CHECK(describe(request<studio::made_up, kind::image_to_video>("https://a.example/1")
                       .prompt("\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
                               "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
                               "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"
                               "\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5\u65e5"))
              .empty());
}

TEST_CASE("request: lists of literals and of texts known only at run time")
{
    std::string const second = "https://a.example/2";
    CHECK(image_to_video<kling_v3>("a", "https://a.example/1", second).serialize() ==
          R"({"model":"kling-v3","prompt":"a","image_urls":["https://a.example/1","https://a.example/2"]})");
    CHECK(image_reference<kling_v3_omni>("a", second, second, second, second, second, second, second, second)
              .body()
              .at("image_urls")
              .as_array()
              .size() == 8);
    element const dog("dog", "a dog", "https://a.example/1", second);
    auto const request =
        text_to_video<kling_v3>("@dog").element_list(dog, element("cat", "a cat", second, second));
    CHECK(request.body().at("element_list").as_array().size() == 2);
    CHECK(describe(request).empty());
    CHECK(describe(image_to_video<kling_v3>("a", "https://a.example/1", runtime("2.png")))
              .find("/image_urls/1") == 0);
}

TEST_CASE("request: lists whose length is known only at run time")
{
    std::vector<std::string> const urls(3, "https://a.example/x");
    CHECK(describe(image_to_video<kling_v3>("a", urls)) ==
          "/image_urls: must have 1 to 2 entries (got 3 entries)");
    CHECK(describe(image_to_video<kling_v3>("a", std::span(urls).first(2))).empty());
    CHECK(describe(image_to_video<kling_v3>("a", std::list<char const*>{"https://a.example/x"})).empty());
    CHECK(
        describe(image_reference<kling_v3_omni>("a", std::array<std::string_view, 1>{"https://a.example/x"}))
            .empty());
    CHECK(describe(image_to_video<kling_v3>("a", std::vector<std::string>())) ==
          "/image_urls: must have 1 to 2 entries (got 0 entries)");

    element const one("a", "d", urls);
    std::vector<element<>> const four(4, one);
    CHECK(describe(text_to_video<kling_v3>("@a").element_list(one)).empty());
    CHECK(describe(text_to_video<kling_v3>("@a").element_list(four))
              .starts_with("/element_list: must have at most 3 entries (got 4 entries)"));
}

TEST_CASE("request: a storyboard numbers its shots and knows its length")
{
    any_request const literal = storyboard<kling_v3>(shot("a", 3s), shot("b", 5s));
    CHECK(literal.kind() == "storyboard");
    CHECK(literal.serialize() ==
          R"({"model":"kling-v3","multi_shot":true,"shot_type":"customize","multi_prompt":)"
          R"([{"index":1,"prompt":"a","duration":3},{"index":2,"prompt":"b","duration":5}],)"
          R"("duration":8})");
    CHECK(describe(literal).empty());

    std::vector<owned_shot> shots;
    shots.emplace_back(std::string("a"), 3s);
    shots.push_back(shot("b", 5s));
    CHECK(any_request(storyboard<kling_v3>(shots)).serialize() == literal.serialize());
    shots.emplace_back(std::string(513, 'x'), 9s);
    CHECK(describe(storyboard<kling_v3>(shots)) ==
          "/multi_prompt/2/prompt: must have at most 512 characters (got 513 characters)\n"
          "/duration: must be between 3 and 15 (got 17)");
    shots.clear();
    CHECK(describe(storyboard<kling_v3>(shots))
              .starts_with("/multi_prompt: must have 1 to 6 entries (got 0 entries)"));

    // Setters of a draft give a request and leave the draft as it is.
    auto constexpr draft = storyboard<kling_v3>(shot("a", 3s));
    request<kling_v3, kind::storyboard> const wide = draft.aspect_ratio(landscape).audio(true);
    request<kling_v3, kind::storyboard> const plain = draft;
    CHECK(wide.body().size() == plain.body().size() + 2);

    auto divided = intelligent_storyboard<kling_v3>("a day at sea").duration(15s);
    CHECK(divided.serialize() == R"({"model":"kling-v3","multi_shot":true,"shot_type":"intelligence",)"
                                 R"("prompt":"a day at sea","duration":15})");
    CHECK(describe(divided).empty());
}

TEST_CASE("request: a storyboard inside of the prompt")
{
    any_request const literal = storyboard<kling_3_0_turbo>(shot("a", 3s), shot("b", 5s));
    CHECK(literal.serialize() ==
          R"({"model":"kling-3.0-turbo","prompt":"Shot 1,3,a;Shot 2,5,b;","duration":8})");
    CHECK(describe(literal).empty());

    std::vector<owned_shot> shots;
    CHECK(describe(storyboard<kling_3_0_turbo>(shots)).starts_with("/prompt: must not be empty"));
    shots.emplace_back("a; b", 4s);
    CHECK(describe(storyboard<kling_3_0_turbo>(shots)) ==
          "/prompt: must consist of shots written as `Shot number,seconds,text;` (got \"Shot 1,4,a; b;\")");
    // A text cannot smuggle in a shot without being noticed.
    shots.front() = owned_shot("a;Shot 2,9,b", 4s);
    CHECK(describe(storyboard<kling_3_0_turbo>(shots)) ==
          "advice: /prompt: should have shots that last together as long as the video: 4 seconds (got 13 "
          "seconds)");
}

TEST_CASE("request: extras are sent, survive a round trip, and cannot stand for parameters")
{
    auto const typed = text_to_video<kling_v3>("a")
                           .extra_field("cfg_scale", 0.5)
                           .extra_field("cfg_scale", 0.25)
                           .extra_field("tag", "x");
    CHECK(typed.serialize() == R"({"model":"kling-v3","prompt":"a","cfg_scale":2.5E-1,"tag":"x"})");
    any_request const any = typed;
    CHECK(describe(any).empty());
    CHECK(any.extra_fields().size() == 2);

    CHECK(any_request::parse(any.serialize()).error().describe() ==
          "/cfg_scale: is not a parameter of kling-v3 (got 0.25)\n"
          "/tag: is not a parameter of kling-v3 (got \"x\")");
    auto const kept = any_request::parse(any.serialize(), unknown_fields::preserve);
    REQUIRE(kept.has_value());
    CHECK(kept->serialize() == any.serialize());
    CHECK(kept->check().entries().empty());
    CHECK(any_request(*kept->as<text_to_video<kling_v3>>()).check().entries().empty());

    for (char const* name : {"model", "duration", "image_urls", "multi_shot", "webhook"}) {
        CAPTURE(name);
        validation_result const found =
            any_request(text_to_video<kling_v3>("a").extra_field(name, 1)).check();
        REQUIRE(found.entries().size() == 1);
        CHECK(found.entries()[0].describe() ==
              "/" + std::string(name) + ": is a parameter of kling-v3, not an extra (got 1)");
        CHECK(!found.ok());
    }
    CHECK(describe(text_to_video<kling_v3>("a").extra_field("x", "caf\xe9")) ==
          "/x: must be UTF-8; the byte at offset 3 is not (got \"caf\\xe9\")");
}

TEST_CASE("request: fields of every model")
{
    boost::json::object extension;
    extension["a"] = 1;
    any_request const request = text_to_video<kling_v3>("a")
                                    .webhook("https://a.example/hook")
                                    .language("en")
                                    .nsfw_check(true)
                                    .metadata(extension);
    CHECK(request.serialize() == R"({"model":"kling-v3","prompt":"a","webhook":"https://a.example/hook",)"
                                 R"("language":"en","nsfw_check":true,"metadata":{"a":1}})");
    CHECK(describe(request).empty());
}

TEST_CASE("request: a custom model is sent as it is")
{
    boost::json::object body;
    body["prompt"] = "a";
    body["model"] = "ignored";
    body["size"] = "16:9";
    any_request const request = custom_model("sora-2", std::move(body));
    CHECK(request.serialize() == R"({"model":"sora-2","prompt":"a","size":"16:9"})");
    CHECK(request.model() == "sora-2");
    CHECK(request.kind().empty());
    CHECK(request.info() == nullptr);
    CHECK(describe(request).empty());
    CHECK(describe(custom_model("", {})) == "/model: must not be empty (got \"\")");
    CHECK(describe(custom_model("caf\xe9", {})).starts_with("/model: must be UTF-8"));
    CHECK(!visit([](auto const&) {}, request));
}

TEST_CASE("request: the prompt as the service reads it")
{
    auto sent = [](any_request const& request) { return request.effective_prompt(); };
    CHECK(sent(image_reference<kling_v3_omni>("The person slowly turns and smiles", "https://a.example/1")) ==
          "<<<image_1>>>The person slowly turns and smiles");
    CHECK(sent(image_reference<kling_v3_omni>("<<<image_1>>> smiles", "https://a.example/1")) ==
          "<<<image_1>>> smiles");
    CHECK(sent(image_reference<kling_v3_omni>("<<<image_>>> smiles", "https://a.example/1")) ==
          "<<<image_1>>><<<image_>>> smiles");
    CHECK(sent(text_to_video<kling_v3_omni>("smiles")) == "smiles");
    CHECK(sent(image_to_video<kling_v3>("smiles", "https://a.example/1")) == "smiles");
    CHECK(sent(image_to_video<kling_3_0_turbo>("https://a.example/1")).empty());
}

TEST_CASE("request: how long a reference video may be")
{
    static_assert(permitted_reference_length(from_image).shortest == 3s);
    static_assert(permitted_reference_length(from_image).longest == 10s);
    static_assert(permitted_reference_length(from_video).shortest == 3s);
    CHECK(permitted_reference_length(from_video).longest == 30s);
}

TEST_CASE("request: models can be listed at run time")
{
    std::vector<std::string> lines;
    for (model_info const& model : models())
        for (kind_info const& one : model.kinds) {
            std::string line = std::string(model.id) + " " + std::string(one.name) + ":";
            for (parameter_spec const& parameter : one.rows)
                if (parameter.settable())
                    line += " " + std::string(parameter.name);
            lines.push_back(line);
        }
    CHECK(lines.size() == 3 + 2 + 4 + 1 + 1 + 2 + 2);
    CHECK(lines.front() ==
          "kling-3.0-turbo image_to_video: first_frame_image prompt duration resolution watermark");
    CHECK(find_model("kling-v3") != nullptr);
    CHECK(find_model("kling-v4") == nullptr);

    std::string names;
    for_each_parameter<veo_3_1_fast_official, kind::text_to_video>([&](parameter_spec const& one) {
        CHECK(!one.description.empty());
        names += std::string(one.name) + " ";
    });
    CHECK(names == "prompt negative_prompt duration aspect_ratio resolution seed sample_count generate_audio "
                   "person_generation enhance_prompt resize_mode ");
}

TEST_CASE("request: a model of one's own has all that the known ones have")
{
    using studio::made_up;
    static_assert(accepts<made_up, kind::text_to_video, parameter::seed>);
    static_assert(!accepts<made_up, kind::text_to_video, parameter::audio>);
    static_assert(!offers<made_up, kind::motion_control>);
    static_assert(accepts_shots<made_up, 3> && !accepts_shots<made_up, 4>);

    any_request const request = text_to_video<made_up>("a corgi").duration(2s).mode(pro).seed(99);
    CHECK(request.serialize() ==
          R"({"model":"made-up-1","prompt":"a corgi","duration":2,"mode":"pro","seed":99})");
    CHECK(describe(request).empty());
    CHECK(describe(text_to_video<made_up>(std::string(31, 'x')).seed(runtime(100))) ==
          "advice: /prompt: should have at most 30 characters (got 31 characters)\n"
          "/seed: must be between 0 and 99 (got 100)");
    CHECK(describe(image_to_video<made_up>("https://a.example/1")) ==
          "advice: /prompt: should be given for image_to_video");
    CHECK(any_request(storyboard<made_up>(shot("a", 1s), shot("b", 1s))).serialize() ==
          R"({"model":"made-up-1","multi_shot":true,"multi_prompt":[{"index":1,"prompt":"a","duration":1},)"
          R"({"index":2,"prompt":"b","duration":1}],"duration":2})");

    // Known to those who say so, and to nobody else.
    CHECK(!any_request::parse(request.serialize()).has_value());
    using mine = model_list<made_up, kling_v3>;
    auto const read = any_request::parse(request.serialize(), unknown_fields::reject, mine::infos);
    REQUIRE(read.has_value());
    CHECK(read->kind() == "text_to_video");
    CHECK(read->serialize() == request.serialize());
    CHECK(visit<mine>([](auto const&) {}, *read));
    CHECK(any_request::parse(R"({"model":"made-up","prompt":"a"})", unknown_fields::reject, mine::infos)
              .error()
              .describe() == "/model: must be a known model; did you mean `made-up-1`? (got \"made-up\")");
}

TEST_CASE("request: numbers with a fraction are read exactly, and written as they were read")
{
    // Numbers that Boost.JSON 1.81 misses by one unit in the last place, and the borders of what fits.
    for (char const* number : {"0.1", "-0.0", "1e-5", "123456789.123456789", "9007199254740993.0",
                               "8.7999999999999998e-3", "1.7976931348623157e308", "2.2250738585072014e-308",
                               "5e-324", "1e-400", "123456789012345678901234567890", "7.2057594037927933e16",
                               "3.5844466002796428e+298", "6.929001713869936e+236"}) {
        CAPTURE(number);
        std::string const text =
            R"({"model":"kling-v3","prompt":"a","metadata":{"x":[1,-2,"3.5\"4\\"],"y":)" +
            std::string(number) + "}}";
        auto const once = any_request::parse(text);
        REQUIRE_MESSAGE(once.has_value(), once.error().describe());
        CHECK(once->body().at("metadata").at("y").as_double() == std::strtod(number, nullptr));
        auto const twice = any_request::parse(once->serialize());
        REQUIRE(twice.has_value());
        CHECK(twice->serialize() == once->serialize());
    }
    // Any double that a caller gives comes back.
    std::mt19937_64 random(20260801);
    for (int round = 0; round != 20'000; ++round) {
        auto const value = std::bit_cast<double>(random());
        if (!std::isfinite(value))
            continue;
        std::string const text =
            text_to_video<kling_v3>("a").metadata(boost::json::object{{"x", value}}).serialize();
        CHECK(any_request::parse(text).value().serialize() == text);
    }
}
