// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_TLS_SESSION_IPP
#define APIMART_HTTP_TLS_SESSION_IPP

#include <apimart/http/tls_error.hpp>
#include <apimart/http/tls_session.hpp>
#include <apimart/separate_compilation.hpp>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace apimart::detail {

APIMART_INLINE int tls_session::bio_write(BIO* bio, char const* data, int size)
{
    auto& w = *static_cast<wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    ssize_t n = 0;
    do {
        n = ::send(w.descriptor, data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return static_cast<int>(n);
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        BIO_set_retry_write(bio);
    else
        w.write_error = errno;
    return -1;
}

APIMART_INLINE int tls_session::bio_read(BIO* bio, char* to, int room)
{
    auto& w = *static_cast<wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (w.in.empty()) {
        if (w.ended)
            return 0;
        BIO_set_retry_read(bio);
        return -1;
    }
    std::size_t const n = std::min(w.in.size(), static_cast<std::size_t>(room));
    std::memcpy(to, w.in.data(), n);
    w.in.remove_prefix(n);
    return static_cast<int>(n);
}

APIMART_INLINE long tls_session::bio_control(BIO* bio, int command, long, void*)
{
    if (command == BIO_CTRL_FLUSH)
        return 1;
    if (command == BIO_CTRL_EOF) {
        auto const& w = *static_cast<wire*>(BIO_get_data(bio));
        return w.ended && w.in.empty() ? 1 : 0;
    }
    return 0;
}

APIMART_INLINE BIO_METHOD* tls_session::bio_method()
{
    static BIO_METHOD* const method = [] {
        BIO_METHOD* const made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 0x7D, "apimart");
        if (made != nullptr) {
            BIO_meth_set_write(made, &tls_session::bio_write);
            BIO_meth_set_read(made, &tls_session::bio_read);
            BIO_meth_set_ctrl(made, &tls_session::bio_control);
        }
        return made;
    }();
    return method;
}

APIMART_INLINE int tls_session::on_certificate_request(SSL*, void* self)
{
    static_cast<tls_session*>(self)->asked_ = true;
    return 1;
}

APIMART_INLINE bool tls_session::open(tls_context& context, int descriptor, std::string const& host,
                                      bool is_address)
{
    ERR_clear_error();
    wire_ = wire();
    wire_.descriptor = descriptor;
    session_.reset(SSL_new(context.native().native_handle()));
    BIO* const bio = session_ ? BIO_new(bio_method()) : nullptr;
    if (bio == nullptr)
        return false;
    BIO_set_data(bio, &wire_);
    BIO_set_init(bio, 1);
    SSL_set_bio(session_.get(), bio, bio);
    SSL_set_cert_cb(session_.get(), &tls_session::on_certificate_request, this);
    if (is_address) {
        if (context.verifies() &&
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session_.get()), host.c_str()) != 1)
            return false;
    } else {
        SSL_set_hostflags(session_.get(),
                          X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        if (context.verifies() && SSL_set1_host(session_.get(), host.c_str()) != 1)
            return false;
        // The macro casts away const.
        if (SSL_ctrl(session_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     const_cast<char*>(host.c_str())) != 1)
            return false;
    }
    SSL_set_connect_state(session_.get());
    return true;
}

APIMART_INLINE void tls_session::close_notify()
{
    // Said, not waited for: the peer may not be reading, and nothing depends on its answer.
    if (session_ && error_ == 0 && SSL_is_init_finished(session_.get())) {
        ERR_clear_error();
        SSL_shutdown(session_.get());
        ERR_clear_error();
    }
}

APIMART_INLINE void tls_session::feed(std::string_view bytes)
{
    wire_.in = bytes;
    if (first_size_ < first_.size()) {
        std::size_t const n = std::min(bytes.size(), first_.size() - first_size_);
        std::copy_n(bytes.data(), n, first_.data() + first_size_);
        first_size_ += n;
    }
}

APIMART_INLINE void tls_session::feed_end(error_code why)
{
    wire_.ended = true;
    wire_.read_error = why.value();
}

APIMART_INLINE tls_session::step tls_session::judge(int outcome)
{
    switch (SSL_get_error(session_.get(), outcome)) {
    case SSL_ERROR_NONE:
        return step::done;
    case SSL_ERROR_WANT_READ:
        return step::wants_read;
    case SSL_ERROR_WANT_WRITE:
        return step::wants_write;
    case SSL_ERROR_ZERO_RETURN:
        return step::closed;
    default:
        break;
    }
    error_ = ERR_peek_error();
    ERR_clear_error();
    eof_ = wire_.ended && wire_.in.empty() &&
           (error_ == 0 || ERR_GET_REASON(error_) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
    if (error_ == 0)
        error_ = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING);
    return step::failed;
}

