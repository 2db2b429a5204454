// SPDX-License-Identifier: BSL-1.0
// The TLS side of the emulator.
#ifndef APIMART_TESTING_NETWORK_SERVER_TLS_HPP
#define APIMART_TESTING_NETWORK_SERVER_TLS_HPP

#include <apimart/testing/network/certificate_authority.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <openssl/ssl.h>

#include <string_view>

namespace apimart::testing::emulation {

/// Chooses http/1.1 when the client offers it; a client that offers only other protocols gets no answer.
inline int choose_http_1_1(SSL*, unsigned char const** chosen, unsigned char* length,
                           unsigned char const* offered, unsigned offered_length, void*)
{
    static constexpr unsigned char wanted[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* match = nullptr;
    int const found = SSL_select_next_proto(&match, length, wanted, sizeof wanted, offered, offered_length);
    *chosen = match;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// A context for a server with this certificate: TLS 1.2 or later, AEAD suites, ALPN http/1.1.
inline boost::asio::ssl::context make_server_tls(certified_key const& identity)
{
    namespace ssl = boost::asio::ssl;
    ssl::context context(ssl::context::tls_server);
    context.use_certificate_chain(boost::asio::buffer(identity.certificate_pem));
    context.use_private_key(boost::asio::buffer(identity.key_pem), ssl::context::pem);
    SSL_CTX* const native = context.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_alpn_select_cb(native, choose_http_1_1, nullptr);
    return context;
}

} // namespace apimart::testing::emulation

#endif
