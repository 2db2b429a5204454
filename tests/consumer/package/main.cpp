// A server whose Asio part is a library of its own, beside a client in the same program: both have been compiled with what
// their targets say, and mean the same functions of Asio.
#include "listener.hpp"

#include <apimart/client.hpp>
#include <apimart/models/kling_3_0_turbo.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <iostream>

int main()
{
    boost::asio::io_context context;
    apimart::client_config config{apimart::api_key("sk-test")};
    config.base_url = "https://127.0.0.1:1";
    apimart::client client(context, std::move(config));
    apimart::text_to_video<apimart::kling_3_0_turbo> const corgi("A corgi");
    boost::system::error_code failed;
    client.submit(corgi, [&](boost::system::error_code code, apimart::task const&) { failed = code; });
    context.run();
    // Here as well as there, so that this object file has these functions, too.
    boost::asio::ip::tcp::socket socket(context, boost::asio::ip::tcp::v4());
    boost::system::error_code code;
    socket.close(code);
    if (!failed || code || !open_and_close(context))
        return 1;
    std::cout << corgi.serialize() << '\n';
}
