// A blocking socket without a library in between, so that a test sees what the system says and nothing else.
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

namespace emulator_tests {

class plain_socket
{
public:
    plain_socket() = default;
    explicit plain_socket(int descriptor) : descriptor_(descriptor)
    {
        // A safety net: nothing that is awaited takes nearly as long.
        timeval const limit{30, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        int const on = 1;
        ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    plain_socket(plain_socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    plain_socket& operator=(plain_socket&& other) noexcept
    {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~plain_socket() { close(); }

    /// A connection to a port of this machine.
    static plain_socket to(unsigned short port) { return to(port, 0, 0); }

    /// One that was begun and is perhaps not there yet; `buffer_bytes` for both directions, 0 for the usual.
    static plain_socket to(unsigned short port, int flags, int buffer_bytes)
    {
        plain_socket made(::socket(AF_INET, SOCK_STREAM | flags, 0));
        if (buffer_bytes > 0) {
            ::setsockopt(made.descriptor_, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
            ::setsockopt(made.descriptor_, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
        }
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        made.connect_error_ =
            ::connect(made.descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0
                                                                                                    : errno;
        return made;
    }

    int connect_error() const { return connect_error_; }

    void write(std::string_view bytes)
    {
        while (!bytes.empty()) {
            auto const n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n < 0) {
                write_error_ = errno;
                return;
            }
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    int write_error() const { return write_error_; }

    /// How many bytes of `chunk`, sent again and again, go in before the other side would have to read.
    std::size_t write_until_full(std::string_view chunk, std::size_t at_most)
    {
        std::size_t sum = 0;
        while (sum < at_most) {
            auto const n = ::send(descriptor_, chunk.data(), chunk.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n < 0)
                break;
            sum += static_cast<std::size_t>(n);
        }
        return sum;
    }

    /// Waits for `count` bytes; fewer come back when the connection ends before.
    std::string read(std::size_t count)
    {
        std::string text;
        while (text.size() < count && end_.empty()) {
            char piece[65536];
            auto const n = ::recv(descriptor_, piece, std::min(count - text.size(), sizeof piece), 0);
            if (n <= 0) {
                end_ = n == 0 ? "end" : errno == ECONNRESET ? "reset" : std::strerror(errno);
                break;
            }
            text.append(piece, static_cast<std::size_t>(n));
        }
        return text;
    }

    /// Reads on to the end, and says what that was: "end" or "reset".
    std::string ending()
    {
        while (end_.empty())
            static_cast<void>(read(65536));
        return end_;
    }

    /// What is there without waiting; nothing does not mean that nothing will come.
    std::string read_present()
    {
        char piece[65536];
        auto const n = ::recv(descriptor_, piece, sizeof piece, MSG_DONTWAIT);
        return n > 0 ? std::string(piece, static_cast<std::size_t>(n)) : "";
    }

    bool silent()
    {
        char piece[1];
        return ::recv(descriptor_, piece, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
    }

    void end_writing() { ::shutdown(descriptor_, SHUT_WR); }

    void close()
    {
        if (descriptor_ >= 0)
            ::close(std::exchange(descriptor_, -1));
    }

    void reset()
    {
        linger const hard{1, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close();
    }

    /// The state of the connection as the kernel names it: TCP_ESTABLISHED, TCP_SYN_SENT ...
    int state() const
    {
        unsigned char info[256] = {};
        socklen_t size = sizeof info;
        ::getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, info, &size);
        return info[0];
    }

    /// How many segments with data have arrived.
    unsigned segments() const
    {
        // `tcpi_data_segs_in` is newer than the structure of glibc; this is its place in the kernel's.
        constexpr std::size_t place = 152;
        unsigned char info[256] = {};
        socklen_t size = sizeof info;
        ::getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, info, &size);
        REQUIRE(size >= place + sizeof(std::uint32_t));
        std::uint32_t count = 0;
        std::memcpy(&count, info + place, sizeof count);
        return count;
    }

    int descriptor() const { return descriptor_; }

private:
    int descriptor_ = -1;
    int connect_error_ = 0;
    int write_error_ = 0;
    std::string end_;
};

/// A listening socket of this machine.
class plain_listener
{
public:
    plain_listener() : descriptor_(::socket(AF_INET, SOCK_STREAM, 0))
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        bool const bound = ::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                           ::listen(descriptor_, 128) == 0 &&
                           ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
        REQUIRE(bound);
        port_ = ntohs(address.sin_port);
        timeval const limit{30, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    plain_listener(plain_listener const&) = delete;
    plain_listener& operator=(plain_listener const&) = delete;
    ~plain_listener() { close(); }

    void close()
    {
        if (descriptor_ >= 0)
            ::close(std::exchange(descriptor_, -1));
    }

    unsigned short port() const { return port_; }
    boost::asio::ip::tcp::endpoint endpoint() const
    {
        return {boost::asio::ip::address_v4::loopback(), port_};
    }

    plain_socket accept() { return plain_socket(::accept(descriptor_, nullptr, nullptr)); }

    bool nobody_waits()
    {
        ::fcntl(descriptor_, F_SETFL, O_NONBLOCK);
        int const got = ::accept(descriptor_, nullptr, nullptr);
        ::fcntl(descriptor_, F_SETFL, 0);
        if (got >= 0)
            ::close(got);
        return got < 0;
    }

private:
    int descriptor_;
    unsigned short port_ = 0;
};

} // namespace emulator_tests
