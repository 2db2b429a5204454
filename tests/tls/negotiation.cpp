// Versions, ciphers, application protocols and names: what is agreed on before a certificate counts.
#include "expect.hpp"
#include "proxy.hpp"

#include <algorithm>
#include <array>
#include <memory>

using namespace tls_tests;
using apimart::errc;

namespace {

void check_no_agreement(std::string const& row, path way, unsigned short server_port, char const* reason)
{
    CAPTURE(row);
    CAPTURE(name_of(way));
    wiretap const tap(server_port);
    outcome const got = call(way, "good.test", tap.port());
    check_refused(way, got, errc::tls_failed, "good.test", reason);
    CHECK(tap.connections() == 1);
}

bool is_modern(std::uint16_t cipher)
{
    constexpr std::array<std::uint16_t, 10> modern = {
        0x1301, 0x1302, 0x1303,         // TLS 1.3
        0xc02b, 0xc02c, 0xc02f, 0xc030, // ECDHE with AES-GCM
        0xcca8, 0xcca9,                 // ECDHE with ChaCha20
        0x00ff,                         // no cipher: a sign that renegotiation is the safe one
    };
    return std::find(modern.begin(), modern.end(), cipher) != modern.end();
}

} // namespace

TEST_CASE("tls: servers of old versions are refused")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    constexpr std::pair<char const*, char const*> old[] = {{"-tls1", "TLSv1"}, {"-tls1_1", "TLSv1.1"}};
    std::vector<int> sites;
    for (auto const& [option, word] : old)
        sites.push_back(nginx.add(made["good"], word, "ssl_ciphers ALL@SECLEVEL=0;"));
    nginx.start();
    auto site = sites.begin();
    for (auto const& [option, word] : old) {
        CAPTURE(std::string(word));
        openssl_server const s_server(made["good"], {option, "-cipher", "ALL@SECLEVEL=0"});
        unsigned short const nginx_port = nginx.port(*site++);
        for (path const way : all_paths) {
            check_no_agreement("T31 nginx", way, nginx_port, "protocol_version");
            check_no_agreement("T31 s_server", way, s_server.port(), "protocol_version");
        }
    }
}

TEST_CASE("tls: servers of one version are accepted, and it is the one that is reported")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    std::array<int, 2> const sites = {nginx.add(made["good"], "TLSv1.2"), nginx.add(made["good"], "TLSv1.3")};
    int const both = nginx.add(made["good"], "TLSv1.2 TLSv1.3");
    nginx.start();
    auto const check = [](path way, unsigned short port, std::string const& version) {
        CAPTURE(name_of(way));
        CAPTURE(version);
        auto const by = make_user(way, "good.test", port);
        check_accepted(way, call(*by, way, "good.test", port));
        REQUIRE_FALSE(by->connections().empty());
        CHECK(by->connections().front().event == apimart::connection_event::type::connected);
        CHECK(by->connections().front().tls_version == version);
        CHECK(by->connections().front().verified);
    };
    for (path const way : all_paths) {
        INFO("T32");
        check(way, nginx.port(sites[0]), "TLSv1.2");
        check(way, nginx.port(sites[1]), "TLSv1.3");
        check(way, nginx.port(both), "TLSv1.3");
    }
}

TEST_CASE("tls: servers without a modern cipher are refused")
{
    auto& made = certificates::of_this_run();
    class weak_row
    {
    public:
        char const* id;
        char const* certificate;
        char const* ciphers;
    };
    constexpr weak_row rows[] = {
        {"T33 none, RSA", "rsa", "NULL@SECLEVEL=0"},
        {"T33 none, ECDSA", "good", "NULL@SECLEVEL=0"},
        {"T34 RSA key exchange, CBC", "rsa", "AES128-SHA"},
        {"T34 RSA key exchange, GCM", "rsa", "AES128-GCM-SHA256"},
        {"T35 CBC, RSA", "rsa", "ECDHE-RSA-AES128-SHA"},
        {"T35 CBC, ECDSA", "good", "ECDHE-ECDSA-AES256-SHA384"},
        {"T35 nobody signs", "good", "aNULL@SECLEVEL=0"},
        {"T36 DHE", "rsa", "DHE-RSA-AES128-GCM-SHA256"},
    };
    nginx_server nginx;
    std::vector<int> sites;
    for (weak_row const& one : rows)
        sites.push_back(
            nginx.add(made[one.certificate], "TLSv1.2", "ssl_ciphers " + std::string(one.ciphers) + ";"));
    nginx.start();
    auto site = sites.begin();
    for (weak_row const& one : rows) {
        openssl_server const s_server(made[one.certificate], {"-tls1_2", "-cipher", one.ciphers});
        unsigned short const nginx_port = nginx.port(*site++);
        for (path const way : all_paths) {
            INFO("nginx");
            check_no_agreement(one.id, way, nginx_port, "handshake_failure");
        }
        for (path const way : all_paths) {
            INFO("s_server");
            check_no_agreement(one.id, way, s_server.port(), "handshake_failure");
        }
    }
}

