// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_TLS_OPTIONS_HPP
#define APIMART_CONFIG_TLS_OPTIONS_HPP

#include <string>
#include <vector>

namespace apimart {

/// Which servers are trusted, and how this client shows who it is. Files are read when the client is made.
class tls_options
{
public:
    tls_options() {}

    /// Trusts the certificates in a PEM file too.
    tls_options& add_ca_file(std::string path);
    /// Trusts the certificates in this PEM text too.
    tls_options& add_ca_pem(std::string pem);
    /// Whether the authorities of the system are trusted; they are unless told otherwise.
    tls_options& use_system_ca(bool use);
    /// Refuses servers whose certificate, or the certificate of an authority in its chain, is on this PEM
    /// revocation list. Once a list is given, every authority in the chain needs a valid one. Without any,
    /// revocation is not checked.
    tls_options& crl_file(std::string path);
    /// Shows this certificate (PEM, with its chain) to servers that ask for one.
    tls_options& client_certificate_file(std::string certificate, std::string private_key);

    std::vector<std::string> const& ca_files() const noexcept { return ca_files_; }
    std::vector<std::string> const& ca_pems() const noexcept { return ca_pems_; }
    bool use_system_ca() const noexcept { return use_system_ca_; }
    std::vector<std::string> const& crl_files() const noexcept { return crls_; }
    std::string const& client_certificate() const noexcept { return certificate_; }
    std::string const& private_key() const noexcept { return private_key_; }
    bool verifies_peers() const noexcept { return verify_; }

private:
    friend class insecure_tls_for_tests;

    std::vector<std::string> ca_files_;
    std::vector<std::string> ca_pems_;
    bool use_system_ca_ = true;
    std::vector<std::string> crls_;
    std::string certificate_;
    std::string private_key_;
    bool verify_ = true;
};

/// Options under which any server can pretend to be any other: the API key goes to whoever answers. For
/// tests against servers whose certificate cannot be trusted. `connection_event::verified` is false for
/// every connection made with it.
class insecure_tls_for_tests : public tls_options
{
public:
    insecure_tls_for_tests() { verify_ = false; }
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/config/tls_options.ipp>
#endif

#endif
