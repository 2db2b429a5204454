// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_TCP_PROXY_IPP
#define APIMART_TESTING_TCP_PROXY_IPP

#include <apimart/separate_compilation.hpp>
#include <apimart/testing/network/open_connections.hpp>
#include <apimart/testing/proxy/listening_port.hpp>
#include <apimart/testing/proxy/tcp_ledger.hpp>
#include <apimart/testing/proxy/tunnel.hpp>
#include <apimart/testing/proxy/weak_list.hpp>
#include <apimart/testing/tcp_proxy.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <mutex>
#include <utility>

namespace apimart::testing {

struct tcp_proxy::state
{
    state(boost::asio::any_io_executor ex, tcp::endpoint to, tcp_proxy_options const& given)
        : options(given), port(std::make_shared<proxies::listening_port>(
                              std::move(ex), tcp::endpoint(given.address, given.port), given.buffer_bytes)),
          server(std::move(to))
    {}

    static void serve(std::shared_ptr<state> const& self, tcp::socket socket)
    {
        auto const strand = socket.get_executor();
        auto const made = std::make_shared<proxies::tunnel>(std::move(socket), self->ledger,
                                                            self->connections, self->options.buffer_bytes);
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

APIMART_INLINE tcp_proxy::tcp_proxy(boost::asio::any_io_executor ex, tcp::endpoint server,
                                    tcp_proxy_options options)
    : state_(std::make_shared<state>(std::move(ex), std::move(server), options))
{}

APIMART_INLINE tcp_proxy::~tcp_proxy()
{
    stop();
}

APIMART_INLINE tcp_proxy::tcp::endpoint tcp_proxy::endpoint() const
{
    return state_->port->endpoint();
}

APIMART_INLINE void tcp_proxy::plan(tcp_rule rule)
{
    state_->ledger->plan(std::move(rule));
}

APIMART_INLINE void tcp_proxy::set(entrance kind)
{
    state_->port->set(kind);
}

APIMART_INLINE std::uint64_t tcp_proxy::connections() const
{
    return state_->ledger->connections();
}

APIMART_INLINE std::uint64_t tcp_proxy::open_connections() const
{
    return state_->ledger->open();
}

APIMART_INLINE std::uint64_t tcp_proxy::bytes(direction way) const
{
    return state_->ledger->bytes(way);
}

APIMART_INLINE std::uint64_t tcp_proxy::consumed_rules() const
{
    return state_->ledger->effects();
}

APIMART_INLINE std::vector<std::string> tcp_proxy::unconsumed_rules() const
{
    return state_->ledger->without_effect();
}

APIMART_INLINE void tcp_proxy::start()
{
    state_->port->start([weak = std::weak_ptr(state_)](tcp::socket socket) {
        if (auto const self = weak.lock())
            state::serve(self, std::move(socket));
    });
}

APIMART_INLINE void tcp_proxy::stop()
{
    state_->port->stop();
    state_->connections->close_all();
}

APIMART_INLINE void tcp_proxy::strike(tcp_rule const& rule)
{
    auto const index = state_->ledger->plan_for_present(rule);
    for (auto const& each : state_->tunnels.all())
        each->strike(proxies::armed_rule(rule, index));
}

APIMART_INLINE void tcp_proxy::release()
{
    for (auto const& each : state_->tunnels.all())
        each->release();
}

APIMART_INLINE void tcp_proxy::reset_connections()
{
    for (auto const& each : state_->tunnels.all())
        each->close();
}

APIMART_INLINE void tcp_proxy::lead_to(tcp::endpoint server)
{
    std::lock_guard const lock(state_->mutex);
    state_->server = std::move(server);
}

APIMART_INLINE std::uint64_t tcp_proxy::bytes(direction way, std::uint64_t connection) const
{
    return state_->ledger->bytes(way, connection);
}

} // namespace apimart::testing

#endif
