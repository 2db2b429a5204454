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
#include <system_error>
#include <utility>

namespace apimart::detail {

// The settings all connections share: TLS 1.2 with forward secrecy and authenticated encryption, or 1.3; peers verified
// against the system's and the additional authorities; no session reuse, because a resumed session skips the check of
// the host name.
class tls_context
{
public:
    static result<tls_context> make(tls_options const& options);

    boost::asio::ssl::context& native() noexcept { return context_; }
    bool verifies() const noexcept { return verifies_; }

    // Sets SNI, and the name or address that the certificate must be for.
    bool expect_peer(SSL* session, std::string const& host, bool is_address) const;

private:
    tls_context(SSL_CTX* owned, bool verifies) : context_(owned), verifies_(verifies) {}

    result<void> set_up(tls_options const& options);
    static error_info unusable(std::string text)
    {
        return error_info(errc::invalid_configuration, std::move(text));
    }
    static std::string openssl_reason();
    static bool add_authorities(X509_STORE* store, std::string const& pem);

    boost::asio::ssl::context context_;
    bool verifies_;
};

inline result<tls_context> tls_context::make(tls_options const& options)
{
    ERR_clear_error();
    SSL_CTX* const owned = SSL_CTX_new(TLS_client_method());
    if (owned == nullptr)
        throw std::bad_alloc();
    tls_context made(owned, options.verifies_peers());
    if (auto const done = made.set_up(options); !done)
        return done.error();
    return made;
}

inline result<void> tls_context::set_up(tls_options const& options)
{
    SSL_CTX* const native = context_.native_handle();
    if (SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        return unusable("this OpenSSL does not offer the required protocol versions and ciphers");
    // Whatever the system's configuration of OpenSSL says: no SHA-1 signatures, no short keys.
    SSL_CTX_set_security_level(native, 2);
    SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    // OpenSSL takes all that Asio has read at once. Its record layer takes this over when a session is made.
    SSL_CTX_set_read_ahead(native, 1);
    static constexpr unsigned char http_1_1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    if (SSL_CTX_set_alpn_protos(native, http_1_1, sizeof http_1_1) != 0)
        throw std::bad_alloc();

    if (options.use_system_ca() && SSL_CTX_set_default_verify_paths(native) != 1)
        return unusable("the system's certificate authorities cannot be read: " + openssl_reason());
    for (std::string const& path : options.ca_files()) {
        if (SSL_CTX_load_verify_file(native, path.c_str()) != 1)
            return unusable("no certificate authority could be read from the file " + path + ": " +
                            openssl_reason());
    }
    X509_STORE* const store = SSL_CTX_get_cert_store(native);
    for (std::string const& pem : options.ca_pems()) {
        if (!add_authorities(store, pem))
            return unusable("the additional certificate authority is not PEM");
    }
    if (!options.crl_files().empty()) {
        X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
        for (std::string const& path : options.crl_files()) {
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
    SSL_CTX_set_verify(native, verifies_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    return result<void>();
}

inline bool tls_context::expect_peer(SSL* session, std::string const& host, bool is_address) const
{
    ERR_clear_error();
    if (is_address)
        return !verifies_ || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1;
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (verifies_ && SSL_set1_host(session, host.c_str()) != 1)
        return false;
    // The macro SSL_set_tlsext_host_name casts away const in C's way.
    return SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(host.c_str())) == 1;
}

inline std::string tls_context::openssl_reason()
{
    unsigned long const code = ERR_get_error();
    ERR_clear_error();
    // OpenSSL has no words for what the system refused.
    if (ERR_SYSTEM_ERROR(code))
        return std::generic_category().message(ERR_GET_REASON(code));
    char const* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
    return text == nullptr ? "unknown reason" : text;
}

inline bool tls_context::add_authorities(X509_STORE* store, std::string const& pem)
{
    std::unique_ptr<BIO, int (*)(BIO*)> const text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                   &BIO_free);
    if (!text)
        throw std::bad_alloc();
    for (bool found = false;; found = true) {
        std::unique_ptr<X509, void (*)(X509*)> const one(
            PEM_read_bio_X509_AUX(text.get(), nullptr, nullptr, nullptr), &X509_free);
        if (!one) {
            ERR_clear_error(); // the end of the text is reported as an error
            return found;
        }
        if (X509_STORE_add_cert(store, one.get()) != 1)
            return false;
    }
}

} // namespace apimart::detail

#endif
