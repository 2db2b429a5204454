// SPDX-License-Identifier: BSL-1.0
// One connection of a client: reads requests, lets the service answer, and carries faults out.
#pragma once

#include <apimart/testing/emulator/http_message.hpp>
#include <apimart/testing/emulator/open_connections.hpp>
#include <apimart/testing/emulator/service.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace apimart::testing::emulation {

/// Serves one connection over `Stream`, plain or TLS.
template <class Stream>
class connection final : public closable, public std::enable_shared_from_this<connection<Stream>>
{
public:
    connection(Stream&& stream, std::shared_ptr<service> served_by,
               std::shared_ptr<open_connections> listed_in)
        : stream_(std::move(stream)), service_(std::move(served_by)), open_(std::move(listed_in))
    {}

    ~connection() override
    {
        open_->remove(this);
        if (counted_)
            service_->connection_ended();
    }

    void close() override
    {
        boost::asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
            self->closing_ = true;
            self->pause_.cancel();
            self->tcp().close();
        });
    }

    /// Serves requests until one side ends the connection. `self` keeps it alive meanwhile.
    static boost::asio::awaitable<void> serve(std::shared_ptr<connection> self)
    {
        if (!co_await self->open())
            co_return;
        bool more = true;
        while (more && !self->closing_)
            more = co_await self->exchange();
    }

