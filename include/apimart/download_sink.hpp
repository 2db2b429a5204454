// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DOWNLOAD_SINK_HPP
#define APIMART_DOWNLOAD_SINK_HPP

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace apimart {

/// In the place of a path: the bytes of a video are wanted as a `std::string`, and not more than these.
class into_memory
{
public:
    /// In bytes.
    explicit constexpr into_memory(std::uint64_t max_size) noexcept : max_size_(max_size) {}

    constexpr std::uint64_t max_size() const noexcept { return max_size_; }

private:
    std::uint64_t max_size_;
};

/// What takes the bytes of a video as they come: Asio's AsyncWriteStream. Sockets, TLS streams, pipes and stream files are
/// sinks as they are; it says itself where its work runs, reports by error code, and is written by hand with one function.
template <class T>
concept download_sink =
    requires(T& sink, boost::asio::const_buffer bytes,
             boost::asio::any_completion_handler<void(boost::system::error_code, std::size_t)> handler)
{
    {
        sink.get_executor()
        } -> std::convertible_to<boost::asio::any_io_executor>;
    sink.async_write_some(bytes, std::move(handler));
};

namespace detail {

// A sink without its type, which outlives whoever holds this.
class sink_reference
{
public:
    using handler = boost::asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;

    template <download_sink Sink>
    explicit sink_reference(Sink& sink)
        : executor_(sink.get_executor()), object_(&sink),
          write_([](void* object, boost::asio::const_buffer bytes, handler done) {
              boost::asio::async_write(*static_cast<Sink*>(object), bytes, std::move(done));
          })
    {}

    boost::asio::any_io_executor const& get_executor() const noexcept { return executor_; }
    // Writes all of it. Called on the executor above.
    void write(boost::asio::const_buffer bytes, handler done) const
    {
        write_(object_, bytes, std::move(done));
    }

private:
    boost::asio::any_io_executor executor_;
    void* object_;
    void (*write_)(void*, boost::asio::const_buffer, handler);
};

} // namespace detail

} // namespace apimart

#endif
