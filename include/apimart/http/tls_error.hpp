// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_TLS_ERROR_HPP
#define APIMART_HTTP_TLS_ERROR_HPP

#include <apimart/error.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace apimart::detail {

// What a session's error codes do not tell: the first bytes the peer sent, and whether it asked for a certificate.
// Also bounds how long a peer can keep a session busy with messages of TLS alone (KeyUpdate, session tickets,
// requests for renegotiation), which OpenSSL does not. Attached before the handshake; both objects may end in
// either order.
class tls_trace
{
public:
    explicit tls_trace(SSL* session) : session_(session)
    {
        SSL_up_ref(session);
        SSL_set_cert_cb(session, &tls_trace::on_certificate_request, this);
        SSL_set_msg_callback(session, &tls_trace::on_message);
        SSL_set_msg_callback_arg(session, this);
        BIO_set_callback_ex(SSL_get_rbio(session), &tls_trace::on_bio);
        BIO_set_callback_arg(SSL_get_rbio(session), reinterpret_cast<char*>(this));
    }
    tls_trace(tls_trace const&) = delete;
    tls_trace& operator=(tls_trace const&) = delete;
    ~tls_trace()
    {
        end_of_handshake();
        SSL_set_msg_callback(session_.get(), nullptr);
    }

    // Takes away what a handshake alone needs.
    void end_of_handshake()
    {
        SSL_set_cert_cb(session_.get(), nullptr, nullptr);
        BIO_set_callback_ex(SSL_get_rbio(session_.get()), nullptr);
    }

    // At most eight. OpenSSL may not have taken all of them when it gave up.
    std::string_view first_bytes()
    {
        std::array<char, max_first_bytes> unread;
        if (first_size_ < unread.size())
            BIO_read(SSL_get_rbio(session_.get()), unread.data(),
                     static_cast<int>(unread.size() - first_size_));
        return {first_.data(), first_size_};
    }
    bool asked_for_certificate() const noexcept { return asked_; }

private:
    static constexpr std::size_t max_first_bytes = 8;
    // As BoringSSL has for KeyUpdates in a row.
    static constexpr int max_messages = 32;

    static int on_certificate_request(SSL*, void* self)
    {
        static_cast<tls_trace*>(self)->asked_ = true;
        return 1;
    }

    static long on_bio(BIO* bio, int operation, char const* data, std::size_t, int, long, int outcome,
                       std::size_t* count)
    {
        auto& self = *reinterpret_cast<tls_trace*>(BIO_get_callback_arg(bio));
        if (operation == (BIO_CB_READ | BIO_CB_RETURN) && outcome > 0) {
            std::size_t const n = std::min(*count, max_first_bytes - self.first_size_);
            std::copy_n(data, n, self.first_.data() + self.first_size_);
            self.first_size_ += n;
        }
        return outcome;
    }

    static void on_message(int is_written, int, int type, void const* data, std::size_t, SSL* session,
                           void* self)
    {
        int& messages = static_cast<tls_trace*>(self)->messages_;
        if (type == SSL3_RT_HANDSHAKE) {
            // An error in its queue is what OpenSSL reports when it would otherwise wait for more bytes.
            if (is_written == 0 && ++messages > max_messages)
                ERR_raise(ERR_LIB_SSL, SSL_R_TOO_MANY_KEY_UPDATES);
        } else if (is_written != 0 &&
                   type == (SSL_version(session) == TLS1_3_VERSION ? SSL3_RT_INNER_CONTENT_TYPE
                                                                   : SSL3_RT_HEADER) &&
                   *static_cast<unsigned char const*>(data) == SSL3_RT_APPLICATION_DATA) {
            messages = 0; // a request
        }
    }

    struct release
    {
        void operator()(SSL* session) const noexcept { SSL_free(session); }
    };

    std::unique_ptr<SSL, release> session_;
    std::array<char, max_first_bytes> first_{};
    std::size_t first_size_ = 0;
    bool asked_ = false;
    int messages_ = 0; // since the last request
};

// The error of a handshake that succeeded, where the peer chose another protocol than it was offered.
inline error_code check_alpn(SSL const* session)
{
    unsigned char const* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(session, &protocol, &size);
    if (size == 0 || std::string_view(reinterpret_cast<char const*>(protocol), size) == "http/1.1")
        return {};
    return {static_cast<int>(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)),
            boost::asio::error::get_ssl_category()};
}

// OpenSSL's code in an error of Asio's; zero where the error is none of OpenSSL's.
inline unsigned long openssl_code(error_code const& code)
{
    return code.category() == boost::asio::error::get_ssl_category() ? static_cast<unsigned int>(code.value())
                                                                     : 0UL;
}

inline std::string openssl_text(error_code const& code)
{
    char const* const text = ERR_reason_error_string(openssl_code(code));
    return text == nullptr ? code.message() : text;
}

