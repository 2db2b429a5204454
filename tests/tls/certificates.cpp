#include "certificates.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <vector>

namespace tls_tests {

namespace {

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
using certificate_handle = handle<X509, X509_free>;
using extension_handle = handle<X509_EXTENSION, X509_EXTENSION_free>;

void require(bool good, std::string const& what)
{
    if (!good)
        throw std::runtime_error("making certificates: " + what);
}

enum class key_kind
{
    p256,
    rsa_1024,
    rsa_2048,
};

constexpr long day = 24L * 3600;

// What a certificate says. The defaults make one that nobody objects to.
class recipe
{
public:
    explicit recipe(std::string names) : san(std::move(names)) {}

    recipe& without_names() { return san.clear(), *this; }
    recipe& called(std::string name) { return cn = std::move(name), *this; }
    recipe& by(std::string authority) { return issuer = std::move(authority), *this; }
    recipe& between(long from, long to) { return not_before = from, not_after = to, *this; }
    recipe& for_purpose(std::string purpose) { return eku = std::move(purpose), *this; }
    recipe& constrained(std::string words) { return constraints = std::move(words), *this; }
    recipe& used_for(std::string words) { return usage = std::move(words), *this; }
    recipe& with(key_kind kind) { return key = kind, *this; }
    recipe& digested(EVP_MD const* md) { return digest = md, *this; }
    recipe& showing(std::vector<std::string> others) { return rest = std::move(others), *this; }
    recipe& raw_name(std::string bytes) { return raw_san = std::move(bytes), *this; }

