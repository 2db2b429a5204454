// Three ways to stop an operation, and what each does to a request that costs money. What has left is not called back: a
// submit that is stopped in time is proved unsent, one that is stopped later still has its answer read, so that the id of a
// task that was bought is not lost.

#include "../example_service.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/version.hpp>
#if BOOST_VERSION >= 108600
#include <boost/asio/cancel_after.hpp>
#endif

#include <string>
#include <variant>

any_request corgi()
{
    return text_to_video<kling_3_0_turbo>("A corgi running on the beach");
}

//! [timeout]
asio::awaitable<void> with_a_limit(client& service)
{
    task bought = co_await service.submit(corgi(), {.timeout = 20s});
    // The end of a wait is not the end of its task, which can be waited for again.
    result<task_result> soon = co_await service.wait(bought, {.timeout = 1ms}, as_result());
    std::cout << "limit of a wait: " << (soon ? "done" : soon.error().code().message()) << '\n';
    task_result done = co_await service.wait(bought);
    std::cout << "waited again: " << to_string(done.status()) << '\n';
}
//! [timeout]

//! [race]
asio::awaitable<void> in_a_race(client& service)
{
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(co_await asio::this_coro::executor, 50ms);
    // The timer wins, and the task is bought all the same. Its id has a way home: `on_accepted`.
    std::string id;
    auto remember = [&id](task const& bought) { id = bought.id(); };
    submit_options options{.on_accepted = remember};
    auto first =
        co_await (service.submit(corgi(), options, as_result()) || timer.async_wait(asio::use_awaitable));
    std::cout << "race: " << (first.index() == 0 ? "the submit" : "the timer") << " won, "
              << (id.empty() ? "nothing was bought" : "a task was bought") << '\n';
}
//! [race]

#if BOOST_VERSION >= 108600
//! [cancel_after]
asio::awaitable<void> with_cancel_after(client& service)
{
    task bought = co_await service.submit(corgi());
    result<task_result> soon = co_await service.wait(bought, as_result(asio::cancel_after(1ms)));
    std::cout << "cancel_after: " << (soon ? "done" : soon.error().code().message()) << '\n';
}
//! [cancel_after]
#else
asio::awaitable<void> with_cancel_after(client&)
{
    std::cout << "cancel_after: needs Boost 1.86\n";
    co_return;
}
#endif

asio::awaitable<void> all(client service)
{
    co_await with_a_limit(service);
    co_await in_a_race(service);
    co_await with_cancel_after(service);
}

int main()
{
    return run_example(all, R"({"latency_ms": 100})");
}
