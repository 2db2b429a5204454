// How an answer may end, and what becomes of one whose end nobody vouches for.
#include "expect.hpp"

#include <cstdio>
#include <functional>

using namespace tls_tests;
using namespace std::chrono_literals;
using apimart::acceptance;
using apimart::errc;
using apimart::error_code;
using peer = byte_server::peer;

namespace {

enum class ending
{
    clean, ///< close_notify and FIN
    cut,   ///< FIN alone
    reset,
};

enum class framing
{
    whole,         ///< the length, and all of the body
    short_body,    ///< the length, and less of the body
    until_the_end, ///< no length
    open_chunks,   ///< chunks without the last
    open_head,     ///< the head ends early
    nothing,
};

constexpr std::string_view submit_body =
    R"({"code":200,"data":[{"status":"submitted","task_id":"task_0123456789abcdefghijklmnop"}]})";
constexpr std::string_view status_body =
    R"({"code":200,"data":{"id":"task_0123456789abcdefghijklmnop","status":"processing"}})";

std::string answer(std::string const& asked, framing how)
{
    bool const file = asked.starts_with("GET /video");
    std::string const body(asked.starts_with("POST ") ? submit_body : (file ? video_bytes : status_body));
    std::string const head =
        "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(file ? "video/mp4" : "application/json") + "\r\n";
    std::string const length = "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    switch (how) {
    case framing::whole:
        return head + length + body;
    case framing::short_body:
        return head + length + body.substr(0, body.size() - 5);
    case framing::until_the_end:
        return head + "Connection: close\r\n\r\n" + body;
    case framing::open_chunks: {
        char size[16];
        std::snprintf(size, sizeof size, "%zx", body.size());
        return head + "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n" + body + "\r\n";
    }
    case framing::open_head:
        return head.substr(0, head.size() - 6);
    case framing::nothing:
        break;
    }
    return {};
}

void play(peer& one, framing how, ending end)
{
    one.handshake();
    std::string const text = answer(one.request(), how);
    if (!text.empty())
        one.say(text);
    if (end == ending::clean)
        one.send(one.close_notify());
    if (end == ending::reset)
        one.reset();
    else
        one.finish();
}

class row
{
public:
    std::string id;
    framing how;
    ending end;
    errc verdict; ///< unused where the answer is whole
};

// A submit whose answer is lost is not sent again, and nobody may say that it was not accepted. A question is
// asked again, and a file fetched again.
void check_lost(path way, byte_server const& server, outcome const& got, errc verdict)
{
    if (is_submit(way)) {
        check_failed(way, got, errc::outcome_unknown, "");
        CHECK(got.why.acceptance() == acceptance::unknown);
        CHECK(got.why.underlying() == error_code(verdict));
        CHECK_FALSE(got.why.idempotency_key().empty());
        CHECK(server.connections() == 1);
        CHECK(server.requests_that_begin_with("POST ") == 1);
    } else {
        check_failed(way, got, verdict, "");
        CHECK(got.why.acceptance() == acceptance::none);
        CHECK(server.connections() == 3);
    }
}

void check_recovery(path way, tls_version version, std::function<void(peer&)> const& fault)
{
    if (is_submit(way))
        return;
    byte_server const server(certificates::of_this_run()["good"], version, [&](peer& one) {
        if (one.index == 0)
            fault(one);
        else
            play(one, framing::whole, ending::clean);
    });
    check_accepted(way, call(way, "good.test", server.port()));
    CHECK(server.connections() == 2);
}

} // namespace

TEST_CASE("tls: a whole answer is taken, however the connection ends")
{
    auto& made = certificates::of_this_run();
    row const rows[] = {
        {"T51 the length and close_notify", framing::whole, ending::clean, {}},
        {"T52 the length and no close_notify", framing::whole, ending::cut, {}},
        {"T52 the length and a reset", framing::whole, ending::reset, {}},
        {"T55 up to close_notify", framing::until_the_end, ending::clean, {}},
    };
    for (row const& each : rows) {
        CAPTURE(each.id);
        for (tls_version const version : both_versions) {
            CAPTURE(name_of(version));
            for (path const way : all_paths) {
                CAPTURE(name_of(way));
                byte_server const server(made["good"], version,
                                         [&](peer& one) { play(one, each.how, each.end); });
                auto const by = make_user(way, "good.test", server.port());
                check_accepted(way, call(*by, way, "good.test", server.port()));
                CHECK(server.connections() == 1);
                if (is_proxied(way))
                    continue; // whether the proxy has passed the end on, nobody can tell
                // The connection is not used again.
                server.wait_for_ends(1);
                check_accepted(way, call(*by, way, "good.test", server.port()));
                CHECK(server.connections() == 2);
                CHECK(server.requests().size() == 2);
            }
        }
    }
}