    std::string cn = "a server";
    std::string san;
    std::string issuer = "intermediate";
    long not_before = -3600;
    long not_after = 30 * day;
    std::string eku = "serverAuth";
    std::string constraints = "critical,CA:FALSE";
    std::string usage = "critical,digitalSignature,keyEncipherment";
    key_kind key = key_kind::p256;
    EVP_MD const* digest = EVP_sha256();
    std::vector<std::string> rest = {"intermediate"};
    std::string raw_san; // one DNS name with any bytes, for what the text form cannot say
};

recipe authority(std::string name, std::string issuer, std::string constraints = "critical,CA:TRUE")
{
    return recipe("")
        .called(std::move(name))
        .by(std::move(issuer))
        .for_purpose("")
        .constrained(std::move(constraints))
        .used_for("critical,keyCertSign,cRLSign")
        .showing({});
}

std::string many_names(int count)
{
    std::string names = "DNS:good.test";
    for (int i = 1; i < count; ++i)
        names += ",DNS:name-" + std::to_string(i) + ".test";
    return names;
}

std::map<std::string, recipe, std::less<>> make_recipes()
{
    std::map<std::string, recipe, std::less<>> all;
    auto const add = [&](char const* name, recipe what) { all.emplace(name, std::move(what)); };
    auto const good = recipe("DNS:good.test");

    add("root", authority("root", "root"));
    add("untrusted-root", authority("untrusted root", "untrusted-root"));
    add("intermediate", authority("intermediate", "root"));
    add("second-intermediate", authority("second intermediate", "intermediate"));
    add("revoked-intermediate", authority("revoked intermediate", "root"));
    add("last-intermediate", authority("last intermediate", "root", "critical,CA:TRUE,pathlen:0"));
    add("too-deep-intermediate", authority("one too many", "last-intermediate"));

    add("good", good);
    add("other", recipe("DNS:other.test"));
    add("by-root", recipe(good).by("root").showing({}));
    add("expired", recipe(good).between(-2 * day, -day));
    add("notyet", recipe(good).between(day, 30 * day));
    add("wronghost", recipe("DNS:elsewhere.test").called("good.test"));
    add("selfsigned", recipe(good).by("selfsigned").showing({}));
    add("untrusted", recipe(good).by("untrusted-root").showing({}));
    add("untrusted-with-root", recipe(good).by("untrusted-root").showing({"untrusted-root"}));
    add("incomplete", recipe(good).showing({}));
    add("unordered",
        recipe(good).by("second-intermediate").showing({"root", "intermediate", "second-intermediate"}));
    add("cnonly", recipe(good).without_names().called("good.test"));
    add("cn-beside-san", recipe("DNS:elsewhere.test").called("good.test"));
    add("ipsan", recipe("IP:127.0.0.1"));
    add("ipindns", recipe("DNS:127.0.0.1").called("127.0.0.1"));
    add("ip6san", recipe("IP:::1"));
    add("wild", recipe("DNS:*.good.test"));
    add("partwild", recipe("DNS:a*.good.test"));
    add("tldwild", recipe("DNS:*.test"));
    add("idn", recipe("DNS:xn--bcher-kva.test"));
    add("nulname", recipe("").raw_name(std::string("good.test\0.elsewhere.test", 24)));
    add("revoked", good);
    add("by-revoked", recipe(good).by("revoked-intermediate").showing({"revoked-intermediate"}));
    add("clienteku", recipe(good).for_purpose("clientAuth"));
    add("leaf-authority", recipe(good).called("a leaf").used_for("critical,digitalSignature,keyCertSign"));
    add("badca", recipe(good).by("leaf-authority").showing({"leaf-authority", "intermediate"}));
    add("toodeep",
        recipe(good).by("too-deep-intermediate").showing({"too-deep-intermediate", "last-intermediate"}));
    add("sha1leaf", recipe(good).digested(EVP_sha1()));
    add("weakrsa", recipe(good).with(key_kind::rsa_1024));
    add("rsa", recipe(good).with(key_kind::rsa_2048));
    add("thousandnames", recipe(many_names(1'000)));
    add("tenthousandnames", recipe(many_names(10'000)));
    add("client", recipe("DNS:customer.test").called("a customer").for_purpose("clientAuth"));
    add("untrusted-client", recipe("DNS:customer.test")
                                .called("nobody")
                                .for_purpose("clientAuth")
                                .by("untrusted-root")
                                .showing({}));
    return all;
}

key_handle make_key(key_kind kind)
{
    key_handle key(kind == key_kind::p256 ? EVP_EC_gen("P-256")
                                          : EVP_RSA_gen(kind == key_kind::rsa_1024 ? 1024U : 2048U));
    require(key != nullptr, "cannot make a key");
    return key;
}

std::string text_of(BIO* memory)
{
    char* data = nullptr;
    long const size = BIO_get_mem_data(memory, &data);
    return std::string(data, static_cast<std::size_t>(size));
}

template <class Write>
std::string pem(Write write)
{
    handle<BIO, BIO_free_all> const memory(BIO_new(BIO_s_mem()));
    require(memory != nullptr && write(memory.get()) == 1, "cannot write PEM");
    return text_of(memory.get());
}

} // namespace

class certificates::authorities
{
public:
    class made
    {
    public:
        key_handle key;
        certificate_handle certificate;
        std::string pem;
    };

    recipe const& recipe_of(std::string_view name) const
    {
        auto const found = recipes_.find(name);
        require(found != recipes_.end(), "no such recipe");
        return found->second;
    }

    made const& get(std::string_view name)
    {
        if (auto const found = made_.find(name); found != made_.end())
            return found->second;
        recipe const& what = recipe_of(name);
        made result;
        result.key = make_key(what.key);
        bool const own = what.issuer == name;
        made const* const issuer = own ? nullptr : &get(what.issuer);
        result.certificate =
            issue(what, result.key.get(), issuer == nullptr ? nullptr : issuer->certificate.get(),
                  issuer == nullptr ? result.key.get() : issuer->key.get());
        result.pem = pem([&](BIO* memory) { return PEM_write_bio_X509(memory, result.certificate.get()); });
        return made_.emplace(std::string(name), std::move(result)).first->second;
    }

    std::string key_pem(std::string_view name)
    {
        EVP_PKEY* const key = get(name).key.get();
        return pem([&](BIO* memory) {
            return PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
        });
    }

    std::string revocation_list(std::string_view authority_name, std::string_view revoked_name, long from,
                                long to)
    {
        made const& issuer = get(authority_name);
        made const& revoked = get(revoked_name);
        handle<X509_CRL, X509_CRL_free> const list(X509_CRL_new());
        require(list != nullptr && X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1, "no list");
        X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate.get()));
        handle<ASN1_TIME, ASN1_TIME_free> const last(X509_gmtime_adj(nullptr, from));
        handle<ASN1_TIME, ASN1_TIME_free> const next(X509_gmtime_adj(nullptr, to));
        X509_CRL_set1_lastUpdate(list.get(), last.get());
        X509_CRL_set1_nextUpdate(list.get(), next.get());
        handle<X509_REVOKED, X509_REVOKED_free> entry(X509_REVOKED_new());
        X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(revoked.certificate.get()));
        X509_REVOKED_set_revocationDate(entry.get(), last.get());
        require(X509_CRL_add0_revoked(list.get(), entry.get()) == 1, "cannot revoke");
        static_cast<void>(entry.release()); // owned by the list
        X509V3_CTX context;
        X509V3_set_ctx(&context, issuer.certificate.get(), nullptr, nullptr, list.get(), 0);
        extension_handle const by(
            X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
        handle<ASN1_INTEGER, ASN1_INTEGER_free> const number(ASN1_INTEGER_new());
        require(by != nullptr && X509_CRL_add_ext(list.get(), by.get(), -1) == 1 && number != nullptr &&
                    ASN1_INTEGER_set(number.get(), 1) == 1 &&
                    X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, 0) == 1,
                "cannot add extensions to a list");
        X509_CRL_sort(list.get());
        require(X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256()) > 0, "cannot sign a list");
        return pem([&](BIO* memory) { return PEM_write_bio_X509_CRL(memory, list.get()); });
    }

private:
    static certificate_handle issue(recipe const& what, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key)
    {
        certificate_handle result(X509_new());
        X509* const certificate = result.get();
        require(certificate != nullptr && X509_set_version(certificate, X509_VERSION_3) == 1,
                "no certificate");
        // Random and positive: the lists of revoked ones name them by it.
        std::array<unsigned char, 16> serial{};
        require(RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1, "no random bytes");
        serial[0] = static_cast<unsigned char>((serial[0] & 0x7fU) | 0x40U);
        handle<BIGNUM, BN_free> const number(
            BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
        BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
        X509_gmtime_adj(X509_getm_notBefore(certificate), what.not_before);
        X509_gmtime_adj(X509_getm_notAfter(certificate), what.not_after);
        auto const* const name = reinterpret_cast<unsigned char const*>(what.cn.data());
        require(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, name,
                                           static_cast<int>(what.cn.size()), -1, 0) == 1,
                "cannot name a certificate");
        X509* const signer = issuer == nullptr ? certificate : issuer;
        X509_set_issuer_name(certificate, X509_get_subject_name(signer));
        require(X509_set_pubkey(certificate, key) == 1, "cannot set a public key");
        add(certificate, signer, NID_basic_constraints, what.constraints);
        add(certificate, signer, NID_key_usage, what.usage);
        add(certificate, signer, NID_ext_key_usage, what.eku);
        add(certificate, signer, NID_subject_alt_name, what.san);
        add(certificate, signer, NID_subject_key_identifier, "hash");
        add(certificate, signer, NID_authority_key_identifier, "keyid:always");
        if (!what.raw_san.empty())
            add_raw_name(certificate, what.raw_san);
        require(X509_sign(certificate, issuer_key, what.digest) > 0, "cannot sign");
        return result;
    }

    static void add(X509* certificate, X509* issuer, int nid, std::string const& value)
    {
        if (value.empty())
            return;
        X509V3_CTX context;
        X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
        extension_handle const extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
        require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
                "cannot add an extension: " + value.substr(0, 80));
    }

    static void add_raw_name(X509* certificate, std::string const& bytes)
    {
        handle<GENERAL_NAMES, GENERAL_NAMES_free> const names(GENERAL_NAMES_new());
        handle<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
        handle<ASN1_IA5STRING, ASN1_IA5STRING_free> text(ASN1_IA5STRING_new());
        require(ASN1_STRING_set(text.get(), bytes.data(), static_cast<int>(bytes.size())) == 1, "no name");
        GENERAL_NAME_set0_value(name.get(), GEN_DNS, text.release());
        require(sk_GENERAL_NAME_push(names.get(), name.get()) > 0, "no names");
        static_cast<void>(name.release()); // owned by the list
        require(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1,
                "cannot add names");
    }

    std::map<std::string, recipe, std::less<>> const recipes_ = make_recipes();
    std::map<std::string, made, std::less<>> made_;
};

certificates& certificates::of_this_run()
{
    static certificates one;
    return one;
}

certificates::certificates() : made_(std::make_unique<authorities>())
{
    auto const program = std::filesystem::read_symlink("/proc/self/exe");
    std::string name = (program.parent_path() / "tls-run-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        throw std::runtime_error("no folder beside the program: " + name);
    folder_ = name;
}

certificates::~certificates()
{
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::filesystem::path const& certificates::folder() const
{
    return folder_;
}

std::filesystem::path certificates::write(std::string_view name, std::string_view text) const
{
    auto const path = folder_ / name;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    require(!file.fail(), "cannot write a file");
    return path;
}

identity const& certificates::operator[](std::string_view name)
{
    std::lock_guard const lock(mutex_);
    if (auto const found = identities_.find(name); found != identities_.end())
        return found->second;
    std::string const leaf = made_->get(name).pem;
    std::string rest;
    for (std::string const& other : made_->recipe_of(name).rest)
        rest += made_->get(other).pem;
    std::string const stem(name);
    identity files(write(stem + ".leaf.pem", leaf),
                   rest.empty() ? std::filesystem::path() : write(stem + ".rest.pem", rest),
                   write(stem + ".chain.pem", leaf + rest), write(stem + ".key.pem", made_->key_pem(name)));
    return identities_.emplace(stem, std::move(files)).first->second;
}

std::filesystem::path certificates::root()
{
    return (*this)["root"].leaf;
}

std::filesystem::path certificates::untrusted_root()
{
    return (*this)["untrusted-root"].leaf;
}

std::filesystem::path certificates::revocations()
{
    std::lock_guard const lock(mutex_);
    return write("all.crl.pem", made_->revocation_list("intermediate", "revoked", -3600, 30 * day) +
                                    made_->revocation_list("root", "revoked-intermediate", -3600, 30 * day) +
                                    made_->revocation_list("revoked-intermediate", "other", -3600, 30 * day));
}

std::filesystem::path certificates::revocations_of_root()
{
    std::lock_guard const lock(mutex_);
    return write("root.crl.pem", made_->revocation_list("root", "revoked-intermediate", -3600, 30 * day));
}

std::filesystem::path certificates::expired_revocations()
{
    std::lock_guard const lock(mutex_);
    return write("expired.crl.pem",
                 made_->revocation_list("intermediate", "other", -2 * day, -day) +
                     made_->revocation_list("root", "revoked-intermediate", -2 * day, -day));
}

} // namespace tls_tests
