#include <apimart.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <iostream>

namespace asio = boost::asio;
using namespace apimart;
using namespace std::chrono_literals;

asio::awaitable<void> corgi(client& service)
{
    task submitted = co_await service.submit(
        text_to_video<kling_3_0_turbo>("A corgi running on the beach").resolution(p1080).duration(5s));
    task_result done = co_await service.wait(submitted);
    co_await service.download(done.video(), "corgi.mp4", {.overwrite = true});
}

void report(std::exception_ptr failed)
{
    if (failed)
        std::rethrow_exception(failed);
    std::cout << "corgi.mp4 is here\n";
}

int main()
{
    try {
        asio::io_context context;
        client service(context, client_config::from_environment()); // APIMART_API_KEY
        asio::co_spawn(context, corgi(service), report);
        context.run();
    } catch (std::exception const& e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
