// The table of bad answers, played to a whole client over TLS: what is said of a submit, that it is sent once, and
// that a connection whose answer cannot be trusted carries no other request.
#include "client_fixture.hpp"

#include <bad_response_table.hpp>

#include <boost/asio/steady_timer.hpp>

using namespace client_tests;
using namespace apimart;

namespace {

// Plays one row for every request until told otherwise, then good answers.
class row_server
{
public:
    row_server()
        : server_(scripted_server::security::tls, [this](scripted_server::peer& peer) {
              for (;;) {
                  peer.request();
                  bad_responses::row const* const row = row_.load();
                  if (row == nullptr) {
                      peer.answer(200, R"({"code":200,"data":{"id":"task_1","status":"pending"}})");
                      continue;
                  }
                  peer.write(row->bytes);
                  if (row->closes) {
                      peer.close();
                      return;
                  }
              }
          })
    {}

    void play(bad_responses::row const* row) { row_ = row; }

    client_config config() const
    {
        client_config config = server_.config();
        // They take longer to read than a row takes to play.
        config.tls.use_system_ca(false);
        config.retry.max_retries = 0;
        config.retry.max_rate_limit_retries = 0;
        return config;
    }
    std::size_t submits() const { return server_.count("POST /v1/videos/generations"); }
    int connections() const { return server_.connections(); }

private:
    std::atomic<bad_responses::row const*> row_ = nullptr;
    scripted_server server_;
};

void check_text(error_info const& why, std::string const& detail)
{
    std::string const told = why.describe();
    CHECK_MESSAGE(told.find(detail) != std::string::npos, told);
    CHECK(told.find(bad_responses::secret) == std::string::npos);
    CHECK(told.find(key_text) == std::string::npos);
}

// A sound request after a bad answer goes over the same connection only where that is safe.
void check_connection(row_server& server, client& user, asio::io_context& context, bool reusable)
{
    int const before = server.connections();
    server.play(nullptr);
    recorder<task_state> got;
    user.status(task("task_1"), {}, got.token());
    run_to_end(context);
    CHECK(got.value().raw_status() == "pending");
    CHECK(server.connections() == before + (reusable ? 0 : 1));
}

} // namespace

TEST_CASE(
    "client bad replies: a submit is sent once, proves what its answer proves, and poisons no connection")
{
    row_server server;
    asio::io_context context;
    for (bad_responses::row const& row : bad_responses::rows()) {
        if (!row.refused && !row.verdict)
            continue;
        CAPTURE(row.id);
        CAPTURE(row.what);
        using detail::submit_classification;
        client user(context, server.config());
        std::size_t const before = server.submits();
        server.play(&row);
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(server.submits() == before + 1);
        if (row.verdict == submit_classification::accepted) {
            CHECK(got.value().id() == bad_responses::task_id);
        } else {
            error_info const why = got.why();
            bool const refused = row.verdict == submit_classification::refused ||
                                 row.verdict == submit_classification::rate_limited;
            CHECK(why.acceptance() == (refused ? acceptance::rejected : acceptance::unknown));
            CHECK(why.code() == (refused ? row.submit.code : error_code(errc::outcome_unknown)));
            CHECK_FALSE(why.idempotency_key().empty());
            if (row.refused)
                CHECK(why.underlying() == row.refused->code);
            check_text(why, row.refused ? row.refused->detail : row.submit.detail);
        }
        check_connection(server, user, context, !row.refused && row.reusable);
    }
}

TEST_CASE("client bad replies: a question is answered by the error of its kind, and poisons no connection")
{
    row_server server;
    asio::io_context context;
    for (bad_responses::row const& row : bad_responses::rows()) {
        if (!row.refused && !row.poll)
            continue;
        CAPTURE(row.id);
        CAPTURE(row.what);
        client user(context, server.config());
        server.play(&row);
        recorder<task_state> got;
        user.status(task("task_1"), {}, got.token());
        run_to_end(context);
        bad_responses::expected const& expected = row.refused ? *row.refused : *row.poll;
        if (!expected.code) {
            CHECK(got.value().id() == bad_responses::task_id);
        } else {
            CHECK(got.why().code() == expected.code);
            CHECK(got.why().task_id() == bad_responses::task_id);
            check_text(got.why(), expected.detail);
        }
        check_connection(server, user, context, !row.refused && row.reusable);
    }
}

TEST_CASE("client bad replies: an answer that stops, or drips, ends by the limit for stalls")
{
    for (bool const drips : {false, true}) {
        for (std::string const beginning :
             {"", "HTTP/1.1 200 OK\r\nA: ", "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"}) {
            if (beginning.empty() && drips)
                continue;
            CAPTURE(drips);
            CAPTURE(beginning);
            scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
                peer.request();
                peer.write(beginning);
                asio::io_context clock;
                while (drips) {
                    peer.write("x");
                    asio::steady_timer(clock, 5ms).wait();
                }
                peer.wait_for_end();
            });
            client_config config = server.config();
            config.retry.max_retries = 0;
            config.timeouts.read = 150ms;
            config.timeouts.response = beginning.empty() ? 150ms : 10s;
            asio::io_context context;
            client user(context, config);
            recorder<task> submitted;
            user.submit(corgi(), submitted.token());
            recorder<task_state> asked;
            user.status(task("task_1"), {}, asked.token());
            auto const begun = std::chrono::steady_clock::now();
            run_to_end(context);
            CHECK(std::chrono::steady_clock::now() - begun < 9s);
            errc const expected = beginning.empty() ? errc::response_timeout : errc::read_timeout;
            CHECK(submitted.why().code() == errc::outcome_unknown);
            CHECK(submitted.why().acceptance() == acceptance::unknown);
            CHECK(submitted.why().underlying() == expected);
            CHECK(asked.why().code() == expected);
            CHECK(server.count("POST ") == 1);
        }
    }
}

TEST_CASE("client bad replies: a body that TLS did not end is not believed, whatever it says")
{
    std::string const body = accepted_body("task_1");
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\n\r\n" + body);
        peer.cut();
    });
    client_config config = server.config();
    config.retry.max_retries = 0;
    asio::io_context context;
    client user(context, config);
    recorder<task> got;
    user.submit(corgi(), got.token());
    run_to_end(context);
    CHECK(got.why().code() == errc::outcome_unknown);
    CHECK(got.why().underlying() == errc::stream_truncated);
    CHECK(server.count("POST ") == 1);
}
