// What is wrong with a request, what it will cost and whether there is enough money for it: all of it before anything is
// sent. The request comes as JSON, from a form or a queue.

#include "../example_service.hpp"

#include <optional>
#include <string_view>

//! [check]
asio::awaitable<void> look_at(client& service, std::string_view text)
{
    auto request = any_request::parse(text);
    if (!request) {
        for (violation const& each : request.error().entries())
            std::cout << each.describe() << '\n';
        co_return;
    }
    std::optional<cost_estimate> price = estimate_cost(*request);
    balance left = co_await service.balance();
    std::cout << request->model() << ", " << request->kind();
    if (price)
        std::cout << ": about " << price->high_usd() << " USD, "
                  << (left.remaining_usd() < price->high_usd() ? "too much" : "affordable") << '\n';
    else
        std::cout << ": no price is known\n";
}
//! [check]

asio::awaitable<void> look_at_all(client service)
{
    co_await look_at(service, R"({"model": "kling-v3", "prompt": "a cat", "duration": 99, "mode": "best"})");
    co_await look_at(service, R"({"model": "kling-v3", "prompt": "a cat", "duration": 10, "mode": "pro"})");
}

int main()
{
    return run_example(look_at_all);
}
