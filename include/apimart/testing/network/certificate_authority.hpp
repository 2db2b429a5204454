// SPDX-License-Identifier: BSL-1.0
// A certificate authority of one's own, alive as long as the object: no certificate files to expire in the
// tree.
#ifndef APIMART_TESTING_NETWORK_CERTIFICATE_AUTHORITY_HPP
#define APIMART_TESTING_NETWORK_CERTIFICATE_AUTHORITY_HPP

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace apimart::testing {

/// A certificate with its private key, both as PEM.
class certified_key
{
public:
    certified_key(std::string certificate, std::string key)
        : certificate_pem(std::move(certificate)), key_pem(std::move(key))
    {}

    std::string certificate_pem;
    std::string key_pem;
};

/// Makes a CA at construction and issues server certificates from it.
///
/// All certificates satisfy X509_V_FLAG_X509_STRICT (critical basic constraints and key usage, subject and
/// authority key identifiers), so that a client which verifies strictly can be tested without exceptions.
class certificate_authority
{
public:
    /// Throws std::runtime_error when OpenSSL cannot make keys.
    certificate_authority() : key_(make_key()), certificate_(X509_new())
    {
        fill(certificate_.get(), key_.get(), "apimart emulator CA");
        X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
        add(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
        add(certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
        add(certificate_.get(), NID_subject_key_identifier, "hash");
        add(certificate_.get(), NID_authority_key_identifier, "keyid:always");
        sign(certificate_.get());
        pem_ = pem_of(certificate_.get());
    }

    /// The CA's certificate, for a client's list of trusted roots.
    std::string const& pem() const noexcept { return pem_; }

    /// A server certificate for names in OpenSSL's notation, by default all spellings of this machine.
    certified_key issue(std::string_view names = "IP:127.0.0.1,IP:::1,DNS:localhost") const
    {
        auto const key = make_key();
        handle<X509, X509_free> const leaf(X509_new());
        fill(leaf.get(), key.get(), "apimart emulator");
        X509_set_issuer_name(leaf.get(), X509_get_subject_name(certificate_.get()));
        add(leaf.get(), NID_basic_constraints, "critical,CA:FALSE");
        add(leaf.get(), NID_key_usage, "critical,digitalSignature");
        add(leaf.get(), NID_ext_key_usage, "serverAuth");
        add(leaf.get(), NID_subject_alt_name, std::string(names));
        add(leaf.get(), NID_subject_key_identifier, "hash");
        add(leaf.get(), NID_authority_key_identifier, "keyid:always");
        sign(leaf.get());
        return certified_key(pem_of(leaf.get()), pem_of(key.get()));
    }

private:
    template <auto Free>
    struct freed_by
    {
        template <class T>
        void operator()(T* object) const noexcept
        {
            Free(object);
        }
    };
    template <class T, auto Free>
    using handle = std::unique_ptr<T, freed_by<Free>>;
    using key_handle = handle<EVP_PKEY, EVP_PKEY_free>;

    static void require(bool good, char const* what)
    {
        if (!good)
            throw std::runtime_error(std::string("certificate authority: ") + what);
    }

    static key_handle make_key()
    {
        key_handle key(EVP_EC_gen("P-256"));
        require(key != nullptr, "cannot make a P-256 key");
        return key;
    }

    static void fill(X509* certificate, EVP_PKEY* key, std::string_view name)
    {
        require(certificate != nullptr && X509_set_version(certificate, X509_VERSION_3) == 1,
                "no certificate");
        // 16 random bytes with the highest bit clear: positive, and never the same for two emulators.
        std::array<unsigned char, 16> serial{};
        require(RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1, "no random bytes");
        serial[0] = static_cast<unsigned char>((serial[0] & 0x7fU) | 0x40U);
        handle<BIGNUM, BN_free> const number(
            BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
        BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
        // An hour back, for machines whose clocks differ.
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 30L * 24 * 3600);
        auto* subject = X509_get_subject_name(certificate);
        auto const* text = reinterpret_cast<unsigned char const*>(name.data());
        require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, static_cast<int>(name.size()),
                                           -1, 0) == 1,
                "cannot name a certificate");
        require(X509_set_pubkey(certificate, key) == 1, "cannot set a public key");
    }

    void add(X509* certificate, int nid, std::string const& value) const
    {
        X509V3_CTX context;
        X509V3_set_ctx(&context, certificate_.get(), certificate, nullptr, nullptr, 0);
        handle<X509_EXTENSION, X509_EXTENSION_free> const extension(
            X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
        require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
                "cannot add an extension");
    }

    void sign(X509* certificate) const
    {
        require(X509_sign(certificate, key_.get(), EVP_sha256()) > 0, "cannot sign");
    }

    static std::string text_of(BIO* memory)
    {
        char* data = nullptr;
        long const size = BIO_get_mem_data(memory, &data);
        return std::string(data, static_cast<std::size_t>(size));
    }

    static std::string pem_of(X509* certificate)
    {
        handle<BIO, BIO_free_all> const memory(BIO_new(BIO_s_mem()));
        require(memory != nullptr && PEM_write_bio_X509(memory.get(), certificate) == 1, "cannot write PEM");
        return text_of(memory.get());
    }

    static std::string pem_of(EVP_PKEY* key)
    {
        handle<BIO, BIO_free_all> const memory(BIO_new(BIO_s_mem()));
        require(memory != nullptr &&
                    PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
                "cannot write PEM");
        return text_of(memory.get());
    }

    key_handle key_;
    handle<X509, X509_free> certificate_;
    std::string pem_;
};

} // namespace apimart::testing

#endif
