// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_CONNECTION_HPP
#define APIMART_HTTP_CONNECTION_HPP

#include <apimart/http/response_parser.hpp>
#include <apimart/http/stream.hpp>
#include <apimart/http/tls_error.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/runtime/client_runtime.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace apimart::detail {

// A TCP or TLS stream to one origin, with the limits of time for what is done on it. It is kept alive by the coroutine
// that uses it, because a TLS stream must outlive its operations: ending them early is closing the socket.
class connection
{
public:
    using clock = std::chrono::steady_clock;

    // Whether a kept connection can be used again.
    enum class liveness
    {
        ok,
        ended,
        unexpected_data
    };

    connection(client_runtime& runtime, detail::origin to, bool public_addresses_only)
        : origin(std::move(to)), public_only(public_addresses_only), runtime_(runtime),
          limit_([this] { on_limit(); })
    {}
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;
    ~connection() { close(); }

    bool is_open() const noexcept { return !closed_ && (tls_ || tcp_); }
    // It was closed, and not by a limit of its own.
    bool cancelled() const noexcept { return closed_ && !timed_out_; }
    std::string_view tls_version()
    {
        return tls_ ? std::string_view(SSL_get_version(tls_->native_handle())) : std::string_view();
    }

    // ---- For the connector.
    void attach(boost::asio::ip::tcp::socket&& socket)
    {
        tcp_.emplace(std::move(socket));
        if (closed_)
            close_socket();
    }
    tls_stream& start_tls(boost::asio::ssl::context& context)
    {
        tls_.emplace(std::move(*tcp_), context);
        tcp_.reset();
        return *tls_;
    }
    // Says how to end a step that is pending before there is a stream. It belongs to the step's coroutine, which may
    // also be destroyed while the step is pending.
    class interruption
    {
    public:
        interruption(connection& c, std::function<void()> end) : connection_(c)
        {
            c.interrupt_ = std::move(end);
        }
        interruption(interruption const&) = delete;
        interruption& operator=(interruption const&) = delete;
        ~interruption() { connection_.interrupt_ = nullptr; }

        bool happened() const noexcept { return !connection_.interrupt_; }

    private:
        connection& connection_;
    };

    // ---- Limits of time.
    void limit(clock::time_point when)
    {
        if (closed_ || ends_write_)
            return;
        if (when > limit_until_)
            look_until_ = {};
        limit_until_ = when;
        runtime_.timers.set(limit_, when);
    }
    void limit_after(clock::duration delay) { limit(runtime_.now() + delay); }
    void unlimit() noexcept { limit_.clear(); }
    bool timed_out() const noexcept { return timed_out_; }
    // A limit of writing ends the write and leaves the connection open, so that an answer that lies there can still be
    // read.
    void keep_open_at_limit(bool keep) noexcept
    {
        keep_open_ = keep;
        ends_write_ = false;
    }
    // A new limit begins after one that has passed.
    void clear_timeout() noexcept { timed_out_ = false; }

    // ---- Bytes.
    auto write_some(std::string_view text)
    {
        return boost::asio::async_initiate<decltype(use_tuple) const, void(error_code, std::size_t)>(
            [this](auto handler, boost::asio::const_buffer from) {
                if (tls_)
                    tls_->async_write_some(from, std::move(handler));
                else
                    tcp_->async_write_some(from, std::move(handler));
            },
            use_tuple, boost::asio::buffer(text.data(), text.size()));
    }
    // Reads behind what is unread.
    auto read_some()
    {
        make_room();
        return boost::asio::async_initiate<decltype(use_tuple) const, void(error_code, std::size_t)>(
            [this](auto handler, boost::asio::mutable_buffer to) {
                if (tls_)
                    tls_->async_read_some(to, std::move(handler));
                else
                    tcp_->async_read_some(to, std::move(handler));
            },
            use_tuple, boost::asio::buffer(buffer_.data() + end_, buffer_.size() - end_));
    }
    void received(std::size_t count) noexcept { end_ += count; }
    std::string_view unread() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
    void consume(std::size_t count) noexcept { begin_ += count; }
    void discard_unread() noexcept { begin_ = end_ = 0; }
    // Asked when no write is pending.
    std::uint64_t written() const noexcept
    {
        return tls_ ? tls_->next_layer().rate_policy().written() : tcp_ ? tcp_->rate_policy().written() : 0;
    }

