// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_TRANSPORT_STREAM_HPP
#define APIMART_DETAIL_TRANSPORT_STREAM_HPP

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace apimart::detail {

// A connection's byte stream, with or without TLS, as one type, so that the HTTP code above is compiled once.
class stream
{
public:
    using executor_type = boost::asio::any_io_executor;
    using socket_type = boost::asio::ip::tcp::socket;

    explicit stream(executor_type const& executor) : plain_(std::in_place, executor) {}
    stream(executor_type const& executor, boost::asio::ssl::context& context)
        : secure_(std::in_place, executor, context)
    {}

    executor_type get_executor() noexcept { return socket().get_executor(); }
    socket_type& socket() noexcept { return secure_ ? secure_->next_layer() : *plain_; }
    boost::asio::ssl::stream<socket_type>* tls() noexcept { return secure_ ? &*secure_ : nullptr; }

    template <class Buffers, class Token>
    auto async_read_some(Buffers const& buffers, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            initiate_read(this), token, buffers);
    }

    template <class Buffers, class Token>
    auto async_write_some(Buffers const& buffers, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            initiate_write(this), token, buffers);
    }

private:
    class initiate_read
    {
    public:
        using executor_type = stream::executor_type;
        explicit initiate_read(stream* self) : self_(self) {}
        executor_type get_executor() const noexcept { return self_->get_executor(); }

        template <class Handler, class Buffers>
        void operator()(Handler&& handler, Buffers const& buffers) const
        {
            if (self_->secure_)
                self_->secure_->async_read_some(buffers, std::forward<Handler>(handler));
            else
                self_->plain_->async_read_some(buffers, std::forward<Handler>(handler));
        }

    private:
        stream* self_;
    };

    class initiate_write
    {
    public:
        using executor_type = stream::executor_type;
        explicit initiate_write(stream* self) : self_(self) {}
        executor_type get_executor() const noexcept { return self_->get_executor(); }

        template <class Handler, class Buffers>
        void operator()(Handler&& handler, Buffers const& buffers) const
        {
            if (self_->secure_)
                self_->secure_->async_write_some(buffers, std::forward<Handler>(handler));
            else
                self_->plain_->async_write_some(buffers, std::forward<Handler>(handler));
        }

    private:
        stream* self_;
    };

    std::optional<boost::asio::ssl::stream<socket_type>> secure_;
    std::optional<socket_type> plain_;
};

} // namespace apimart::detail

#endif
