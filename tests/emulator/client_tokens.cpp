// Every operation with every kind of completion token, and nothing completes inside the call that starts it.
#include "client_fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/consign.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#if __has_include(<boost/asio/cancel_after.hpp>)
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/cancel_at.hpp>
#endif

#include <future>
#include <memory_resource>
#include <tuple>

using namespace client_tests;
using namespace apimart;

namespace {

// Counts what is taken from it, to see that a handler's own allocator is used and paid back.
class counting_resource final : public std::pmr::memory_resource
{
public:
    long outstanding = 0;
    long total = 0;

private:
    void* do_allocate(std::size_t size, std::size_t alignment) override
    {
        ++outstanding, ++total;
        return std::pmr::new_delete_resource()->allocate(size, alignment);
    }
    void do_deallocate(void* p, std::size_t size, std::size_t alignment) override
    {
        --outstanding;
        std::pmr::new_delete_resource()->deallocate(p, size, alignment);
    }
    bool do_is_equal(memory_resource const& other) const noexcept override { return this == &other; }
};

// The operation is a parameter of each coroutine: a lambda's captures do not live as long as a coroutine of
// it.
template <class T, class Operation>
asio::awaitable<void> awaited_by_default(Operation operation, std::optional<T>& value, error_code& code)
{
    try {
        value = co_await operation();
    } catch (error const& e) {
        CHECK(e.code() == e.info().code());
        code = e.code();
    }
}

template <class T, class Operation>
asio::awaitable<void> awaited_as_result(Operation operation, std::optional<T>& value, error_code& code)
{
    result<T> outcome = co_await operation(as_result());
    if (outcome)
        value = std::move(*outcome);
    else
        code = outcome.error().code();
}

template <class T, class Operation>
asio::awaitable<void> awaited_as_tuple(Operation operation, std::optional<T>& value, error_code& code)
{
    std::tuple<error_code, T> outcome = co_await operation(asio::as_tuple(asio::use_awaitable));
    code = std::get<0>(outcome);
    if (!code)
        value = std::move(std::get<1>(outcome));
}

template <class T, class Operation>
asio::awaitable<void> awaited_with_redirected_error(Operation operation, std::optional<T>& value,
                                                    error_code& code)
{
    T got = co_await operation(asio::redirect_error(asio::use_awaitable, code));
    if (!code)
        value = std::move(got);
}

template <class T, class Operation>
asio::awaitable<void> awaited_deferred(Operation operation, std::optional<T>& value, error_code& code)
{
    auto lazy = operation(asio::deferred);
    try {
        value = co_await std::move(lazy);
    } catch (boost::system::system_error const& e) {
        code = e.code();
    }
}

template <class T, class Operation>
asio::awaitable<void> awaited_plainly(Operation operation, std::optional<T>& value, error_code& code)
{
    try {
        value = co_await operation(asio::use_awaitable);
    } catch (error const& e) {
        CHECK(e.code() == e.info().code());
        code = e.code();
    }
}

template <class T, class Operation>
asio::awaitable<void> awaited_with_a_slot(Operation operation, std::optional<T>& value, error_code& code)
{
    asio::cancellation_signal signal;
    auto token = asio::bind_cancellation_slot(signal.slot(), asio::use_awaitable);
    try {
        value = co_await operation(token);
    } catch (error const& e) {
        code = e.code();
    }
}

template <class T, class Operation>
asio::awaitable<void> awaited_as_tuple_deferred(Operation operation, std::optional<T>& value,
                                                error_code& code)
{
    auto lazy = operation(asio::as_tuple(asio::deferred));
    std::tuple<error_code, T> outcome = co_await std::move(lazy);
    code = std::get<0>(outcome);
    if (!code)
        value = std::move(std::get<1>(outcome));
}

// Beside a timer that never rings.
template <class T, class Operation>
asio::awaitable<void> awaited_as_one_of_two(Operation operation, std::optional<T>& value, error_code& code)
{
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer never(co_await asio::this_coro::executor);
    never.expires_after(1h);
    auto first = operation(asio::as_tuple(asio::use_awaitable));
    auto second = never.async_wait(asio::as_tuple(asio::use_awaitable));
    auto both = std::move(first) || std::move(second);
    auto outcome = co_await std::move(both);
    REQUIRE(outcome.index() == 0);
    code = std::get<0>(std::get<0>(outcome));
    if (!code)
        value = std::move(std::get<1>(std::get<0>(outcome)));
}

#if __has_include(<boost/asio/cancel_after.hpp>)
template <class T, class Operation>
asio::awaitable<void> awaited_with_a_limit(Operation operation, std::optional<T>& value, error_code& code)
{
    auto token = asio::cancel_after(1h, asio::use_awaitable);
    try {
        value = co_await operation(token);
    } catch (error const& e) {
        code = e.code();
    }
}

template <class T, class Operation>
asio::awaitable<void> awaited_until_a_moment(Operation operation, std::optional<T>& value, error_code& code)
{
    auto token = asio::cancel_at(std::chrono::steady_clock::now() + 1h, asio::as_tuple(asio::use_awaitable));
    std::tuple<error_code, T> outcome = co_await operation(token);
    code = std::get<0>(outcome);
    if (!code)
        value = std::move(std::get<1>(outcome));
}
#endif

// Starts one operation again and again, each time with another token; `check` looks at how it ended.
template <class T>
class token_tour
{
public:
    template <class Operation, class Check>
    token_tour(asio::io_context& context, Operation operation, Check check) : context_(context)
    {
        SUBCASE("the default: co_await gives the value or throws error")
        {
            coroutine(awaited_by_default<T, Operation>, operation, check);
        }
        SUBCASE("as_result() in a coroutine")
        {
            coroutine(awaited_as_result<T, Operation>, operation, check);
        }
        SUBCASE("use_awaitable")
        {
            coroutine(awaited_plainly<T, Operation>, operation, check);
        }
        SUBCASE("as_tuple")
        {
            coroutine(awaited_as_tuple<T, Operation>, operation, check);
        }
        SUBCASE("redirect_error")
        {
            coroutine(awaited_with_redirected_error<T, Operation>, operation, check);
        }
        SUBCASE("deferred in a coroutine")
        {
            coroutine(awaited_deferred<T, Operation>, operation, check);
        }
        SUBCASE("use_awaitable with a cancellation slot")
        {
            coroutine(awaited_with_a_slot<T, Operation>, operation, check);
        }
        SUBCASE("as_tuple of deferred")
        {
            coroutine(awaited_as_tuple_deferred<T, Operation>, operation, check);
        }
        SUBCASE("beside something else, in ||")
        {
            coroutine(awaited_as_one_of_two<T, Operation>, operation, check);
        }
#if __has_include(<boost/asio/cancel_after.hpp>)
        SUBCASE("cancel_after")
        {
            coroutine(awaited_with_a_limit<T, Operation>, operation, check);
        }
        SUBCASE("cancel_at")
        {
            coroutine(awaited_until_a_moment<T, Operation>, operation, check);
        }
        SUBCASE("cancel_after of a callback")
        {
            limited_callback(operation, check);
        }
#endif
        SUBCASE("redirect_error of use_future")
        {
            future_with_redirected_error(operation, check);
        }
        SUBCASE("use_future on another executor, with a cancellation slot")
        {
            future_elsewhere(operation, check);
        }
        SUBCASE("a callback with a code and a value")
        {
            callback(operation, check);
        }
        SUBCASE("as_result of a callback")
        {
            as_result_of_callback(operation, check);
        }
        SUBCASE("deferred, started later")
        {
            deferred(operation, check);
        }
        SUBCASE("use_future")
        {
            future(operation, check);
        }
        SUBCASE("as_result of use_future")
        {
            future_of_result(operation, check);
        }
        SUBCASE("a callback on another executor")
        {
            other_executor(operation, check);
        }
        SUBCASE("a callback with a cancellation slot")
        {
            cancellation_slot(operation, check);
        }
        SUBCASE("a callback with an allocator")
        {
            allocator(operation, check);
        }
        SUBCASE("detached")
        {
            detached(operation);
        }
    }

private:
    template <class Coroutine, class Operation, class Check>
    void coroutine(Coroutine made, Operation& operation, Check& check)
    {
        std::optional<T> value;
        error_code code;
        bool ended = false;
        asio::co_spawn(context_, made(operation, value, code),
                       [&](std::exception_ptr thrown) { ended = !thrown; });
        run_to_end(context_);
        REQUIRE(ended);
        judge(code, std::move(value), check);
    }

