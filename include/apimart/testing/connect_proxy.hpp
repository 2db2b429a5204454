// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_CONNECT_PROXY_HPP
#define APIMART_TESTING_CONNECT_PROXY_HPP

#include <apimart/testing/connect_fault.hpp>
#include <apimart/testing/connect_request.hpp>
#include <apimart/testing/proxy/entrance.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace apimart::testing {

/// Settings of a connect_proxy.
class connect_proxy_options
{
public:
    connect_proxy_options() = default;

    /// Where it listens.
    boost::asio::ip::address address = boost::asio::ip::address_v4::loopback();
    /// The port; 0 takes a free one.
    unsigned short port = 0;
    /// What it asks for by basic authentication; nothing when both are empty.
    std::string user, password;
};

/// An HTTP proxy that makes tunnels by CONNECT, for tests of what a client tells its proxy and does when it
/// fails.
///
/// A target is looked up in the routes first, so that names can be used without a resolver; besides, every
/// loopback address and `localhost` is reached directly, and all else is answered 502: nothing leaves this
/// machine. It runs on an executor that the caller drives, with one thread or several; all member functions
/// may be called from any thread. Destroying it resets what is open. The execution context must outlive it.
///
/// Example:
///
///     apimart::testing::connect_proxy proxy(context.get_executor());
///     proxy.route("api.apimart.ai:443", service.port());
///     proxy.start();
///     // ... run a client with http://127.0.0.1:proxy.port() as its proxy ...
///     CHECK(proxy.requests().at(0).target == "api.apimart.ai:443");
///     CHECK_FALSE(proxy.saw_outside_tunnels(api_key));
class connect_proxy
{
public:
    using tcp = boost::asio::ip::tcp;

    /// Binds a port; connections wait until start(). Throws boost::system::system_error when it cannot.
    explicit connect_proxy(boost::asio::any_io_executor ex, connect_proxy_options options = {});

    connect_proxy(connect_proxy const&) = delete;
    connect_proxy& operator=(connect_proxy const&) = delete;

    ~connect_proxy();

    /// Begins to accept connections. Only the first call counts.
    void start();

    /// Resets all connections and closes the port. It cannot be started again.
    void stop();

    tcp::endpoint endpoint() const;
    unsigned short port() const { return endpoint().port(); }

    /// Leads a target (`host:port`, in any case of letters) to a port of this machine.
    void route(std::string_view target, unsigned short to);
    void route(std::string_view target, tcp::endpoint const& to);

    /// Leads every other target to one place.
    void route_all(unsigned short to);

    /// Adds a fault behind those planned before.
    void plan(connect_fault fault);

    /// Gives the answers that connect_fault::hold keeps back now. Happens soon after the call.
    void release();

    /// Changes how the port treats new connections; this has happened when the call returns.
    void set(entrance kind);

    /// The requests it has read, whatever became of them.
    std::vector<connect_request> requests() const;

    /// All bytes that clients sent to the proxy itself, by connection: the requests, and whatever came before
    /// the answer that made a tunnel.
    std::vector<std::string> bytes_outside_tunnels() const;

    /// Whether a text is among them.
    bool saw_outside_tunnels(std::string_view text) const;

    /// How many connections were accepted.
    std::uint64_t connections() const { return bytes_outside_tunnels().size(); }

    /// How many tunnels are open.
    std::uint64_t open_tunnels() const;

    /// The names of the planned faults that did not strike as often as planned.
    std::vector<std::string> unconsumed_faults() const;

private:
    struct state;

    std::shared_ptr<state> state_;
};

} // namespace apimart::testing

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/testing/connect_proxy.ipp>
#endif

#endif
