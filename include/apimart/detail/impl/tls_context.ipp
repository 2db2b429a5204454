// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_TLS_CONTEXT_IPP
#define APIMART_DETAIL_IMPL_TLS_CONTEXT_IPP

#include <apimart/detail/config.hpp>
#include <apimart/detail/transport/tls_context.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

namespace apimart::detail {

APIMART_INLINE result<boost::asio::ssl::context> make_tls_context(tls_options const& options)
{
    namespace ssl = boost::asio::ssl;
    ssl::context context(ssl::context::tls_client);
    SSL_CTX* const native = context.native_handle();
    error_code code;
    auto const unusable = [](std::string words) {
        return failure(errc::invalid_configuration, std::move(words));
    };

    if (SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        return unusable("this OpenSSL does not offer the required protocol versions and ciphers");
    SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Asio asks OpenSSL to free its record buffers between records, which costs an allocation of each per
    // request; a connection of this library is used again and again.
    SSL_CTX_clear_mode(native, SSL_MODE_RELEASE_BUFFERS);

    context.set_default_verify_paths(code);
    if (code)
        return unusable("the system's certificate authorities cannot be read: " + code.message());
    for (std::string const& path : options.ca_files()) {
        context.load_verify_file(path, code);
        if (code)
            return unusable("no certificate authority could be read from the file " + path);
    }
    for (std::string const& pem : options.ca_pems()) {
        context.add_certificate_authority(boost::asio::buffer(pem), code);
        if (code)
            return unusable("the additional certificate authority is not PEM: " + code.message());
    }
    context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, code);
    if (code)
        return unusable("verification cannot be required: " + code.message());
    return context;
}

APIMART_INLINE error_code prepare_tls_session(SSL* session, std::string const& host, bool is_address)
{
    auto const last_error = [] {
        return error_code(static_cast<int>(ERR_get_error()), boost::asio::error::get_ssl_category());
    };
    SSL_clear_mode(session, SSL_MODE_RELEASE_BUFFERS);
    if (is_address) {
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) != 1)
            return last_error();
    } else {
        SSL_set_hostflags(session,
                          X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        if (SSL_set1_host(session, host.c_str()) != 1)
            return last_error();
        // The macro casts away const.
        if (SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     const_cast<char*>(host.c_str())) != 1)
            return last_error();
    }
    static constexpr unsigned char http_1_1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    if (SSL_set_alpn_protos(session, http_1_1, sizeof http_1_1) != 0)
        return last_error();
    return {};
}

APIMART_INLINE failure tls_failure(SSL* session, std::string const& host, error_code cause)
{
    long const verdict = SSL_get_verify_result(session);
    if (verdict != X509_V_OK) {
        std::string words = "the certificate of " + host +
                            " was refused: " + X509_verify_cert_error_string(verdict) + " (OpenSSL code " +
                            std::to_string(verdict) + ")";
        if (verdict == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
            verdict == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
            verdict == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
            words += "; its authority is not among the trusted ones, see tls_options::additional_ca_file";
        return failure(errc::certificate_refused, std::move(words)).underlying(cause);
    }
    return failure(errc::tls_failed, "the TLS handshake with " + host + " failed: " + cause.message())
        .underlying(cause);
}

} // namespace apimart::detail

#endif
