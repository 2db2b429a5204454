// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_CONNECTOR_HPP
#define APIMART_HTTP_CONNECTOR_HPP

#include <apimart/http/connection.hpp>
#include <apimart/http/proxy.hpp>
#include <apimart/http/resolver.hpp>
#include <apimart/http/tls_context.hpp>
#include <apimart/http/tls_error.hpp>
#include <apimart/runtime/client_runtime.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace apimart::detail {

// Makes a connection that can carry a request: resolve the name, race the addresses, CONNECT through the proxy, shake
// hands. Closing the connection ends it at any step.
class connector
{
public:
    using clock = std::chrono::steady_clock;
    using tcp = boost::asio::ip::tcp;

    connector(client_runtime& runtime, proxy_rules proxy, tls_context tls, resolver_options names)
        : runtime_(runtime), proxy_(std::move(proxy)), tls_(std::move(tls)),
          allow_fake_ip_(names.allow_fake_ip()), resolver_(std::in_place, runtime.strand(), std::move(names))
    {}
    connector(connector const&) = delete;
    connector& operator=(connector const&) = delete;

    awaitable<result<void>> connect(connection& c)
    {
        auto const begun = runtime_.now();
        runtime_.counters.connections_opened.add();
        result<void> outcome = co_await all_steps(c);
        if (c.cancelled())
            co_return error_info(error_code(boost::asio::error::operation_aborted));
        if (!outcome) {
            runtime_.counters.connections_failed.add();
            c.close();
        }
        c.unlimit();
        if (runtime_.observer.on_connection) {
            connection_event event =
                describe(c, outcome ? connection_event::type::connected : connection_event::type::failed);
            event.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(runtime_.now() - begun);
            if (!outcome) {
                event.tls_version.clear();
                event.code = outcome.error().code();
                event.detail = outcome.error().client_message();
            }
            runtime_.emit(runtime_.observer.on_connection, event);
        }
        co_return outcome;
    }

    connection_event describe(connection& c, connection_event::type type) const
    {
        connection_event event;
        event.event = type;
        event.host = c.origin.host;
        event.address = c.address;
        event.tls_version = c.tls_version();
        event.verified = !c.origin.tls || tls_.verifies();
        return event;
    }

    // The execution context goes away, and no strand may outlive it.
    void destroy() { resolver_.reset(); }

private:
    using socket = tcp::socket;

    // Attempts at several addresses of one host. Their handlers keep it, so that the losers need not be waited for.
    class race
    {
    public:
        explicit race(executor const& on) : changed(on) {}

        std::list<socket> attempts;
        socket* winner = nullptr;
        std::size_t open = 0;
        error_code last_error = boost::asio::error::host_not_found;
        timer changed;

        void close_losers()
        {
            for (socket& each : attempts) {
                error_code ignored;
                if (&each != winner)
                    each.close(ignored);
            }
        }
    };

    awaitable<result<void>> all_steps(connection& c)
    {
        bool const proxied = proxy_.applies_to(c.origin);
        // Behind a proxy only the proxy sees the address; a literal can still be judged.
        if (c.public_only && is_private_host(c.origin.host))
            co_return error_info(errc::url_not_allowed, c.origin.host + " is a private address");
        std::string const host = proxied ? proxy_.host() : c.origin.host;

        // Whoever reads of a host that is not the service's should know where it comes from.
        std::string const shown = (proxied ? "the proxy " : "") + host;

        result<resolver::addresses> found = co_await resolve(c, host);
        if (!found) {
            error_info why = found.error();
            if (proxied)
                why.client_message("the proxy: " + found.error().client_message());
            co_return why;
        }
        if (c.public_only && !proxied) {
            bool const has_fake_ip = std::any_of(found->begin(), found->end(), is_fake_ip);
            std::erase_if(*found, [this](auto const& each) {
                return is_private_address(each) && !(allow_fake_ip_ && is_fake_ip(each));
            });
            if (found->empty())
                co_return error_info(errc::url_not_allowed,
                                     c.origin.host + " is a private address" +
                                         (has_fake_ip ? " of a proxy that answers every name; "
                                                        "resolver_options::allow_fake_ip allows it"
                                                      : ""));
        }
        auto const port = static_cast<unsigned short>(std::stoul(proxied ? proxy_.port() : c.origin.port));
        if (result<void> connected = co_await connect_to_any(c, shown, endpoints(*found, port)); !connected) {
            resolver_->forget(host);
            co_return connected;
        }
        if (proxied) {
            if (result<void> opened = co_await tunnel(c); !opened)
                co_return opened;
        }
        if (c.origin.tls)
            co_return co_await handshake(c);
        co_return result<void>();
    }

    awaitable<result<resolver::addresses>> resolve(connection& c, std::string const& host)
    {
        if (auto known = resolver_->known(host, runtime_.now()))
            co_return std::move(*known);
        timer wake(runtime_.strand());
        connection::interruption const guard(c, [&wake] { wake.cancel(); });
        co_return co_await resolver_->resolve(host, runtime_.timeouts.resolve, wake);
    }

