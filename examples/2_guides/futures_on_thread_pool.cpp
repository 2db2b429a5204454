// Futures for code that blocks: the client works on a thread pool, and the caller's own thread waits for futures. A future throws
// the same `apimart::error` as a coroutine. Never wait for one on a thread of the pool.

#include "../example_service.hpp"

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <string>
#include <vector>

//! [futures]
int make_three(client service)
{
    std::vector<std::future<task_result>> videos;
    for (std::string const animal : {"corgi", "cat", "crow"})
        videos.push_back(service.generate(text_to_video<kling_3_0_turbo>("A " + animal), asio::use_future));
    int failed = 0;
    for (std::future<task_result>& each : videos) {
        try {
            task_result const done = each.get();
            std::cout << done.id() << ": " << to_string(done.status()) << '\n';
        } catch (apimart::error const& e) {
            std::cout << e.info().describe() << '\n';
            ++failed;
        }
    }
    return failed;
}
//! [futures]

int main()
{
    asio::thread_pool pool(2);
    example_service service(pool.get_executor());
    int const failed = make_three(client(pool, service.config()));
    service.stop();
    pool.join();
    return failed;
}
