// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_TRANSPORT_CONNECTION_HPP
#define APIMART_DETAIL_TRANSPORT_CONNECTION_HPP

#include <apimart/detail/transport/origin.hpp>
#include <apimart/detail/transport/stream.hpp>

#include <boost/beast/core/flat_buffer.hpp>

#include <chrono>
#include <utility>

#include <sys/socket.h>

namespace apimart::detail {

// One connection: its stream, what was read ahead, and the clock of the step it is in.
class connection
{
public:
    using clock = std::chrono::steady_clock;

    connection(detail::origin to, stream s) : origin(std::move(to)), bytes(std::move(s)) {}

    detail::origin origin;
    stream bytes;
    boost::beast::flat_buffer buffer;
    clock::time_point last_used{};
    clock::time_point deadline = clock::time_point::max();
    bool connected = false;
    bool expired = false; // cut because its deadline passed
    int served = 0;

    // A close that has arrived shows up here, before anything is written; so does data nobody asked for.
    bool quiet()
    {
        // What came in one piece with the last answer has been taken from the socket already.
        if (auto* const tls = bytes.tls()) {
            SSL* const session = tls->native_handle();
            if (SSL_has_pending(session) != 0 || BIO_pending(SSL_get_rbio(session)) > 0)
                return false;
        }
        char byte = 0;
        auto const got = ::recv(bytes.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }

    // Ends whatever is pending on it. No close_notify: the peer may not be reading.
    void cut()
    {
        boost::system::error_code ignored;
        bytes.socket().close(ignored);
        connected = false;
    }
};

} // namespace apimart::detail

#endif
