// SPDX-License-Identifier: BSL-1.0
//
// What a schema tells a reader. That its verdict is right is the business of tests/schema.

#include <apimart/models.hpp>
#include <apimart/schema.hpp>

#include <boost/json/serialize.hpp>

#include <doctest/doctest.h>

#include <string>

// A model with what none of the known ones has: any number of shots.
namespace studio {

using namespace apimart::tables;

struct endless
{
    static constexpr std::string_view id = "endless-1";
    static constexpr auto storyboard =
        table(required(multi_prompt, shots(2, apimart::value_rule::unlimited, characters(9))),
              discriminator(multi_shot, true), derived(duration, seconds(1, 99)));
    static constexpr auto text_to_video = table(required(prompt, text), fixed(multi_shot, false));
};

} // namespace studio

namespace {

using namespace apimart;

boost::json::object property(boost::json::object const& schema, char const* kind, char const* name)
{
    return schema.at("$defs").at(kind).at("properties").at(name).as_object();
}

} // namespace

TEST_CASE("schema: tells type, limits, default and description of a parameter")
{
    boost::json::object const turbo = schema<kling_3_0_turbo>();
    CHECK(turbo.at("$schema") == "https://json-schema.org/draft/2020-12/schema");
    CHECK(turbo.at("title") == "kling-3.0-turbo");
    CHECK(boost::json::serialize(property(turbo, "text_to_video", "duration")) ==
          R"({"description":"Length of the video in seconds","type":"integer","minimum":3,"maximum":15,)"
          R"("default":5})");
    CHECK(
        boost::json::serialize(property(turbo, "text_to_video", "prompt")) ==
        R"({"description":"Text that describes the video; English is advised. )"
        R"(Should be at most 2500 characters","type":"string","minLength":1,"pattern":"[^ \\t\\n\\v\\f\\r]","maxLength":3072})");
    CHECK(boost::json::serialize(property(turbo, "image_to_video", "aspect_ratio")) ==
          R"({"description":"Shape of the picture. Has no effect for image_to_video",)"
          R"("enum":["16:9","9:16","1:1"],"default":"16:9"})");

    boost::json::object const veo = schema<veo_3_1_fast_official>();
    CHECK(boost::json::serialize(property(veo, "text_to_video", "duration")) ==
          R"({"description":"Length of the video in seconds. Should be one of the examples",)"
          R"("type":"integer","examples":[4,6,8],"default":8})");
    CHECK(property(veo, "text_to_video", "enhance_prompt").at("const") == true);
}

TEST_CASE("schema: says what it cannot say")
{
    boost::json::object const v3 = schema<kling_v3>();
    CHECK(property(v3, "storyboard", "multi_prompt").at("$comment") ==
          "Not said here: the durations add up to the duration of the video.");
    CHECK(v3.at("$comment").as_string().starts_with("Not said here: a whole number"));
}

TEST_CASE("schema: one definition per kind, the same at run time")
{
    for (model_info const& model : models()) {
        boost::json::object const made = schema_of(model);
        for (kind_info const& kind : model.kinds) {
            CAPTURE(std::string(model.id) + " " + std::string(kind.name));
            boost::json::object const& definition =
                made.at("$defs").at(boost::json::string_view(kind.name)).as_object();
            CHECK(definition.at("additionalProperties") == false);
            // The model's id, the rows of the kind, and what all models take.
            CHECK(definition.at("properties").as_object().size() ==
                  1 + kind.rows.size() + tables::common_parameters.rows.size());
        }
    }
    CHECK(schema_of(*find_model("kling-v3")) == schema<kling_v3>());
}

TEST_CASE("schema: of a model of one's own")
{
    boost::json::object const made = schema<studio::endless>();
    CHECK(boost::json::serialize(property(made, "storyboard", "multi_prompt")) ==
          R"({"description":"The shots in their order","type":"array","items":{"$ref":"#/$defs/shot"},)"
          R"("minItems":2,"$comment":"Not said here: the durations add up to the duration of the video."})");
    CHECK(boost::json::serialize(made.at("$defs").at("shot").at("properties").at("prompt")) ==
          R"({"type":"string","minLength":1,"pattern":"[^ \\t\\n\\v\\f\\r]","maxLength":9})");
    CHECK(property(made, "storyboard", "multi_shot").at("const") == true);
    CHECK(property(made, "text_to_video", "multi_shot").at("const") == false);
}
