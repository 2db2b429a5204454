#include "byte_server.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tls_tests {

class byte_server::settings
{
public:
    settings(identity const& who, tls_version version, std::string chosen)
        : context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free), protocol(std::move(chosen))
    {
        int const wire_version = version == tls_version::v1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
        if (!context || SSL_CTX_use_certificate_chain_file(context.get(), who.chain.c_str()) != 1 ||
            SSL_CTX_use_PrivateKey_file(context.get(), who.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_set_min_proto_version(context.get(), wire_version) != 1 ||
            SSL_CTX_set_max_proto_version(context.get(), wire_version) != 1)
            throw std::runtime_error("the byte server cannot be set up");
        if (!protocol.empty())
            SSL_CTX_set_alpn_select_cb(context.get(), &choose, &protocol);
    }

    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context;
    std::string protocol;

private:
    static int choose(SSL*, unsigned char const** chosen, unsigned char* size, unsigned char const*, unsigned,
                      void* wanted)
    {
        auto const& name = *static_cast<std::string const*>(wanted);
        *chosen = reinterpret_cast<unsigned char const*>(name.data());
        *size = static_cast<unsigned char>(name.size());
        return SSL_TLSEXT_ERR_OK;
    }
};

// OpenSSL between two buffers, so that each of its records passes through the test's hands.
class byte_server::peer::session
{
public:
    explicit session(SSL_CTX* context)
        : in(BIO_new(BIO_s_mem())), out(BIO_new(BIO_s_mem())), ssl(SSL_new(context), &SSL_free)
    {
        SSL_set_bio(ssl.get(), in, out);
        SSL_set_accept_state(ssl.get());
    }

    void give(std::string_view bytes) { BIO_write(in, bytes.data(), static_cast<int>(bytes.size())); }
    std::string taken()
    {
        char* data = nullptr;
        long const size = BIO_get_mem_data(out, &data);
        std::string text(data, static_cast<std::size_t>(size));
        BIO_reset(out);
        return text;
    }

    BIO* in;
    BIO* out;
    std::unique_ptr<SSL, void (*)(SSL*)> ssl;
};

