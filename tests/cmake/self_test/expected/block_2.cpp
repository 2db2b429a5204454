#include <apimart/client.hpp>
namespace asio = boost::asio;
#line 21 "readme.md"
#include <apimart/client.hpp>
 
asio::awaitable<void> corgi(apimart::client& client)
{
    co_return;
}
