// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_TCP_PROXY_HPP
#define APIMART_TESTING_TCP_PROXY_HPP

#include <apimart/testing/proxy/entrance.hpp>
#include <apimart/testing/tcp_rule.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <memory>
#include <string>
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
    explicit tcp_proxy(boost::asio::any_io_executor ex, tcp::endpoint server, tcp_proxy_options options = {});

    tcp_proxy(tcp_proxy const&) = delete;
    tcp_proxy& operator=(tcp_proxy const&) = delete;

    ~tcp_proxy();

    /// Begins to accept connections. Only the first call counts.
    void start();

    /// Resets all connections and closes the port. It cannot be started again.
    void stop();

    tcp::endpoint endpoint() const;
    unsigned short port() const { return endpoint().port(); }

    /// Adds a rule for connections that are accepted from now on.
    void plan(tcp_rule rule);

    /// Adds a rule for the connections that are open now. It counts from the bytes delivered so far, so that
    /// a connection can be hit between two requests, or within the second. Happens soon after the call.
    void strike(tcp_rule const& rule);

    /// Ends what tcp_rule::hold and tcp_rule::hold_end keep back now. Happens soon after the call.
    void release();

    /// Resets the connections that are open now. Happens soon after the call.
    void reset_connections();

    /// Changes how the port treats new connections; this has happened when the call returns.
    void set(entrance kind);

    /// Leads new connections to another server, for instance one that was started again.
    void lead_to(tcp::endpoint server);

    /// How many connections were accepted and relayed or refused by a rule.
    std::uint64_t connections() const;

    /// How many of them are open.
    std::uint64_t open_connections() const;

    /// The bytes that were delivered in one direction, on all connections or on one; bytes that a rule let
    /// vanish are not among them.
    std::uint64_t bytes(direction way) const;
    std::uint64_t bytes(direction way, std::uint64_t connection) const;

    /// How often a rule took effect, all rules together.
    std::uint64_t consumed_rules() const;

    /// The names of the rules that never took effect: a test that plans faults checks that there are none.
    std::vector<std::string> unconsumed_rules() const;

private:
    struct state;

    std::shared_ptr<state> state_;
};

} // namespace apimart::testing

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/testing/tcp_proxy.ipp>
#endif

#endif
