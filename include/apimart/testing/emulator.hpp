// SPDX-License-Identifier: BSL-1.0
// A built-in copy of the service, for tests without network and without money.
#ifndef APIMART_TESTING_EMULATOR_HPP
#define APIMART_TESTING_EMULATOR_HPP

#include <apimart/testing/emulator/callback_delivery.hpp>
#include <apimart/testing/emulator/certificate_authority.hpp>
#include <apimart/testing/emulator/connection.hpp>
#include <apimart/testing/emulator/open_connections.hpp>
#include <apimart/testing/emulator/options.hpp>
#include <apimart/testing/emulator/request_record.hpp>
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
#include <boost/json/parse.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::testing {

/// An emulated APIMart service on a loopback port, over real HTTPS with a certificate authority of its own.
///
/// It runs on an executor that the caller drives, with one thread or several. All member functions may be
/// called from any thread. Destroying it stops it; what it has running on the executor then ends by itself
/// when the executor goes on, or is dropped with it. The execution context must outlive the emulator.
///
/// In what the live service is not certain, or can go wrong, the `scenario` decides; every switch is described
/// there with its values. By subject they are
///
/// - judging requests: `profile`, `inferred_rules`, `invalid_parameter`, `unknown_id`, `error_code`;
/// - replies to submits: `submit_reply`, and for repeated ones `idempotency`, `idempotency_seconds`,
///   `idempotency_stores`, `key_reused_status`;
/// - tasks: `first_status`, `progress`, `success_word`, `failure`, `result`, `result_url`, `expires_at`, `cost`,
///   `batch`, `callback`;
/// - result files: `link`, `file_bytes`;
/// - the account: `balance_usd`, `balance_reply`;
/// - trouble: `overload`, `latency_ms`, and `faults`, a script of what strikes which request at which moment
///   (see emulation::fault). What a network does in between is the part of tcp_proxy and connect_proxy.
///
/// Example:
///
///     asio::io_context context;
///     apimart::testing::emulator_options options;
///     options.speed = 1000;
///     options.scenario = apimart::testing::scenario::parse(R"({"faults": [{"on": "submit", "status": 429}]})");
///     apimart::testing::emulator service(context.get_executor(), options);
///     service.start();
///     // ... point a client at service.base_url(), trusting service.ca_pem() ...
///     CHECK(service.unconsumed_faults().empty());
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

    /// Every request whose header arrived, in their order: how far it came, what it was answered, which fault
    /// struck it, and for a submit its key, the hash of its body and the task it led to. Together with what a
    /// client believes, this tells whether an order was lost or bought twice. The program serves the same at
    /// `/__emulator/requests`, and the books at `/__emulator/books`.
    std::vector<request_record> requests() const { return state_->served->requests(); }

    /// Adds a fault behind those of the scenario, for requests from now on. See emulation::fault.
    void plan(emulation::fault what) { state_->served->plan(std::move(what)); }

    /// The same, from a JSON object as in the scenario's `faults`. Throws std::invalid_argument.
    void plan(std::string_view fault_document)
    {
        boost::json::error_code error;
        auto const document = boost::json::parse({fault_document.data(), fault_document.size()}, error);
        if (error)
            throw std::invalid_argument("fault is not JSON: " + error.message());
        plan(emulation::fault(document, "fault"));
    }

    /// The names of the planned faults that did not strike as often as planned: a test that plans faults
    /// checks that there are none.
    std::vector<std::string> unconsumed_faults() const { return state_->served->unconsumed_faults(); }

    /// Lets go on what faults hold now. Happens soon after the call.
    void release() { state_->connections->release_all(); }

    /// Pushes the emulator's clock forward, so that tasks end and links expire without waiting.
    void advance(std::chrono::nanoseconds by)
    {
        state_->served->clock().advance(by);
        state_->connections->tell_clock_changed();
    }

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
              served(std::make_shared<emulation::service>(
                  checked(options), options.link_origin.empty() ? origin : options.link_origin)),
              connections(std::make_shared<emulation::open_connections>())
        {
            served->on_callback_ordered([ex = executor, weak = std::weak_ptr(served),
                                         listed_in = connections](emulation::callback_order ordered) {
                auto const to = emulation::callback_address::of(ordered.base);
                auto const by = weak.lock();
                if (!to || !by)
                    return;
                auto const made = std::make_shared<emulation::callback_delivery>(ex, by, listed_in,
                                                                                 std::move(ordered), *to);
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
        std::atomic<bool> started = false;
    };

    std::shared_ptr<state> state_;
};

} // namespace apimart::testing

#endif
