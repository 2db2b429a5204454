// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_EMULATOR_IPP
#define APIMART_TESTING_EMULATOR_IPP

#include <apimart/separate_compilation.hpp>
#include <apimart/testing/emulator.hpp>
#include <apimart/testing/network/certificate_authority.hpp>
#include <apimart/testing/network/connection.hpp>
#include <apimart/testing/network/open_connections.hpp>
#include <apimart/testing/network/server_tls.hpp>
#include <apimart/testing/service/callback_delivery.hpp>
#include <apimart/testing/service/service.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <utility>

namespace apimart::testing {

struct emulator::state
{
    using tcp = boost::asio::ip::tcp;

    state(boost::asio::any_io_executor ex, emulator_options const& options)
        : executor(std::move(ex)), strand(boost::asio::make_strand(executor)),
          acceptor(strand, tcp::endpoint(boost::asio::ip::address_v4::loopback(), options.port)),
          pause(strand), endpoint(acceptor.local_endpoint()),
          origin((options.tls ? "https://127.0.0.1:" : "http://127.0.0.1:") +
                 std::to_string(endpoint.port())),
          tls(emulation::make_server_tls(authority.issue())),
          served(std::make_shared<emulation::service>(
              checked(options), options.link_origin.empty() ? origin : options.link_origin)),
          connections(std::make_shared<emulation::open_connections>())
    {
        if (options.clock)
            options.clock->follow(clock_changed);
        served->on_callback_ordered([ex = executor, weak = std::weak_ptr(served),
                                     listed_in = connections](emulation::callback_order ordered) {
            auto const to = emulation::callback_address::of(ordered.base);
            auto const by = weak.lock();
            if (!to || !by)
                return;
            auto const made =
                std::make_shared<emulation::callback_delivery>(ex, by, listed_in, std::move(ordered), *to);
            // Not spawned here, where the service is in the middle of an order.
            if (listed_in->add(made))
                boost::asio::post(made->executor(), [made] {
                    boost::asio::co_spawn(made->executor(), emulation::callback_delivery::run(made),
                                          boost::asio::detached);
                });
        });
    }

    static emulator_options const& checked(emulator_options const& options)
    {
        if (!(options.speed > 0))
            throw std::invalid_argument("emulator: the speed must be above 0");
        return options;
    }

    static void start(std::shared_ptr<state> const& self)
    {
        if (!self->started.exchange(true))
            boost::asio::co_spawn(self->strand, accept_all(self), boost::asio::detached);
    }

    static void stop(std::shared_ptr<state> const& self)
    {
        boost::asio::post(self->strand, [self] {
            boost::system::error_code ignored;
            self->acceptor.close(ignored);
            self->pause.cancel();
        });
        self->connections->close_all();
    }

    static boost::asio::awaitable<void> accept_all(std::shared_ptr<state> self)
    {
        boost::system::error_code error;
        while (self->acceptor.is_open()) {
            // A strand for each connection: they run side by side when the context has several threads.
            auto connection_strand = boost::asio::make_strand(self->executor);
            tcp::socket socket(connection_strand);
            co_await self->acceptor.async_accept(
                socket, boost::asio::redirect_error(boost::asio::use_awaitable, error));
            if (!error) {
                self->serve(std::move(socket));
            } else if (self->acceptor.is_open()) {
                // Too many open files, as a rule: without a pause this would spin until one is closed.
                self->pause.expires_after(std::chrono::milliseconds(10));
                co_await self->pause.async_wait(
                    boost::asio::redirect_error(boost::asio::use_awaitable, error));
            }
        }
    }

    void serve(tcp::socket socket)
    {
        boost::system::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        boost::beast::tcp_stream stream(std::move(socket));
        if (served->options().tls)
            spawn(boost::beast::ssl_stream<boost::beast::tcp_stream>(std::move(stream), tls));
        else
            spawn(std::move(stream));
    }

    template <class Stream>
    void spawn(Stream&& stream)
    {
        using connection = emulation::connection<Stream>;
        auto const strand_of_it = stream.get_executor();
        auto const made = std::make_shared<connection>(std::move(stream), served, connections);
        if (connections->add(made))
            boost::asio::co_spawn(strand_of_it, connection::serve(made), boost::asio::detached);
    }

    boost::asio::any_io_executor executor;
    boost::asio::strand<boost::asio::any_io_executor> strand;
    tcp::acceptor acceptor;
    boost::asio::steady_timer pause;
    tcp::endpoint endpoint;
    std::string origin;
    certificate_authority authority;
    boost::asio::ssl::context tls;
    std::shared_ptr<emulation::service> served;
    std::shared_ptr<emulation::open_connections> connections;
    std::shared_ptr<std::function<void()>> clock_changed =
        std::make_shared<std::function<void()>>([in = connections] { in->tell_clock_changed(); });
    std::atomic<bool> started = false;
};

APIMART_INLINE emulator::emulator(boost::asio::any_io_executor ex, emulator_options options)
    : state_(std::make_shared<state>(std::move(ex), options))
{}

APIMART_INLINE emulator::~emulator()
{
    stop();
}

APIMART_INLINE void emulator::start()
{
    state::start(state_);
}

APIMART_INLINE void emulator::stop()
{
    state::stop(state_);
}

APIMART_INLINE std::string emulator::base_url() const
{
    return state_->origin;
}

APIMART_INLINE emulator_options const& emulator::options() const
{
    return state_->served->options();
}

APIMART_INLINE unsigned short emulator::port() const
{
    return state_->endpoint.port();
}

APIMART_INLINE std::string const& emulator::ca_pem() const
{
    return state_->authority.pem();
}

APIMART_INLINE boost::json::object emulator::books() const
{
    return state_->served->books();
}

APIMART_INLINE std::vector<request_record> emulator::requests() const
{
    return state_->served->requests();
}

APIMART_INLINE void emulator::plan(emulation::fault what)
{
    state_->served->plan(std::move(what));
}

APIMART_INLINE void emulator::plan(std::string_view fault_document)
{
    boost::system::error_code error;
    auto const document = boost::json::parse({fault_document.data(), fault_document.size()}, error);
    if (error)
        throw std::invalid_argument("fault is not JSON: " + error.message());
    plan(emulation::fault(document, "fault"));
}

APIMART_INLINE void emulator::replay(std::string_view on, int status, std::string_view body)
{
    boost::json::object document;
    document["on"] = boost::json::string_view(on.data(), on.size());
    document["name"] = "recorded answer to " + std::string(on);
    document["status"] = status;
    document["content"] = boost::json::string_view(body.data(), body.size());
    plan(emulation::fault(document, "recorded answer"));
}

APIMART_INLINE std::vector<std::string> emulator::unconsumed_faults() const
{
    return state_->served->unconsumed_faults();
}

APIMART_INLINE void emulator::release()
{
    state_->connections->release_all();
}

APIMART_INLINE void emulator::advance(std::chrono::nanoseconds by)
{
    state_->served->clock().advance(by);
    state_->connections->tell_clock_changed();
}

} // namespace apimart::testing

#endif
