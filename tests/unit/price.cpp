// SPDX-License-Identifier: BSL-1.0
//
// Estimates against figures computed by hand from api-reference.md 7.4.

#include <apimart/price.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace {

using namespace apimart;
using namespace std::chrono_literals;

// Low and high in millionths of a US dollar; zeros without an estimate.
std::pair<long, long> estimate(any_request const& request,
                               std::optional<std::chrono::seconds> reference = std::nullopt)
{
    auto const found = estimate_cost(request, reference);
    return found ? std::pair<long, long>(found->low_micro_usd(), found->high_micro_usd())
                 : std::pair<long, long>(0, 0);
}

std::pair<long, long> both(long amount)
{
    return {amount, amount};
}

} // namespace

TEST_CASE("price: seconds times the price of the quality")
{
    // 5 s are the default, and so are std and 720p.
    CHECK(estimate(text_to_video<kling_v3>("a")) == both(336'000));
    CHECK(estimate(text_to_video<kling_v3>("a").mode(pro).duration(10s)) == both(896'000));
    CHECK(estimate(text_to_video<kling_v3>("a").audio(true)) == both(504'000));
    CHECK(estimate(text_to_video<kling_v3>("a").audio(true).mode(pro)) == both(672'000));
    CHECK(estimate(text_to_video<kling_v3>("a").audio(false)) == both(336'000));
    CHECK(estimate(text_to_video<kling_v3>("a").mode(mode_4k).duration(3s)) == both(1'285'680));
    CHECK(estimate(storyboard<kling_v3>(shot("a", 3s), shot("b", 4s))) == both(470'400));
    CHECK(estimate(text_to_video<kling_v3_omni>("a").duration(10s)) == both(672'000));
    CHECK(estimate(text_to_video<kling_v3_omni>("a").mode(pro)) == both(448'000));
    CHECK(estimate(text_to_video<kling_3_0_turbo>("a")) == both(572'000));
    CHECK(estimate(image_to_video<kling_3_0_turbo>("https://a.example/1").resolution(p1080).duration(3s)) ==
          both(429'600));
    CHECK(estimate(text_to_video<veo_3_1_fast_official>("a")) == both(512'000));
    // The one charge that was measured: 8 s with audio for 0.64 USD.
    CHECK(estimate(text_to_video<veo_3_1_fast_official>("a").generate_audio(true)) == both(640'000));
}

TEST_CASE("price: samples multiply")
{
    CHECK(estimate(text_to_video<veo_3_1_fast_official>("a").sample_count(4).duration(4s)) ==
          both(1'024'000));
}

TEST_CASE("price: a range where the price is one")
{
    CHECK(estimate(text_to_video<veo_3_1_quality_official>("a")) ==
          std::pair<long, long>(1'280'000, 2'560'000));
    CHECK(estimate(text_to_video<kling_v3>("a").mode(mode_4k).audio(true)) ==
          std::pair<long, long>(2'142'800, 3'214'200));
}

TEST_CASE("price: motion control follows the reference video")
{
    any_request const from_picture = motion_control<kling_v2_6_motion_control>(
        "https://a.example/1.png", "https://a.example/1.mp4", from_image, standard);
    CHECK(estimate(from_picture, 8s) == both(456'960));
    CHECK(estimate(from_picture) == std::pair<long, long>(171'360, 571'200)); // 3 to 10 s
    any_request const from_film = motion_control<kling_v3_motion_control>(
        "https://a.example/1.png", "https://a.example/1.mp4", from_video, pro);
    CHECK(estimate(from_film) == std::pair<long, long>(411'360, 4'113'600)); // 3 to 30 s
    CHECK(!estimate_cost(from_film, 0s));
    CHECK(!estimate_cost(from_film, std::chrono::hours(48)));
}

TEST_CASE("price: every documented model and quality has one, and says how old it is")
{
    for (model_info const& model : models()) {
        CAPTURE(std::string(model.id));
        for (kind_info const& kind : model.kinds)
            for (parameter_spec const& one : kind.rows)
                if (one.name == parameter::mode::name || one.name == parameter::resolution::name)
                    for (std::size_t i = 0; i != one.values.choice_count; ++i)
                        CHECK(detail::find_price(model.id, one.values.choices[i]) != nullptr);
    }
    using namespace std::chrono;
    auto const found = estimate_cost(text_to_video<kling_v3>("a"));
    REQUIRE(found);
    CHECK(found->as_of() == year(2026) / August);
    CHECK(found->low_usd() == doctest::Approx(0.336));
    CHECK(found->high_usd() == found->low_usd());
}

TEST_CASE("price: nothing is estimated where nothing is known")
{
    CHECK(!estimate_cost(custom_model("sora-2", {{"prompt", "a"}, {"duration", 8}})));
    CHECK(!estimate_cost(text_to_video<kling_v3>("a").duration(runtime(99s))));
    CHECK(!estimate_cost(text_to_video<veo_3_1_fast_official>("a").duration(runtime(0s))));
}
