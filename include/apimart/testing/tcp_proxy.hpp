// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_TCP_PROXY_HPP
#define APIMART_TESTING_TCP_PROXY_HPP

#include <apimart/testing/emulator/open_connections.hpp>
#include <apimart/testing/proxy/entrance.hpp>
#include <apimart/testing/proxy/listening_port.hpp>
#include <apimart/testing/proxy/tcp_ledger.hpp>
#include <apimart/testing/proxy/tunnel.hpp>
#include <apimart/testing/proxy/weak_list.hpp>
#include <apimart/testing/tcp_rule.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace apimart::testing {

/// Settings of a tcp_proxy.
class tcp_proxy_options
{
public:
    tcp_proxy_options() = default;

    /// Where it listens. Another address of this machine makes a second one for the same name.
    boost::asio::ip::address address = boost::asio::ip::address_v4::loopback();
    /// The port; 0 takes a free one.
    unsigned short port = 0;
    /// The receive buffers of its sockets; 0 leaves them to the system. A small one makes a stall felt by the
    /// sender after few bytes.
    int buffer_bytes = 0;
};

/// A network between a client and a server, in which tests decide what becomes of each byte.
///
/// It listens on a loopback port and relays every connection to one server. Without rules it changes nothing.
/// It runs on an executor that the caller drives, with one thread or several; all member functions may be
/// called from any thread. Destroying it resets what is open. The execution context must outlive it.
///
/// Example:
///
///     apimart::testing::tcp_proxy proxy(context.get_executor(), server_endpoint);
///     proxy.plan(tcp_rule::reset(direction::to_client, 100).on_connection(1));
///     proxy.start();
///     // ... use 127.0.0.1:proxy.port() in place of the server ...
///     CHECK(proxy.unconsumed_rules().empty());
class tcp_proxy
{
public:
    using tcp = boost::asio::ip::tcp;

    /// Binds a port; connections wait until start(). Throws boost::system::system_error when it cannot.
    explicit tcp_proxy(boost::asio::any_io_executor ex, tcp::endpoint server, tcp_proxy_options options = {})
        : state_(std::make_shared<state>(std::move(ex), std::move(server), options))
    {}

    tcp_proxy(tcp_proxy const&) = delete;
    tcp_proxy& operator=(tcp_proxy const&) = delete;

    ~tcp_proxy() { stop(); }

    /// Begins to accept connections. Only the first call counts.
    void start()
    {
        state_->port->start([weak = std::weak_ptr(state_)](tcp::socket socket) {
            if (auto const self = weak.lock())
                state::serve(self, std::move(socket));
        });
    }

    /// Resets all connections and closes the port. It cannot be started again.
    void stop()
    {
        state_->port->stop();
        state_->connections->close_all();
    }

    tcp::endpoint endpoint() const { return state_->port->endpoint(); }
    unsigned short port() const { return endpoint().port(); }

    /// Adds a rule for connections that are accepted from now on.
    void plan(tcp_rule rule) { state_->ledger->plan(std::move(rule)); }

    /// Adds a rule for the connections that are open now. It counts from the bytes delivered so far, so that
    /// a connection can be hit between two requests, or within the second. Happens soon after the call.
    void strike(tcp_rule const& rule)
    {
        auto const index = state_->ledger->plan_for_present(rule);
        for (auto const& each : state_->tunnels.all())
            each->strike(proxies::armed_rule(rule, index));
    }

    /// Ends what tcp_rule::hold and tcp_rule::hold_end keep back now. Happens soon after the call.
    void release()
    {
        for (auto const& each : state_->tunnels.all())
            each->release();
    }

    /// Resets the connections that are open now. Happens soon after the call.
    void reset_connections()
    {
        for (auto const& each : state_->tunnels.all())
            each->close();
    }

    /// Changes how the port treats new connections; this has happened when the call returns.
    void set(entrance kind) { state_->port->set(kind); }

    /// Leads new connections to another server, for instance one that was started again.
    void lead_to(tcp::endpoint server)
    {
        std::lock_guard const lock(state_->mutex);
        state_->server = std::move(server);
    }

    /// How many connections were accepted and relayed or refused by a rule.
    std::uint64_t connections() const { return state_->ledger->connections(); }

    /// How many of them are open.
    std::uint64_t open_connections() const { return state_->ledger->open(); }

    /// The bytes that were delivered in one direction, on all connections or on one; bytes that a rule let
    /// vanish are not among them.
    std::uint64_t bytes(direction way) const { return state_->ledger->bytes(way); }
    std::uint64_t bytes(direction way, std::uint64_t connection) const
    {
        return state_->ledger->bytes(way, connection);
    }

    /// How often a rule took effect, all rules together.
    std::uint64_t consumed_rules() const { return state_->ledger->effects(); }

    /// The names of the rules that never took effect: a test that plans faults checks that there are none.
    std::vector<std::string> unconsumed_rules() const { return state_->ledger->without_effect(); }

private:
    struct state
    {
        state(boost::asio::any_io_executor ex, tcp::endpoint to, tcp_proxy_options const& given)
            : options(given),
              port(std::make_shared<proxies::listening_port>(
                  std::move(ex), tcp::endpoint(given.address, given.port), given.buffer_bytes)),
              server(std::move(to))
        {}

        static void serve(std::shared_ptr<state> const& self, tcp::socket socket)
        {
            auto const strand = socket.get_executor();
            auto const made = std::make_shared<proxies::tunnel>(
                std::move(socket), self->ledger, self->connections, self->options.buffer_bytes);
            tcp::endpoint to;
            {
                std::lock_guard const lock(self->mutex);
                to = self->server;
            }
            self->tunnels.add(made);
            if (self->connections->add(made))
                boost::asio::co_spawn(strand, join(made, to), boost::asio::detached);
        }

        static boost::asio::awaitable<void> join(std::shared_ptr<proxies::tunnel> made, tcp::endpoint to)
        {
            bool const refused = made->refused();
            if (!refused && co_await made->connect(to))
                co_await proxies::tunnel::relay(made);
            else
                made->cut();
        }

        tcp_proxy_options options;
        std::shared_ptr<proxies::listening_port> port;
        std::shared_ptr<proxies::tcp_ledger> ledger = std::make_shared<proxies::tcp_ledger>();
        std::shared_ptr<emulation::open_connections> connections =
            std::make_shared<emulation::open_connections>();
        std::mutex mutex;
        tcp::endpoint server;
        proxies::weak_list<proxies::tunnel> tunnels;
    };

    std::shared_ptr<state> state_;
};

} // namespace apimart::testing

#endif
