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

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

// Sees of a TLS session what its error codes do not tell. Must outlive the session.
class tls_trace
{
public:
    tls_trace() {}
    tls_trace(tls_trace const&) = delete;
    tls_trace& operator=(tls_trace const&) = delete;

    // Before the handshake.
    void attach(SSL* session)
    {
        SSL_set_cert_cb(session, &tls_trace::on_certificate_request, this);
        SSL_set_msg_callback(session, &tls_trace::on_message);
        SSL_set_msg_callback_arg(session, this);
        BIO* const wire = SSL_get_rbio(session);
        BIO_set_callback_ex(wire, &tls_trace::on_wire);
        BIO_set_callback_arg(wire, reinterpret_cast<char*>(this));
    }
    // After the handshake.
    void detach(SSL* session)
    {
        BIO* const wire = SSL_get_rbio(session);
        BIO_set_callback_ex(wire, nullptr);
        // After less than this, the handshake has failed, and OpenSSL wants no more of what has come.
        if (first_size_ < first_.size()) {
            int const more =
                BIO_read(wire, first_.data() + first_size_, static_cast<int>(first_.size() - first_size_));
            first_size_ += more > 0 ? static_cast<std::size_t>(more) : 0;
        }
    }

    bool certificate_requested() const noexcept { return certificate_requested_; }
    std::string_view first_bytes() const noexcept { return {first_.data(), first_size_}; }

    bool too_many_key_updates() const noexcept { return key_updates_ > max_key_updates; }

private:
    // Without application data in between. A peer of good will changes its key after millions of records.
    static constexpr int max_key_updates = 256;

    static int on_certificate_request(SSL*, void* self)
    {
        static_cast<tls_trace*>(self)->certificate_requested_ = true;
        return 1;
    }

    // OpenSSL has no limit of its own, and would go on for as long as KeyUpdates come.
    static void on_message(int written, int, int type, void const* message, std::size_t size, SSL* session,
                           void* self)
    {
        if (written != 0 || size == 0)
            return;
        auto& trace = *static_cast<tls_trace*>(self);
        int const first = *static_cast<unsigned char const*>(message);
        if (type == SSL3_RT_INNER_CONTENT_TYPE && first == SSL3_RT_APPLICATION_DATA)
            trace.key_updates_ = 0;
        if (type != SSL3_RT_HANDSHAKE || first != SSL3_MT_KEY_UPDATE)
            return;
        ++trace.key_updates_;
        if (trace.too_many_key_updates())
            BIO_set_callback_ex(SSL_get_rbio(session), &tls_trace::on_forbidden_read);
    }

    // Makes the read fail, in a way that is not taken for the end of the stream.
    static long on_forbidden_read(BIO* wire, int operation, char const*, std::size_t, int, long, int outcome,
                                  std::size_t*)
    {
        if (operation != BIO_CB_READ)
            return outcome;
        BIO_clear_retry_flags(wire);
        return -1;
    }

    static long on_wire(BIO* wire, int operation, char const* bytes, std::size_t, int, long, int outcome,
                        std::size_t* count)
    {
        if (operation == (BIO_CB_READ | BIO_CB_RETURN) && outcome > 0) {
            auto& trace = *reinterpret_cast<tls_trace*>(BIO_get_callback_arg(wire));
            std::size_t const n = std::min(*count, trace.first_.size() - trace.first_size_);
            std::copy_n(bytes, n, trace.first_.data() + trace.first_size_);
            trace.first_size_ += n;
        }
        return outcome;
    }

    bool certificate_requested_ = false;
    std::array<char, 8> first_{};
    std::size_t first_size_ = 0;
    int key_updates_ = 0;
};

// Also true where the server selected nothing.
inline bool selected_http_1_1(SSL* session)
{
    unsigned char const* protocol = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(session, &protocol, &size);
    return size == 0 || std::string_view(reinterpret_cast<char const*>(protocol), size) == "http/1.1";
}

// Short names for the reasons a certificate is refused for, to be found again in a manual or an issue.
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
        return "; its authority is not among the trusted ones (see tls_options::add_ca_file), or the "
               "server sends no intermediate certificate";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return "; its authority is not among the trusted ones, see tls_options::add_ca_file";
    default:
        return "";
    }
}

