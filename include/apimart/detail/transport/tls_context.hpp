// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_TRANSPORT_TLS_CONTEXT_HPP
#define APIMART_DETAIL_TRANSPORT_TLS_CONTEXT_HPP

#include <apimart/client_config.hpp>
#include <apimart/error.hpp>

#include <boost/asio/ssl/context.hpp>

#include <string>

namespace apimart::detail {

// The settings all connections share: TLS 1.2 with forward secrecy and authenticated encryption, or 1.3;
// peers verified against the system's and the additional authorities; no session reuse, because a resumed
// session skips the check of the host name.
result<boost::asio::ssl::context> make_tls_context(tls_options const& options);

// Prepares one session for one host: the name (or address) the certificate must be for, SNI, ALPN.
error_code prepare_tls_session(SSL* session, std::string const& host, bool is_address);

// Why a handshake failed, from the session's verification result and OpenSSL's code.
failure tls_failure(SSL* session, std::string const& host, error_code cause);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/detail/impl/tls_context.ipp>
#endif

#endif
