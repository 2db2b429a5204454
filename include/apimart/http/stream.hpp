// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_STREAM_HPP
#define APIMART_HTTP_STREAM_HPP

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/rate_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace apimart::detail {

// Tells how many bytes the kernel has taken, which decides what a peer can have of a request whose write was
// interrupted. While a write is pending, the kernel may have taken more than is counted here.
class counting_policy
{
public:
    std::uint64_t written() const noexcept { return written_; }

private:
    friend class boost::beast::rate_policy_access;

    static constexpr std::size_t unlimited = (std::numeric_limits<std::size_t>::max)();

    std::size_t available_read_bytes() const noexcept { return unlimited; }
    std::size_t available_write_bytes() const noexcept { return unlimited; }
    void transfer_read_bytes(std::size_t) const noexcept {}
    void transfer_write_bytes(std::size_t count) noexcept { written_ += count; }
    void on_timer() const noexcept {}

    std::uint64_t written_ = 0;
};

// On Boost 1.81 this class does not compile for a strand of `any_io_executor` where BOOST_ASIO_NO_DEPRECATED is
// defined, so that the strand is inside of an `any_io_executor`.
using tcp_stream =
    boost::beast::basic_stream<boost::asio::ip::tcp, boost::asio::any_io_executor, counting_policy>;
using tls_stream = boost::asio::ssl::stream<tcp_stream>;

} // namespace apimart::detail

#endif
