// A task outlives the program that ordered it. The first program writes the id to a file as soon as the service has
// accepted the order and goes away; the second one, perhaps a day later, waits for the task by its id.

#include "../example_service.hpp"

#include <boost/asio/this_coro.hpp>

#include <cstdio>
#include <fstream>
#include <string>

//! [order]
asio::awaitable<void> order(client service, std::string path)
{
    task bought = co_await service.submit(text_to_video<kling_3_0_turbo>("A corgi running on the beach"));
    std::ofstream file(path);
    file << bought.id() << '\n';
    if (!file.flush())
        std::cerr << "cannot write " << path << "; the task is " << bought.id() << '\n';
}
//! [order]

//! [collect]
asio::awaitable<void> collect(client service, std::string path)
{
    std::string id;
    std::ifstream(path) >> id;
    task_result done = co_await service.wait(task(id));
    std::cout << id << ": " << to_string(done.status()) << '\n';
    co_await service.download(done.video(), "corgi.mp4", {.overwrite = true});
    std::remove(path.c_str());
}
//! [collect]

asio::awaitable<void> order_and_collect(client_config config)
{
    auto const executor = co_await asio::this_coro::executor;
    co_await order(client(executor, config), "corgi.task");
    // That client is gone, as everything would be with the end of its process.
    co_await collect(client(executor, config), "corgi.task");
}

int main()
{
    return run_example(order_and_collect);
}
