// The floor: OpenSSL over epoll without Asio, one write and one read per request, nothing allocated but what
// OpenSSL allocates. Reads only answers of the form that the server of this benchmark gives.

#include "client_process.hpp"
#include "flat_request.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

int check(int result, char const* what)
{
    if (result < 0)
        throw std::system_error(errno, std::generic_category(), what);
    return result;
}

void require(bool good, char const* what)
{
    if (!good)
        throw std::runtime_error(std::string(what) + ": " + ERR_error_string(ERR_get_error(), nullptr));
}

class connection
{
public:
    connection(bench::workload const& work, SSL_CTX* context, bench::key_source& keys)
        : fd_(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")), ssl_(SSL_new(context)),
          request_(work), keys_(keys)
    {
        sockaddr_in service{};
        service.sin_family = AF_INET;
        service.sin_port = htons(work.port);
        service.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        check(::connect(fd_, reinterpret_cast<sockaddr*>(&service), sizeof service), "connect");
        int const on = 1;
        check(::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), "127.0.0.1");
        SSL_set_fd(ssl_, fd_);
        require(SSL_connect(ssl_) == 1, "handshake");
        int blocking = 1;
        check(::ioctl(fd_, FIONBIO, &blocking), "ioctl");
    }
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;
    ~connection()
    {
        SSL_free(ssl_);
        ::close(fd_);
    }

    int fd() const { return fd_; }

    /// False when the book is empty.
    bool start(bench::ledger& book)
    {
        if (!book.take())
            return false;
        book_ = &book;
        is_submit_ = true;
        write(request_.post(keys_));
        return true;
    }

    /// There is something to read. False when the book is empty.
    bool readable()
    {
        do {
            ERR_clear_error();
            int const got =
                SSL_read(ssl_, received_.data() + filled_, static_cast<int>(received_.size() - filled_));
            if (got <= 0) {
                require(SSL_get_error(ssl_, got) == SSL_ERROR_WANT_READ, "read");
                return true;
            }
            filled_ += static_cast<std::size_t>(got);
        } while (SSL_has_pending(ssl_) == 1);

        std::string_view const text(received_.data(), filled_);
        std::size_t const head = text.find("\r\n\r\n");
        if (head == std::string_view::npos)
            return true;
        std::string_view const field = "Content-Length: ";
        std::size_t const at = text.substr(0, head).find(field);
        std::size_t size = 0;
        if (!text.starts_with("HTTP/1.1 200 ") || at == std::string_view::npos)
            throw std::runtime_error("refused: " + std::string(text));
        std::from_chars(text.data() + at + field.size(), text.data() + head, size);
        if (text.size() < head + 4 + size)
            return true;
        std::string_view const body = text.substr(head + 4, size);
        filled_ = 0;
        if (is_submit_) {
            reply_.accepted(body);
            is_submit_ = false;
            write(request_.get(reply_.id()));
            return true;
        }
        reply_.completed(body, *book_);
        return start(*book_);
    }

private:
    void write(std::string_view text)
    {
        // A request is much smaller than an empty socket buffer.
        ERR_clear_error();
        require(SSL_write(ssl_, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()),
                "write");
    }

    int fd_;
    SSL* ssl_;
    bench::flat_request request_;
    bench::flat_reply reply_;
    bench::key_source& keys_;
    bench::ledger* book_ = nullptr;
    bool is_submit_ = false;
    std::array<char, 4096> received_;
    std::size_t filled_ = 0;
};

class openssl_client
{
public:
    openssl_client(bench::workload const& work, std::vector<std::string> const&)
        : work_(work), epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
          tls_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free)
    {
        SSL_CTX_set_default_verify_paths(tls_.get());
        require(SSL_CTX_load_verify_file(tls_.get(), work.ca_file.c_str()) == 1, "CA");
        SSL_CTX_set_verify(tls_.get(), SSL_VERIFY_PEER, nullptr);
        SSL_CTX_set_read_ahead(tls_.get(), 1);
    }
    openssl_client(openssl_client const&) = delete;
    openssl_client& operator=(openssl_client const&) = delete;
    ~openssl_client() { ::close(epoll_); }

    void open()
    {
        for (int i = 0; i < work_.connections; ++i) {
            connections_.push_back(std::make_unique<connection>(work_, tls_.get(), keys_));
            epoll_event event{};
            event.events = EPOLLIN | EPOLLET;
            event.data.ptr = connections_.back().get();
            check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_.back()->fd(), &event), "epoll_ctl");
        }
        bench::ledger unmeasured(static_cast<std::uint64_t>(work_.connections));
        work(unmeasured);
    }

    void work(bench::ledger& book)
    {
        int busy = 0;
        for (auto& c : connections_)
            busy += c->start(book) ? 1 : 0;
        std::array<epoll_event, 128> ready;
        while (busy > 0) {
            int const count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
            if (count < 0 && errno != EINTR)
                check(count, "epoll_wait");
            for (int i = 0; i < count; ++i)
                busy -=
                    static_cast<connection*>(ready[static_cast<std::size_t>(i)].data.ptr)->readable() ? 0 : 1;
        }
    }

private:
    bench::workload work_;
    int epoll_;
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> tls_;
    bench::key_source keys_;
    std::vector<std::unique_ptr<connection>> connections_;
};

} // namespace

int main(int argc, char** argv)
{
    return bench::be_client<openssl_client>(argc, argv);
}