    template <class Operation, class Check>
    void callback(Operation& operation, Check& check)
    {
        std::optional<T> value;
        error_code code;
        int calls = 0;
        bool inside = true;
        operation([&](error_code c, T v) {
            CHECK_FALSE(inside);
            CHECK(context_.get_executor().running_in_this_thread());
            ++calls;
            code = c;
            if (!c)
                value = std::move(v);
        });
        inside = false;
        CHECK(calls == 0);
        run_to_end(context_);
        REQUIRE(calls == 1);
        judge(code, std::move(value), check);
    }

    template <class Operation, class Check>
    void as_result_of_callback(Operation& operation, Check& check)
    {
        recorder<T> got;
        operation(got.token());
        CHECK_FALSE(got.done());
        run_to_end(context_);
        judge(got.outcome(), check);
    }

    template <class Operation, class Check>
    void deferred(Operation& operation, Check& check)
    {
        auto lazy = operation(as_result(asio::deferred));
        // Nothing has begun.
        CHECK(context_.poll() == 0);
        context_.restart();
        recorder<T> got;
        std::move(lazy)(got.plain());
        CHECK_FALSE(got.done());
        run_to_end(context_);
        judge(got.outcome(), check);
    }

    template <class Operation, class Check>
    void future(Operation& operation, Check& check)
    {
        std::future<T> later = operation(asio::use_future);
        CHECK(later.wait_for(0s) == std::future_status::timeout);
        run_to_end(context_);
        REQUIRE(later.wait_for(0s) == std::future_status::ready);
        std::optional<T> value;
        error_code code;
        try {
            value = later.get();
        } catch (error const& e) {
            CHECK(e.code() == e.info().code());
            code = e.code();
        }
        judge(code, std::move(value), check);
    }

