// Settings of TLS that cannot be used, and the one that switches verification off.
#include "expect.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

using namespace tls_tests;
using apimart::errc;

namespace {

void check_unusable(std::string const& row, configure const& change, std::string const& named)
{
    CAPTURE(row);
    CAPTURE(named);
    for (path const way : all_paths) {
        CAPTURE(name_of(way));
        bool refused = false;
        try {
            make_user(way, "good.test", 1, change);
        } catch (apimart::error const& e) {
            refused = true;
            INFO(e.what());
            CHECK(e.code() == errc::invalid_configuration);
            CHECK(std::string(e.what()).find(named) != std::string::npos);
            CHECK(std::string(e.what()).find(key_text) == std::string::npos);
        }
        CHECK(refused);
        count_check();
    }
}

} // namespace

TEST_CASE("tls: files that cannot be used are named when the client is made")
{
    auto& made = certificates::of_this_run();
    std::string const missing = (made.folder() / "there-is-none.pem").string();
    std::string const empty = made.write("empty.pem", "");
    std::string const garbage = made.write("garbage.pem", "this is no certificate\n");
    std::string const torn =
        made.write("torn.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    std::string const folder = made.folder().string();
    for (std::string const& each : {missing, empty, garbage, torn, folder}) {
        check_unusable(
            "T65 authorities", [&](auto& config) { config.tls.add_ca_file(each); }, each);
        check_unusable(
            "T65 lists", [&](auto& config) { config.tls.crl_file(each); }, each);
        check_unusable(
            "T65 client certificate",
            [&](auto& config) { config.tls.client_certificate_file(each, made["client"].key); }, each);
        check_unusable(
            "T65 client key",
            [&](auto& config) { config.tls.client_certificate_file(made["client"].chain, each); }, each);
    }
    check_unusable(
        "T65 another's key",
        [&](auto& config) { config.tls.client_certificate_file(made["client"].chain, made["good"].key); },
        made["good"].key);
    for (char const* const text : {"", "this is no certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n"})
        check_unusable(
            "T65 text", [&](auto& config) { config.tls.add_ca_pem(text); }, "PEM");
}

TEST_CASE("tls: only the additional authorities are trusted where the system's are switched off")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    int const ours = nginx.add(made["good"], "TLSv1.2 TLSv1.3");
    int const theirs = nginx.add(made["untrusted-with-root"], "TLSv1.2 TLSv1.3");
    nginx.start();
    configure const other_root = [&](apimart::client_config& config) {
        config.tls = apimart::tls_options();
        config.tls.use_system_ca(false).add_ca_file(made.untrusted_root());
    };
    configure const nobody = [](apimart::client_config& config) {
        config.tls = apimart::tls_options();
        config.tls.use_system_ca(false);
    };
    for (path const way : all_paths) {
        CAPTURE(name_of(way));
        INFO("T64");
        check_accepted(way, call(way, "good.test", nginx.port(theirs), other_root));
        check_refused(way, call(way, "good.test", nginx.port(ours), other_root),
                      errc::certificate_verify_failed, "good.test", "untrusted_issuer");
        check_refused(way, call(way, "good.test", nginx.port(ours), nobody), errc::certificate_verify_failed,
                      "good.test", "untrusted_issuer");
    }
}

TEST_CASE("tls: verification is switched off by one type alone, and every connection says so")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    std::vector<int> sites;
    constexpr char const* shown[] = {"expired", "notyet", "wronghost", "selfsigned", "untrusted", "cnonly"};
    for (char const* const each : shown)
        for (tls_version const version : both_versions)
            sites.push_back(nginx.add(made[each], nginx_word(version)));
    nginx.start();
    configure const insecure = [](apimart::client_config& config) {
        apimart::insecure_tls_for_tests insecure_tls;
        insecure_tls.use_system_ca(false); // which would take most of the time to read
        config.tls = insecure_tls;
    };
    for (int const site : sites) {
        CAPTURE(site);
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            INFO("T66");
            auto const by = make_user(way, "good.test", nginx.port(site), insecure);
            check_accepted(way, call(*by, way, "good.test", nginx.port(site)));
            CHECK_FALSE(by->connections().empty());
            CHECK(std::none_of(by->connections().begin(), by->connections().end(),
                               [](apimart::connection_event const& each) { return each.verified; }));
        }
    }
}

TEST_CASE("tls: a system whose own settings are lax makes no client lax")
{
    auto& made = certificates::of_this_run();
    std::string const lax = made.write("lax.cnf", "openssl_conf = start\n[start]\nssl_conf = tls\n[tls]\n"
                                                  "system_default = lax\n[lax]\nMinProtocol = TLSv1\n"
                                                  "CipherString = ALL:aNULL:eNULL@SECLEVEL=0\n");
    std::string const program = std::filesystem::read_symlink("/proc/self/exe");
    // OpenSSL reads its settings once, so this takes another process.
    for (char const* const test :
         {"tls: a certificate that was not made for this use, or is weak, is refused",
          "tls: servers of old versions are refused", "tls: servers without a modern cipher are refused",
          "tls: what a client says first is no more than is needed"}) {
        std::string filter = "--test-case=";
        for (char const* c = test; *c != '\0'; ++c)
            filter.append(*c == ',' ? "\\," : std::string(1, *c));
        process const run({"env", "OPENSSL_CONF=" + lax, program, filter}, made.folder());
        bool const sound = run.ended_with("Status: SUCCESS!");
        INFO(run.output());
        CHECK(sound);
        count_check();
    }
}
