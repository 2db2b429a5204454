// One line in the log for everything that matters: attempts that failed, decisions to repeat, the end of each operation.
// No event holds a key, a prompt or the signed part of a link, so that nothing has to be struck out.

#include "../example_service.hpp"

#include <boost/asio/this_coro.hpp>

#include <utility>

//! [observer]
observer log_to(std::ostream& out)
{
    observer log;
    log.on_attempt = [&out](attempt_event const& e) {
        if (e.code)
            out << "warning: " << to_string(e.kind) << " attempt " << e.attempt << ": " << e.code.message()
                << '\n';
    };
    log.on_retry = [&out](retry_event const& e) {
        out << "warning: " << to_string(e.kind) << " again in " << e.delay.count()
            << " ms: " << e.why.message() << '\n';
    };
    log.on_operation = [&out](operation_event const& e) {
        out << (e.code ? "error: " : "info: ") << to_string(e.kind) << ' ' << e.task_id << ": "
            << (e.code ? e.code.message() : "done") << " in " << e.elapsed.count() / 1000 << " ms\n";
    };
    return log;
}
//! [observer]

asio::awaitable<void> corgi(client_config config)
{
    config.observer = log_to(std::cout);
    client service(co_await asio::this_coro::executor, std::move(config));
    co_await service.generate(text_to_video<kling_3_0_turbo>("A corgi running on the beach"));
    co_await service.shutdown();
}

int main()
{
    return run_example(corgi, R"({"faults": [{"on": "submit", "status": 429}]})");
}
