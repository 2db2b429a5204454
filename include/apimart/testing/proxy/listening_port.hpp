// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_PROXY_LISTENING_PORT_HPP
#define APIMART_TESTING_PROXY_LISTENING_PORT_HPP

#include <apimart/testing/proxy/entrance.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace apimart::testing::proxies {

/// A port that can change its entrance while it is in use. All member functions may be called from any
/// thread, and what they do has happened when they return.
class listening_port : public std::enable_shared_from_this<listening_port>
{
public:
    using tcp = boost::asio::ip::tcp;
    /// Gets each accepted socket, which has a strand of its own.
    using taker = std::function<void(tcp::socket)>;

    /// `buffer_bytes`: the receive buffer of accepted sockets; 0 leaves it to the system. Throws
    /// boost::system::system_error when the address cannot be bound.
    listening_port(boost::asio::any_io_executor ex, tcp::endpoint const& where, int buffer_bytes)
        : executor_(std::move(ex)), reservation_(executor_), acceptor_(executor_), blocker_(executor_),
          pause_(executor_), buffer_bytes_(buffer_bytes)
    {
        // Bound and never listening: it keeps the port while the acceptor is closed.
        reservation_.open(where.protocol());
        reservation_.set_option(tcp::acceptor::reuse_address(true));
        reservation_.bind(where);
        endpoint_ = reservation_.local_endpoint();
        listen(boost::asio::socket_base::max_listen_connections);
    }

    listening_port(listening_port const&) = delete;
    listening_port& operator=(listening_port const&) = delete;

    tcp::endpoint endpoint() const { return endpoint_; }

    /// Begins to serve; until then the entrance is silent, whatever is asked for.
    void start(taker take)
    {
        std::lock_guard const lock(mutex_);
        if (take_ || stopped_)
            return;
        take_ = std::move(take);
        accept();
    }

    void set(entrance wanted)
    {
        std::lock_guard const lock(mutex_);
        if (stopped_ || wanted == entrance_)
            return;
        bool const listened = listens(entrance_);
        entrance_ = wanted;
        if (listens(wanted)) {
            if (!listened) {
                close();
                listen(boost::asio::socket_base::max_listen_connections);
            }
            if (wanted == entrance::silent)
                acceptor_.cancel();
            accept();
            return;
        }
        close();
        if (wanted == entrance::unreachable)
            block();
    }

    void stop()
    {
        std::lock_guard const lock(mutex_);
        stopped_ = true;
        take_ = nullptr;
        close();
        boost::system::error_code ignored;
        reservation_.close(ignored);
        pause_.cancel();
    }

private:
    static bool listens(entrance kind)
    {
        return kind == entrance::open || kind == entrance::reset || kind == entrance::silent;
    }

    void listen(int backlog)
    {
        acceptor_.open(endpoint_.protocol());
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        // Set here, because a window that was announced is not taken back.
        if (buffer_bytes_ > 0)
            acceptor_.set_option(boost::asio::socket_base::receive_buffer_size(buffer_bytes_));
        acceptor_.bind(endpoint_);
        acceptor_.listen(backlog);
    }

    /// The kernel drops what would not fit into a full queue, as a firewall drops it.
    void block()
    {
        listen(0);
        blocker_.connect(endpoint_);
    }

    void close()
    {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        blocker_.close(ignored);
        accepting_ = false;
        ++generation_;
    }

    void accept()
    {
        bool const wanted = entrance_ == entrance::open || entrance_ == entrance::reset;
        if (!take_ || !wanted || accepting_)
            return;
        accepting_ = true;
        boost::asio::any_io_executor const strand = boost::asio::make_strand(executor_);
        acceptor_.async_accept(strand, [self = shared_from_this(), of = generation_](
                                           boost::system::error_code error, tcp::socket socket) {
            self->accepted(error, std::move(socket), of);
        });
    }

    static void reset(tcp::socket& socket)
    {
        boost::system::error_code ignored;
        socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
        // Not left to the destructor, which would take the option back.
        socket.close(ignored);
    }

    void accepted(boost::system::error_code error, tcp::socket socket, unsigned of)
    {
        taker take;
        {
            std::lock_guard const lock(mutex_);
            bool const current = of == generation_ && !stopped_;
            if (current)
                accepting_ = false;
            if (!error && current && entrance_ != entrance::reset)
                take = take_;
            else if (!error)
                reset(socket);
            if (current && error && error != boost::asio::error::operation_aborted) {
                // Too many open files, as a rule: without a pause this would spin until one is closed.
                pause_.expires_after(std::chrono::milliseconds(10));
                pause_.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
                    std::lock_guard const again(self->mutex_);
                    if (!cancelled)
                        self->accept();
                });
            } else if (current) {
                accept();
            }
        }
        if (take)
            take(std::move(socket));
    }

    boost::asio::any_io_executor executor_;
    tcp::socket reservation_;
    tcp::acceptor acceptor_;
    tcp::socket blocker_;
    boost::asio::steady_timer pause_;
    int buffer_bytes_;
    tcp::endpoint endpoint_;
    std::mutex mutex_;
    taker take_;
    entrance entrance_ = entrance::open;
    unsigned generation_ = 0;
    bool accepting_ = false;
    bool stopped_ = false;
};

} // namespace apimart::testing::proxies

#endif
