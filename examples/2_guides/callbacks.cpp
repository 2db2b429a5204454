// The operations with callbacks, for programs without coroutines. A callback of `(error_code, T)` is Asio's own form; in
// `as_result` it is told everything about a failure.

#include "../example_service.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

//! [callbacks]
// Lives until `at_end` is called.
class order
{
public:
    order(client service, std::function<void()> at_end)
        : service_(std::move(service)), at_end_(std::move(at_end))
    {}

    void start(any_request request)
    {
        service_.submit(std::move(request),
                        as_result([this](result<task> bought) { wait(std::move(bought)); }));
    }

private:
    void wait(result<task> bought)
    {
        if (!bought)
            return end(bought.error().describe());
        service_.wait(*bought, as_result([this](result<task_result> done) { fetch(std::move(done)); }));
    }
    void fetch(result<task_result> done)
    {
        if (!done)
            return end(done.error().describe());
        service_.download(
            done->video(), "corgi.mp4", {.overwrite = true}, [this](error_code failed, std::uint64_t bytes) {
                end("corgi.mp4: " + (failed ? failed.message() : std::to_string(bytes) + " bytes"));
            });
    }
    void end(std::string const& how)
    {
        std::cout << how << '\n';
        at_end_();
    }

    client service_;
    std::function<void()> at_end_;
};
//! [callbacks]

int main()
{
    asio::io_context context;
    example_service service(context.get_executor());
    order corgi(client(context, service.config()), [&service] { service.stop(); });
    corgi.start(text_to_video<kling_3_0_turbo>("A corgi running on the beach"));
    context.run();
    return 0;
}
