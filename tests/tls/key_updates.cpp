// TLS 1.3 lets a peer change its keys at any time, and ask for the client's to change: reading an answer then means
// writing first.
#include "../emulator/wait_until.hpp"
#include "expect.hpp"

#include <ctime>
#include <vector>

using namespace tls_tests;
using namespace std::chrono_literals;
using apimart::acceptance;
using apimart::errc;
using tests::wait_until;
using clock_type = std::chrono::steady_clock;
using peer = byte_server::peer;

namespace {

constexpr path direct_paths[] = {path::status, path::submit, path::download};

std::string answer(std::string const& asked, std::size_t padding)
{
    bool const file = asked.starts_with("GET /video");
    std::string body =
        asked.starts_with("POST ")
            ? R"({"code":200,"data":[{"status":"submitted","task_id":"task_0123456789abcdefghijklmnop"}]})"
            : (file
                   ? std::string(video_bytes)
                   : R"({"code":200,"data":{"id":"task_0123456789abcdefghijklmnop","status":"processing"}})");
    if (!file)
        body.append(padding, ' ');
    return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(file ? "video/mp4" : "application/json") +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Byte by byte, but that a file is told by its first few.
std::vector<std::string_view> pieces(std::string const& text)
{
    constexpr std::size_t first_of_file = 12;
    auto const body = text.find("\r\n\r\n") + 4;
    std::vector<std::string_view> all;
    for (std::size_t at = 0; at < text.size(); at += all.back().size())
        all.push_back(std::string_view(text).substr(at, at == body ? first_of_file : 1));
    return all;
}

std::chrono::nanoseconds processor_time_of_this_thread()
{
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

} // namespace

TEST_CASE("tls: a read that has to write first goes on once it could, and the answer is whole")
{
    for (path const way : direct_paths) {
        CAPTURE(name_of(way));
        std::atomic<std::size_t> answers = 0;
        byte_server server(certificates::of_this_run()["good"], tls_version::v1_3, [&](peer& one) {
            one.handshake();
            std::string const text = answer(one.request(), 2'000);
            std::string all;
            // Some new keys between the pieces, and each of them asks for an answer that nobody reads.
            for (std::string_view const piece : pieces(text)) {
                all += one.sealed(piece);
                all += one.key_updates(is_download(way) ? 80 : 4);
            }
            one.send(all);
            // Time enough for the client to write until nothing more is taken.
            static_cast<void>(one.ended_within(400ms));
            std::size_t got = 1;
            while (got > 0) {
                got = one.receive().size();
                answers += got;
            }
        });
        server.narrow();
        check_accepted(way, call(way, "good.test", server.port(), [](apimart::client_config& config) {
                           config.retry.max_retries = 0;
                           config.timeouts.read = 10s;
                           config.timeouts.response = 10s;
                       }));
        CHECK(server.connections() == 1);
        INFO("both sides' buffers may have held less than ", answers.load());
        CHECK(answers > 100'000);
    }
}

TEST_CASE("tls: new keys between the records of an answer, a few at each place, are taken")
{
    for (path const way : all_paths) {
        CAPTURE(name_of(way));
        byte_server const server(certificates::of_this_run()["good"], tls_version::v1_3, [&](peer& one) {
            one.handshake();
            std::string const text = answer(one.request(), 0);
            for (std::string_view const piece : pieces(text)) {
                one.send(one.key_updates(2));
                one.say(piece);
            }
            one.ignore_until_end();
        });
        check_accepted(way, call(way, "good.test", server.port()));
        CHECK(server.connections() == 1);
    }
}

TEST_CASE("tls: a peer that changes its keys for ever and says nothing is given up before its time is over")
{
    for (path const way : direct_paths) {
        CAPTURE(name_of(way));
        std::atomic<bool> ended = false;
        byte_server const server(certificates::of_this_run()["good"], tls_version::v1_3, [&](peer& one) {
            one.handshake();
            std::string const asked = one.request();
            if (is_download(way))
                one.say(answer(asked, 0).substr(0, answer(asked, 0).size() - 5));
            try {
                for (;;)
                    one.send_before_receiving(one.key_updates(50));
            } catch (gone const&) {
                ended = true;
            }
        });
        auto const by = make_user(way, "good.test", server.port(), [](apimart::client_config& config) {
            config.timeouts.response = 12s;
            config.timeouts.read = 12s;
            config.retry.max_retries = 0;
        });
        auto const begun = clock_type::now();
        auto const spent = processor_time_of_this_thread();
        outcome const got = call(*by, way, "good.test", server.port());
        CHECK_FALSE(got.good);
        CHECK(clock_type::now() - begun < 6s);
        CHECK(processor_time_of_this_thread() - spent < 4s);
        if (is_submit(way))
            CHECK(got.why.acceptance() == acceptance::unknown);
        CHECK(server.connections() <= 3); // a download goes on twice
    }
}

TEST_CASE(
    "tls: a peer that changes its keys for ever while nobody uses the connection costs the client nothing")
{
    std::atomic<int> sent = 0;
    byte_server const server(certificates::of_this_run()["good"], tls_version::v1_3, [&](peer& one) {
        one.handshake();
        one.say(answer(one.request(), 0));
        if (one.index > 0) {
            one.ignore_until_end();
            return;
        }
        try {
            for (;; ++sent)
                one.send(one.key_updates(50));
        } catch (gone const&) {
        }
    });
    auto const by = make_user(path::submit, "good.test", server.port());
    check_accepted(path::submit, call(*by, path::submit, "good.test", server.port()));
    wait_until([&] { return sent > 20; });
    auto const spent = processor_time_of_this_thread();
    auto const begun = clock_type::now();
    check_accepted(path::submit, call(*by, path::submit, "good.test", server.port()));
    CHECK(clock_type::now() - begun < 5s);
    CHECK(processor_time_of_this_thread() - spent < 3s);
    CHECK(server.requests_that_begin_with("POST ") == 2);
    CHECK(server.connections() == 2);
}