    template <class Operation, class Check>
    void future_with_redirected_error(Operation& operation, Check& check)
    {
        error_code code;
        std::future<T> later = operation(asio::redirect_error(asio::use_future, code));
        run_to_end(context_);
        REQUIRE(later.wait_for(0s) == std::future_status::ready);
        std::optional<T> value = later.get();
        if (code)
            value.reset();
        judge(code, std::move(value), check);
    }

    template <class Operation, class Check>
    void future_elsewhere(Operation& operation, Check& check)
    {
        asio::cancellation_signal signal;
        std::future<result<T>> later = operation(as_result(asio::bind_cancellation_slot(
            signal.slot(), asio::bind_executor(asio::make_strand(context_), asio::use_future))));
        run_to_end(context_);
        REQUIRE(later.wait_for(0s) == std::future_status::ready);
        judge(later.get(), check);
    }

#if __has_include(<boost/asio/cancel_after.hpp>)
    template <class Operation, class Check>
    void limited_callback(Operation& operation, Check& check)
    {
        recorder<T> got;
        operation(as_result(asio::cancel_after(1h, got.plain())));
        CHECK_FALSE(got.done());
        run_to_end(context_);
        judge(got.outcome(), check);
    }
#endif

    template <class Operation, class Check>
    void future_of_result(Operation& operation, Check& check)
    {
        std::future<result<T>> later = operation(as_result(asio::use_future));
        run_to_end(context_);
        REQUIRE(later.wait_for(0s) == std::future_status::ready);
        judge(later.get(), check);
    }

    // The handler runs there, and that context does not run out of work before.
    template <class Operation, class Check>
    void other_executor(Operation& operation, Check& check)
    {
        asio::io_context other;
        std::optional<T> value;
        error_code code;
        int calls = 0;
        operation(asio::bind_executor(other, [&](error_code c, T v) {
            CHECK(other.get_executor().running_in_this_thread());
            CHECK_FALSE(context_.get_executor().running_in_this_thread());
            ++calls;
            code = c;
            if (!c)
                value = std::move(v);
        }));
        auto const give_up = std::chrono::steady_clock::now() + guard;
        int ran_dry = 0;
        while (calls == 0 && std::chrono::steady_clock::now() < give_up) {
            context_.restart();
            context_.run_one_for(1ms);
            other.poll();
            ran_dry += other.stopped() && calls == 0 ? 1 : 0;
            other.restart();
        }
        REQUIRE(calls == 1);
        CHECK(ran_dry == 0);
        run_to_end(context_);
        judge(code, std::move(value), check);
    }

