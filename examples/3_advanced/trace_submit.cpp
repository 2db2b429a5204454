// What a client does while the service is in trouble, told by its observer: the first connection is cut, the
// second request is answered 429, the third one is accepted. Nothing here can print a key, a prompt or a link.

#include <apimart.hpp>
#include <apimart/testing/config_for.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <iostream>

namespace asio = boost::asio;
using namespace apimart;
using namespace std::chrono_literals;

observer printing_observer()
{
    observer tell;
    tell.on_connection = [](connection_event const& e) {
        std::cout << "connection to " << e.address << ' ' << to_string(e.event);
        if (e.code)
            std::cout << ": " << e.code.message() << '\n';
        else
            std::cout << (e.verified ? ", verified, " : ", NOT VERIFIED, ") << e.tls_version << '\n';
    };
    tell.on_attempt = [](attempt_event const& e) {
        if (e.kind != request_kind::submit)
            return; // the polls of the task would be many
        std::cout << "attempt " << e.attempt << ": " << e.bytes_sent << " bytes sent, ";
        if (e.http_status != 0)
            std::cout << e.phase << " with HTTP " << e.http_status << '\n';
        else
            std::cout << "no answer, last seen " << e.phase << '\n';
    };
    tell.on_retry = [](retry_event const& e) {
        std::cout << "  " << e.why.message() << ": attempt " << e.next_attempt << " in " << e.delay.count()
                  << " ms" << (e.server_requested ? ", as the service asks\n" : "\n");
    };
    tell.on_task = [](task_event const& e) {
        std::cout << e.task_id << ": " << e.raw_status << ", " << e.progress.value_or(0) << " %\n";
    };
    tell.on_operation = [](operation_event const& e) {
        std::cout << (e.kind == request_kind::submit ? "submit" : "wait")
                  << " ended: " << (e.code ? e.code.message() : "well");
        if (e.acceptance != acceptance::none)
            std::cout << ", acceptance: " << to_string(e.acceptance) << ", " << e.attempts << " attempts";
        std::cout << '\n';
    };
    return tell;
}

asio::awaitable<void> corgi(client service)
{
    task submitted = co_await service.submit(text_to_video<kling_3_0_turbo>("A corgi running on the beach"));
    co_await service.wait(submitted);
    co_await service.shutdown();
    metrics const m = service.metrics();
    std::cout << m.submits_sent << " submits sent, " << m.tasks_accepted << " accepted, " << m.retries
              << " retries, " << m.rate_limited << " rate limited, " << m.connections_opened
              << " connections opened, " << m.connections_failed << " failed\n";
}

int main()
{
    asio::io_context context;
    testing::emulator_options options;
    options.speed = 100;
    options.scenario = testing::scenario::parse(R"({"faults": [
        {"on": "connection", "do": "cut"},
        {"on": "submit", "status": 429, "retry_after": 1}]})");
    testing::emulator service(context.get_executor(), options);
    service.start();

    client_config config = testing::config_for(service);
    config.poll.initial_delay = config.poll.min_interval = 50ms;
    config.observer = printing_observer();
    int status = 0;
    asio::co_spawn(context, corgi(client(context, config)), [&](std::exception_ptr failed) {
        status = failed ? 1 : 0;
        service.stop();
    });
    context.run();
    return status;
}
