// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_TLS_SESSION_HPP
#define APIMART_HTTP_TLS_SESSION_HPP

#include <apimart/error.hpp>
#include <apimart/http/tls_context.hpp>

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace apimart::detail {

// One TLS session. What arrives is given to it by `feed`; what it sends goes to the socket at once, without
// blocking. So after a write it is certain how much the operating system has taken, which a stream that
// writes on its own cannot tell once it was interrupted.
class tls_session
{
public:
    enum class step
    {
        done,
        wants_read,  // more bytes of the peer
        wants_write, // room in the socket
        closed,      // the peer said so with close_notify
        failed       // see the functions below
    };

    tls_session() = default;
    tls_session(tls_session const&) = delete;
    tls_session& operator=(tls_session const&) = delete;

    // Prepares the session: the name (or address) the certificate must be for, and SNI.
    bool open(tls_context& context, int descriptor, std::string const& host, bool is_address);
    void close_notify();
    bool is_open() const noexcept { return session_ != nullptr; }

    // The bytes must stay until they are used up; the session takes them before it wants more.
    void feed(std::string_view bytes);
    void feed_end(error_code why); // end of file or an error; nothing comes after it
    bool has_unread() const noexcept
    {
        return !wire_.in.empty() || (session_ && SSL_has_pending(session_.get()));
    }

    step handshake();
    step write(std::string_view text, std::size_t& taken);
    step read(char* to, std::size_t room, std::size_t& got);

    // Why the handshake failed.
    failure handshake_failure(std::string const& host) const;
    // Why a read or write failed, and whether the peer refused the session itself, in which case it has
    // processed nothing that was written.
    failure session_failure(std::string const& host, bool& refused) const;
    std::string_view version() const;
    bool server_asked_for_certificate() const noexcept { return asked_; }

private:
    // The session's end of the wire, as OpenSSL sees it.
    struct wire
    {
        int descriptor = -1;
        std::string_view in;
        bool ended = false;
        int read_error = 0;
        int write_error = 0;
    };
    struct release
    {
        void operator()(SSL* what) const noexcept { SSL_free(what); }
    };

    static BIO_METHOD* bio_method();
    static int bio_write(BIO* bio, char const* data, int size);
    static int bio_read(BIO* bio, char* to, int room);
    static long bio_control(BIO* bio, int command, long number, void* pointer);
    static int on_certificate_request(SSL* session, void* self);

    step judge(int outcome);
    std::string reason_words() const;

    wire wire_;
    std::unique_ptr<SSL, release> session_;
    unsigned long error_ = 0;
    bool eof_ = false;
    bool asked_ = false;
    std::array<char, 8> first_{};
    std::size_t first_size_ = 0;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/http/tls_session.ipp>
#endif

#endif
