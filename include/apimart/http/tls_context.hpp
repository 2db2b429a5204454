// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_TLS_CONTEXT_HPP
#define APIMART_HTTP_TLS_CONTEXT_HPP

#include <apimart/config/tls_options.hpp>
#include <apimart/error.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>
#include <utility>

namespace apimart::detail {

// A session's end of the wire; defined with the session.
BIO_METHOD* make_tls_bio_method();

// The settings all connections share: TLS 1.2 with forward secrecy and authenticated encryption, or 1.3;
// peers verified against the system's and the additional authorities; no session reuse, because a resumed
// session skips the check of the host name.
class tls_context
{
public:
    static result<tls_context> make(tls_options const& options);

    SSL_CTX* native() const noexcept { return context_.get(); }
    BIO_METHOD* bio_method() const noexcept { return method_.get(); }
    bool verifies() const noexcept { return verifies_; }

private:
    struct release
    {
        void operator()(SSL_CTX* what) const noexcept { SSL_CTX_free(what); }
        void operator()(BIO_METHOD* what) const noexcept { BIO_meth_free(what); }
    };

    tls_context(SSL_CTX* context, BIO_METHOD* method, bool verifies)
        : method_(method), context_(context), verifies_(verifies)
    {}

    std::unique_ptr<BIO_METHOD, release> method_;
    std::unique_ptr<SSL_CTX, release> context_;
    bool verifies_ = true;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/http/tls_context.ipp>
#endif

#endif
