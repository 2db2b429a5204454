// F55: a context told by `notify_fork(fork_child)` marks its clients dead.
#include "fault_table.hpp"

#include <sys/wait.h>

using namespace fault_tests;

namespace {

// Answers questions; a submit's answer comes when it is let go.
class held_service
{
public:
    ~held_service() { let_go = true; }

    std::atomic<int> submits = 0;
    std::atomic<bool> let_go = false;
    scripted_server server{scripted_server::security::tls, [this](peer& with) {
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
                           }};
};

template <class T>
bool is_forked(recorder<T> const& got, acceptance most)
{
    return got.done() && !got.outcome() && got.outcome().error().code() == errc::used_after_fork &&
           got.outcome().error().acceptance() <= most;
}

} // namespace

TEST_CASE("faults: F55 a context told of the fork marks its clients dead in the child: what they are asked "
          "ends at once, "
          "and no byte leaves")
{
    held_service service;
    scratch_folder folder;
    asio::io_context context;
    auto user = std::make_unique<apimart::client>(context, service.server.config());
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
        recorder<apimart::task> submitted;
        recorder<apimart::task_result> generated;
        recorder<apimart::task_result> waited;
        recorder<apimart::task_state> asked;
        recorder<std::uint64_t> fetched;
        user->submit(corgi(), submitted.token());
        user->generate(corgi(), generated.token());
        user->wait(apimart::task("task_asked"), waited.token());
        user->status(apimart::task("task_asked"), asked.token());
        user->download(apimart::video_file("task_asked", 0,
                                           apimart::result_url(service.server.base_url() + "/v.mp4"), {}),
                       folder / "v.mp4", fetched.token());
        auto const all_done = [&] {
            return submitted.done() && generated.done() && waited.done() && asked.done() && fetched.done();
        };
        auto const give_up = std::chrono::steady_clock::now() + 5s;
        context.restart();
        while (!all_done() && std::chrono::steady_clock::now() < give_up)
            context.run_one_for(5ms);
        int verdict = 0;
        verdict |= is_forked(submitted, acceptance::not_sent) ? 0 : 1;
        verdict |= is_forked(generated, acceptance::not_sent) ? 0 : 2;
        verdict |= is_forked(waited, acceptance::none) ? 0 : 4;
        verdict |= is_forked(asked, acceptance::none) ? 0 : 8;
        verdict |= is_forked(fetched, acceptance::none) ? 0 : 16;
        // What the parent began is the parent's to know.
        bool const silent = !bought.done() || (!bought.outcome() &&
                                               bought.outcome().error().acceptance() != acceptance::not_sent);
        verdict |= silent ? 0 : 32;
        // Without a byte on what are the parent's connections, nor an end of them.
        user.reset();
        context.restart();
        context.run_for(50ms);
        ::_exit(verdict);
    }
    context.notify_fork(asio::io_context::fork_parent);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(service.server.requests().size() == 2);

    service.let_go = true;
    recorder<apimart::task_state> second;
    user->status(apimart::task("task_asked"), second.token());
    run_to_end(context);
    CHECK(second.outcome().has_value());
    CHECK(bought.value().id() == "task_1");
    CHECK(service.server.connections() == 2);
    CHECK(user->metrics().stale_connections == 0);
    CHECK(user->metrics().unsolicited_bytes == 0);
    CHECK(service.submits == 1);
    ++cells_checked();
}
