// SPDX-License-Identifier: BSL-1.0
// A built-in copy of the service, for tests without network and without money.
#pragma once

#include <apimart/testing/emulator/certificate_authority.hpp>
#include <apimart/testing/emulator/connection.hpp>
#include <apimart/testing/emulator/open_connections.hpp>
#include <apimart/testing/emulator/options.hpp>
#include <apimart/testing/emulator/sample_video.hpp>
#include <apimart/testing/emulator/scenario.hpp>
#include <apimart/testing/emulator/server_tls.hpp>
#include <apimart/testing/emulator/service.hpp>

#include <boost/asio/any_io_executor.hpp>
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
#include <boost/json/object.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace apimart::testing {

/// An emulated APIMart service on a loopback port, over real HTTPS with a certificate authority of its own.
///
/// It runs on an executor that the caller drives, with one thread or several. All member functions may be
/// called from any thread. Destroying it stops it; what it has running on the executor then ends by itself
/// when the executor goes on, or is dropped with it. The execution context must outlive the emulator.
///
/// Example:
///
///     asio::io_context context;
///     apimart::testing::emulator_options options;
///     options.speed = 1000;
///     options.scenario = apimart::testing::scenario::parse(R"({"faults": [{"on": "submit", "status":
///     429}]})"); apimart::testing::emulator service(context.get_executor(), options); service.start();
///     // point a client at service.base_url(), trusting service.ca_pem()
class emulator
{
public:
    /// Binds 127.0.0.1 and makes certificates; accepts connections only after start().
    /// Throws boost::system::system_error when the port is taken, std::invalid_argument for a useless speed.
    explicit emulator(boost::asio::any_io_executor ex, emulator_options options = {})
        : state_(std::make_shared<state>(std::move(ex), options))
    {}

    emulator(emulator const&) = delete;
    emulator& operator=(emulator const&) = delete;

    ~emulator() { stop(); }

    /// Begins to accept connections. Only the first call counts.
    void start() { state::start(state_); }

    /// Closes the acceptor and all connections. It cannot be started again. After it, nothing of the emulator
    /// keeps the executor's context busy.
    void stop() { state::stop(state_); }

    /// `https://127.0.0.1:PORT` (`http` when TLS is off).
    std::string base_url() const { return state_->origin; }

    /// The port it is bound to.
    unsigned short port() const { return state_->endpoint.port(); }

    /// The certificate of the CA, as PEM, for the client's list of trusted roots.
    std::string const& ca_pem() const { return state_->authority.pem(); }

    /// What has happened so far; see emulation::books.
    boost::json::object books() const { return state_->served->books(); }

    /// Pushes the emulator's clock forward, so that tasks end and links expire without waiting.
    void advance(std::chrono::nanoseconds by) { state_->served->clock().advance(by); }

private:
    using tcp = boost::asio::ip::tcp;

    struct state
    {
        state(boost::asio::any_io_executor ex, emulator_options const& options)
            : executor(std::move(ex)), strand(boost::asio::make_strand(executor)),
              acceptor(strand, tcp::endpoint(boost::asio::ip::address_v4::loopback(), options.port)),
              pause(strand), endpoint(acceptor.local_endpoint()),
              origin((options.tls ? "https://127.0.0.1:" : "http://127.0.0.1:") +
                     std::to_string(endpoint.port())),
              tls(emulation::make_server_tls(authority.issue())),
              served(std::make_shared<emulation::service>(checked(options), origin)),
              connections(std::make_shared<emulation::open_connections>())
        {}

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
        std::atomic<bool> started = false;
    };

    std::shared_ptr<state> state_;
};

} // namespace apimart::testing
