#include "listener.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

bool open_and_close(boost::asio::io_context& context)
{
    using boost::asio::ip::tcp;
    boost::system::error_code code;
    tcp::acceptor acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    tcp::socket socket(context);
    socket.connect(acceptor.local_endpoint(), code);
    if (code)
        return false;
    boost::asio::steady_timer timer(context);
    timer.cancel();
    socket.shutdown(tcp::socket::shutdown_both, code);
    if (code)
        return false;
    socket.close(code);
    if (code)
        return false;
    acceptor.close(code);
    return !code;
}
