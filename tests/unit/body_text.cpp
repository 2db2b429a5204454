// A body is written byte by byte as Boost.JSON writes it: what is sent again under one key has to be the same.
#include <apimart/protocol/body_text.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <doctest/doctest.h>

#include <string>

using apimart::detail::body_writer;

namespace {

std::string written(boost::json::object const& body)
{
    std::string text;
    body_writer(text).write(body);
    return text;
}

} // namespace

TEST_CASE("a body is written as Boost.JSON writes it")
{
    for (
        char const* const text :
        {"{}", R"({"model":"kling-v3","prompt":"A corgi","duration":5,"audio":true,"watermark":false})",
         R"({"a":[],"b":{},"c":[[],{}],"d":[1,-2,"x",null]})", R"({"seed":null,"cfg":0.5,"big":1e300})",
         R"({"n":[9223372036854775807,-9223372036854775808,18446744073709551615,0,-1,1.5,-0.0]})",
         R"({"image_urls":["https://h/a?b=c&d=\u0026"],"multi_prompt":[{"index":1,"prompt":"\u00e4\u20ac"}]})",
         R"({"quote\"d":"back\\slash","line\nbreak":"tab\t\u0000\u001f\u007f end \/ slash"})"}) {
        CAPTURE(text);
        boost::json::object const body = boost::json::parse(text).get_object();
        CHECK(written(body) == boost::json::serialize(body));
    }
}

TEST_CASE("every single byte is written as Boost.JSON writes it")
{
    for (int byte = 0; byte < 256; ++byte) {
        CAPTURE(byte);
        boost::json::object const body{{"text", std::string("a") + static_cast<char>(byte) + "b"}};
        CHECK(written(body) == boost::json::serialize(body));
    }
}
