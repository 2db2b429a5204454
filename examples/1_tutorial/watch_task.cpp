// Two watchers of one task: the first shows its progress from the beginning, the second comes in the middle, sees the latest
// state at once, and both see the end. They share the task's polls, as everybody does who waits for it.

#include "../example_service.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <optional>
#include <string>
#include <utility>

//! [watch]
asio::awaitable<void> show(client service, task one, std::string name)
{
    task_watcher watcher = service.watch(one, {.at_least_every = 50ms});
    while (std::optional<task_state> state = co_await watcher.next())
        std::cout << name << ": " << state->raw_status() << ", " << state->progress().value_or(0) << " %\n";
}

asio::awaitable<void> corgi(client service)
{
    task one = co_await service.submit(text_to_video<kling_3_0_turbo>("A corgi running on the beach"));
    task_watcher watcher = service.watch(one, {.at_least_every = 50ms});
    bool is_alone = true;
    while (std::optional<task_state> state = co_await watcher.next()) {
        std::cout << "first: " << state->raw_status() << ", " << state->progress().value_or(0) << " %\n";
        if (state->status() == task_status::running && std::exchange(is_alone, false))
            asio::co_spawn(co_await asio::this_coro::executor, show(service, one, "second"), asio::detached);
        if (state->status() == task_status::succeeded)
            std::cout << state->videos().size() << " video\n";
    }
}
//! [watch]

int main()
{
    return run_example(corgi, R"({"progress": "gradual"})");
}
