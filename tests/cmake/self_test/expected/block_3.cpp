#include <apimart.hpp>
#include <iostream>

namespace asio = boost::asio;
asio::awaitable<void> block_3(apimart::client& client);
asio::awaitable<void> block_3([[maybe_unused]] apimart::client& client)
{
    using namespace apimart;
    using namespace std::chrono_literals;
#line 36 "readme.md"
 
auto t = co_await client.submit(r);
 
std::cout << t.id() << "@t@ ${t}\n";
    co_return;
}
