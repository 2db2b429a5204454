// The client's counters for Prometheus, as a server's `/metrics` would answer. A snapshot is a plain value and may be taken
// on any thread.

#include "../example_service.hpp"

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

//! [exposition]
std::string exposition(metrics const& now)
{
    std::ostringstream text;
    auto add = [&text](std::string_view name, std::string_view type, std::uint64_t value) {
        text << "# TYPE apimart_" << name << ' ' << type << "\napimart_" << name << ' ' << value << '\n';
    };
    add("submits_total", "counter", now.submits_sent);
    add("tasks_accepted_total", "counter", now.tasks_accepted);
    add("outcomes_unknown_total", "counter",
        now.outcomes_unknown); // the one to raise an alarm for: somebody has to look
    add("tasks_finished_total", "counter", now.tasks_finished);
    add("polls_total", "counter", now.polls_sent);
    add("retries_total", "counter", now.retries);
    add("rate_limited_total", "counter", now.rate_limited);
    add("bytes_downloaded_total", "counter", now.bytes_downloaded);
    add("tasks_waiting", "gauge", now.tasks_waiting);
    add("submits_queued", "gauge", now.submits_queued);
    add("connections_open", "gauge", now.connections_open);
    return text.str();
}
//! [exposition]

asio::awaitable<void> corgi(client service)
{
    co_await service.generate(text_to_video<kling_3_0_turbo>("A corgi running on the beach"));
    std::cout << exposition(service.metrics());
}

int main()
{
    return run_example(corgi, R"({"faults": [{"on": "submit", "status": 429}]})");
}
