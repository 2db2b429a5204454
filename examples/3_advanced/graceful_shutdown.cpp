// SIGTERM in a program with tasks under way: nothing new is bought, what is under way has some time to end by itself, and what
// has not ended then goes on at the service: its ids are kept for the next start. The program sends the signal to itself.

#include "../example_service.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>

#include <csignal>
#include <string>

// As the operator would, once both tasks are accepted.
void terminate_at_second(task const&)
{
    static int accepted = 0;
    if (++accepted == 2)
        std::raise(SIGTERM);
}

asio::awaitable<void> order(client service, std::string words, std::chrono::seconds length)
{
    result<task_result> done =
        co_await service.generate(text_to_video<kling_3_0_turbo>(words).duration(runtime(length)),
                                  {.on_accepted = terminate_at_second}, as_result());
    if (done)
        std::cout << words << ": " << to_string(done->status()) << '\n';
    else
        std::cout << words << ": " << done.error().code().message() << '\n';
}

//! [shutdown]
asio::awaitable<void> until_told(client service)
{
    asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
    co_await signals.async_wait(asio::use_awaitable);
    // Less than the time after which the operator sends SIGKILL. A second call would cut everything at once.
    shutdown_report report = co_await service.shutdown({.finish_within = 10s});
    std::cout << report.cancelled_waits.size() << " tasks to wait for at the next start\n";
    for (std::string const& id : report.cancelled_waits)
        std::cout << id << '\n';
    std::cout << report.unknown_submits << " submits to look up\n";
}
//! [shutdown]

asio::awaitable<void> serve(client service)
{
    auto const executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, order(service, "a corgi", 3s), asio::detached);
    asio::co_spawn(executor, order(service, "a cat", 5s), asio::detached);
    co_await until_told(service);
}

int main()
{
    return run_example(serve);
}