private:
    using error_code = boost::system::error_code;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;
    using parser_type = boost::beast::http::request_parser<boost::beast::http::string_body>;

    static constexpr bool has_tls = !std::is_same_v<Stream, boost::beast::tcp_stream>;
    static constexpr std::chrono::seconds goodbye_time{5};
    static constexpr std::string_view nothing = "";

    boost::beast::tcp_stream& tcp() { return boost::beast::get_lowest_layer(stream_); }

    static auto into(error_code& error)
    {
        return boost::asio::redirect_error(boost::asio::use_awaitable, error);
    }

    awaitable<bool> open()
    {
        error_code error;
        if (auto const scripted = service_->connected()) {
            co_await carry_out(*scripted, nothing);
            co_return false;
        }
        if constexpr (has_tls) {
            tcp().expires_after(std::chrono::seconds(30));
            co_await stream_.async_handshake(boost::asio::ssl::stream_base::server, into(error));
            if (error && !closing_)
                service_->handshake_failed();
        }
        co_return !error;
    }

    /// One request and its reply; false when the connection is at its end.
    awaitable<bool> exchange()
    {
        namespace http = boost::beast::http;
        error_code error;
        parser_.emplace();
        parser_->header_limit(64U << 10U);
        // The limit is applied by hand: with Beast's own one, a body that announces too much ends the reading
        // before it is known what the request was for.
        parser_->body_limit(boost::none);
        tcp().expires_after(service_->options().max_idle);
        co_await http::async_read_header(stream_, buffer_, *parser_, into(error));
        if (error) {
            co_await refuse_unreadable(error);
            co_return false;
        }

        auto const& request = parser_->get();
        std::string_view const target(request.target().data(), request.target().size());
        auto const what = operation_of(request.method(), target);
        auto const scripted = service_->arrived(what, what != operation::books && !counted_);
        counted_ = counted_ || what != operation::books;
        if (scripted && scripted->when == fault_moment::header)
            co_return co_await strike(*scripted, false);

        auto const announced = parser_->content_length();
        if (announced && *announced > service::largest_body) {
            reply const refusal = service_->too_large(what);
            co_await send_and_drain(refusal);
            co_return false;
        }
        parser_->body_limit(service::largest_body);
        if (!parser_->is_done()) {
            if (request[http::field::expect] == "100-continue" && buffer_.size() == 0)
                co_await send("HTTP/1.1 100 Continue\r\n\r\n");
            tcp().expires_after(service_->options().max_idle);
            co_await http::async_read(stream_, buffer_, *parser_, into(error));
        }
        if (error == http::error::body_limit) {
            reply const refusal = service_->too_large(what);
            co_await send_and_drain(refusal);
            co_return false;
        }
        if (error) {
            co_await refuse_unreadable(error);
            co_return false;
        }

        bool const keep_alive = request.keep_alive();
        if (scripted && scripted->when == fault_moment::request)
            co_return co_await strike(*scripted, keep_alive);
        request_view const view(request.method(), target, request, request.body());
        reply const answer = service_->answer(what, view, from_this_machine());
        if (scripted && scripted->when == fault_moment::accepted)
            co_return co_await strike(*scripted, keep_alive);
        if (what != operation::books)
            co_await linger();
        std::string const bytes = bytes_of(answer, keep_alive, service_->unix_now());
        if (scripted) {
            auto const cut = std::min<std::uint64_t>(scripted->bytes, bytes.size());
            auto const first = std::string_view(bytes).substr(0, cut);
            co_await carry_out(*scripted, first);
            co_return false;
        }
        bool const sent = co_await send(bytes);
        bool const more = sent && keep_alive && !answer.close;
        if (sent && !more)
            co_await say_goodbye();
        co_return more;
    }

    /// Carries a fault out before a proper reply exists; true when the connection goes on.
    awaitable<bool> strike(fault const& scripted, bool keep_alive)
    {
        if (scripted.act != fault_action::reply) {
            co_await carry_out(scripted, nothing);
            co_return false;
        }
        co_await linger();
        reply answer = service_->fault_reply(scripted);
        // With the body unread, nothing after the reply could be told from it.
        if (!keep_alive) {
            answer.close = true;
            co_await send_and_drain(answer);
            co_return false;
        }
        std::string const bytes = bytes_of(answer, true, service_->unix_now());
        co_return co_await send(bytes);
    }

    /// Sends what a fault lets through, then does to the connection what it says.
    awaitable<void> carry_out(fault const& scripted, std::string_view first)
    {
        if (!first.empty())
            co_await send(first);
        switch (scripted.act) {
        case fault_action::reply:
            break;
        case fault_action::close:
            co_await say_goodbye();
            break;
        case fault_action::reset:
            reset();
            break;
        case fault_action::stall: {
            error_code ignored;
            std::array<char, 4096> sink;
            auto const limit = scripted.seconds > 0
                                   ? std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                         std::chrono::duration<double>(scripted.seconds))
                                   : service_->options().max_idle;
            tcp().expires_after(limit);
            // Reading notices the other side giving up, long before the limit.
            auto const into_sink = boost::asio::buffer(sink);
            while (!ignored)
                co_await tcp().async_read_some(into_sink, into(ignored));
            reset();
            break;
        }
        }
    }

    void reset()
    {
        error_code ignored;
        tcp().socket().set_option(boost::asio::socket_base::linger(true, 0), ignored);
        tcp().close();
    }

    awaitable<void> linger()
    {
        if (closing_ || service_->options().scenario.latency_ms <= 0)
            co_return;
        error_code ignored;
        std::chrono::duration<double, std::milli> const wait(service_->options().scenario.latency_ms);
        pause_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(wait));
        co_await pause_.async_wait(into(ignored));
    }

    awaitable<bool> send(std::string_view bytes)
    {
        error_code error;
        tcp().expires_after(service_->options().max_idle);
        auto const data = boost::asio::buffer(bytes.data(), bytes.size());
        co_await boost::asio::async_write(stream_, data, into(error));
        co_return !error;
    }

    /// Sends a reply while the client may still be writing its body: closing at once would reset the
    /// connection and take the reply away with it.
    awaitable<void> send_and_drain(reply const& answer)
    {
        std::string const bytes = bytes_of(answer, false, service_->unix_now());
        if (!co_await send(bytes))
            co_return;
        error_code error;
        tcp().expires_after(goodbye_time);
        // Fails as soon as more of the body arrives; by then the client has been told that this is the end.
        if constexpr (has_tls)
            co_await stream_.async_shutdown(into(error));
        tcp().socket().shutdown(boost::asio::socket_base::shutdown_send, error);
        std::array<char, 16384> sink;
        auto const into_sink = boost::asio::buffer(sink);
        for (std::uint64_t drained = 0; !error && drained < 4 * service::largest_body;)
            drained += co_await tcp().async_read_some(into_sink, into(error));
        tcp().close();
    }

    awaitable<void> say_goodbye()
    {
        error_code ignored;
        if constexpr (has_tls) {
            tcp().expires_after(goodbye_time);
            co_await stream_.async_shutdown(into(ignored));
        }
        tcp().socket().shutdown(boost::asio::socket_base::shutdown_both, ignored);
        tcp().close();
    }

    awaitable<void> refuse_unreadable(error_code error)
    {
        namespace http = boost::beast::http;
        bool const silent = error == http::error::end_of_stream || error == http::error::partial_message;
        if (error.category() != http::make_error_code(http::error::bad_method).category()) {
            tcp().close();
            co_return;
        }
        if (silent) {
            co_await say_goodbye();
            co_return;
        }
        reply const refusal = service_->not_http(error == http::error::header_limit ? 431 : 400);
        co_await send_and_drain(refusal);
    }

    bool from_this_machine()
    {
        error_code error;
        auto const peer = tcp().socket().remote_endpoint(error);
        return !error && peer.address().is_loopback();
    }

    Stream stream_;
    std::shared_ptr<service> service_;
    std::shared_ptr<open_connections> open_;
    boost::asio::steady_timer pause_{stream_.get_executor()};
    boost::beast::flat_buffer buffer_;
    std::optional<parser_type> parser_;
    bool counted_ = false;
    bool closing_ = false;
};

} // namespace apimart::testing::emulation