APIMART_INLINE tls_session::step tls_session::handshake()
{
    ERR_clear_error();
    step const now = judge(SSL_do_handshake(session_.get()));
    if (now != step::done)
        return now;
    unsigned char const* protocol = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(session_.get(), &protocol, &size);
    if (size != 0 && std::string_view(reinterpret_cast<char const*>(protocol), size) != "http/1.1") {
        error_ = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
        return step::failed;
    }
    return step::done;
}

APIMART_INLINE tls_session::step tls_session::write(std::string_view text, std::size_t& taken)
{
    taken = 0;
    ERR_clear_error();
    int const n = SSL_write(session_.get(), text.data(),
                            static_cast<int>(std::min<std::size_t>(text.size(), 1U << 30U)));
    if (n > 0) {
        taken = static_cast<std::size_t>(n);
        return step::done;
    }
    return judge(n);
}

APIMART_INLINE tls_session::step tls_session::read(char* to, std::size_t room, std::size_t& got)
{
    got = 0;
    ERR_clear_error();
    int const n = SSL_read(session_.get(), to, static_cast<int>(std::min<std::size_t>(room, 1U << 30U)));
    if (n > 0) {
        got = static_cast<std::size_t>(n);
        return step::done;
    }
    return judge(n);
}

APIMART_INLINE std::string_view tls_session::version() const
{
    return session_ ? std::string_view(SSL_get_version(session_.get())) : std::string_view();
}

APIMART_INLINE std::string tls_session::reason_words() const
{
    char const* const words = ERR_reason_error_string(error_);
    return words == nullptr ? "unknown reason" : words;
}

APIMART_INLINE failure tls_session::handshake_failure(std::string const& host) const
{
    error_code const beneath(static_cast<int>(wire_.read_error != 0 ? wire_.read_error : wire_.write_error),
                             boost::system::system_category());
    long const verdict = session_ ? SSL_get_verify_result(session_.get()) : X509_V_OK;
    if (verdict != X509_V_OK) {
        std::string words = "the certificate of " + host + " was refused: ";
        words.append(certificate_reason(verdict)).append(" (").append(X509_verify_cert_error_string(verdict));
        words.append(", OpenSSL code ").append(std::to_string(verdict)).append(")");
        words.append(certificate_hint(verdict));
        return failure(errc::certificate_refused, std::move(words));
    }
    if (first_size_ > 0) {
        // A record begins with its type and the protocol's major version.
        bool const plausible = first_[0] >= 0x14 && first_[0] <= 0x18 && (first_size_ < 2 || first_[1] == 3);
        if (!plausible) {
            static constexpr char digits[] = "0123456789abcdef";
            std::string hex;
            for (std::size_t i = 0; i < first_size_; ++i) {
                auto const byte = static_cast<unsigned char>(first_[i]);
                hex.append(i == 0 ? "" : " ").append(1, digits[byte >> 4U]).append(1, digits[byte & 0xFU]);
            }
            return failure(errc::not_tls, host + " answered with " + hex);
        }
    }
    if (eof_ || wire_.write_error != 0)
        return failure(errc::tls_closed, host + " ended the connection during the TLS handshake")
            .underlying(beneath);
    int const reason = ERR_GET_REASON(error_);
    if (is_about_client_certificate(reason, asked_))
        return failure(errc::client_certificate_required, host + ": " + reason_words());
    std::string words = "the TLS handshake with " + host + " failed: ";
    if (std::string_view const known = negotiation_reason(reason); !known.empty())
        words.append(known).append(", ");
    return failure(errc::tls_failed, words + reason_words());
}

APIMART_INLINE failure tls_session::session_failure(std::string const& host, bool& refused) const
{
    refused = false;
    if (eof_)
        return failure(wire_.read_error == 0 ? errc::tls_truncated : errc::connection_lost, host)
            .underlying(error_code(wire_.read_error, boost::system::system_category()));
    if (wire_.write_error != 0)
        return failure(errc::connection_lost, host)
            .underlying(error_code(wire_.write_error, boost::system::system_category()));
    int const reason = ERR_GET_REASON(error_);
    if (is_refusal_alert({static_cast<int>(error_), boost::asio::error::get_ssl_category()})) {
        refused = true;
        bool const about_us = is_about_client_certificate(reason, asked_);
        return failure(about_us ? errc::client_certificate_required : errc::tls_failed,
                       host + " refused the TLS session: " + reason_words());
    }
    return failure(errc::tls_corrupt, host + ": " + reason_words());
}

} // namespace apimart::detail

#endif
