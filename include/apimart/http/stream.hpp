// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_STREAM_HPP
#define APIMART_HTTP_STREAM_HPP

#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace apimart::detail {

// Tells how many bytes the kernel has taken, which decides what a peer can have of a request whose write was
// interrupted. While a write is pending, the kernel may have taken more than is counted here.
class tcp_stream
{
public:
    using socket_type = boost::asio::ip::tcp::socket;
    using executor_type = socket_type::executor_type;
    using lowest_layer_type = socket_type::lowest_layer_type;
    using error_code = boost::system::error_code;

    explicit tcp_stream(socket_type&& connected) : socket_(std::move(connected)) {}

    std::uint64_t written() const noexcept { return written_; }

    socket_type& socket() noexcept { return socket_; }
    executor_type get_executor() { return socket_.get_executor(); }
    lowest_layer_type& lowest_layer() { return socket_.lowest_layer(); }

    template <class Buffers, class Token>
    auto async_read_some(Buffers const& to, Token&& token)
    {
        return socket_.async_read_some(to, std::forward<Token>(token));
    }
    template <class Buffers>
    std::size_t read_some(Buffers const& to, error_code& code)
    {
        return socket_.read_some(to, code);
    }
    template <class Buffers, class Token>
    auto async_write_some(Buffers const& from, Token&& token)
    {
        using boost::asio::deferred;
        return socket_.async_write_some(from, deferred([this](error_code code, std::size_t count) {
                                            written_ += count;
                                            return deferred.values(code, count);
                                        }))(std::forward<Token>(token));
    }
    template <class Buffers>
    std::size_t write_some(Buffers const& from, error_code& code)
    {
        std::size_t const count = socket_.write_some(from, code);
        written_ += count;
        return count;
    }

private:
    socket_type socket_;
    std::uint64_t written_ = 0;
};

using tls_stream = boost::asio::ssl::stream<tcp_stream>;

} // namespace apimart::detail

#endif