TEST_CASE("tls: an answer that is cut short is not taken")
{
    auto& made = certificates::of_this_run();
    row const rows[] = {
        {"T53 a short body, close_notify", framing::short_body, ending::clean, errc::connection_lost},
        {"T54 a short body, FIN", framing::short_body, ending::cut, errc::stream_truncated},
        {"T54 a short body, RST", framing::short_body, ending::reset, errc::connection_lost},
        {"T56 no length, FIN", framing::until_the_end, ending::cut, errc::stream_truncated},
        {"T56 no length, RST", framing::until_the_end, ending::reset, errc::connection_lost},
        {"T57 no last chunk, close_notify", framing::open_chunks, ending::clean, errc::connection_lost},
        {"T57 no last chunk, FIN", framing::open_chunks, ending::cut, errc::stream_truncated},
        {"T57 no last chunk, RST", framing::open_chunks, ending::reset, errc::connection_lost},
        {"T58 a part of a head, close_notify", framing::open_head, ending::clean, errc::connection_lost},
        {"T58 a part of a head, FIN", framing::open_head, ending::cut, errc::stream_truncated},
        {"T58 nothing, close_notify", framing::nothing, ending::clean, errc::connection_lost},
        {"T58 nothing, FIN", framing::nothing, ending::cut, errc::connection_lost},
        {"T58 nothing, RST", framing::nothing, ending::reset, errc::connection_lost},
    };
    for (row const& each : rows) {
        CAPTURE(each.id);
        auto const fault = [&](peer& one) { play(one, each.how, each.end); };
        for (tls_version const version : both_versions) {
            CAPTURE(name_of(version));
            for (path const way : all_paths) {
                CAPTURE(name_of(way));
                {
                    byte_server const server(made["good"], version, fault);
                    outcome const got = call(way, "good.test", server.port());
                    check_lost(way, server, got, each.verdict);
                }
                check_recovery(way, version, fault);
            }
        }
    }
}

TEST_CASE("tls: bytes that somebody else wrote into the connection are not taken")
{
    auto& made = certificates::of_this_run();
    class forged
    {
    public:
        std::string id;
        std::function<void(peer&)> play;
    };
    forged const rows[] = {
        {"T59 a changed byte",
         [](peer& one) {
             one.handshake();
             std::string record = one.sealed(answer(one.request(), framing::whole));
             record[record.size() / 2] = static_cast<char>(record[record.size() / 2] ^ 1);
             one.send(record);
             one.ignore_until_end();
         }},
        {"T59 plain text",
         [](peer& one) {
             one.handshake();
             one.send(answer(one.request(), framing::whole));
             one.ignore_until_end();
         }},
        {"T59 a record twice",
         [](peer& one) {
             one.handshake();
             std::string const asked = one.request();
             std::string const record = one.sealed(answer(asked, framing::whole).substr(0, 20));
             one.send(record + record);
             one.ignore_until_end();
         }},
        {"T59 records in another order",
         [](peer& one) {
             one.handshake();
             std::string const text = answer(one.request(), framing::whole);
             std::string const first = one.sealed(text.substr(0, 20));
             one.send(one.sealed(text.substr(20)) + first);
             one.ignore_until_end();
         }},
        {"T59 plain text in place of close_notify",
         [](peer& one) {
             one.handshake();
             one.say(answer(one.request(), framing::until_the_end));
             one.send(std::string_view("\x15\x03\x03\x00\x02\x01\x00", 7));
             one.finish();
         }},
    };
    for (forged const& each : rows) {
        CAPTURE(each.id);
        for (tls_version const version : both_versions) {
            CAPTURE(name_of(version));
            for (path const way : all_paths) {
                CAPTURE(name_of(way));
                {
                    byte_server const server(made["good"], version, each.play);
                    outcome const got = call(way, "good.test", server.port());
                    check_lost(way, server, got, errc::tls_bad_record_mac);
                }
                check_recovery(way, version, each.play);
            }
        }
    }
}

TEST_CASE("tls: a peer that never answers close_notify does not delay the client's end")
{
    auto& made = certificates::of_this_run();
    for (tls_version const version : both_versions) {
        CAPTURE(name_of(version));
        for (path const way : all_paths) {
            CAPTURE(name_of(way));
            byte_server const server(made["good"], version, [](peer& one) {
                one.handshake();
                std::string const asked = one.request();
                one.say(answer(asked, framing::whole));
                one.ignore_for_good();
            });
            auto const by = make_user(way, "good.test", server.port());
            check_accepted(way, call(*by, way, "good.test", server.port()));
            INFO("T60");
            CHECK(by->shutdown() <= 250ms);
            count_check();
        }
    }
}

TEST_CASE("tls: a second handshake is not made, and new keys are taken")
{
    auto& made = certificates::of_this_run();
    for (path const way : all_paths) {
        CAPTURE(name_of(way));
        {
            INFO("T61 another handshake is asked for");
            byte_server const server(made["good"], tls_version::v1_2, [](peer& one) {
                one.handshake();
                std::string const asked = one.request();
                one.send(one.handshake_request());
                one.say(answer(asked, framing::whole));
                one.finish();
            });
            check_accepted(way, call(way, "good.test", server.port()));
            CHECK(server.connections() == 1);
        }
        {
            INFO("T61 new keys");
            byte_server const server(made["good"], tls_version::v1_3, [](peer& one) {
                one.handshake();
                std::string const asked = one.request();
                std::string const text = answer(asked, framing::whole);
                one.send(one.key_updates(3));
                one.say(text.substr(0, 20));
                one.send(one.key_updates(1));
                one.say(text.substr(20));
                one.finish();
            });
            check_accepted(way, call(way, "good.test", server.port()));
            CHECK(server.connections() == 1);
        }
        {
            INFO("T61 new keys without end");
            byte_server const server(made["good"], tls_version::v1_3, [](peer& one) {
                one.handshake();
                one.request();
                for (int i = 0; i < 100; ++i)
                    one.send(one.key_updates(10));
                one.ignore_until_end();
            });
            outcome const got = call(way, "good.test", server.port(), [](apimart::client_config& config) {
                config.timeouts.response = 100ms;
                config.timeouts.read = 100ms;
            });
            check_lost(way, server, got, errc::tls_bad_record_mac);
        }
    }
}
