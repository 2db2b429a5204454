// SPDX-License-Identifier: BSL-1.0
//
// The bodies of the documentation: each is accepted without a word, and each can be written as a typed
// request.

#include <apimart/any_request.hpp>
#include <apimart/visit.hpp>

#include <boost/json/parse.hpp>

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

namespace {

using namespace apimart;
using namespace std::chrono_literals;

std::vector<std::string> documented_bodies()
{
    std::ifstream file(APIMART_SOURCE_DIR "/examples/documented-requests.jsonl");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

constexpr char upload[] = "https://upload.apimart.ai/f/models/"
                          "9998230426123070-e9d6af04-cb5e-4731-8ae7-abf144cb0d29-9998230586368386-29641169-"
                          "f698-4ab9-9b6d-380899e6521e-"
                          "9998230593110693-c1741a3a-.webp";

// In the order of the file.
std::vector<any_request> typed_requests()
{
    std::vector<any_request> all;
    // kling-3.0-turbo
    all.push_back(text_to_video<kling_3_0_turbo>("A corgi running on the beach, cinematic, golden-hour light")
                      .aspect_ratio(landscape)
                      .resolution(p1080)
                      .duration(5s));
    all.push_back(text_to_video<kling_3_0_turbo>(
                      "Shibuya crossing in Tokyo, neon lights on a rainy night reflecting on the "
                      "wet ground, pedestrians walking through with umbrellas")
                      .aspect_ratio(portrait)
                      .resolution(p720)
                      .duration(10s));
    all.push_back(image_to_video<kling_3_0_turbo>("https://cdn.example.com/first.jpg")
                      .prompt("The camera slowly pushes in, the character smiles")
                      .resolution(p720)
                      .duration(5s));
    all.push_back(
        image_to_video<kling_3_0_turbo>("https://cdn.example.com/first.jpg").resolution(p1080).duration(5s));
    all.push_back(storyboard<kling_3_0_turbo>(shot("a corgi running on the beach", 2s),
                                              shot("the camera pushes in on the character smiling", 3s))
                      .aspect_ratio(landscape)
                      .resolution(p1080));
    // kling-v3-omni
    all.push_back(
        image_reference<kling_v3_omni>("Make the person in <<<image_1>>> wave at the camera", upload)
            .mode(standard)
            .duration(5s)
            .aspect_ratio(landscape));
    all.push_back(text_to_video<kling_v3_omni>("A golden retriever running on the beach, sunset, cinematic")
                      .mode(standard)
                      .duration(5s)
                      .aspect_ratio(landscape));
    all.push_back(
        image_reference<kling_v3_omni>("Make the person in <<<image_1>>> wave at the camera", upload)
            .mode(pro)
            .duration(5s));
    all.push_back(image_reference<kling_v3_omni>(
                      "The character in <<<image_1>>> walks toward the scene in <<<image_2>>>",
                      "https://example.com/character.jpg", "https://example.com/scene.jpg")
                      .mode(pro)
                      .duration(5s));
    all.push_back(image_reference<kling_v3_omni>("The person slowly turns and smiles", upload)
                      .mode(standard)
                      .duration(5s));
    // motion control
    all.push_back(
        motion_control<kling_v2_6_motion_control>(
            "https://example.com/ref-image.png", "https://example.com/ref-video-8s.mp4", from_image, standard)
            .prompt("Keep the character consistent, perform a turn and wave following the reference "
                    "video, cinematic lighting")
            .keep_original_sound(true)
            .watermark_info(false));
    all.push_back(
        motion_control<kling_v2_6_motion_control>(
            "https://example.com/ref-image.png", "https://example.com/ref-video-8s.mp4", from_image, standard)
            .prompt("Keep character orientation consistent with the reference image, perform a turn and wave")
            .keep_original_sound(true)
            .watermark_info(false));
    all.push_back(
        motion_control<kling_v2_6_motion_control>("https://example.com/ref-image.png",
                                                  "https://example.com/ref-video-12s.mp4", from_video, pro)
            .prompt("Follow the character orientation and rhythm of the reference video, maintain fluid "
                    "motion")
            .keep_original_sound(false)
            .watermark_info(false));
    // veo 3.1
    all.push_back(
        text_to_video<veo_3_1_fast_official>("a golden retriever running on the beach, sunset, cinematic")
            .duration(8s)
            .aspect_ratio(landscape));
    all.push_back(
        text_to_video<veo_3_1_fast_official>("a golden retriever running on the beach, sunset, cinematic"));
    all.push_back(text_to_video<veo_3_1_quality_official>(
                      "a cinematic close-up of a ragdoll cat slowly walking through a sunlit living room")
                      .negative_prompt("blurry, low quality, watermark, text")
                      .duration(8s)
                      .aspect_ratio(landscape)
                      .resolution(p1080)
                      .seed(12345)
                      .generate_audio(true)
                      .person_generation(disallow)
                      .enhance_prompt(true));
    all.push_back(image_to_video<veo_3_1_fast_official>("the cat slowly walks forward and looks around",
                                                        "https://example.com/cat.png")
                      .duration(8s)
                      .resolution(p720));
    all.push_back(image_to_video<veo_3_1_quality_official>(
                      "smooth cinematic transition from the first frame to the last frame",
                      "https://example.com/frame-start.png")
                      .last_frame_image("https://example.com/frame-end.png")
                      .duration(8s)
                      .resolution(p1080));
    all.push_back(text_to_video<veo_3_1_quality_official>(
                      "a busy coffee shop with people chatting and barista making latte art")
                      .duration(8s)
                      .generate_audio(true)
                      .aspect_ratio("16:9"));
    // kling-v3
    all.push_back(
        text_to_video<kling_v3>("A golden cat running on a sunlit meadow, slow motion, cinematic quality")
            .mode(standard)
            .duration(5s)
            .aspect_ratio(landscape));
    all.push_back(image_to_video<kling_v3>("the camera pulls back as the sun sets",
                                           "https://example.com/first.jpg", "https://example.com/last.jpg")
                      .mode(pro)
                      .duration(10s));
    all.push_back(storyboard<kling_v3>(shot("wide shot of a harbour at dawn", 5s),
                                       shot("a fisherman coils a rope", 6s),
                                       shot("the boat leaves the pier", 4s))
                      .aspect_ratio(portrait)
                      .audio(true)
                      .mode(pro));
    all.push_back(
        text_to_video<kling_v3>("@element_dog chasing @element_cat on grass")
            .duration(5s)
            .element_list(element("element_dog", "a brown corgi", "https://example.com/dog-front.jpg",
                                  "https://example.com/dog-side.jpg"),
                          element("element_cat", "a grey cat", "https://example.com/cat-front.jpg",
                                  "https://example.com/cat-side.jpg")));
    all.push_back(
        motion_control<kling_v3_motion_control>("https://example.com/ref-image.png",
                                                "https://example.com/ref-video-12s.mp4", from_video, pro)
            .prompt("The character dances following the reference video, smooth motion, realistic style"));
    return all;
}

} // namespace

TEST_CASE("request: every documented body is accepted without a word")
{
    auto const bodies = documented_bodies();
    REQUIRE(!bodies.empty());
    for (std::string const& body : bodies) {
        CAPTURE(body);
        auto const request = any_request::parse(body);
        REQUIRE_MESSAGE(request.has_value(), request.error().describe());
        CHECK_MESSAGE(request->check().entries().empty(), request->check().describe());
    }
}

TEST_CASE("request: every documented body can be written as a typed request")
{
    auto const bodies = documented_bodies();
    auto const typed = typed_requests();
    REQUIRE(bodies.size() == typed.size());
    for (std::size_t i = 0; i != bodies.size(); ++i) {
        CAPTURE(bodies[i]);
        CAPTURE(typed[i].serialize());
        CHECK(boost::json::parse(bodies[i]).as_object() == typed[i].body());
        CHECK_MESSAGE(typed[i].check().entries().empty(), typed[i].check().describe());
        CHECK(typed[i].kind() == any_request::parse(bodies[i])->kind());
    }
}

TEST_CASE("request: typed to JSON to any to JSON is the same to the byte")
{
    for (any_request const& typed : typed_requests()) {
        std::string const text = typed.serialize();
        auto const read = any_request::parse(text);
        REQUIRE_MESSAGE(read.has_value(), read.error().describe());
        CHECK(read->serialize() == text);
        CHECK(read->model() == typed.model());
        CHECK(read->kind() == typed.kind());
    }
    for (std::string const& body : documented_bodies()) {
        std::string const once = any_request::parse(body)->serialize();
        CHECK(any_request::parse(once)->serialize() == once);
    }
}

TEST_CASE("request: a request read from JSON becomes a typed one, and back")
{
    for (std::string const& body : documented_bodies()) {
        any_request const any = any_request::parse(body).value();
        int visits = 0;
        bool const visited = visit(
            [&](auto const& typed) {
                ++visits;
                CHECK(any_request(typed).serialize() == any.serialize());
                CHECK(any_request(typed).kind() == any.kind());
            },
            any);
        CHECK(visited);
        CHECK(visits == 1);
    }
    any_request const turbo = text_to_video<kling_3_0_turbo>("a corgi").duration(5s);
    auto typed = turbo.as<text_to_video<kling_3_0_turbo>>();
    REQUIRE(typed.has_value());
    CHECK(typed->duration(6s).serialize() ==
          R"({"model":"kling-3.0-turbo","prompt":"a corgi","duration":6})");
    CHECK(!turbo.as<image_to_video<kling_3_0_turbo>>().has_value());
    CHECK(!turbo.as<text_to_video<kling_v3>>().has_value());
}
