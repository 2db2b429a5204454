// What a caller knows its calls by: a text or a number, in a value that owns nothing.
#include <apimart/error.hpp>
#include <apimart/operation_tag.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

using apimart::operation_tag;

TEST_CASE("operation tag: is nothing, a text or a number, and tells which")
{
    operation_tag const none;
    CHECK(none.empty());
    CHECK(none.text().empty());
    CHECK_FALSE(none.number().has_value());
    CHECK(to_string(none).empty());
    CHECK(operation_tag("") == none);

    operation_tag const text("order 17");
    CHECK_FALSE(text.empty());
    CHECK(text.text() == "order 17");
    CHECK_FALSE(text.number().has_value());
    CHECK(to_string(text) == "order 17");

    operation_tag const number(17);
    CHECK_FALSE(number.empty());
    CHECK(number.text().empty());
    CHECK(number.number() == 17);
    CHECK(to_string(number) == "17");
    CHECK(number != operation_tag("17"));
    CHECK(operation_tag(0).number() == 0);
    CHECK_FALSE(operation_tag(0).empty());
    constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
    CHECK(operation_tag(largest).number() == largest);
    CHECK(operation_tag(-1).number() == largest);
}

TEST_CASE("operation tag: keeps a copy of its text")
{
    std::string text = "order 17";
    operation_tag const tag(text);
    text.assign("something else");
    CHECK(tag.text() == "order 17");
}

TEST_CASE("operation tag: takes a trace context, and refuses what does not fit")
{
    std::string const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    CHECK(operation_tag(parent).text() == parent);
    CHECK_THROWS_WITH_AS(operation_tag(parent + '!'), "a tag has at most 55 bytes, not 56",
                         std::length_error);
}

TEST_CASE("operation tag: stands in the description of a failure, with nothing in it that steers a terminal")
{
    apimart::error_info const why = apimart::error_info(apimart::errc::queue_full).tag("order\n17");
    CHECK(why.tag() == operation_tag("order\n17"));
    CHECK(why.describe() == "queue of the client is full; tag order\\x0a17");
    static_assert(!std::is_convertible_v<bool, operation_tag> && !std::is_convertible_v<char, operation_tag>);
}
