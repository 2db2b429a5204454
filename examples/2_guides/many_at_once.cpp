// Many requests, a bounded number of them under way, each reported as it ends. The client spreads submits and polls by
// itself; the bound is for the memory and the temper of whoever waits.

#include "../example_service.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <string>
#include <vector>

//! [many]
struct job_list
{
    std::vector<any_request> requests;
    std::size_t next = 0;
    int succeeded = 0;
};

// One of several: takes the next request as soon as its last one has ended.
asio::awaitable<void> work(client service, job_list& jobs)
{
    while (jobs.next < jobs.requests.size()) {
        std::size_t const number = jobs.next++;
        result<task_result> done = co_await service.generate(jobs.requests[number], as_result());
        if (!done)
            std::cout << number << ": " << done.error().describe() << '\n';
        else if (!done->succeeded())
            std::cout << number << ": " << done->error().text() << '\n';
        else
            ++jobs.succeeded;
    }
}
//! [many]

asio::awaitable<void> make_all(client service)
{
    using namespace asio::experimental::awaitable_operators;
    job_list jobs;
    for (int i = 0; i < 30; ++i)
        jobs.requests.emplace_back(text_to_video<kling_3_0_turbo>("A corgi, take " + std::to_string(i)));
    co_await (work(service, jobs) && work(service, jobs) && work(service, jobs) && work(service, jobs));
    std::cout << jobs.succeeded << " of " << jobs.requests.size() << " made\n";
}

int main()
{
    return run_example(make_all);
}
