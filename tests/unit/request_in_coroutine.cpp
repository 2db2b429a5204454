// SPDX-License-Identifier: BSL-1.0
//
// Every kind of every model, built inside a co_await expression. GCC 12 destroys some temporaries of such
// expressions twice (design.md section 12); under AddressSanitizer this file shows that ours are not among
// them.

#include <apimart/any_request.hpp>
#include <apimart/models.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <exception>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace apimart;
using namespace std::chrono_literals;

// As the client does: takes any request by value.
asio::awaitable<std::string> submit(any_request request)
{
    co_return request.check().ok() ? request.serialize() : request.check().describe();
}

// Long enough not to fit into a string object.
std::string const picture = "https://example.com/a-picture-with-a-rather-long-name.jpg";
std::string const video = "https://example.com/a-video-with-a-rather-long-name.mp4";
std::string const words = "a text that is certainly too long to be kept inside of a string object";

asio::awaitable<void> all_of_turbo(std::vector<std::string>& sent)
{
    sent.push_back(co_await submit(text_to_video<kling_3_0_turbo>("A corgi running on the beach")
                                       .aspect_ratio(landscape)
                                       .resolution(p1080)
                                       .duration(5s)));
    sent.push_back(co_await submit(text_to_video<kling_3_0_turbo>(words + words).duration(runtime(7s))));
    sent.push_back(co_await submit(image_to_video<kling_3_0_turbo>(picture + "?x").prompt(words + ".")));
    sent.push_back(co_await submit(image_to_video<kling_3_0_turbo>("https://example.com/first.jpg")));
    sent.push_back(co_await submit(
        storyboard<kling_3_0_turbo>(shot("a corgi running", 2s), shot("it smiles", 3s)).resolution(p720)));
    sent.push_back(
        co_await submit(storyboard<kling_3_0_turbo>(std::vector<owned_shot>(2, owned_shot(words + "!", 2s)))
                            .watermark(true)));
}

asio::awaitable<void> all_of_omni(std::vector<std::string>& sent)
{
    sent.push_back(co_await submit(text_to_video<kling_v3_omni>("A corgi").duration(10s).mode(pro)));
    sent.push_back(co_await submit(
        image_reference<kling_v3_omni>("<<<image_1>>> meets <<<image_2>>>", picture + "?1", picture + "?2")
            .aspect_ratio(square)));
    sent.push_back(co_await submit(
        image_reference<kling_v3_omni>(words + "", std::vector<std::string>(3, picture + "?3"))
            .watermark(false)));
}

asio::awaitable<void> all_of_kling_v3(std::vector<std::string>& sent)
{
    sent.push_back(
        co_await submit(text_to_video<kling_v3>("@dog runs")
                            .mode(mode_4k)
                            .negative_prompt(words + "")
                            .element_list(element("dog", words + "", picture + "?1", picture + "?2"))
                            .audio(true)));
    sent.push_back(co_await submit(image_to_video<kling_v3>("the sun sets", picture + "?1", picture + "?2")));
    sent.push_back(co_await submit(
        image_to_video<kling_v3>(words + "", std::vector<std::string>(2, picture + "?2")).duration(15s)));
    sent.push_back(co_await submit(storyboard<kling_v3>(shot("dawn", 3s), shot("noon", 5s))));
    sent.push_back(co_await submit(
        storyboard<kling_v3>(shot("@dog at dawn", 3s), shot("noon", 5s))
            .element_list(element("dog", words + "", std::vector<std::string>(2, picture + "?2")))
            .aspect_ratio(portrait)));
    sent.push_back(co_await submit(
        storyboard<kling_v3>(std::vector<owned_shot>(3, owned_shot(words + "", 2s))).mode(pro)));
    sent.push_back(co_await submit(intelligent_storyboard<kling_v3>(words + "").duration(12s)));
}

template <class Model>
asio::awaitable<void> all_of_motion_control(std::vector<std::string>& sent)
{
    sent.push_back(co_await submit(motion_control<Model>(picture + "?1", video + "?1", from_video, pro)
                                       .prompt(words + "")
                                       .keep_original_sound(false)
                                       .watermark_info(true)));
    sent.push_back(co_await submit(
        motion_control<Model>("https://example.com/a.png", "https://example.com/a.mp4", from_image, standard)
            .prompt("turn and wave")));
}

template <class Model>
asio::awaitable<void> all_of_veo(std::vector<std::string>& sent)
{
    sent.push_back(co_await submit(
        text_to_video<Model>("a retriever").seed(7).sample_count(1).enhance_prompt(true).duration(8s)));
    sent.push_back(co_await submit(
        image_to_video<Model>(words + "", picture + "?1")
            .last_frame_image(picture + "?2")
            .resize_mode(crop)
            .person_generation(disallow)
            .generate_audio(true)
            .resolution(p4k)
            .webhook("https://example.com/hook")
            .extra_field("a_newer_field", boost::json::value(boost::json::string_view(words)))));
}

