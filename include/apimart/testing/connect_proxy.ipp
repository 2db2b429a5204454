// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_CONNECT_PROXY_IPP
#define APIMART_TESTING_CONNECT_PROXY_IPP

#include <apimart/separate_compilation.hpp>
#include <apimart/testing/connect_proxy.hpp>
#include <apimart/testing/network/open_connections.hpp>
#include <apimart/testing/proxy/connect_ledger.hpp>
#include <apimart/testing/proxy/connect_session.hpp>
#include <apimart/testing/proxy/listening_port.hpp>
#include <apimart/testing/proxy/tcp_ledger.hpp>
#include <apimart/testing/proxy/weak_list.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <utility>

namespace apimart::testing {

struct connect_proxy::state
{
    state(boost::asio::any_io_executor ex, connect_proxy_options const& options)
        : port(std::make_shared<proxies::listening_port>(std::move(ex),
                                                         tcp::endpoint(options.address, options.port), 0)),
          ledger(std::make_shared<proxies::connect_ledger>(options.user, options.password))
    {}

    void serve(tcp::socket socket)
    {
        auto const strand = socket.get_executor();
        auto const made =
            std::make_shared<proxies::connect_session>(std::move(socket), ledger, tunnels, connections);
        sessions.add(made);
        if (connections->add(made))
            boost::asio::co_spawn(strand, proxies::connect_session::serve(made), boost::asio::detached);
    }

    std::shared_ptr<proxies::listening_port> port;
    std::shared_ptr<proxies::connect_ledger> ledger;
    std::shared_ptr<proxies::tcp_ledger> tunnels = std::make_shared<proxies::tcp_ledger>();
    std::shared_ptr<emulation::open_connections> connections =
        std::make_shared<emulation::open_connections>();
    proxies::weak_list<proxies::connect_session> sessions;
};

APIMART_INLINE connect_proxy::connect_proxy(boost::asio::any_io_executor ex, connect_proxy_options options)
    : state_(std::make_shared<state>(std::move(ex), options))
{}

APIMART_INLINE connect_proxy::~connect_proxy()
{
    stop();
}

APIMART_INLINE connect_proxy::tcp::endpoint connect_proxy::endpoint() const
{
    return state_->port->endpoint();
}

APIMART_INLINE void connect_proxy::route(std::string_view target, tcp::endpoint const& to)
{
    state_->ledger->route(target, to);
}

APIMART_INLINE void connect_proxy::plan(connect_fault fault)
{
    state_->ledger->plan(std::move(fault));
}

APIMART_INLINE void connect_proxy::set(entrance kind)
{
    state_->port->set(kind);
}

APIMART_INLINE std::vector<connect_request> connect_proxy::requests() const
{
    return state_->ledger->requests();
}

APIMART_INLINE std::vector<std::string> connect_proxy::bytes_outside_tunnels() const
{
    return state_->ledger->outside();
}

APIMART_INLINE std::uint64_t connect_proxy::open_tunnels() const
{
    return state_->tunnels->open();
}

APIMART_INLINE std::vector<std::string> connect_proxy::unconsumed_faults() const
{
    return state_->ledger->unconsumed();
}

APIMART_INLINE void connect_proxy::start()
{
    state_->port->start([weak = std::weak_ptr(state_)](tcp::socket socket) {
        if (auto const self = weak.lock())
            self->serve(std::move(socket));
    });
}

APIMART_INLINE void connect_proxy::stop()
{
    state_->port->stop();
    state_->connections->close_all();
}

APIMART_INLINE void connect_proxy::route(std::string_view target, unsigned short to)
{
    route(target, tcp::endpoint(boost::asio::ip::address_v4::loopback(), to));
}

APIMART_INLINE void connect_proxy::route_all(unsigned short to)
{
    state_->ledger->route_all(tcp::endpoint(boost::asio::ip::address_v4::loopback(), to));
}

APIMART_INLINE void connect_proxy::release()
{
    for (auto const& each : state_->sessions.all())
        each->release();
}

APIMART_INLINE bool connect_proxy::saw_outside_tunnels(std::string_view text) const
{
    auto const all = bytes_outside_tunnels();
    return std::any_of(all.begin(), all.end(),
                       [&](std::string const& each) { return each.find(text) != each.npos; });
}

} // namespace apimart::testing

#endif
