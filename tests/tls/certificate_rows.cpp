// Which certificates are accepted for which host. Every row runs against s_server and nginx, with both versions
// of TLS, as a question, a submit and a download, each also through a proxy.
#include "expect.hpp"

#include <memory>
#include <vector>

using namespace tls_tests;
using apimart::errc;

namespace {

class row
{
public:
    row(char const* name, char const* words, char const* recipe, char const* expected,
        std::string asked = "good.test")
        : id(name), what(words), certificate(recipe), verdict(expected), host(std::move(asked))
    {}

    row& at(char const* there) { return address = there, *this; }
    row& with(configure settings) { return change = std::move(settings), *this; }
    /// What the text says besides the reason.
    row& hint(char const* words) { return also = words, *this; }

    bool accepted() const { return verdict == nullptr; }

    char const* id;
    char const* what;
    char const* certificate;
    char const* verdict; ///< none: accepted
    std::string host;
    char const* address = "127.0.0.1";
    configure change;
    char const* also = "";
};

constexpr char const* accepted = nullptr;

// Lets servers show what they would refuse themselves.
constexpr char const* anything = "DEFAULT@SECLEVEL=0";

// Whether it was accepted.
bool check(row const& one, path way, unsigned short server_port)
{
    wiretap const tap(server_port, one.address == std::string("::1"));
    outcome const got = call(way, one.host, tap.port(), one.change);
    if (one.accepted()) {
        check_accepted(way, got);
    } else {
        check_refused(way, got, errc::certificate_verify_failed, one.host, one.verdict);
        CHECK(got.why.client_message().find(one.also) != std::string::npos);
        CHECK(got.why.attempts().size() <= 1);
    }
    CHECK(tap.connections() == 1);
    return got.good;
}

void run(std::vector<row> const& rows)
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    std::vector<int> sites;
    for (row const& one : rows)
        for (tls_version const version : both_versions)
            sites.push_back(nginx.add(made[one.certificate], nginx_word(version),
                                      "ssl_ciphers " + std::string(anything) + ";", one.address));
    nginx.start();

    auto site = sites.begin();
    for (row const& one : rows) {
        for (tls_version const version : both_versions) {
            openssl_server const s_server(made[one.certificate],
                                          {s_server_option(version), "-cipher", anything}, one.address);
            unsigned short const nginx_port = nginx.port(*site++);
            for (path const way : all_paths) {
                std::string const where =
                    std::string(one.id) + " " + one.what + ", " + name_of(version) + ", " + name_of(way);
                bool good = false;
                {
                    INFO(where << ", nginx");
                    good = check(one, way, nginx_port);
                }
                // s_server answers no submits: one that gets so far would only wait.
                if (!good || !is_submit(way)) {
                    INFO(where << ", s_server");
                    check(one, way, s_server.port());
                }
            }
        }
    }
}

void trust_lists(apimart::client_config& config, std::filesystem::path const& lists)
{
    config.tls.crl_file(lists);
}

} // namespace

TEST_CASE("tls: sound chains are accepted, in whatever order they come")
{
    run({
        {"T01", "a good chain; T09 its name is in the SAN alone", "good", accepted},
        {"T08", "unordered, two intermediates, the root too", "unordered", accepted},
        {"T01b", "no intermediate needed", "by-root", accepted},
        {"T01c", "an RSA key", "rsa", accepted},
    });
}

TEST_CASE("tls: a certificate outside its time is refused")
{
    run({
        {"T02", "expired", "expired", "expired"},
        row("T03", "not yet valid", "notyet", "not_yet_valid").hint("clock"),
    });
}

TEST_CASE("tls: a certificate of an issuer that is not trusted is refused")
{
    run({
        {"T05", "self-signed", "selfsigned", "self_signed"},
        {"T06", "untrusted root", "untrusted", "untrusted_issuer"},
        {"T06b", "untrusted root, shown", "untrusted-with-root", "untrusted_issuer"},
        row("T07", "the intermediate is not shown", "incomplete", "untrusted_issuer").hint("intermediate"),
    });
}

