// What a client has learned, as a text that another one reads.
#include <apimart/learned_durations.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace apimart;
using namespace std::chrono_literals;

TEST_CASE("what was learned comes back from its text")
{
    learned_durations known;
    known.by_class["kling-v3/text_to_video/pro/5"] = {101'200ms, 98'400ms};
    known.by_class["veo \"quoted\""] = {1ms};
    auto const back = learned_durations::parse(known.to_json());
    REQUIRE(back.has_value());
    CHECK(*back == known);
    CHECK(learned_durations::parse(learned_durations().to_json()).value() == learned_durations());
}

TEST_CASE("a text that is none of what was learned is refused, with the place, the rule and what was given")
{
    std::string many = "[1";
    for (std::size_t i = 0; i < learned_durations::max_per_class; ++i)
        many += ",1";
    many += ']';
    std::vector<std::pair<std::string, std::string>> const rows{
        {"", "body: must be JSON: incomplete JSON"},
        {"[1]", "body: must be an object (got an array of 1 entry)"},
        {"{}", "/version: must be 1"},
        {R"({"version":2,"durations_s":{}})", "/version: must be 1 (got 2)"},
        {R"({"version":"1","durations_ms":{}})", R"(/version: must be 1 (got "1"))"},
        {R"({"version":1})", "/durations_ms: must be an object of arrays"},
        {R"({"version":1,"durations_ms":[]})",
         "/durations_ms: must be an object of arrays (got an array of 0 entries)"},
        {R"({"version":1,"durations_ms":{},"x":true})", "/x: is not known (got true)"},
        {R"({"version":1,"durations_ms":{"a/b":7}})",
         "/durations_ms/a~1b: must be an array of at most 128 durations (got 7)"},
        {R"({"version":1,"durations_ms":{"a/b":[5,0]}})",
         "/durations_ms/a~1b/1: must be a whole number of milliseconds from 1 to 2678400000 (got 0)"},
        {R"({"version":1,"durations_ms":{"a":[1.5]}})",
         "/durations_ms/a/0: must be a whole number of milliseconds from 1 to 2678400000 (got 1.5)"},
        {R"({"version":1,"durations_ms":{"a":["7"]}})",
         R"(/durations_ms/a/0: must be a whole number of milliseconds from 1 to 2678400000 (got "7"))"},
        {R"({"version":1,"durations_ms":{"":[7]}})", "/durations_ms/: must have a name"},
        {R"({"version":1,"durations_ms":{"a":)" + many + "}}",
         "/durations_ms/a: must be an array of at most 128 durations (got an array of 129 entries)"},
    };
    for (auto const& [text, words] : rows) {
        CAPTURE(text);
        auto const read = learned_durations::parse(text);
        REQUIRE(read.has_error());
        CHECK(read.error().describe() == words);
    }
}
