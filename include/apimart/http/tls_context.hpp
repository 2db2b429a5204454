// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_TLS_CONTEXT_HPP
#define APIMART_HTTP_TLS_CONTEXT_HPP

#include <apimart/config/tls_options.hpp>
#include <apimart/error.hpp>

#include <boost/asio/ssl/context.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <new>
#include <string>
#include <utility>

namespace apimart::detail {

// The settings all connections share: TLS 1.2 with forward secrecy and authenticated encryption, or 1.3;
// peers verified against the system's and the additional authorities; no session reuse, because a resumed
// session skips the check of the host name.
class tls_context
{
public:
    static result<tls_context> make(tls_options const& options);

    boost::asio::ssl::context& native() noexcept { return context_; }
    bool verifies() const noexcept { return verifies_; }

    // Says whom the certificate of a new session must be for, and that in SNI. False where OpenSSL has no
    // memory, or the host is none.
    bool prepare(SSL* session, std::string const& host, bool is_address) const
    {
        // Asio lets OpenSSL free its buffers after every record, and OpenSSL would read the head and the body
        // of a record apart. A connection is short of neither memory nor bytes, but of time.
        SSL_clear_mode(session, SSL_MODE_RELEASE_BUFFERS);
        SSL_set_read_ahead(session, 1);
        if (is_address)
            return !verifies_ || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1;
        SSL_set_hostflags(session,
                          X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        // The macro for SNI casts away const.
        return (!verifies_ || SSL_set1_host(session, host.c_str()) == 1) &&
               SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                        const_cast<char*>(host.c_str())) == 1;
    }

private:
    explicit tls_context(bool verifies) : context_(boost::asio::ssl::context::tls_client), verifies_(verifies)
    {}

    boost::asio::ssl::context context_;
    bool verifies_;
};

// The text of the first error in OpenSSL's queue, which is empty afterwards.
inline std::string openssl_reason()
{
    char const* const text = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return text == nullptr ? "unknown reason" : text;
}

// Adds every certificate of a PEM text; returns how many there were.
inline int add_authorities(X509_STORE* store, std::string const& pem)
{
    std::unique_ptr<BIO, int (*)(BIO*)> const text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                   &BIO_free);
    if (!text)
        throw std::bad_alloc();
    int count = 0;
    for (;;) {
        std::unique_ptr<X509, void (*)(X509*)> const one(
            PEM_read_bio_X509_AUX(text.get(), nullptr, nullptr, nullptr), &X509_free);
        if (!one)
            break;
        if (X509_STORE_add_cert(store, one.get()) != 1)
            return 0;
        ++count;
    }
    ERR_clear_error(); // the end of the text is reported as an error
    return count;
}

inline result<tls_context> tls_context::make(tls_options const& options)
{
    auto const unusable = [](std::string words) {
        return failure(errc::invalid_configuration, std::move(words));
    };
    ERR_clear_error();
    tls_context made(options.verifies_peers());
    SSL_CTX* const native = made.native().native_handle();
    if (SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        return unusable("this OpenSSL does not offer the required protocol versions and ciphers");
    // Whatever the system's configuration of OpenSSL says: no SHA-1 signatures, no short keys.
    SSL_CTX_set_security_level(native, 2);
    SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    static constexpr unsigned char http_1_1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    if (SSL_CTX_set_alpn_protos(native, http_1_1, sizeof http_1_1) != 0)
        throw std::bad_alloc();

    if (options.system_authorities() && SSL_CTX_set_default_verify_paths(native) != 1)
        return unusable("the system's certificate authorities cannot be read: " + openssl_reason());
    for (std::string const& path : options.ca_files()) {
        if (SSL_CTX_load_verify_file(native, path.c_str()) != 1)
            return unusable("no certificate authority could be read from the file " + path + ": " +
                            openssl_reason());
    }
    X509_STORE* const store = SSL_CTX_get_cert_store(native);
    for (std::string const& pem : options.ca_pems()) {
        if (add_authorities(store, pem) == 0)
            return unusable("the additional certificate authority is not PEM");
    }
    if (!options.revocation_list_files().empty()) {
        X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
        for (std::string const& path : options.revocation_list_files()) {
            if (lookup == nullptr || X509_load_crl_file(lookup, path.c_str(), X509_FILETYPE_PEM) < 1)
                return unusable("no revocation list could be read from the file " + path + ": " +
                                openssl_reason());
        }
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    if (!options.client_certificate().empty()) {
        if (SSL_CTX_use_certificate_chain_file(native, options.client_certificate().c_str()) != 1)
            return unusable("no client certificate could be read from the file " +
                            options.client_certificate() + ": " + openssl_reason());
        if (SSL_CTX_use_PrivateKey_file(native, options.private_key().c_str(), SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_check_private_key(native) != 1)
            return unusable("the private key in the file " + options.private_key() +
                            " does not belong to the client certificate: " + openssl_reason());
    }
    SSL_CTX_set_verify(native, options.verifies_peers() ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    return made;
}

} // namespace apimart::detail

#endif