TEST_CASE("tls: a certificate for another name is refused")
{
    run({
        {"T04", "another host, whose CN is the right one", "wronghost", "hostname_mismatch"},
        {"T10", "the name is in the CN alone", "cnonly", "hostname_mismatch"},
        {"T10b", "the CN is right, the SAN is not", "cn-beside-san", "hostname_mismatch"},
        {"T12", "an address written as a name", "ipindns", "ip_mismatch", "127.0.0.1"},
        {"T13", "an address, and a certificate for a name", "good", "ip_mismatch", "127.0.0.1"},
        {"T16", "a wildcard and two labels", "wild", "hostname_mismatch", "a.b.good.test"},
        {"T16b", "a wildcard and its apex", "wild", "hostname_mismatch", "good.test"},
        {"T17", "a wildcard in part of a label", "partwild", "hostname_mismatch", "abc.good.test"},
        {"T18", "a wildcard below the top", "tldwild", "hostname_mismatch", "good.test"},
        {"T22", "a zero byte inside the name", "nulname", "hostname_mismatch"},
    });
}

TEST_CASE("tls: a certificate for this name or address is accepted")
{
    run({
        {"T11", "an address", "ipsan", accepted, "127.0.0.1"},
        row("T14", "an IPv6 address", "ip6san", accepted, "[::1]").at("::1"),
        {"T15", "a wildcard and one label", "wild", accepted, "a.good.test"},
        {"T19", "a dot behind the host", "good", accepted, "good.test."},
        {"T20", "a host in upper case", "good", accepted, "GOOD.TEST"},
        {"T21", "an international name in its ASCII form", "idn", accepted, "xn--bcher-kva.test"},
        {"T30", "a thousand names", "thousandnames", accepted},
    });
}

TEST_CASE("tls: revocation is checked when a list is given")
{
    auto& made = certificates::of_this_run();
    auto const all = made.revocations();
    auto const expired = made.expired_revocations();
    auto const of_root = made.revocations_of_root();
    configure const listed = [=](apimart::client_config& config) { trust_lists(config, all); };
    configure const late = [=](apimart::client_config& config) { trust_lists(config, expired); };
    configure const other = [=](apimart::client_config& config) { trust_lists(config, of_root); };
    run({
        {"T23", "revoked, no list", "revoked", accepted},
        row("T24", "revoked, listed", "revoked", "revoked").with(listed),
        row("T24b", "not revoked, other entries", "good", accepted).with(listed),
        row("T24c", "its issuer is revoked", "by-revoked", "revoked").with(listed),
        row("T25", "the list has expired", "good", "crl_unavailable").with(late),
        row("T25b", "no list of its issuer", "good", "crl_unavailable").with(other),
    });
}

TEST_CASE("tls: a certificate that was not made for this use, or is weak, is refused")
{
    run({
        {"T26", "for clients alone", "clienteku", "wrong_purpose"},
        {"T27", "signed by a leaf", "badca", "invalid_ca"},
        {"T27b", "one authority too many", "toodeep", "path_length"},
        {"T28", "signed with SHA-1", "sha1leaf", "weak_signature"},
        {"T29", "RSA with 1024 bits", "weakrsa", "weak_key"},
    });
}

TEST_CASE("tls: a certificate without bounds is not read to its end")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    std::vector<int> sites;
    for (tls_version const version : both_versions)
        sites.push_back(nginx.add(made["tenthousandnames"], nginx_word(version)));
    nginx.start();
    for (int const site : sites) {
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            INFO("T62");
            wiretap const tap(nginx.port(site));
            outcome const got = call(way, "good.test", tap.port());
            check_refused(way, got, errc::tls_failed, "good.test");
            CHECK(tap.connections() == 1);
        }
    }
}