    template <class Operation, class Check>
    void cancellation_slot(Operation& operation, Check& check)
    {
        asio::cancellation_signal signal;
        recorder<T> got;
        operation(as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
        run_to_end(context_);
        judge(got.outcome(), check);
        // Too late, and harmless.
        context_.restart();
        signal.emit(asio::cancellation_type::all);
        CHECK(context_.poll() == 0);
    }

    template <class Operation, class Check>
    void allocator(Operation& operation, Check& check)
    {
        counting_resource memory;
        recorder<T> got;
        long left_inside = -1;
        operation(as_result(
            asio::bind_allocator(std::pmr::polymorphic_allocator<void>(&memory), [&](result<T> outcome) {
                left_inside = memory.outstanding;
                got.plain()(std::move(outcome));
            })));
        run_to_end(context_);
        judge(got.outcome(), check);
        CHECK(memory.total > 0);
        // What a handler's allocator gave is returned before the handler runs.
        CHECK(left_inside == 0);
        CHECK(memory.outstanding == 0);
    }

    template <class Operation>
    void detached(Operation& operation)
    {
        operation(asio::detached);
        run_to_end(context_);
        CHECK(context_.stopped());
    }

    template <class Check>
    void judge(error_code code, std::optional<T> value, Check& check)
    {
        if (value)
            check(result<T>(std::move(*value)));
        else
            check(result<T>(error_info(code)));
    }
    template <class Check>
    void judge(result<T> outcome, Check& check)
    {
        check(std::move(outcome));
    }

    asio::io_context& context_;
};

template <class T, class Operation, class Check>
void tour(asio::io_context& context, Operation operation, Check check)
{
    token_tour<T>(context, operation, check);
}

auto const expects = [](error_code expected) {
    return [expected](auto outcome) {
        REQUIRE_FALSE(outcome.has_value());
        CHECK(outcome.error().code() == expected);
    };
};

} // namespace

TEST_CASE("client tokens: submit")
{
    bench b;
    client user = b.make_client();
    tour<task>(
        b.context,
        [&](auto&&... token) { return user.submit(corgi(), std::forward<decltype(token)>(token)...); },
        [](result<task> got) {
            REQUIRE(got.has_value());
            CHECK(got->valid());
        });
    CHECK(b.accepted() == 1);
}

TEST_CASE("client tokens: submit with options")
{
    bench b;
    client user = b.make_client();
    tour<task>(
        b.context,
        [&](auto&&... token) {
            return user.submit(corgi(), {.idempotency_key = "mine"}, std::forward<decltype(token)>(token)...);
        },
        [](result<task> got) {
            REQUIRE(got.has_value());
            CHECK(got->idempotency_key() == "mine");
        });
    CHECK(b.accepted() == 1);
}

TEST_CASE("client tokens: wait")
{
    bench b;
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    tour<task_result>(
        b.context, [&](auto&&... token) { return user.wait(one, std::forward<decltype(token)>(token)...); },
        [&](result<task_result> got) {
            REQUIRE(got.has_value());
            CHECK(got->id() == one.id());
            CHECK(got->succeeded());
        });
    CHECK(b.booked("polls") > 0);
}

TEST_CASE("client tokens: wait with options")
{
    bench b;
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    tour<task_result>(
        b.context,
        [&](auto&&... token) {
            return user.wait(one, wait_options{.timeout = 40s}, std::forward<decltype(token)>(token)...);
        },
        [&](result<task_result> got) {
            REQUIRE(got.has_value());
            CHECK(got->succeeded());
        });
    CHECK(b.booked("polls") > 0);
}

TEST_CASE("client tokens: the next state of a watched task")
{
    bench b;
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    task_watcher watcher = user.watch(one);
    tour<std::optional<task_state>>(
        b.context, [&](auto&&... token) { return watcher.next(std::forward<decltype(token)>(token)...); },
        [&](result<std::optional<task_state>> got) {
            REQUIRE(got.has_value());
            REQUIRE(got->has_value());
            CHECK((*got)->id() == one.id());
        });
    CHECK(b.booked("polls") > 0);
}

TEST_CASE("client tokens: notify")
{
    bench b;
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    task_callback const callback =
        task_callback::parse(R"({"id":")" + one.id() + R"(","status":"completed"})").value();
    tour<callback_effect>(
        b.context,
        [&](auto&&... token) { return user.notify(callback, std::forward<decltype(token)>(token)...); },
        [&](result<callback_effect> got) {
            REQUIRE(got.has_value());
            CHECK(*got == callback_effect::not_awaited);
        });
    CHECK(b.booked("polls") == 0);
}

TEST_CASE("client tokens: status")
{
    bench b;
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    tour<task_state>(
        b.context, [&](auto&&... token) { return user.status(one, std::forward<decltype(token)>(token)...); },
        [&](result<task_state> got) {
            REQUIRE(got.has_value());
            CHECK(got->id() == one.id());
        });
    CHECK(b.booked("polls") == 1);
}

TEST_CASE("client tokens: generate")
{
    bench b;
    client user = b.make_client();
    tour<task_result>(
        b.context,
        [&](auto&&... token) { return user.generate(corgi(), std::forward<decltype(token)>(token)...); },
        [](result<task_result> got) {
            REQUIRE(got.has_value());
            CHECK(got->succeeded());
        });
    CHECK(b.accepted() == 1);
}

TEST_CASE("client tokens: generate with options")
{
    bench b;
    client user = b.make_client();
    tour<task_result>(
        b.context,
        [&](auto&&... token) {
            return user.generate(corgi(), submit_options(), wait_options{.timeout = 40s},
                                 std::forward<decltype(token)>(token)...);
        },
        [](result<task_result> got) {
            REQUIRE(got.has_value());
            CHECK(got->succeeded());
        });
    CHECK(b.accepted() == 1);
}

TEST_CASE("client tokens: download")
{
    bench b;
    client user = b.make_client();
    task_result const done = b.finished(user, corgi());
    scratch_folder folder;
    tour<std::uint64_t>(
        b.context,
        [&](auto&&... token) {
            return user.download(done.video(), folder / "v.mp4", std::forward<decltype(token)>(token)...);
        },
        [](result<std::uint64_t> got) {
            REQUIRE(got.has_value());
            CHECK(*got == apimart::testing::sample_video().size());
        });
    CHECK(bytes_of(folder / "v.mp4") == apimart::testing::sample_video());
}

TEST_CASE("client tokens: download with options")
{
    bench b;
    client user = b.make_client();
    task_result const done = b.finished(user, corgi());
    scratch_folder folder;
    tour<std::uint64_t>(
        b.context,
        [&](auto&&... token) {
            return user.download(done.video(), folder / "v.mp4", download_options{.overwrite = true},
                                 std::forward<decltype(token)>(token)...);
        },
        [](result<std::uint64_t> got) {
            REQUIRE(got.has_value());
            CHECK(*got == apimart::testing::sample_video().size());
        });
    CHECK(bytes_of(folder / "v.mp4") == apimart::testing::sample_video());
}

TEST_CASE("client tokens: shutdown")
{
    bench b;
    client user = b.make_client();
    tour<shutdown_report>(
        b.context, [&](auto&&... token) { return user.shutdown(std::forward<decltype(token)>(token)...); },
        [](result<shutdown_report> got) {
            REQUIRE(got.has_value());
            CHECK(got->cancelled_waits.empty());
            CHECK(got->cancelled_operations == 0);
        });
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client tokens: a request that is not sent ends like one that was, never inside the call")
{
    bench b;
    client user = b.make_client();
    tour<task>(
        b.context,
        [&](auto&&... token) {
            return user.submit(refused_request(), std::forward<decltype(token)>(token)...);
        },
        expects(errc::invalid_request));
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client tokens: an impossible idempotency key ends a submit, never inside the call")
{
    bench b;
    client user = b.make_client();
    tour<task>(
        b.context,
        [&](auto&&... token) {
            return user.submit(corgi(), {.idempotency_key = "a b\r\n"},
                               std::forward<decltype(token)>(token)...);
        },
        expects(errc::invalid_configuration));
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client tokens: a wait for what is no task ends, never inside the call")
{
    bench b;
    client user = b.make_client();
    tour<task_result>(
        b.context,
        [&](auto&&... token) { return user.wait(task(), std::forward<decltype(token)>(token)...); },
        expects(errc::task_not_found));
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client tokens: the status of what is no task ends, never inside the call")
{
    bench b;
    client user = b.make_client();
    tour<task_state>(
        b.context,
        [&](auto&&... token) {
            return user.status(task("../../balance"), std::forward<decltype(token)>(token)...);
        },
        expects(errc::task_not_found));
    CHECK(b.booked("requests") == 0);
}

// The same failure in every form: all that is known about it can be had.
void is_whole(error_info const& why)
{
    CHECK(why.code() == errc::task_not_found);
    CHECK(why.task_id() == "task_of_nobody");
    CHECK(why.http_status() == 400);
    CHECK_FALSE(why.server_message().text().empty());
}

template <class... Token>
asio::awaitable<void> throws_all_of_it(client& user, int& caught, Token... token)
{
    try {
        co_await user.status(task("task_of_nobody"), std::move(token)...);
    } catch (error const& e) {
        is_whole(e.info());
        ++caught;
    }
}

template <class Token>
asio::awaitable<void> gives_all_of_it(client& user, int& given, Token token)
{
    result<task_state> const got = co_await user.status(task("task_of_nobody"), as_result(std::move(token)));
    REQUIRE(got.has_error());
    is_whole(got.error());
    ++given;
}

TEST_CASE("client tokens: whatever the token, the whole failure can be had")
{
    bench b;
    client user = b.make_client();
    int had = 0;
    auto const spawn = [&](asio::awaitable<void> made) {
        asio::co_spawn(b.context, std::move(made), [](std::exception_ptr thrown) { CHECK_FALSE(thrown); });
        b.run();
        return std::exchange(had, 0);
    };
    auto const get = [&](std::future<task_state> later) {
        b.run();
        try {
            later.get();
        } catch (error const& e) {
            is_whole(e.info());
            ++had;
        }
        return std::exchange(had, 0);
    };
    task const unknown("task_of_nobody");
    auto const context = b.context.get_executor();
    asio::cancellation_signal signal;

    // Awaited: an exception.
    CHECK(spawn(throws_all_of_it(user, had)) == 1);
    CHECK(spawn(throws_all_of_it(user, had, asio::use_awaitable)) == 1);
    CHECK(spawn(throws_all_of_it(user, had, asio::consign(asio::use_awaitable, 1))) == 1);
    CHECK(spawn(throws_all_of_it(user, had, asio::bind_executor(context, asio::use_awaitable))) == 1);
    CHECK(spawn(throws_all_of_it(user, had,
                                 asio::bind_cancellation_slot(signal.slot(), asio::use_awaitable))) == 1);
    // A future: the same exception.
    CHECK(get(user.status(unknown, asio::use_future)) == 1);
    CHECK(get(user.status(unknown, asio::consign(asio::use_future, 1))) == 1);
    CHECK(get(user.status(unknown, asio::bind_executor(context, asio::use_future))) == 1);
    // What is told of a code, or throws one, is told all in a result.
    CHECK(spawn(gives_all_of_it(user, had, asio::use_awaitable)) == 1);
    CHECK(spawn(gives_all_of_it(user, had, asio::deferred)) == 1);
    CHECK(spawn(gives_all_of_it(user, had, asio::consign(asio::deferred, 1))) == 1);
    auto later = user.status(unknown, as_result(asio::use_future));
    b.run();
    is_whole(later.get().error());
    user.status(unknown, as_result([&](result<task_state> got) { is_whole(got.error()), ++had; }));
    b.run();
    CHECK(had == 1);
}

TEST_CASE("client tokens: an invalid generate ends, never inside the call")
{
    bench b;
    client user = b.make_client();
    tour<task_result>(
        b.context,
        [&](auto&&... token) {
            return user.generate(refused_request(), std::forward<decltype(token)>(token)...);
        },
        expects(errc::invalid_request));
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client tokens: a download of nothing ends, never inside the call")
{
    bench b;
    client user = b.make_client();
    scratch_folder folder;
    tour<std::uint64_t>(
        b.context,
        [&](auto&&... token) {
            return user.download(video_file(), folder / "v.mp4", std::forward<decltype(token)>(token)...);
        },
        expects(errc::no_result));
    CHECK(folder.names().empty());
}

TEST_CASE("client tokens: after shutdown every operation ends with shutting_down, never inside the call")
{
    bench b;
    client user = b.make_client();
    recorder<shutdown_report> gone;
    user.shutdown(gone.token());
    b.run();
    CHECK(gone.outcome().has_value());
    SUBCASE("submit")
    {
        tour<task>(
            b.context,
            [&](auto&&... token) { return user.submit(corgi(), std::forward<decltype(token)>(token)...); },
            expects(errc::shutting_down));
    }
    SUBCASE("wait")
    {
        tour<task_result>(
            b.context,
            [&](auto&&... token) {
                return user.wait(task("task_1"), std::forward<decltype(token)>(token)...);
            },
            expects(errc::shutting_down));
    }
    SUBCASE("status")
    {
        tour<task_state>(
            b.context,
            [&](auto&&... token) {
                return user.status(task("task_1"), std::forward<decltype(token)>(token)...);
            },
            expects(errc::shutting_down));
    }
    SUBCASE("generate")
    {
        tour<task_result>(
            b.context,
            [&](auto&&... token) { return user.generate(corgi(), std::forward<decltype(token)>(token)...); },
            expects(errc::shutting_down));
    }
    SUBCASE("download")
    {
        scratch_folder folder;
        tour<std::uint64_t>(
            b.context,
            [&](auto&&... token) {
                return user.download(video_file("task_1", 0, result_url(b.service().base_url()), {}),
                                     folder / "v", std::forward<decltype(token)>(token)...);
            },
            expects(errc::shutting_down));
    }
    CHECK(b.booked("requests") == 0);
}

TEST_CASE("client tokens: the exception of a co_await holds the whole failure")
{
    bench b;
    client user = b.make_client();
    bool thrown = false;
    auto const work = [](client c, bool& caught) -> asio::awaitable<void> {
        try {
            co_await c.submit(refused_request());
        } catch (error const& e) {
            caught = true;
            CHECK(e.code() == errc::invalid_request);
            CHECK(e.info().acceptance() == acceptance::not_sent);
            CHECK_FALSE(e.info().validation().ok());
            CHECK(std::string_view(e.what()).find("/duration") != std::string_view::npos);
        }
    };
    b.run(work(user, thrown));
    CHECK(thrown);
}

TEST_CASE("client tokens: in a coroutine of a strand the operation resumes on that strand")
{
    bench b;
    client user = b.make_client();
    auto const strand = asio::make_strand(b.context);
    bool ended = false;
    auto const work = [](client c, asio::strand<asio::io_context::executor_type> where,
                         bool& done) -> asio::awaitable<void> {
        CHECK(where.running_in_this_thread());
        task const one = co_await c.submit(corgi());
        CHECK(where.running_in_this_thread());
        result<task_result> const finished = co_await c.wait(one, as_result());
        CHECK(where.running_in_this_thread());
        CHECK(finished.has_value());
        done = true;
    };
    asio::co_spawn(strand, work(user, strand, ended), asio::detached);
    b.run();
    CHECK(ended);
}

namespace {

// A service that takes every question and answers none.
scripted_server::behaviour takes_without_answer(std::atomic<int>& asked)
{
    return [&asked](scripted_server::peer& with) {
        with.request();
        ++asked;
        with.wait_for_end();
    };
}

asio::awaitable<void> ask_beside_a_timer(client by, std::atomic<int>& asked, bool& cancelled)
{
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    // Until the question gets out before the timer ends, however slow the machine is.
    for (auto time = 1ms; asked == 0; time *= 2) {
        auto question = by.status(task("task_1"), as_result());
        timer.expires_after(time);
        auto ring = timer.async_wait(asio::use_awaitable);
        auto both = std::move(question) || std::move(ring);
        auto outcome = co_await std::move(both);
        cancelled = outcome.index() == 1;
    }
}

// Its own exception, with everything that is known.
template <class Operation>
asio::awaitable<void> refused(Operation operation, int& caught)
{
    try {
        co_await operation();
    } catch (error const& e) {
        CHECK(e.code() == errc::invalid_request);
        CHECK(e.info().acceptance() == acceptance::not_sent);
        CHECK_FALSE(e.info().validation().ok());
        CHECK(std::string_view(e.what()).find("/duration") != std::string_view::npos);
        ++caught;
    }
}

} // namespace

TEST_CASE("client tokens: the exception of use_awaitable and use_future holds the whole failure, too")
{
    bench b;
    client user = b.make_client();
    int caught = 0;
    b.run(refused([&] { return user.submit(refused_request(), asio::use_awaitable); }, caught));
    b.run(refused([&] { return user.generate(refused_request(), asio::use_awaitable); }, caught));
    CHECK(caught == 2);

    std::future<task> later = user.submit(refused_request(), asio::use_future);
    b.run();
    try {
        later.get();
    } catch (error const& e) {
        CHECK(e.code() == errc::invalid_request);
        CHECK(e.info().acceptance() == acceptance::not_sent);
        CHECK_FALSE(e.info().validation().ok());
        ++caught;
    } catch (boost::system::system_error const& e) {
        CHECK_MESSAGE(false, "no more than a code: " << e.what());
    }
    CHECK(caught == 3);
}

TEST_CASE("client tokens: what loses in || is cancelled, and the coroutine goes on")
{
    std::atomic<int> asked = 0;
    scripted_server silent(scripted_server::security::tls, takes_without_answer(asked));
    asio::io_context context;
    client user(context, silent.config());
    bool cancelled = false;
    bool ended = false;
    asio::co_spawn(context, ask_beside_a_timer(user, asked, cancelled),
                   [&](std::exception_ptr thrown) { ended = !thrown; });
    run_to_end(context);
    CHECK(ended);
    CHECK(cancelled);
    CHECK(user.metrics().requests_in_flight == 0);
}

namespace {

asio::awaitable<void> ring_after(std::chrono::milliseconds time, std::atomic<bool>& rang)
{
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
    rang = true;
}

asio::awaitable<void> submit_beside_a_timer(client by, std::atomic<int>& asked, std::atomic<bool>& rang,
                                            submit_options options, bool& lost)
{
    using namespace asio::experimental::awaitable_operators;
    // Until the request is out: what has not left by then is not bought, and may be tried again.
    for (auto time = 5ms; asked == 0; time *= 2) {
        rang = false;
        auto submit = by.submit(corgi(), options, as_result());
        auto both = std::move(submit) || ring_after(time, rang);
        auto outcome = co_await std::move(both);
        lost = outcome.index() == 1;
    }
}

} // namespace

TEST_CASE("client tokens: a submit that loses in || after it was bought still tells its task")
{
    std::atomic<int> asked = 0;
    std::atomic<bool> rang = false;
    scripted_server late(scripted_server::security::tls, [&](scripted_server::peer& with) {
        with.request();
        ++asked;
        wait_until([&] { return rang.load(); });
        with.answer(200, accepted_body("task_late"));
        with.wait_for_end();
    });
    asio::io_context context;
    client user(context, late.config());
    std::vector<std::string> bought;
    auto const remember = [&](task const& each) { bought.push_back(each.id()); };
    submit_options const options{.on_accepted = remember};
    bool lost = false;
    asio::co_spawn(context, submit_beside_a_timer(user, asked, rang, options, lost), asio::detached);
    run_to_end(context);
    CHECK(lost);
    CHECK(bought == std::vector<std::string>{"task_late"});
    CHECK(late.count("POST ") == 1);
}

TEST_CASE("client tokens: a callback for the accepted task that throws harms nothing")
{
    bench b;
    client user = b.make_client();
    int calls = 0;
    auto const remember = [&](task const& each) {
        ++calls;
        CHECK(each.valid());
        throw std::runtime_error("of the caller's");
    };
    recorder<task> submitted;
    recorder<task_result> generated;
    user.submit(corgi(), {.on_accepted = remember}, submitted.token());
    user.generate(corgi(), {.on_accepted = remember}, generated.token());
    recorder<task> refused;
    user.submit(refused_request(), {.on_accepted = remember}, refused.token());
    b.run();
    CHECK(submitted.value().valid());
    CHECK(generated.value().succeeded());
    CHECK(refused.why().code() == errc::invalid_request);
    CHECK(calls == 2);
}

#if __has_include(<boost/asio/cancel_after.hpp>)
TEST_CASE("client tokens: cancel_after and cancel_at end an operation that takes longer")
{
    std::atomic<int> asked = 0;
    scripted_server silent(scripted_server::security::tls, takes_without_answer(asked));
    asio::io_context context;
    client user(context, silent.config());
    recorder<task_state> after;
    recorder<task_state> at;
    recorder<task_result> waited;
    user.status(task("task_1"), as_result(asio::cancel_after(50ms, after.plain())));
    user.status(task("task_1"),
                as_result(asio::cancel_at(std::chrono::steady_clock::now() + 50ms, at.plain())));
    user.wait(task("task_1"), as_result(asio::cancel_after(50ms, waited.plain())));
    run_to_end(context);
    CHECK(after.why().code() == asio::error::operation_aborted);
    CHECK(at.why().code() == asio::error::operation_aborted);
    CHECK(waited.why().code() == asio::error::operation_aborted);
    CHECK(waited.why().task_id() == "task_1");
}
#endif
