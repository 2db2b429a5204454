// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_TLS_OPTIONS_IPP
#define APIMART_CONFIG_TLS_OPTIONS_IPP

#include <apimart/config/tls_options.hpp>
#include <apimart/separate_compilation.hpp>

#include <utility>

namespace apimart {

APIMART_INLINE tls_options& tls_options::add_ca_file(std::string path)
{
    ca_files_.push_back(std::move(path));
    return *this;
}

APIMART_INLINE tls_options& tls_options::add_ca_pem(std::string pem)
{
    ca_pems_.push_back(std::move(pem));
    return *this;
}

APIMART_INLINE tls_options& tls_options::use_system_ca(bool use)
{
    use_system_ca_ = use;
    return *this;
}

APIMART_INLINE tls_options& tls_options::crl_file(std::string path)
{
    crls_.push_back(std::move(path));
    return *this;
}

APIMART_INLINE tls_options& tls_options::client_certificate_file(std::string certificate,
                                                                 std::string private_key)
{
    certificate_ = std::move(certificate);
    private_key_ = std::move(private_key);
    return *this;
}

} // namespace apimart

#endif