// Short words for the reasons a certificate is refused for, to be found again in a manual or an issue.
inline std::string_view certificate_reason(long verify_result)
{
    switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "not_yet_valid";
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return "hostname_mismatch";
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "ip_mismatch";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return "self_signed";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return "untrusted_issuer";
    case X509_V_ERR_CERT_REVOKED:
        return "revoked";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        return "crl_unavailable";
    case X509_V_ERR_INVALID_PURPOSE:
        return "wrong_purpose";
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
        return "invalid_ca";
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return "weak_signature";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        return "weak_key";
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return "path_length";
    default:
        return "refused";
    }
}

inline std::string_view certificate_hint(long verify_result)
{
    switch (verify_result) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "; check this machine's clock";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        return "; its authority is not among the trusted ones (see tls_options::additional_ca_file), or the "
               "server sends no intermediate certificate";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return "; its authority is not among the trusted ones, see tls_options::additional_ca_file";
    default:
        return "";
    }
}

// Whether the peer ended the session with one of the alerts by which it refuses one.
inline bool is_refusal_alert(error_code const& code)
{
    switch (ERR_GET_REASON(openssl_code(code))) {
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV13_ALERT_MISSING_EXTENSION:
        return true;
    default:
        return false;
    }
}

// Whether an error proves that the peer has processed nothing of a request. In TLS 1.3 a server's refusal of the
// session can arrive when the first request was written already. Later, and in TLS 1.2, the same alerts come from
// a peer that may have read what it was sent.
inline bool is_session_refused(int tls_version, std::size_t requests_served, bool answer_began,
                               error_code const& code)
{
    return tls_version == TLS1_3_VERSION && requests_served == 0 && !answer_began && is_refusal_alert(code);
}

// Whether an alert is about the certificate that this client showed, or did not show.
inline bool is_about_client_certificate(int reason, bool asked)
{
    switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return asked;
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return asked; // what TLS 1.2 has for "no certificate came"
    default:
        return false;
    }
}

inline std::string_view negotiation_reason(int reason)
{
    switch (reason) {
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
        return "protocol_version";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_WRONG_CIPHER_RETURNED:
    case SSL_R_UNKNOWN_CIPHER_RETURNED:
        return "handshake_failure (no shared cipher)";
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
    case SSL_R_BAD_EXTENSION:
        return "alpn";
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
        return "unrecognized_name";
    default:
        return "";
    }
}

// Why a handshake failed.
inline failure handshake_failure(SSL const* session, error_code const& code, tls_trace& trace,
                                 std::string const& host)
{
    long const verify_result = SSL_get_verify_result(session);
    if (verify_result != X509_V_OK && SSL_get_verify_mode(session) != SSL_VERIFY_NONE) {
        std::string words = "the certificate of " + host + " was refused: ";
        words.append(certificate_reason(verify_result)).append(" (");
        words.append(X509_verify_cert_error_string(verify_result)).append(", OpenSSL code ");
        words.append(std::to_string(verify_result)).append(")").append(certificate_hint(verify_result));
        return failure(errc::certificate_refused, std::move(words));
    }
    // A record begins with its type and the protocol's major version.
    std::string_view const first = trace.first_bytes();
    if (!first.empty() && (first[0] < 0x14 || first[0] > 0x18 || (first.size() > 1 && first[1] != 3))) {
        static constexpr char digits[] = "0123456789abcdef";
        std::string words = host + " answered with";
        for (char const each : first) {
            auto const byte = static_cast<unsigned char>(each);
            words.append({' ', digits[byte >> 4U], digits[byte & 0xFU]});
        }
        return failure(errc::not_tls, std::move(words));
    }
    int const reason = ERR_GET_REASON(openssl_code(code));
    if (reason == 0) {
        failure why(errc::tls_closed, host + " ended the connection during the TLS handshake");
        return code.category() == boost::system::system_category() ? why.underlying(code) : why;
    }
    if (is_about_client_certificate(reason, trace.asked_for_certificate()))
        return failure(errc::client_certificate_required, host + ": " + openssl_text(code));
    std::string words = "the TLS handshake with " + host + " failed: ";
    if (std::string_view const known = negotiation_reason(reason); !known.empty())
        words.append(known).append(", ");
    return failure(errc::tls_failed, words + openssl_text(code));
}

// Why a read or write failed after the handshake.
inline failure session_failure(error_code const& code, tls_trace const& trace, std::string const& host)
{
    if (code == boost::asio::ssl::error::stream_truncated)
        return failure(errc::tls_truncated, host);
    int const reason = ERR_GET_REASON(openssl_code(code));
    if (is_refusal_alert(code))
        return failure(is_about_client_certificate(reason, trace.asked_for_certificate())
                           ? errc::client_certificate_required
                           : errc::tls_failed,
                       host + " refused the TLS session: " + openssl_text(code));
    if (reason != 0)
        return failure(errc::tls_corrupt, host + ": " + openssl_text(code));
    return failure(errc::connection_lost, host).underlying(code);
}

} // namespace apimart::detail

#endif
