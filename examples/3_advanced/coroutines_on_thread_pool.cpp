// Many coroutines on several threads with one client. The client needs no strand: any thread may call any copy. What the
// coroutines themselves share does need one, or to be atomic.

#include "../example_service.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <map>
#include <string>
#include <utility>
#include <vector>

//! [strand]
// Its members run on one strand, whoever calls them.
class tally
{
public:
    explicit tally(asio::thread_pool& pool) : strand_(asio::make_strand(pool)) {}

    asio::awaitable<void> add(std::string animal)
    {
        co_await asio::dispatch(asio::bind_executor(strand_, asio::use_awaitable));
        ++made_[animal];
    }
    std::map<std::string, int> const& made() const { return made_; } // after the pool has joined

private:
    asio::strand<asio::thread_pool::executor_type> strand_;
    std::map<std::string, int> made_;
};

asio::awaitable<void> make(client service, tally& all, std::string animal)
{
    task_result done = co_await service.generate(text_to_video<kling_3_0_turbo>("A " + animal));
    if (done.succeeded())
        co_await all.add(animal);
}
//! [strand]

int main()
{
    asio::thread_pool pool(4);
    example_service service(pool.get_executor());
    tally all(pool);
    {
        client user(pool, service.config());
        std::vector<std::future<void>> running;
        for (int i = 0; i < 20; ++i)
            running.push_back(
                asio::co_spawn(pool, make(user, all, i % 2 == 0 ? "corgi" : "cat"), asio::use_future));
        for (std::future<void>& each : running)
            each.get();
    }
    service.stop();
    pool.join();
    for (auto const& [animal, count] : all.made())
        std::cout << animal << ": " << count << '\n';
    return 0;
}