    // The families take turns, so that a broken one costs one attempt and not all of them.
    static std::vector<tcp::endpoint> endpoints(resolver::addresses const& found, unsigned short port)
    {
        resolver::addresses first;
        resolver::addresses second;
        for (auto const& each : found)
            (each.is_v6() == found.front().is_v6() ? first : second).push_back(each);
        std::vector<tcp::endpoint> order;
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (i < first.size())
                order.emplace_back(first[i], port);
            if (i < second.size())
                order.emplace_back(second[i], port);
        }
        return order;
    }

    // RFC 8305: the next address is tried beside one that takes long, and at once when one has failed.
    awaitable<result<void>> connect_to_any(connection& c, std::string const& shown,
                                           std::vector<tcp::endpoint> order)
    {
        auto const state = std::make_shared<race>(runtime_.strand());
        connection::interruption const guard(c, [weak = std::weak_ptr<race>(state)] {
            if (auto const running = weak.lock()) {
                running->close_losers();
                running->changed.cancel();
            }
        });
        auto const expiry = runtime_.now() + runtime_.timeouts.connect;
        std::size_t next = 0;
        while (state->winner == nullptr && !guard.happened() && runtime_.now() < expiry &&
               (next < order.size() || state->open != 0)) {
            if (next < order.size())
                attempt(state, order[next++]);
            if (state->winner != nullptr || (state->open == 0 && next < order.size()))
                continue;
            auto const next_attempt = runtime_.now() + runtime_.timeouts.connection_attempt_delay;
            // A connection takes real time, also where the clock is virtual.
            state->changed.expires_after((next < order.size() ? std::min(next_attempt, expiry) : expiry) -
                                         runtime_.now());
            if (state->open != 0)
                co_await state->changed.async_wait(use_tuple);
        }
        state->close_losers();
        if (guard.happened())
            co_return error_info(error_code(boost::asio::error::operation_aborted));
        std::string const where = shown + ":" + std::to_string(order.empty() ? 0 : order.front().port());
        if (state->winner == nullptr && state->open != 0)
            co_return error_info(errc::connect_timeout, "no connection to " + shown + " in time");
        if (state->winner == nullptr && is_local_resource(state->last_error))
            co_return error_info(errc::resource_exhausted, where + ": " + state->last_error.message())
                .underlying(state->last_error);
        if (state->winner == nullptr)
            co_return error_info(errc::connect_failed, "no connection to " + where + ": " +
                                                           state->last_error.message() + " (" +
                                                           std::to_string(order.size()) + " addresses)")
                .underlying(state->last_error);
        if (next > 1)
            runtime_.counters.address_fallbacks.add();
        error_code ignored;
        state->winner->set_option(tcp::no_delay(true), ignored);
        c.address = state->winner->remote_endpoint(ignored).address().to_string();
        c.attach(std::move(*state->winner));
        co_return result<void>();
    }

    void attempt(std::shared_ptr<race> const& state, tcp::endpoint const& to)
    {
        socket& one = state->attempts.emplace_back(runtime_.strand().get_inner_executor().get());
        error_code code;
        one.open(to.protocol(), code);
        if (code) {
            state->last_error = code;
            return;
        }
        ++state->open;
        one.async_connect(to, boost::asio::bind_executor(runtime_.strand(), [state, &one](error_code failed) {
                              --state->open;
                              if (failed)
                                  state->last_error = failed;
                              else if (state->winner == nullptr && one.is_open())
                                  state->winner = &one;
                              state->changed.cancel();
                          }));
    }

    static bool is_local_resource(error_code const& code)
    {
        namespace errc = boost::system::errc;
        return code == errc::too_many_files_open || code == errc::too_many_files_open_in_system ||
               code == errc::no_buffer_space || code == errc::not_enough_memory ||
               code == errc::address_not_available;
    }

    awaitable<result<void>> tunnel(connection& c)
    {
        c.limit_after(runtime_.timeouts.connect);
        std::string const request = proxy_.connect_request(c.origin);
        error_code code;
        for (std::string_view rest = request; !rest.empty() && !code;) {
            auto const wrote = co_await c.write_some(rest);
            code = std::get<0>(wrote);
            rest.remove_prefix(std::get<1>(wrote));
        }
        for (;;) {
            if (!code) {
                auto const got = co_await c.read_some();
                code = std::get<0>(got);
                c.received(std::get<1>(got));
            }
            if (auto const outcome = proxy_.parse_response(c.unread(), c.origin)) {
                c.discard_unread();
                co_return *outcome;
            }
            if (c.timed_out())
                co_return error_info(errc::proxy_failed, "the proxy did not answer in time");
            if (code)
                co_return error_info(errc::proxy_failed, "the proxy ended the connection without an answer");
        }
    }

    // Always a full one: the peer's name is verified each time.
    awaitable<result<void>> handshake(connection& c)
    {
        c.limit_after(runtime_.timeouts.tls_handshake);
        tls_stream& stream = c.start_tls(tls_.native());
        SSL* const session = stream.native_handle();
        if (!tls_.expect_peer(session, c.origin.host, c.origin.is_address()))
            co_return error_info(errc::tls_failed,
                                 "the TLS session for " + c.origin.host + " cannot be prepared");
        c.trace.attach(session);
        auto const shook = co_await stream.async_handshake(boost::asio::ssl::stream_base::client, use_tuple);
        c.trace.detach(session);
        error_code const code = std::get<0>(shook);
        if (c.timed_out())
            co_return error_info(errc::tls_timeout,
                                 "the TLS handshake with " + c.origin.host + " did not end in time");
        if (code || !selected_http_1_1(session))
            co_return handshake_failure(session, code, c.trace, c.origin.host);
        co_return result<void>();
    }

    client_runtime& runtime_;
    proxy_rules const proxy_;
    tls_context tls_;
    bool const allow_fake_ip_;
    std::optional<resolver> resolver_;
};

} // namespace apimart::detail

#endif
