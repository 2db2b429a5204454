// SPDX-License-Identifier: BSL-1.0
// One connection of a client: reads requests, lets the service answer, and carries faults out.
#ifndef APIMART_TESTING_NETWORK_CONNECTION_HPP
#define APIMART_TESTING_NETWORK_CONNECTION_HPP

#include <apimart/testing/network/http_message.hpp>
#include <apimart/testing/network/open_connections.hpp>
#include <apimart/testing/service/service.hpp>

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
#include <cstdint>
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
            self->gate_.cancel();
            self->tcp().close();
        });
    }

    void release() override
    {
        boost::asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
            self->held_ = false;
            self->gate_.cancel();
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
    static constexpr std::string_view plain_answer =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

    boost::beast::tcp_stream& tcp() { return boost::beast::get_lowest_layer(stream_); }

    static auto into(error_code& error)
    {
        return boost::asio::redirect_error(boost::asio::use_awaitable, error);
    }

    /// What is to be done after a fault was carried out.
    enum class course : unsigned char
    {
        /// What would have been done without it.
        resume,
        /// Read the next request.
        next,
        /// Nothing: the connection is at its end.
        end,
    };

    awaitable<bool> open()
    {
        error_code error;
        auto const [number, scripted] = service_->connected();
        number_ = number;
        if (scripted && scripted->when == fault_moment::connect && !co_await survives(*scripted))
            co_return false;
        if constexpr (has_tls) {
            tcp().expires_after(std::chrono::seconds(30));
            co_await stream_.async_handshake(boost::asio::ssl::stream_base::server, into(error));
            if (error && !closing_)
                service_->handshake_failed();
            secured_ = !error;
        }
        if (!error && scripted && scripted->when == fault_moment::secured)
            co_return co_await survives(*scripted);
        co_return !error;
    }

    awaitable<bool> survives(fault const& scripted)
    {
        auto const then = co_await carry_out(scripted);
        co_return then != course::end;
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
        auto const arrival = service_->arrived(what, number_, what != operation::books && !counted_);
        counted_ = counted_ || what != operation::books;
        request_ = arrival.number;
        auto const& scripted = arrival.scripted;
        auto then = course::resume;
        if (scripted && scripted->when == fault_moment::header)
            then = co_await strike(*scripted, false);
        if (then != course::resume)
            co_return then == course::next;

        auto const announced = parser_->content_length();
        if (announced && *announced > service::largest_body) {
            reply const refusal = service_->too_large(what, request_);
            co_await send_and_drain(refusal);
            co_return false;
        }
        parser_->body_limit(service::largest_body);
        if (!parser_->is_done()) {
            if (request[http::field::expect] == "100-continue" && buffer_.size() == 0)
                co_await send("HTTP/1.1 100 Continue\r\n\r\n");
            tcp().expires_after(service_->options().max_idle);
            if (scripted && scripted->when == fault_moment::body)
                while (!error && !parser_->is_done() && request.body().size() < scripted->bytes)
                    co_await http::async_read_some(stream_, buffer_, *parser_, into(error));
        }
        if (!error && scripted && scripted->when == fault_moment::body)
            then = co_await strike(*scripted, parser_->is_done() && request.keep_alive());
        if (then != course::resume)
            co_return then == course::next;
        if (!error && !parser_->is_done()) {
            tcp().expires_after(service_->options().max_idle);
            co_await http::async_read(stream_, buffer_, *parser_, into(error));
        }
        if (error == http::error::body_limit) {
            reply const refusal = service_->too_large(what, request_);
            co_await send_and_drain(refusal);
            co_return false;
        }
        if (error) {
            co_await refuse_unreadable(error);
            co_return false;
        }

        bool const keep_alive = request.keep_alive();
        request_view const view(request.method(), target, request, request.body());
        service_->read(request_, view);
        if (scripted && scripted->when == fault_moment::request)
            then = co_await strike(*scripted, keep_alive, &view);
        if (then != course::resume)
            co_return then == course::next;
        reply const answer = service_->answer(what, view, from_this_machine(), request_);
        if (scripted && scripted->when == fault_moment::accepted) {
            bool const held = scripted->act == fault_action::hold;
            if (held)
                service_->set_running(view, true);
            then = co_await strike(*scripted, keep_alive, &view);
            if (held)
                service_->set_running(view, false);
        }
        if (then != course::resume)
            co_return then == course::next;
        if (what != operation::books)
            co_await linger();
        std::string const bytes = bytes_of(answer, keep_alive, service_->unix_now());
        if (scripted && scripted->when == fault_moment::reply)
            then = co_await send_in_parts(*scripted, bytes);
        else
            then = co_await send_reply(bytes) ? course::resume : course::end;
        if (then == course::resume && scripted && scripted->when == fault_moment::sent)
            then = co_await carry_out(*scripted);
        if (then == course::end)
            co_return false;
        bool const more = keep_alive && !answer.close;
        if (!more)
            co_await say_goodbye();
        co_return more;
    }

    /// Carries a fault out before a proper reply was sent.
    awaitable<course> strike(fault const& scripted, bool keep_alive, request_view const* request = nullptr)
    {
        if (scripted.act != fault_action::reply)
            co_return co_await carry_out(scripted);
        co_await linger();
        reply answer = service_->fault_reply(scripted, request);
        service_->answered(request_, answer.status);
        if (request != nullptr)
            service_->remember_fault_reply(*request, request_, answer);
        // With the body unread, nothing after the reply could be told from it.
        if (!keep_alive) {
            answer.close = true;
            co_await send_and_drain(answer);
            co_return course::end;
        }
        std::string const bytes = bytes_of(answer, true, service_->unix_now());
        co_return co_await send_reply(bytes) ? course::next : course::end;
    }

    /// Sends the first bytes of a reply, lets the fault strike, and sends the rest if it comes to that.
    awaitable<course> send_in_parts(fault const& scripted, std::string const& bytes)
    {
        auto const all = std::string_view(bytes);
        auto const first = static_cast<std::size_t>(std::min<std::uint64_t>(scripted.bytes, bytes.size()));
        if (first > 0) {
            bool const whole = first == bytes.size();
            service_->reached(request_, whole ? request_phase::reply_sent : request_phase::reply_begun);
            co_await send(all.substr(0, first));
        }
        auto then = course::resume;
        if (scripted.act == fault_action::drip)
            co_return co_await drip(scripted, all.substr(first));
        then = co_await carry_out(scripted);
        if (then == course::resume)
            then = co_await send_reply(all.substr(first)) ? course::resume : course::end;
        co_return then;
    }

    awaitable<course> drip(fault const& scripted, std::string_view rest)
    {
        error_code ignored;
        while (rest.size() > scripted.step_bytes && !closing_) {
            service_->reached(request_, request_phase::reply_begun);
            if (!co_await send(rest.substr(0, static_cast<std::size_t>(scripted.step_bytes))))
                co_return course::end;
            rest.remove_prefix(static_cast<std::size_t>(scripted.step_bytes));
            if (scripted.step_seconds > 0) {
                pause_.expires_after(time_of(scripted.step_seconds));
                co_await pause_.async_wait(into(ignored));
            }
        }
        if (closing_)
            co_return course::end;
        co_return co_await send_reply(rest) ? course::resume : course::end;
    }

    /// Does to the connection what a fault says.
    awaitable<course> carry_out(fault const& scripted)
    {
        switch (scripted.act) {
        case fault_action::raw:
            if (scripted.when == fault_moment::connect)
                co_await send_beneath_tls(scripted.raw);
            else
                co_await send(scripted.raw);
            co_return co_await end_by(scripted.then, scripted.seconds);
        case fault_action::plaintext: {
            std::string const bytes = scripted.raw.empty() ? std::string(plain_answer) : scripted.raw;
            co_await send_beneath_tls(bytes);
            co_return co_await end_by(fault_action::stall, scripted.seconds);
        }
        case fault_action::corrupt:
            co_await send_beneath_tls(forged_record());
            co_return co_await end_by(fault_action::stall, scripted.seconds);
        default:
            co_return co_await end_by(scripted.act, scripted.seconds);
        }
    }

    awaitable<course> end_by(fault_action act, double seconds)
    {
        switch (act) {
        case fault_action::close:
            co_await end_tls();
            co_await end_tcp();
            break;
        case fault_action::cut:
            co_await end_tcp();
            break;
        case fault_action::reset:
            reset();
            break;
        case fault_action::stall: {
            error_code ignored;
            std::array<char, 4096> sink;
            tcp().expires_after(patience(seconds));
            // Reading notices the other side giving up, long before the limit.
            auto const into_sink = boost::asio::buffer(sink);
            while (!ignored)
                co_await tcp().async_read_some(into_sink, into(ignored));
            reset();
            break;
        }
        case fault_action::freeze: {
            error_code ignored;
            if (!closing_) {
                pause_.expires_after(patience(seconds));
                co_await pause_.async_wait(into(ignored));
            }
            reset();
            break;
        }
        case fault_action::hold: {
            error_code ignored;
            held_ = true;
            while (held_ && !closing_)
                co_await gate_.async_wait(into(ignored));
            co_return closing_ ? course::end : course::resume;
        }
        default:
            co_return course::resume;
        }
        co_return course::end;
    }

    static std::chrono::steady_clock::duration time_of(double seconds)
    {
        return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
            std::chrono::duration<double>(seconds));
    }

    std::chrono::steady_clock::duration patience(double seconds) const
    {
        return seconds > 0 ? time_of(seconds) : service_->options().max_idle;
    }

    /// A record of application data as its head tells it, with a content that no key fits.
    static std::string forged_record()
    {
        return std::string("\x17\x03\x03\x00\x40", 5) + std::string(64, '\x5a');
    }

    awaitable<bool> send_beneath_tls(std::string_view bytes)
    {
        error_code error;
        tcp().expires_after(service_->options().max_idle);
        auto const data = boost::asio::buffer(bytes.data(), bytes.size());
        co_await boost::asio::async_write(tcp(), data, into(error));
        co_return !error;
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

    /// Sends what is left of a reply.
    awaitable<bool> send_reply(std::string_view bytes)
    {
        // Noted first: who has read the reply must find it in the books.
        service_->reached(request_, request_phase::reply_sent);
        bool const sent = co_await send(bytes);
        if (!sent)
            service_->reached(request_, request_phase::reply_begun);
        co_return sent;
    }

    /// Sends a reply while the client may still be writing its body: closing at once would reset the
    /// connection and take the reply away with it.
    awaitable<void> send_and_drain(reply const& answer)
    {
        std::string const bytes = bytes_of(answer, false, service_->unix_now());
        if (!co_await send_reply(bytes))
            co_return;
        error_code error;
        tcp().expires_after(goodbye_time);
        // Fails as soon as more of the body arrives; by then the client has been told that this is the end.
        if constexpr (has_tls)
            co_await stream_.async_shutdown(into(error));
        co_await end_tcp();
    }

    /// Ends TCP, and reads what still comes: closing with bytes unread would send a reset.
    awaitable<void> end_tcp()
    {
        error_code error;
        tcp().expires_after(goodbye_time);
        tcp().socket().shutdown(boost::asio::socket_base::shutdown_send, error);
        std::array<char, 16384> sink;
        auto const into_sink = boost::asio::buffer(sink);
        for (std::uint64_t drained = 0; !error && drained < 4 * service::largest_body;)
            drained += co_await tcp().async_read_some(into_sink, into(error));
        tcp().close();
    }

    awaitable<void> end_tls()
    {
        error_code ignored;
        if constexpr (has_tls) {
            if (secured_) {
                tcp().expires_after(goodbye_time);
                co_await stream_.async_shutdown(into(ignored));
            }
        }
    }

    awaitable<void> say_goodbye()
    {
        error_code ignored;
        co_await end_tls();
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
        request_.reset();
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
    /// Never expires; waiting for it ends by cancelling.
    boost::asio::steady_timer gate_{stream_.get_executor(), boost::asio::steady_timer::time_point::max()};
    std::uint64_t number_ = 0;
    service::request_number request_;
    bool counted_ = false;
    bool secured_ = false;
    bool held_ = false;
    bool closing_ = false;
};

} // namespace apimart::testing::emulation

#endif
