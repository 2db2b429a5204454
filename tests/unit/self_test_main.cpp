// Tests of tests/main.cpp. Each of these is one CTest test of its own, whatever its name contains; a name that CTest or doctest would take apart
// finds no test case, and tests/main.cpp makes that a failure.
#include <doctest/doctest.h>

#include <cstdlib>

TEST_SUITE_BEGIN("self test");

TEST_CASE("names: commas, and another, are one name")
{
    CHECK(__LINE__ > 0);
}

TEST_CASE("names: [brackets] and (parentheses], not closed: [")
{
    CHECK(__LINE__ > 0);
}

TEST_CASE("names: \"quotes\"; semicolons; back\\slashes; $dollar ${X} $<1:x>; #; 'single'; * and ?")
{
    CHECK(__LINE__ > 0);
}

TEST_CASE_TEMPLATE("names: templates", T, int, char)
{
    CHECK(sizeof(T) > 0);
}

// tests/CMakeLists.txt runs this once more with the variable set, and expects a failure.
TEST_CASE("self test: checks nothing when told so")
{
    if (std::getenv("APIMART_SELF_TEST_CHECKS_NOTHING") == nullptr)
        CHECK(__LINE__ > 0);
}

TEST_SUITE_END();
