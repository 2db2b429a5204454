// Copies share a value until one of them is changed.
#include <apimart/runtime/shared_value.hpp>
#include <apimart/task.hpp>

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <type_traits>
#include <utility>

using namespace apimart;
using apimart::detail::shared_value;

TEST_CASE("a change of one copy is not seen in the other")
{
    shared_value<std::string> a;
    CHECK(a->empty());
    a.own() = "first";
    shared_value<std::string> b = a;
    CHECK(&*a == &*b);
    b.own() = "second";
    CHECK(*a == "first");
    CHECK(*b == "second");
    a = b;
    CHECK(&*a == &*b);
    a = std::as_const(a);
    CHECK(*a == "second");
}

TEST_CASE("the only owner changes the value in its place")
{
    shared_value<std::string> a;
    std::string const* const place = &a.own();
    {
        shared_value<std::string> const b = a;
    }
    CHECK(&a.own() == place);
    shared_value<std::string> const moved = std::move(a);
    CHECK(&*moved == place);
    CHECK(a->empty());
    CHECK(&a.own() != place);
}

TEST_CASE("copies may be read, changed and dropped in different threads")
{
    shared_value<std::string> a;
    a.own() = "shared by all of them";
    auto const use = [](shared_value<std::string> mine, char with) {
        for (int i = 0; i < 1000; ++i) {
            shared_value<std::string> copy = mine;
            copy.own() += with;
            CHECK(copy->size() == mine->size() + 1);
            if (i % 3 == 0)
                mine = std::move(copy);
        }
    };
    std::thread first(use, a, '1');
    std::thread second(use, a, '2');
    a.own() += "!";
    first.join();
    second.join();
    CHECK(*a == "shared by all of them!");
}

TEST_CASE("a task is a value, as cheap to pass on as a pointer")
{
    static_assert(sizeof(task) == sizeof(void*));
    static_assert(std::is_nothrow_move_constructible_v<task> && std::is_nothrow_copy_constructible_v<task>);
    static_assert(std::is_nothrow_move_constructible_v<finished_task>);
    task a("task_1");
    task b = a;
    b.profile("p");
    CHECK(a.profile().empty());
    CHECK(a == b);
    task const c = std::move(b);
    CHECK(!b.valid());
    CHECK(c.profile() == "p");
}
