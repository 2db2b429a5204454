// One line in a log for each event, at the level that people expect. Events hold no key, no prompt and no signed part of a
// link, so that nothing has to be struck out. A tag makes the lines of one order findable.

#include "../example_service.hpp"

#include <boost/asio/this_coro.hpp>

#include <cstdlib>
#include <string_view>
#include <utility>

//! [log_to]
void write_line(log_level level, std::string_view line)
{
    std::cout << to_string(level) << ": " << line
              << '\n'; // or spdlog, syslog, ...; it must not block for long
}

asio::awaitable<void> corgi(client_config config)
{
    // APIMART_LOG=debug shows each attempt and connection.
    char const* const wanted = std::getenv("APIMART_LOG");
    config.observer =
        log_to(write_line, log_level_of(wanted != nullptr ? wanted : "").value_or(log_level::info));
    client service(co_await asio::this_coro::executor, std::move(config));
    task bought = co_await service.submit(text_to_video<kling_3_0_turbo>("A corgi running on the beach"),
                                          {.tag = "order 17"});
    co_await service.wait(bought, {.tag = "order 17"});
    co_await service.shutdown();
}
//! [log_to]

int main()
{
    return run_example(corgi, R"({"faults": [{"on": "submit", "status": 429}]})");
}
