// SIGTERM in a program with tasks under way: nothing new is begun, submits that are on their way learn their outcome, and
// the ids of what goes on at the service are written down for the next start. Here the program sends the signal to itself.

#include "../example_service.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>

#include <csignal>
#include <string>
#include <utility>

void terminate_at_second(task const&)
{
    static int accepted = 0;
    if (++accepted == 2)
        std::raise(SIGTERM);
}

asio::awaitable<void> order(client service, std::string words)
{
    result<task_result> done = co_await service.generate(text_to_video<kling_3_0_turbo>(words),
                                                         {.on_accepted = terminate_at_second}, as_result());
    if (done)
        std::cout << words << ": " << to_string(done->status()) << '\n';
    else // accepted: it goes on at the service, and its id is in the failure
        std::cout << words << ": " << to_string(done.error().acceptance()) << ", "
                  << done.error().code().message() << '\n';
}

//! [shutdown]
asio::awaitable<void> until_told(client service)
{
    asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
    co_await signals.async_wait(asio::use_awaitable);
    // Bounded by `timeouts::shutdown_grace`; a second call would cut everything at once.
    shutdown_report report = co_await service.shutdown();
    std::cout << report.cancelled_waits.size() << " tasks to wait for at the next start, "
              << report.unknown_submits << " submits to look up\n";
}
//! [shutdown]

asio::awaitable<void> serve(client_config config)
{
    auto const executor = co_await asio::this_coro::executor;
    client service(executor, std::move(config));
    asio::co_spawn(executor, order(service, "a corgi"), asio::detached);
    asio::co_spawn(executor, order(service, "a cat"), asio::detached);
    co_await until_told(service);
}

int main()
{
    return run_example(serve);
}
