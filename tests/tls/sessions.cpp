// Sessions are not taken up again: a session that was, would skip the check of the host's name.
#include "expect.hpp"

#include <array>

using namespace tls_tests;
using apimart::errc;

namespace {

// Every request on a connection of its own.
constexpr char const* short_lived =
    "keepalive_timeout 0; ssl_session_cache shared:all:1m; ssl_session_tickets on;";

} // namespace

TEST_CASE("tls: every connection is a whole handshake of its own")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    std::array<int, 2> const sites = {nginx.add(made["good"], "TLSv1.2", short_lived),
                                      nginx.add(made["good"], "TLSv1.3", short_lived)};
    nginx.start();
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            INFO("T43");
            wiretap const tap(nginx.port(sites[version == tls_version::v1_2 ? 0 : 1]));
            auto const by = make_user(way, "good.test", tap.port());
            for (std::size_t turn = 0; turn < 3; ++turn) {
                outcome const got = call(*by, way, "good.test", tap.port());
                check_accepted(way, got);
                if (way == path::status || way == path::proxied_status)
                    CHECK(got.status == "full");
                REQUIRE(tap.connections() == turn + 1);
                auto const hello = tap.hello(turn);
                REQUIRE(hello.has_value());
                CHECK_FALSE(hello->offers_session);
            }
        }
    }
}

TEST_CASE("tls: a host that another host's session would let in is refused")
{
    auto& made = certificates::of_this_run();
    nginx_server nginx;
    std::array<int, 2> const sites = {nginx.add(made["good"], "TLSv1.2", short_lived),
                                      nginx.add(made["good"], "TLSv1.3", short_lived)};
    nginx.start();
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        for (path const way : {path::status, path::submit, path::proxied_status, path::proxied_submit}) {
            CAPTURE(name_of(way));
            INFO("T44");
            wiretap const tap(nginx.port(sites[version == tls_version::v1_2 ? 0 : 1]));
            auto const by = make_user(way, "good.test", tap.port());
            check_accepted(way, call(*by, way, "good.test", tap.port()));
            path const onward = is_proxied(way) ? path::proxied_download : path::download;
            check_refused(onward, call(*by, onward, "evil.test", tap.port()), errc::certificate_verify_failed,
                          "evil.test", "hostname_mismatch");
            check_accepted(way, call(*by, way, "good.test", tap.port()));
            CHECK(tap.connections() == 3);
            for (std::size_t each = 0; each < tap.connections(); ++each)
                CHECK_FALSE(tap.hello(each)->offers_session);
        }
    }
}
