#include <apimart.hpp>
#include <iostream>

namespace asio = boost::asio;
asio::awaitable<void> block_5(apimart::client& client);
asio::awaitable<void> block_5([[maybe_unused]] apimart::client& client)
{
    using namespace apimart;
    using namespace std::chrono_literals;
#line 48 "readme.md"
// does not compile
int const limit = 3;
 
int a[limit];
 
 
    co_return;
}
