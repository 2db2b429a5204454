// What the service says of the account and of its models: what is left, what was used, what is offered. Amounts are whole
// millionths, so that sums are exact.

#include "../example_service.hpp"

#include <vector>

//! [account]
asio::awaitable<void> show(client service)
{
    task_result done = co_await service.generate(text_to_video<kling_v3>("a cat"));
    std::cout << done.cost().value_or(0) << " USD for one video\n";

    balance left = co_await service.balance();
    std::cout << left.remaining_usd() << " USD left for this key\n";

    usage_report used = co_await service.usage({.group_by = usage_group::model});
    for (usage_entry const& each : used.items())
        std::cout << each.model() << ": " << each.requests() << " requests, " << each.micro_usd()
                  << " millionths of a USD\n";

    std::vector<listed_model> offered = co_await service.models({.category = "video"});
    std::cout << offered.size() << " models are offered\n";
    // What the library does not model can be asked for all the same.
    api_response raw = co_await service.request(api_request("/v1/models/kling-v3"));
    std::cout << "HTTP " << raw.status() << '\n';
}
//! [account]

int main()
{
    return run_example(show);
}
