// The client's counters for Prometheus, as a server's `/metrics` would answer. A snapshot is a plain value and may be taken
// on any thread.

#include "../example_service.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <string_view>

//! [exposition]
bool is_gauge(std::string_view name)
{
    return name == "tasks_waiting" || name == "submits_queued" || name == "requests_in_flight" ||
           name == "connections_open";
}

// The one to raise an alarm for is `outcomes_unknown`: somebody has to look whether something was bought.
std::string exposition(metrics const& now)
{
    std::string text;
    for (auto const& each : to_json(now)) {
        std::string const name =
            "apimart_" + std::string(each.key()) + (is_gauge(each.key()) ? "" : "_total");
        text += "# TYPE " + name + (is_gauge(each.key()) ? " gauge\n" : " counter\n");
        text += name + ' ' + std::to_string(each.value().to_number<std::uint64_t>()) + '\n';
    }
    return text;
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
