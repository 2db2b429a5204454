// Servers that want to know who is calling.
#include "expect.hpp"

#include <array>
#include <vector>

using namespace tls_tests;
using apimart::errc;

namespace {

std::vector<std::string> demanding(tls_version version)
{
    return {s_server_option(version), "-Verify", "2",
            "-verify_return_error",   "-CAfile", certificates::of_this_run().root()};
}

void show(apimart::client_config& config, identity const& who)
{
    config.tls.client_certificate_file(who.chain, who.key);
}

} // namespace

TEST_CASE("tls: a server that wants a client certificate and gets none has accepted nothing")
{
    auto& made = certificates::of_this_run();
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        openssl_server const s_server(made["good"], demanding(version));
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            INFO("T46");
            // With TLS 1.3 the request may have been written already when the refusal comes, and the server's
            // reset may come with it.
            for (int turn = 0; turn < 5; ++turn) {
                wiretap const tap(s_server.port());
                outcome const got = call(way, "good.test", tap.port());
                check_refused(way, got, errc::client_certificate_required, "good.test");
                CHECK(tap.connections() == 1);
                auto const by = make_user(way, "good.test", s_server.port());
                outcome const direct = call(*by, way, "good.test", s_server.port());
                check_refused(way, direct, errc::client_certificate_required, "good.test");
                CHECK(by->connections().size() <= 2); // connected and closed, or failed
            }
        }
    }
}

TEST_CASE("tls: a server that refuses the client certificate has accepted nothing")
{
    auto& made = certificates::of_this_run();
    configure const nobody = [&](apimart::client_config& config) { show(config, made["untrusted-client"]); };
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        openssl_server const s_server(made["good"], demanding(version));
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            INFO("T46b");
            wiretap const tap(s_server.port());
            outcome const got = call(way, "good.test", tap.port(), nobody);
            check_refused(way, got, errc::client_certificate_required, "good.test");
            CHECK(tap.connections() == 1);
        }
    }
}

TEST_CASE(
    "tls: the client certificate is shown to servers that ask, and its absence is no harm where it may be")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    std::string const ask = "ssl_client_certificate " + made.root().string() + "; ssl_verify_depth 2; ";
    std::array<int, 2> demanded{};
    std::array<int, 2> wished{};
    for (std::size_t i = 0; i < 2; ++i) {
        demanded[i] = nginx.add(made["good"], nginx_word(both_versions[i]), ask + "ssl_verify_client on;");
        wished[i] =
            nginx.add(made["good"], nginx_word(both_versions[i]), ask + "ssl_verify_client optional;");
    }
    nginx.start();
    configure const customer = [&](apimart::client_config& config) { show(config, made["client"]); };
    for (std::size_t i = 0; i < 2; ++i) {
        CAPTURE(name_of(both_versions[i]));
        openssl_server const s_server(made["good"], demanding(both_versions[i]));
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            INFO("T46c and T47");
            check_accepted(way, call(way, "good.test", nginx.port(demanded[i]), customer));
            check_accepted(way, call(way, "good.test", nginx.port(wished[i]), customer));
            check_accepted(way, call(way, "good.test", nginx.port(wished[i])));
            if (!is_submit(way))
                check_accepted(way, call(way, "good.test", s_server.port(), customer));
        }
    }
}