byte_server::peer::peer(byte_server& server, int descriptor, std::size_t number)
    : index(number), server_(server), descriptor_(descriptor),
      session_(std::make_unique<session>(server.settings_->context.get()))
{
    int const on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

byte_server::peer::~peer()
{
    if (descriptor_ >= 0) {
        server_.forget(descriptor_);
        ::close(descriptor_);
    }
}

void byte_server::peer::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        auto const n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw gone();
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void byte_server::peer::send_before_receiving(std::string_view bytes)
{
    while (!bytes.empty()) {
        auto const n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            throw gone();
        // Longer than a client that reads would let it wait.
        pollfd one{descriptor_, POLLOUT, 0};
        if (::poll(&one, 1, 200) != 0)
            continue;
        char piece[16384];
        ssize_t got = 0;
        do {
            got = ::recv(descriptor_, piece, sizeof piece, MSG_DONTWAIT);
        } while (got > 0);
        if (got == 0 || errno != EAGAIN)
            throw gone();
    }
}

std::string byte_server::peer::receive()
{
    std::string text(16384, '\0');
    for (;;) {
        auto const n = ::recv(descriptor_, text.data(), text.size(), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw gone();
        text.resize(static_cast<std::size_t>(n));
        return text;
    }
}

std::string byte_server::peer::client_hello()
{
    std::string text;
    auto const whole = [&] {
        return text.size() >= 5 && text.size() >= 5U + 256U * static_cast<unsigned char>(text[3]) +
                                                      static_cast<unsigned char>(text[4]);
    };
    while (!whole()) {
        std::string const more = receive();
        if (more.empty())
            throw gone();
        text += more;
    }
    return text;
}

std::string byte_server::peer::answer_to(std::string_view bytes)
{
    session_->give(bytes);
    SSL_do_handshake(session_->ssl.get());
    ERR_clear_error();
    return session_->taken();
}

void byte_server::peer::take()
{
    std::string const bytes = receive();
    if (bytes.empty())
        throw gone();
    session_->give(bytes);
}

void byte_server::peer::handshake()
{
    for (;;) {
        ERR_clear_error();
        int const done = SSL_do_handshake(session_->ssl.get());
        int const why = SSL_get_error(session_->ssl.get(), done);
        send(session_->taken());
        if (done == 1)
            return;
        if (why != SSL_ERROR_WANT_READ)
            throw gone();
        take();
    }
}

std::string byte_server::peer::request()
{
    constexpr std::string_view end_of_head = "\r\n\r\n";
    constexpr std::string_view length = "Content-Length: ";
    std::string text;
    for (;;) {
        if (auto const head = text.find(end_of_head); head != std::string::npos) {
            auto const at = text.find(length);
            std::size_t const body = at < head ? std::stoul(text.substr(at + length.size())) : 0;
            if (text.size() >= head + end_of_head.size() + body)
                break;
        }
        char piece[4096];
        ERR_clear_error();
        int const n = SSL_read(session_->ssl.get(), piece, sizeof piece);
        if (n > 0) {
            text.append(piece, static_cast<std::size_t>(n));
            continue;
        }
        if (SSL_get_error(session_->ssl.get(), n) != SSL_ERROR_WANT_READ)
            throw gone();
        take();
    }
    server_.note(text);
    return text;
}

std::string byte_server::peer::sealed(std::string_view text)
{
    ERR_clear_error();
    if (SSL_write(session_->ssl.get(), text.data(), static_cast<int>(text.size())) <= 0)
        throw gone();
    return session_->taken();
}

std::string byte_server::peer::handshake_request()
{
    ERR_clear_error();
    SSL_renegotiate(session_->ssl.get());
    SSL_do_handshake(session_->ssl.get());
    ERR_clear_error();
    return session_->taken();
}

std::string byte_server::peer::key_updates(int count)
{
    ERR_clear_error();
    for (int i = 0; i < count; ++i) {
        if (SSL_key_update(session_->ssl.get(), SSL_KEY_UPDATE_REQUESTED) != 1 ||
            SSL_do_handshake(session_->ssl.get()) != 1)
            throw gone();
    }
    return session_->taken();
}

std::string byte_server::peer::protocol_version_alert()
{
    // What a session says to a record of a version that never was.
    session_->give(std::string_view("\x17\x05\x05\x00\x01x", 6));
    char piece[1];
    ERR_clear_error();
    SSL_read(session_->ssl.get(), piece, sizeof piece);
    ERR_clear_error();
    return session_->taken();
}

std::string byte_server::peer::close_notify()
{
    ERR_clear_error();
    SSL_shutdown(session_->ssl.get());
    ERR_clear_error();
    return session_->taken();
}

void byte_server::peer::finish()
{
    ::shutdown(descriptor_, SHUT_WR);
    tcp_info now{};
    do {
        socklen_t size = sizeof now;
        if (::getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, &now, &size) != 0)
            throw gone();
        std::this_thread::yield();
    } while (now.tcpi_state == TCP_FIN_WAIT1);
    server_.count_end();
    while (!receive().empty()) {
    }
}

void byte_server::peer::reset()
{
    linger const at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    server_.forget(descriptor_);
    ::close(descriptor_);
    descriptor_ = -1;
    server_.count_end();
}

void byte_server::peer::ignore_for_good()
{
    std::unique_lock lock(server_.mutex_);
    server_.changed_.wait(lock, [&] { return server_.stopping_; });
}

bool byte_server::peer::ended_within(std::chrono::milliseconds time)
{
    // POLLRDHUP comes with the other side's FIN, though its bytes before that are never read.
    pollfd one{descriptor_, POLLRDHUP, 0};
    int ready = 0;
    do {
        ready = ::poll(&one, 1, static_cast<int>(time.count()));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

void byte_server::peer::ignore_until_end()
{
    while (!ended_within(std::chrono::hours(1))) {
    }
}

byte_server::byte_server(identity const& who, tls_version version, behaviour what)
    : byte_server(who, version, std::string(), std::move(what))
{}

byte_server::byte_server(identity const& who, tls_version version, std::string protocol, behaviour what)
    : settings_(std::make_unique<settings>(who, version, std::move(protocol))), what_(std::move(what))
{
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* const plain = reinterpret_cast<sockaddr*>(&where);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener_ < 0 || ::bind(listener_, plain, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, plain, &size) != 0)
        throw std::system_error(errno, std::generic_category(), "byte server");
    port_ = ntohs(where.sin_port);
    accepting_ = std::thread([this] { accept(); });
}

void byte_server::narrow()
{
    // The other side's buffer is made for a number of the segments that this side takes.
    int const segment = 536;
    int const room = 4096;
    ::setsockopt(listener_, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
}

byte_server::~byte_server()
{
    {
        std::lock_guard const lock(mutex_);
        stopping_ = true;
        for (int const descriptor : open_)
            ::shutdown(descriptor, SHUT_RDWR);
        changed_.notify_all();
    }
    ::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    for (std::thread& each : threads_)
        each.join();
    ::close(listener_);
}

void byte_server::accept()
{
    for (;;) {
        int const descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        std::lock_guard const lock(mutex_);
        if (stopping_) {
            if (descriptor >= 0)
                ::close(descriptor);
            return;
        }
        if (descriptor < 0)
            continue;
        open_.insert(descriptor);
        threads_.emplace_back([this, descriptor, number = accepted_++] {
            try {
                peer one(*this, descriptor, number);
                what_(one);
            } catch (gone const&) {
                // The client ended it, as some tests want.
            }
        });
    }
}

void byte_server::note(std::string request)
{
    std::lock_guard const lock(mutex_);
    requests_.push_back(std::move(request));
}

void byte_server::forget(int descriptor)
{
    std::lock_guard const lock(mutex_);
    open_.erase(descriptor);
}

void byte_server::count_end()
{
    std::lock_guard const lock(mutex_);
    ++ends_;
    changed_.notify_all();
}

void byte_server::wait_for_ends(std::size_t count) const
{
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(30), [&] { return ends_ >= count; }))
        throw std::runtime_error("the byte server did not end its connections");
}

std::vector<std::string> byte_server::requests() const
{
    std::lock_guard const lock(mutex_);
    return requests_;
}

std::size_t byte_server::requests_that_begin_with(std::string_view words) const
{
    std::size_t count = 0;
    for (std::string const& each : requests())
        count += each.starts_with(words) ? 1 : 0;
    return count;
}

} // namespace tls_tests
