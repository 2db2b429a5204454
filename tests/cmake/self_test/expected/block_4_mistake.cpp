// expect: "the message; of it all"
#include <apimart.hpp>
#include <iostream>

namespace asio = boost::asio;
asio::awaitable<void> block_4(apimart::client& client);
asio::awaitable<void> block_4([[maybe_unused]] apimart::client& client)
{
    using namespace apimart;
    using namespace std::chrono_literals;
#line 43 "readme.md"
// does not compile: "the message; of it all"
int x = "text";
    co_return;
}
