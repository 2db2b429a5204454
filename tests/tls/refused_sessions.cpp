// When an alert of the handshake's family proves that a request had no effect, and when it does not (P4).
#include "expect.hpp"

using namespace tls_tests;
using apimart::acceptance;
using apimart::errc;
using peer = byte_server::peer;

namespace {

constexpr std::string_view pending =
    R"({"code":200,"data":{"id":"task_0123456789abcdefghijklmnop","status":"processing"}})";

std::string answer(std::string_view body)
{
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// What there is of an answer before the alert.
enum class before
{
    nothing,
    interim,
    half,
};

std::string words(before what)
{
    switch (what) {
    case before::nothing:
        return "";
    case before::interim:
        return "HTTP/1.1 100 Continue\r\n\r\n";
    case before::half:
        return answer(pending).substr(0, 60);
    }
    return "";
}

// Reads requests; the last of them is answered with an alert.
byte_server::behaviour refuses(std::size_t good_requests, before what)
{
    return [=](peer& one) {
        one.handshake();
        for (std::size_t i = 0; i < good_requests; ++i) {
            one.request();
            one.say(answer(pending));
        }
        one.request();
        if (std::string const text = words(what); !text.empty())
            one.say(text);
        one.send(one.protocol_version_alert());
        one.finish();
    };
}

} // namespace

TEST_CASE("tls: a session that TLS 1.3 refuses at its first request, and before any answer, proves the "
          "request unsent")
{
    for (path const way : {path::submit, path::proxied_submit, path::status, path::proxied_status}) {
        CAPTURE(name_of(way));
        byte_server const server(certificates::of_this_run()["good"], tls_version::v1_3,
                                 refuses(0, before::nothing));
        check_refused(way, call(way, "good.test", server.port()), errc::tls_failed, "good.test");
        CHECK(server.connections() == 1);
        CHECK(server.requests().size() == 1);
    }
}

TEST_CASE("tls: an alert that no longer can be about the handshake leaves a submit's outcome unknown")
{
    for (path const way : {path::submit, path::proxied_submit}) {
        CAPTURE(name_of(way));
        for (tls_version const version : both_versions) {
            CAPTURE(name_of(version));
            for (std::size_t const good_requests : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
                CAPTURE(good_requests);
                for (before const what : {before::nothing, before::interim, before::half}) {
                    CAPTURE(static_cast<int>(what));
                    if (version == tls_version::v1_3 && good_requests == 0 && what == before::nothing)
                        continue; // the one case in which it can
                    byte_server const server(certificates::of_this_run()["good"], version,
                                             refuses(good_requests, what));
                    auto const by = make_user(way, "good.test", server.port());
                    path const question = way == path::submit ? path::status : path::proxied_status;
                    for (std::size_t i = 0; i < good_requests; ++i)
                        check_accepted(question, call(*by, question, "good.test", server.port()));
                    outcome const got = call(*by, way, "good.test", server.port());
                    check_failed(way, got, errc::outcome_unknown, "good.test");
                    CHECK(got.why.acceptance() == acceptance::unknown);
                    CHECK_FALSE(got.why.idempotency_key().empty());
                    CHECK(server.connections() == 1);
                    CHECK(server.requests_that_begin_with("POST ") == 1);
                }
            }
        }
    }
}

// A question that meets one can be asked again.
TEST_CASE("tls: a session that is refused after it has served is replaced for a question")
{
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        byte_server const server(certificates::of_this_run()["good"], version, [&](peer& one) {
            if (one.index == 0) {
                refuses(1, before::nothing)(one);
                return;
            }
            one.handshake();
            one.request();
            one.say(answer(pending));
            one.ignore_until_end();
        });
        auto const by = make_user(path::status, "good.test", server.port());
        check_accepted(path::status, call(*by, path::status, "good.test", server.port()));
        check_accepted(path::status, call(*by, path::status, "good.test", server.port()));
        CHECK(server.connections() == 2);
    }
}
