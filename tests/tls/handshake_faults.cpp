// Servers that do not speak TLS, or stop in the middle of its handshake.
#include "expect.hpp"

#include <functional>
#include <vector>

using namespace tls_tests;
using namespace std::chrono_literals;
using apimart::errc;
using peer = byte_server::peer;

namespace {

class fault
{
public:
    std::string id;
    std::function<void(peer&)> play;
    enum class scope
    {
        all,
        direct,
        /// The end may be faster than the news of the beginning.
        perhaps_unconnected,
    };
    scope where = scope::all;
};

constexpr std::string_view ssh = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";

std::string without_spaces(std::string text)
{
    std::erase(text, ' ');
    return text;
}

// A whole and good answer to whatever is asked.
void serve(peer& one)
{
    one.handshake();
    std::string const asked = one.request();
    std::string const body =
        asked.starts_with("POST ")
            ? R"({"code":200,"data":[{"status":"submitted","task_id":")" + std::string(known_task) + R"("}]})"
            : (asked.starts_with("GET /v1/") ? R"({"code":200,"data":{"id":")" + std::string(known_task) +
                                                   R"(","status":"processing"}})"
                                             : std::string(video_bytes));
    one.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " +
            std::string(asked.starts_with("GET /video") ? "video/mp4" : "application/json") +
            "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    one.send(one.close_notify());
    one.finish();
}

// The beginning of what a server says after a ClientHello.
std::string first_flight(peer& one)
{
    return one.answer_to(one.client_hello());
}

} // namespace

TEST_CASE("tls: a port that speaks something else is named by the first bytes it says")
{
    auto& made = certificates::of_this_run();
    fault const faults[] = {
        {"485454502f312e31", // HTTP/1.1
         [](peer& one) {
             one.client_hello();
             one.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
             one.finish();
         }},
        {"5353482d322e302d", // SSH-2.0-
         [](peer& one) {
             one.client_hello();
             one.send(ssh);
             one.ignore_until_end();
         }},
        {"5353482d322e302d", // before it is spoken to; behind a proxy that would be a part of its answer
         [](peer& one) {
             one.send(ssh);
             one.ignore_until_end();
         },
         fault::scope::direct},
        {"323230", // less than a record's head
         [](peer& one) {
             one.client_hello();
             one.send("220");
             one.finish();
         }},
    };
    nginx_server nginx;
    int const plain = nginx.add_plain();
    nginx.start();
    for (path const way : all_paths) {
        CAPTURE(name_of(way));
        for (fault const& each : faults) {
            CAPTURE(each.id);
            if (each.where == fault::scope::direct && is_proxied(way))
                continue;
            byte_server const server(made["good"], tls_version::v1_3, each.play);
            outcome const got = call(way, "good.test", server.port());
            check_refused(way, got, errc::tls_wrong_protocol, "good.test");
            std::string const text = without_spaces(got.why.client_message());
            CHECK(text.ends_with(each.id)); // and no more than that
            CHECK(server.connections() == 1);
        }
        INFO("T48 nginx");
        wiretap const tap(nginx.port(plain));
        outcome const got = call(way, "good.test", tap.port());
        check_refused(way, got, errc::tls_wrong_protocol, "good.test");
        CHECK(without_spaces(got.why.client_message()).ends_with("485454502f312e31"));
        CHECK(tap.connections() == 1);
    }
}

TEST_CASE("tls: a connection that ends in the handshake is made anew, twice")
{
    auto& made = certificates::of_this_run();
    fault const faults[] = {
        {"T49 FIN after accept", [](peer& one) { one.finish(); }},
        {"T49 RST after accept", [](peer& one) { one.reset(); }, fault::scope::perhaps_unconnected},
        {"T49 FIN after the ClientHello", [](peer& one) { one.client_hello(), one.finish(); }},
        {"T49 RST after the ClientHello", [](peer& one) { one.client_hello(), one.reset(); }},
        {"T49 FIN in the middle of a record",
         [](peer& one) {
             std::string const flight = first_flight(one);
             one.send(flight.substr(0, flight.size() / 2));
             one.finish();
         }},
        {"T49 RST behind a record",
         [](peer& one) {
             std::string const flight = first_flight(one);
             one.send(flight.substr(0, 5U + 256U * static_cast<unsigned char>(flight[3]) +
                                           static_cast<unsigned char>(flight[4])));
             one.reset();
         }},
    };
    for (fault const& each : faults) {
        CAPTURE(each.id);
        for (tls_version const version : both_versions) {
            CAPTURE(name_of(version));
            for (path const way : all_paths) {
                CAPTURE(name_of(way));
                {
                    byte_server const server(made["good"], version, each.play);
                    outcome const got = call(way, "good.test", server.port());
                    errc verdict = errc::tls_closed;
                    if (each.where == fault::scope::perhaps_unconnected &&
                        got.why.code() == (is_proxied(way) ? errc::proxy_failed : errc::connect_failed))
                        verdict = is_proxied(way) ? errc::proxy_failed : errc::connect_failed;
                    check_refused(way, got, verdict, "good.test");
                    CHECK(server.connections() == 3);
                }
                byte_server const server(made["good"], version, [&](peer& one) {
                    if (one.index == 0)
                        each.play(one);
                    else
                        serve(one);
                });
                check_accepted(way, call(way, "good.test", server.port()));
                CHECK(server.connections() == 2);
                CHECK(server.requests().size() == 1);
            }
        }
    }
}

TEST_CASE("tls: a handshake that stalls ends with its time limit")
{
    auto& made = certificates::of_this_run();
    fault const faults[] = {
        {"T50 nothing is said", [](peer& one) { one.ignore_until_end(); }},
        {"T50 half of a record",
         [](peer& one) {
             std::string const flight = first_flight(one);
             one.send(flight.substr(0, flight.size() / 2));
             one.ignore_until_end();
         }},
        {"T50 byte after byte, slowly",
         [](peer& one) {
             std::string const flight = first_flight(one);
             for (char const each : flight) {
                 one.send(std::string_view(&each, 1));
                 if (one.ended_within(10ms))
                     throw gone();
             }
             one.ignore_until_end();
         }},
    };
    static constexpr auto limit = 30ms;
    configure const quick = [](apimart::client_config& config) { config.timeouts.tls_handshake = limit; };
    for (fault const& each : faults) {
        CAPTURE(each.id);
        for (tls_version const version : both_versions) {
            CAPTURE(name_of(version));
            for (path const way : all_paths) {
                CAPTURE(name_of(way));
                byte_server const server(made["good"], version, each.play);
                auto const start = std::chrono::steady_clock::now();
                outcome const got = call(way, "good.test", server.port(), quick);
                auto const took = std::chrono::steady_clock::now() - start;
                check_refused(way, got, errc::tls_timeout, "good.test");
                CHECK(server.connections() == 3);
                CHECK(took >= 3 * limit - 5ms);
                CHECK(took < 10s); // the limit that is set when none is given
            }
        }
    }
}