#if APIMART_JUDGES_OBJECTS_LATE
asio::awaitable<void> judged_late(std::vector<std::string>& sent)
{
    sent.push_back(co_await submit(storyboard<kling_v3>(shot("dawn", 8s), shot("noon", 8s))));
    sent.push_back(co_await submit(storyboard<kling_3_0_turbo>(shot("dawn; noon", 5s))));
    sent.push_back(co_await submit(storyboard<kling_v3>(shot("", 5s), shot("noon", 0s))));
    sent.push_back(co_await submit(text_to_video<kling_3_0_turbo>("a corgi").duration(20s)));
    sent.push_back(co_await submit(text_to_video<veo_3_1_fast_official>("a retriever").seed(-1)));
    sent.push_back(
        co_await submit(text_to_video<veo_3_1_fast_official>("a retriever").enhance_prompt(false)));
}
#endif

asio::awaitable<void> custom(std::vector<std::string>& sent)
{
    boost::json::object body;
    body["prompt"] = boost::json::string_view(words);
    sent.push_back(co_await submit(custom_model("a-model-newer-than-these-headers", std::move(body))));
}

asio::awaitable<void> everything(std::vector<std::string>& sent)
{
    co_await all_of_turbo(sent);
    co_await all_of_omni(sent);
    co_await all_of_kling_v3(sent);
    co_await all_of_motion_control<kling_v2_6_motion_control>(sent);
    co_await all_of_motion_control<kling_v3_motion_control>(sent);
    co_await all_of_veo<veo_3_1_fast_official>(sent);
    co_await all_of_veo<veo_3_1_quality_official>(sent);
    co_await custom(sent);
}

// A temporary aggregate that owns something is what the compiler destroys twice.
static_assert(!std::is_aggregate_v<any_request>);
static_assert(!std::is_aggregate_v<text_to_video<kling_3_0_turbo>>);
static_assert(!std::is_aggregate_v<element<2>>);
static_assert(!std::is_aggregate_v<owned_shot>);
static_assert(!std::is_aggregate_v<violation>);
static_assert(!std::is_aggregate_v<validation_result>);
static_assert(!std::is_aggregate_v<runtime_value<std::string>>);

// What is made by consteval functions owns nothing.
static_assert(std::is_trivially_copyable_v<storyboard_draft<kling_v3, 3>>);
static_assert(std::is_trivially_copyable_v<shot>);
static_assert(std::is_trivially_copyable_v<argument<kling_v3, kind::text_to_video, parameter::prompt>>);
static_assert(std::is_trivially_copyable_v<argument<kling_v3, kind::text_to_video, parameter::duration>>);

} // namespace

TEST_CASE("requests built inside a co_await expression arrive whole")
{
    asio::io_context context;
    std::vector<std::string> sent;
    std::exception_ptr failure;
    asio::co_spawn(context, everything(sent), [&](std::exception_ptr e) { failure = e; });
    context.run();
    REQUIRE(failure == nullptr);
    CHECK(sent.size() == 6 + 3 + 7 + 2 * 2 + 2 * 2 + 1);
    // Every kind of every model is among them.
    std::set<std::pair<std::string_view, std::string_view>> missing;
    for (model_info const& model : models())
        for (kind_info const& kind : model.kinds)
            missing.emplace(model.id, kind.name);
    for (std::string const& one : sent) {
        CHECK_MESSAGE(one.starts_with("{\"model\":\""), one);
        if (auto const read = any_request::parse(one, unknown_fields::preserve))
            missing.erase({read->model(), read->kind()});
    }
    for (auto const& [model, kind] : missing)
        FAIL_CHECK(model << " " << kind << " was not built inside a co_await expression");
    CHECK(sent.at(4) ==
          R"({"model":"kling-3.0-turbo","prompt":"Shot 1,2,a corgi running;Shot 2,3,it smiles;",)"
          R"("duration":5,"resolution":"720p"})");
}

#if APIMART_JUDGES_OBJECTS_LATE
TEST_CASE("what the compiler cannot judge inside a co_await expression is refused at run time")
{
    asio::io_context context;
    std::vector<std::string> sent;
    std::exception_ptr failure;
    asio::co_spawn(context, judged_late(sent), [&](std::exception_ptr e) { failure = e; });
    context.run();
    REQUIRE(failure == nullptr);
    CHECK(sent.size() == 6);
    for (std::string const& one : sent)
        CHECK_MESSAGE(!one.starts_with('{'), one);
}
#endif
