// F55: a process forks while it has a client.
#include "fault_table.hpp"

#include <sys/wait.h>

using namespace fault_tests;

namespace {

// Answers questions; a submit's answer comes when it is let go.
struct held_service
{
    held_service()
    {
        server.emplace(scripted_server::security::tls, [this](peer& with) {
            for (;;) {
                std::string const text = with.request();
                if (text.starts_with("POST ")) {
                    ++submits;
                    wait_until([&] { return let_go.load(); });
                    with.answer(200, accepted_body("task_1"));
                } else {
                    with.answer(200, finished_body());
                }
            }
        });
    }

    std::atomic<int> submits = 0;
    std::atomic<bool> let_go = false;
    std::optional<scripted_server> server;
};

enum class how
{
    call,   // the child uses the client
    run,    // the child runs the context
    destroy // the child destroys the client
};

bool is_forked(apimart::failure const& why)
{
    return why.code() == errc::forked && why.proof() != proof_level::unknown;
}

} // namespace

TEST_CASE("faults: F55 a forked child has no use of the client, and does the parent's connections no harm")
{
    for (how const what : {how::call, how::run, how::destroy}) {
        CAPTURE(static_cast<int>(what));
        held_service service;
        asio::io_context context;
        auto user = std::make_unique<apimart::client>(context, service.server->config());
        // One connection at rest, and one on which a submit waits for its answer.
        recorder<apimart::task_state> first;
        recorder<apimart::task> bought;
        user->submit(corgi(), bought.token());
        user->status(apimart::task("task_asked"), first.token());
        run_until(context, [&] { return first.done() && service.submits == 1; });
        first.value();

        context.notify_fork(asio::io_context::fork_prepare);
        pid_t const child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            // Nothing of doctest's here, and no other thread exists.
            context.notify_fork(asio::io_context::fork_child);
            int verdict = 0;
            if (what == how::destroy) {
                user.reset();
            } else if (what == how::call) {
                recorder<apimart::task> got;
                recorder<apimart::finished_task> waited;
                user->submit(corgi(), got.token());
                user->wait(apimart::task("task_asked"), waited.token());
                context.restart();
                context.run_for(5s);
                verdict |= got.done() && is_forked(got.outcome().error()) &&
                                   got.outcome().error().proof() == proof_level::not_sent
                               ? 0
                               : 1;
                verdict |= waited.done() && is_forked(waited.outcome().error()) ? 0 : 2;
                // What the parent began is the parent's to know.
                verdict |= bought.done() && bought.outcome().error().code() == errc::outcome_unknown &&
                                   bought.outcome().error().underlying() == errc::forked
                               ? 0
                               : 4;
                verdict |= user->metrics().connections_open == 0 ? 0 : 8;
            }
            context.restart();
            context.run_for(what == how::run ? 50ms : 5s);
            ::_exit(verdict);
        }
        context.notify_fork(asio::io_context::fork_parent);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);

        service.let_go = true;
        recorder<apimart::task_state> second;
        user->status(apimart::task("task_asked"), second.token());
        run_to_end(context);
        CHECK(second.outcome().has_value());
        CHECK(bought.value().id() == "task_1");
        CHECK(service.server->connections() == 2);
        CHECK(user->metrics().stale_connections == 0);
        CHECK(user->metrics().unsolicited_bytes == 0);
        CHECK(service.submits == 1);
        ++cells_checked();
    }
}