// The alerts by which a peer refuses a session, whenever they come.
inline bool is_refusal_alert(int reason)
{
    switch (reason) {
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

// Alerts that speak of the certificate this client showed, or did not show.
inline bool is_about_client_certificate(int reason, bool requested)
{
    switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: // TLS 1.2 has no other for "no certificate came"
        return requested;
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

// Zero where the code is not OpenSSL's.
inline int openssl_reason(error_code const& code)
{
    return code.category() == boost::asio::error::get_ssl_category()
               ? ERR_GET_REASON(static_cast<unsigned long>(code.value()))
               : 0;
}

inline std::string openssl_text(unsigned long code)
{
    char const* const text = ERR_reason_error_string(code);
    return text == nullptr ? "unknown reason" : text;
}

inline error_info certificate_refusal(long verify_result, std::string const& host)
{
    std::string text = "the certificate of " + host + " was refused: ";
    text.append(certificate_reason(verify_result))
        .append(" (")
        .append(X509_verify_cert_error_string(verify_result));
    text.append(", OpenSSL code ").append(std::to_string(verify_result)).append(")");
    text.append(certificate_hint(verify_result));
    return error_info(errc::certificate_verify_failed, std::move(text));
}

// A record begins with its type and the protocol's major version.
inline bool may_begin_tls(std::string_view bytes)
{
    return (bytes.empty() || (bytes[0] >= 0x14 && bytes[0] <= 0x18)) && (bytes.size() < 2 || bytes[1] == 3);
}

// Why a handshake failed; without a code, because the server selected a protocol that it was not offered.
inline error_info handshake_failure(SSL* session, error_code const& code, tls_trace const& trace,
                                    std::string const& host)
{
    long const verify_result = SSL_get_verify_result(session);
    if (verify_result != X509_V_OK && (SSL_get_verify_mode(session) & SSL_VERIFY_PEER) != 0)
        return certificate_refusal(verify_result, host);
    if (!may_begin_tls(trace.first_bytes())) {
        static constexpr char digits[] = "0123456789abcdef";
        std::string hex;
        for (char const each : trace.first_bytes()) {
            auto const byte = static_cast<unsigned char>(each);
            hex.append(hex.empty() ? "" : " ").append(1, digits[byte >> 4U]).append(1, digits[byte & 0xFU]);
        }
        return error_info(errc::tls_wrong_protocol, host + " answered with " + hex);
    }
    unsigned long number = static_cast<unsigned long>(code.value());
    if (!code)
        number = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    else if (code.category() != boost::asio::error::get_ssl_category())
        return error_info(errc::tls_closed, host + " ended the connection during the TLS handshake")
            .underlying(code);
    int const reason = ERR_GET_REASON(number);
    if (is_about_client_certificate(reason, trace.certificate_requested()))
        return error_info(errc::client_certificate_required, host + ": " + openssl_text(number));
    std::string text = "the TLS handshake with " + host + " failed: ";
    if (std::string_view const known = negotiation_reason(reason); !known.empty())
        text.append(known).append(", ");
    return error_info(errc::tls_failed, text + openssl_text(number));
}

// Why a read or a write of a session failed.
inline error_info session_failure(error_code const& code, tls_trace const& trace, std::string const& host)
{
    if (trace.too_many_key_updates())
        return error_info(errc::tls_bad_record_mac, host + " changes its key without end");
    if (code == boost::asio::ssl::error::stream_truncated)
        return error_info(errc::stream_truncated, host);
    if (code == boost::asio::ssl::error::unspecified_system_error ||
        code == boost::asio::ssl::error::unexpected_result)
        return error_info(errc::tls_bad_record_mac, host + ": " + code.message());
    if (code.category() != boost::asio::error::get_ssl_category())
        return error_info(errc::connection_lost, host).underlying(code);
    std::string const text = openssl_text(static_cast<unsigned long>(code.value()));
    int const reason = openssl_reason(code);
    if (is_about_client_certificate(reason, trace.certificate_requested()))
        return error_info(errc::client_certificate_required, host + " refused the TLS session: " + text);
    if (is_refusal_alert(reason))
        return error_info(errc::tls_failed, host + " refused the TLS session: " + text);
    return error_info(errc::tls_bad_record_mac, host + ": " + text);
}

// Whether the peer refused the session itself, and so has processed nothing of the request. In TLS 1.3 a client may
// write before the server has judged its certificate; in TLS 1.2 the handshake is over for both, and later on an alert
// says nothing about what was done before it.
inline bool session_refused(SSL const* session, error_code const& code, int requests_served_before,
                            bool got_any_byte)
{
    return SSL_version(session) == TLS1_3_VERSION && requests_served_before == 0 && !got_any_byte &&
           is_refusal_alert(openssl_reason(code));
}

} // namespace apimart::detail

#endif
