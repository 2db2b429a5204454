#include <boost/asio/io_context.hpp>

// Opens, connects, shuts down and closes sockets. Whether all of it went well.
bool open_and_close(boost::asio::io_context& context);
