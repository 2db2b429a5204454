// A service that answers submits and task queries at the least cost, so that the client is what is measured:
// OpenSSL over epoll in one thread, the documented answers with the id filled in, and nothing checked but
// what the counts need.
#pragma once

#include "server_counts.hpp"

#include <apimart/testing/network/certificate_authority.hpp>
#include <apimart/testing/network/server_tls.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace bench {

/// Holds every answer back for a given time, as a network does: a client that looks for the answer as soon as
/// its request is out does not find it, however slow the tool is that counts what it does.
class minimal_server
{
public:
    /// With `pending`, any task may be asked for, any number of times, and none ever ends.
    explicit minimal_server(std::chrono::nanoseconds latency, bool pending = false)
        : latency_(latency), pending_(pending),
          tls_(apimart::testing::emulation::make_server_tls(authority_.issue()))
    {
        SSL_CTX_set_read_ahead(tls_.native_handle(), 1);
        SSL_CTX_clear_mode(tls_.native_handle(), SSL_MODE_RELEASE_BUFFERS);
        check(epoll_ = ::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        check(timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create");
        check(listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof here;
        check(::bind(listener_, reinterpret_cast<sockaddr*>(&here), size), "bind");
        check(::listen(listener_, 512), "listen");
        check(::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size), "getsockname");
        port_ = ntohs(here.sin_port);
        watch(listener_);
        watch(timer_);
    }
    minimal_server(minimal_server const&) = delete;
    minimal_server& operator=(minimal_server const&) = delete;

    unsigned short port() const { return port_; }
    std::string const& ca_pem() const { return authority_.pem(); }
    std::string const& first_body() const { return first_body_; }

    /// Serves until standard input ends.
    server_counts run()
    {
        watch(STDIN_FILENO);
        std::array<epoll_event, 64> ready;
        for (;;) {
            int const count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
            if (count < 0 && errno != EINTR)
                check(count, "epoll_wait");
            for (int i = 0; i < count; ++i) {
                int const fd = ready[static_cast<std::size_t>(i)].data.fd;
                if (fd == STDIN_FILENO)
                    return counts_;
                if (fd == listener_)
                    accept();
                else if (fd == timer_)
                    send_due();
                else if (!serve(*clients_[static_cast<std::size_t>(fd)]))
                    clients_[static_cast<std::size_t>(fd)].reset();
            }
        }
    }

private:
    struct client
    {
        client(int socket, SSL_CTX* context) : fd(socket), ssl(SSL_new(context))
        {
            SSL_set_fd(ssl, fd);
            SSL_set_accept_state(ssl);
        }
        client(client const&) = delete;
        client& operator=(client const&) = delete;
        ~client()
        {
            SSL_free(ssl);
            ::close(fd);
        }

        int fd;
        SSL* ssl;
        std::uint64_t number = 0;
        std::string received;
    };

    using clock = std::chrono::steady_clock;

    struct held_answer
    {
        clock::time_point due;
        int fd;
        std::uint64_t number; // of the connection
        std::string text;
    };

    static constexpr std::string_view id_begin = "task_01J9HA7JPQ9A0Z";
    static constexpr std::size_t id_digits = 12;

    static int check(int result, char const* what)
    {
        if (result < 0)
            throw std::system_error(errno, std::generic_category(), what);
        return result;
    }

    void watch(int fd)
    {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }

    void accept()
    {
        int fd = -1;
        while ((fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
            int const on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (clients_.size() <= static_cast<std::size_t>(fd))
                clients_.resize(static_cast<std::size_t>(fd) + 64);
            clients_[static_cast<std::size_t>(fd)] = std::make_unique<client>(fd, tls_.native_handle());
            clients_[static_cast<std::size_t>(fd)]->number = ++counts_.connections;
            watch(fd);
        }
    }

    // False when the connection is at its end.
    bool serve(client& c)
    {
        std::array<char, 16384> piece;
        for (;;) {
            ERR_clear_error();
            int const got = SSL_read(c.ssl, piece.data(), static_cast<int>(piece.size()));
            if (got <= 0)
                return SSL_get_error(c.ssl, got) == SSL_ERROR_WANT_READ;
            c.received.append(piece.data(), static_cast<std::size_t>(got));
            if (!answer_all(c))
                return false;
            // What is left in the socket is reported again.
            if (SSL_has_pending(c.ssl) == 0)
                return true;
        }
    }

    bool answer_all(client& c)
    {
        for (;;) {
            std::string_view const text = c.received;
            std::size_t const head = text.find("\r\n\r\n");
            if (head == std::string_view::npos)
                return true;
            std::size_t const end = head + 4 + body_size(text.substr(0, head));
            if (text.size() < end)
                return true;
            judge(text.substr(0, head), text.substr(head + 4, end - head - 4));
            counts_.bytes += end;
            counts_.cipher = std::string(SSL_get_version(c.ssl)) + ":" + SSL_get_cipher_name(c.ssl);
            c.received.erase(0, end);
            if (latency_ == latency_.zero()) {
                if (!send(c, answer_))
                    return false;
            } else {
                held_.push_back({clock::now() + latency_, c.fd, c.number, answer_});
                if (held_.size() == 1)
                    set_timer();
            }
        }
    }

    static bool send(client& c, std::string const& text)
    {
        // An answer is much smaller than an empty socket buffer.
        return SSL_write(c.ssl, text.data(), static_cast<int>(text.size())) > 0;
    }

    void set_timer()
    {
        auto const due = std::chrono::nanoseconds(held_.front().due.time_since_epoch()).count();
        itimerspec when{};
        when.it_value.tv_sec = due / 1'000'000'000;
        when.it_value.tv_nsec = due % 1'000'000'000;
        check(::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr), "timerfd_settime");
    }

    void send_due()
    {
        for (; !held_.empty() && held_.front().due <= clock::now(); held_.pop_front()) {
            held_answer const& next = held_.front();
            auto& owner = clients_[static_cast<std::size_t>(next.fd)];
            if (owner != nullptr && owner->number == next.number && !send(*owner, next.text))
                owner.reset();
        }
        // Setting it also takes back that it has gone off.
        if (!held_.empty())
            set_timer();
        else
            check(::timerfd_settime(timer_, 0, &disarmed, nullptr), "timerfd_settime");
    }

    static std::size_t body_size(std::string_view head)
    {
        std::string_view const field = "Content-Length: ";
        std::size_t const at = head.find(field);
        std::size_t size = 0;
        if (at != std::string_view::npos)
            std::from_chars(head.data() + at + field.size(), head.data() + head.size(), size);
        return size;
    }

    void judge(std::string_view head, std::string_view body)
    {
        if (head.find("\r\nAuthorization: Bearer ") == std::string_view::npos)
            ++counts_.wrong;
        if (head.starts_with("POST /v1/videos/generations ")) {
            if (first_body_.empty())
                first_body_ = body;
            if (body != first_body_)
                ++counts_.wrong;
            asked_.push_back(false);
            std::array<char, id_digits + 1> digits;
            std::snprintf(digits.data(), digits.size(), "%012llu",
                          static_cast<unsigned long long>(counts_.submits));
            ++counts_.submits;
            content_.assign(R"({"code":200,"data":[{"status":"submitted","task_id":")");
            content_.append(id_begin).append(digits.data()).append(R"("}]})");
        } else if (std::string_view const path = "GET /v1/tasks/"; head.starts_with(path)) {
            ++counts_.polls;
            std::string_view const id = head.substr(path.size(), id_begin.size() + id_digits);
            if (pending_) {
                content_.assign(R"({"code":200,"data":{"id":")").append(id);
                content_.append(R"(","status":"processing","progress":40,"created":1763088289,)"
                                R"("estimated_time":120}})");
                return write_answer();
            }
            std::uint64_t number = 0;
            auto const digits = id.substr(std::min(id.size(), id_begin.size()));
            std::from_chars(digits.data(), digits.data() + digits.size(), number);
            if (!id.starts_with(id_begin) || number >= asked_.size() || asked_[number])
                ++counts_.wrong;
            else
                asked_[number] = true;
            content_.assign(R"({"code":200,"data":{"id":")").append(id);
            content_.append(R"(","status":"completed","progress":100,"result":{"videos":[{"url":)"
                            R"(["https://upload.apimart.ai/f/video/9998236911693428-example.mp4"],)"
                            R"("expires_at":1763174708}]},"created":1763088289,"completed":1763088408,)"
                            R"("estimated_time":120,"actual_time":119,"cost":0.64,"credits_cost":6.4}})");
        } else {
            ++counts_.wrong;
            content_.assign("{}");
        }
        write_answer();
    }

    // With the header fields that the emulator sends.
    void write_answer()
    {
        answer_.assign(
            "HTTP/1.1 200 OK\r\nDate: Fri, 14 Nov 2025 02:44:49 GMT\r\nContent-Type: application/json; "
            "charset=utf-8\r\nContent-Length: ");
        answer_.append(std::to_string(content_.size())).append("\r\n\r\n").append(content_);
    }

    static constexpr itimerspec disarmed{};

    std::chrono::nanoseconds latency_;
    bool pending_;
    apimart::testing::certificate_authority authority_;
    boost::asio::ssl::context tls_;
    int epoll_ = -1;
    int timer_ = -1;
    int listener_ = -1;
    unsigned short port_ = 0;
    std::vector<std::unique_ptr<client>> clients_; // by descriptor
    std::deque<held_answer> held_;                 // the next one due first
    std::vector<bool> asked_;                      // by number of the task
    std::string first_body_;
    std::string content_;
    std::string answer_;
    server_counts counts_;
};

} // namespace bench
