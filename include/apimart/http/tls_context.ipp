// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_TLS_CONTEXT_IPP
#define APIMART_HTTP_TLS_CONTEXT_IPP

#include <apimart/http/tls_context.hpp>
#include <apimart/separate_compilation.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <new>
#include <string>

namespace apimart::detail {

inline std::string openssl_words()
{
    unsigned long const code = ERR_get_error();
    ERR_clear_error();
    char const* const words = code == 0 ? nullptr : ERR_reason_error_string(code);
    return words == nullptr ? std::string("unknown reason") : std::string(words);
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

APIMART_INLINE result<tls_context> tls_context::make(tls_options const& options)
{
    auto const unusable = [](std::string words) {
        return failure(errc::invalid_configuration, std::move(words));
    };
    ERR_clear_error();
    tls_context made(SSL_CTX_new(TLS_client_method()), make_tls_bio_method(), options.verifies_peers());
    SSL_CTX* const native = made.native();
    if (native == nullptr || made.bio_method() == nullptr)
        throw std::bad_alloc();

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
        return unusable("the system's certificate authorities cannot be read: " + openssl_words());
    for (std::string const& path : options.ca_files()) {
        if (SSL_CTX_load_verify_file(native, path.c_str()) != 1)
            return unusable("no certificate authority could be read from the file " + path + ": " +
                            openssl_words());
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
                                openssl_words());
        }
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    if (!options.client_certificate().empty()) {
        if (SSL_CTX_use_certificate_chain_file(native, options.client_certificate().c_str()) != 1)
            return unusable("no client certificate could be read from the file " +
                            options.client_certificate() + ": " + openssl_words());
        if (SSL_CTX_use_PrivateKey_file(native, options.private_key().c_str(), SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_check_private_key(native) != 1)
            return unusable("the private key in the file " + options.private_key() +
                            " does not belong to the client certificate: " + openssl_words());
    }
    SSL_CTX_set_verify(native, options.verifies_peers() ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    return made;
}

} // namespace apimart::detail

#include <apimart/http/tls_session.hpp>

#endif