TEST_CASE("tls: the application protocol is http/1.1 or not spoken of")
{
    auto& made = certificates::of_this_run();
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        openssl_server const http_1_1(made["good"], {s_server_option(version), "-alpn", "http/1.1"});
        openssl_server const choice(made["good"], {s_server_option(version), "-alpn", "h2,http/1.1"});
        openssl_server const silent(made["good"], {s_server_option(version)});
        openssl_server const h2(made["good"], {s_server_option(version), "-alpn", "h2"});
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            if (!is_submit(way)) {
                INFO("T37");
                check_accepted(way, call(way, "good.test", http_1_1.port()));
                check_accepted(way, call(way, "good.test", choice.port()));
                check_accepted(way, call(way, "good.test", silent.port()));
            }
            check_no_agreement("T38 h2 alone", way, h2.port(), "alpn");

            byte_server const own_mind(made["good"], version, std::string("h2"), [](byte_server::peer& one) {
                one.handshake();
                one.ignore_until_end();
            });
            check_no_agreement("T39 chooses what was not offered", way, own_mind.port(), "alpn");
            CHECK(own_mind.requests().empty());
        }
    }
}

TEST_CASE("tls: the name a client asks for selects the certificate")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    std::array<int, 2> const sites = {nginx.add_by_name("TLSv1.2", made["other"], made["good"]),
                                      nginx.add_by_name("TLSv1.3", made["other"], made["good"])};
    nginx.start();
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        unsigned short const nginx_port = nginx.port(sites[version == tls_version::v1_2 ? 0 : 1]);
        // s_server shows no chain with its second certificate.
        openssl_server const s_server(made["other"],
                                      {s_server_option(version), "-servername", "good.test", "-cert2",
                                       made["by-root"].leaf, "-key2", made["by-root"].key});
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            INFO("T40");
            check_accepted(way, call(way, "good.test", nginx_port));
            check_accepted(way, call(way, "other.test", nginx_port));
            if (!is_submit(way))
                check_accepted(way, call(way, "good.test", s_server.port()));
            outcome const wrong = call(way, "evil.test", nginx_port);
            check_refused(way, wrong, errc::certificate_verify_failed, "evil.test", "hostname_mismatch");
        }
    }
}

TEST_CASE("tls: a server that does not know the name is reported as such")
{
    auto& made = certificates::of_this_run();
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        openssl_server const s_server(made["good"],
                                      {s_server_option(version), "-servername", "other.test", "-cert2",
                                       made["other"].leaf, "-key2", made["other"].key, "-servername_fatal"});
        for (path const way : all_paths)
            check_no_agreement("T41", way, s_server.port(), "unrecognized_name");
    }
}

TEST_CASE("tls: what a client says first is no more than is needed")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    int const named = nginx.add(made["good"], "TLSv1.2 TLSv1.3");
    int const numbered = nginx.add(made["ipsan"], "TLSv1.2 TLSv1.3");
    int const numbered6 = nginx.add(made["ip6san"], "TLSv1.2 TLSv1.3", "", "::1");
    nginx.start();
    class said
    {
    public:
        std::string id;
        std::string host;
        int site;
        std::optional<std::string> name;
    };
    said const rows[] = {
        {"a name", "good.test", named, "good.test"},
        {"T19 without the dot", "good.test.", named, "good.test"},
        {"T20 in lower case", "GOOD.TEST", named, "good.test"},
        {"T42 no name for an address", "127.0.0.1", numbered, std::nullopt},
        {"T42 no name for an IPv6 address", "[::1]", numbered6, std::nullopt},
    };
    for (said const& one : rows) {
        CAPTURE(one.id);
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            wiretap const tap(nginx.port(one.site), one.host == "[::1]");
            check_accepted(way, call(way, one.host, tap.port()));
            REQUIRE(tap.connections() == 1);
            auto const hello = tap.hello(0);
            REQUIRE(hello.has_value());
            CHECK(hello->server_name == one.name);
            CHECK(hello->protocols == std::vector<std::string>{"http/1.1"});
            CHECK(hello->versions == std::vector<std::uint16_t>{0x0304, 0x0303});
            CHECK(hello->compressions == std::vector<std::uint8_t>{0});
            CHECK_FALSE(hello->offers_early_data);
            CHECK_FALSE(hello->offers_session);
            CHECK_FALSE(hello->ciphers.empty());
            CHECK(std::all_of(hello->ciphers.begin(), hello->ciphers.end(), is_modern));
        }
    }
}

TEST_CASE("tls: a proxy learns the host and nothing else")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    int const site = nginx.add(made["good"], "TLSv1.2 TLSv1.3");
    nginx.start();
    for (path const way : {path::proxied_status, path::proxied_submit, path::proxied_download}) {
        CAPTURE(name_of(way));
        INFO("T67");
        std::size_t const before = proxy::shared().requests();
        check_accepted(way, call(way, "good.test", nginx.port(site)));
        CHECK(proxy::shared().requests() == before + 1);
        CHECK(proxy::shared().last_target() == "good.test:" + std::to_string(nginx.port(site)));
    }
    CHECK_FALSE(proxy::shared().has_seen(key_text));
    CHECK_FALSE(proxy::shared().has_seen("/v1/"));
    CHECK_FALSE(proxy::shared().has_seen(video_path));
}