    // A single read that does not block tells data and the peer's end from what TLS says for itself, such as a session
    // ticket. Mostly there is nothing to be read.
    liveness check_alive()
    {
        if (closed_ || begin_ != end_)
            return closed_ ? liveness::ended : liveness::unexpected_data;
        if (!has_input())
            return liveness::ok;
        std::array<char, 1> byte; // left as it is: it is written before it is read
        error_code code;
        socket().non_blocking(true, code);
        std::size_t const count = tls_ ? tls_->read_some(boost::asio::buffer(byte), code)
                                       : tcp_->read_some(boost::asio::buffer(byte), code);
        if (count != 0)
            return liveness::unexpected_data;
        return code == boost::asio::error::would_block ? liveness::ok : liveness::ended;
    }
    // An idle connection holds no memory that one large answer needed.
    void rest()
    {
        unlimit();
        if (buffer_.size() > kept_buffer) {
            buffer_.resize(kept_buffer);
            buffer_.shrink_to_fit();
        }
        begin_ = end_ = 0;
    }

    // Ends the write that is under way, unless all of it has been done, and leaves the connection open.
    void end_write()
    {
        if (closed_)
            return;
        error_code ignored;
        socket().cancel(ignored);
        // What has done a part, and has not had its turn yet, goes on with the rest.
        ends_write_ = true;
        runtime_.timers.set(limit_, runtime_.now() + std::chrono::milliseconds(1));
    }
    bool ends_write() const noexcept { return ends_write_; }

    // Ends everything that is pending, soon. Nothing more of a request may leave.
    void close()
    {
        if (std::exchange(closed_, true))
            return;
        limit_.clear();
        if (auto const end = std::exchange(interrupt_, nullptr))
            end();
        if (tls_ || tcp_)
            close_socket();
    }
    // The same for a connection that is at rest; the peer is told, and not waited for.
    void close_politely()
    {
        if (tls_ && !closed_) {
            error_code code;
            socket().non_blocking(true, code);
            tls_->shutdown(code);
        }
        close();
    }

    detail::origin const origin;
    bool const public_only;
    response_parser parser;
    tls_trace trace;
    std::string address; // of the peer
    int served = 0;      // requests
    clock::time_point last_used{};
    clock::time_point idle_until{};

    SSL* tls() noexcept { return tls_ ? tls_->native_handle() : nullptr; }

private:
    static constexpr std::size_t piece = std::size_t{8} << 10U;
    static constexpr std::size_t kept_buffer = 2 * piece;

    boost::asio::basic_socket<boost::asio::ip::tcp, boost::asio::any_io_executor>& socket()
    {
        return tls_ ? tls_->next_layer().socket() : tcp_->socket();
    }
    void close_socket()
    {
        error_code ignored;
        socket().close(ignored);
    }

    void make_room()
    {
        if (begin_ == end_)
            begin_ = end_ = 0;
        if (buffer_.size() - end_ >= piece)
            return;
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= std::exchange(begin_, 0);
        if (buffer_.size() - end_ < piece)
            buffer_.resize(end_ + piece);
    }

    // A process that stood still for longer than a limit has the answer in the socket or in TLS: it is looked for before it is
    // given up, for a while that no byte that drips in makes longer.
    void on_limit()
    {
        using namespace std::chrono_literals;
        if (ends_write_)
            return end_write();
        auto const now = runtime_.now();
        bool const is_first_look = look_until_ == clock::time_point{};
        if (is_first_look)
            look_until_ = now + 1s;
        if ((tls_ || tcp_) && now < look_until_ && (has_input() || is_first_look)) {
            // Or it was read already, and its handler has not had its turn: who was late by much has much to catch up.
            clock::duration const catch_up = is_first_look ? 4 * (now - limit_until_) : 0s;
            runtime_.timers.set(limit_, now + std::clamp<clock::duration>(catch_up, 1ms, 1s));
            return;
        }
        timed_out_ = true;
        keep_open_ ? end_write() : close();
    }
    // Data, an end or an error, in the socket or already taken from it.
    bool has_input()
    {
        if (tls_ && (SSL_has_pending(tls()) != 0 || BIO_pending(SSL_get_rbio(tls())) != 0))
            return true;
        char byte = 0;
        return ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
               (errno != EAGAIN && errno != EWOULDBLOCK);
    }

    client_runtime& runtime_;
    deadline limit_;
    std::optional<tcp_stream> tcp_;
    std::optional<tls_stream> tls_;
    std::function<void()> interrupt_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool closed_ = false;
    bool timed_out_ = false;
    bool keep_open_ = false;
    bool ends_write_ = false;
    clock::time_point limit_until_{};
    clock::time_point look_until_{};
};

} // namespace apimart::detail

#endif
