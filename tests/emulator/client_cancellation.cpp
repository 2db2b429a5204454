// Cancelling, shutting down and destroying, with every operation at every moment.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <future>

using namespace client_tests;
using namespace apimart;
using asio::cancellation_type;

namespace {

constexpr std::array every_type{cancellation_type::total, cancellation_type::partial,
                                cancellation_type::terminal};

// Reads requests and does not answer them.
void withhold(scripted_server::peer& peer)
{
    peer.request();
    peer.wait_for_end();
}

// A file on the service's own origin.
video_file file_of(scripted_server const& server)
{
    return video_file("task_1", 0, result_url(server.base_url() + "/files/v.mp4"), {});
}

// One of each operation, each with a slot.
class all_operations
{
public:
    std::array<asio::cancellation_signal, 5> signals;
    recorder<task> submitted;
    recorder<task_result> generated;
    recorder<task_result> waited;
    recorder<task_state> asked;
    recorder<std::uint64_t> fetched;

    // A token with one of the slots.
    template <class T>
    auto bound(recorder<T> const& into, std::size_t n)
    {
        return as_result(asio::bind_cancellation_slot(signals[n].slot(), into.plain()));
    }

    void start(client user, scripted_server const& server, scratch_folder const& folder)
    {
        user.submit(corgi(), bound(submitted, 0));
        user.generate(corgi(), bound(generated, 1));
        user.wait(task("task_1"), bound(waited, 2));
        user.status(task("task_1"), bound(asked, 3));
        user.download(file_of(server), folder / "v.mp4", bound(fetched, 4));
    }

    void cancel(cancellation_type type)
    {
        for (auto& each : signals)
            each.emit(type);
    }

    bool any_done() const
    {
        return submitted.done() || generated.done() || waited.done() || asked.done() || fetched.done();
    }
};

// Runs some handlers, but stops where nothing happens any more without the other side.
int run_some(asio::io_context& context, int most)
{
    context.restart();
    int ran = 0;
    while (ran < most && context.run_one_for(30ms) == 1)
        ++ran;
    return ran;
}

// Much less than the limit of a response, a minute: who waits for that one has not noticed.
void run_promptly(asio::io_context& context)
{
    context.restart();
    context.run_for(15s);
    if (!context.stopped())
        FAIL("operations did not end");
}

} // namespace

TEST_CASE("client cancellation: before anything was sent it proves not_sent, for every operation and type")
{
    for (auto const type : every_type) {
        scripted_server server(scripted_server::security::tls, withhold);
        asio::io_context context;
        client user(context, server.config());
        scratch_folder folder;
        all_operations all;
        all.start(user, server, folder);
        all.cancel(type);
        CHECK_FALSE(all.any_done());
        run_promptly(context);
        CHECK(all.submitted.why().code() == asio::error::operation_aborted);
        CHECK(all.submitted.why().acceptance() == acceptance::not_sent);
        CHECK(all.generated.why().code() == asio::error::operation_aborted);
        CHECK(all.generated.why().acceptance() == acceptance::not_sent);
        CHECK(all.waited.why().code() == asio::error::operation_aborted);
        CHECK(all.waited.why().task_id() == "task_1");
        CHECK(all.asked.why().code() == asio::error::operation_aborted);
        CHECK(all.asked.why().task_id() == "task_1");
        CHECK(all.fetched.why().code() == asio::error::operation_aborted);
        CHECK(all.fetched.why().task_id() == "task_1");
        CHECK(server.requests().empty());
        CHECK(folder.names().empty());
    }
}

TEST_CASE("client cancellation: while connecting it proves not_sent, for every operation and type")
{
    for (auto const type : every_type) {
        // The handshake never ends.
        scripted_server server(scripted_server::security::plain,
                               [](scripted_server::peer& peer) { peer.wait_for_end(); });
        asio::io_context context;
        auto config = server.config();
        config.base_url.replace(0, 4, "https");
        config.timeouts.tls_handshake = 60s;
        client user(context, config);
        scratch_folder folder;
        all_operations all;
        user.submit(corgi(), all.bound(all.submitted, 0));
        user.generate(corgi(), all.bound(all.generated, 1));
        user.wait(task("task_1"), all.bound(all.waited, 2));
        user.status(task("task_1"), all.bound(all.asked, 3));
        user.download(video_file("task_1", 0, result_url(config.base_url + "/v.mp4"), {}), folder / "v.mp4",
                      all.bound(all.fetched, 4));
        run_until(context, [&] { return server.connections() == 5; });
        run_some(context, 1000);
        CHECK_FALSE(all.any_done());
        all.cancel(type);
        run_until(context, [&] {
            return all.submitted.done() && all.generated.done() && all.waited.done() && all.asked.done() &&
                   all.fetched.done();
        });
        CHECK(all.submitted.why().acceptance() == acceptance::not_sent);
        CHECK(all.generated.why().acceptance() == acceptance::not_sent);
        CHECK(all.waited.why().code() == asio::error::operation_aborted);
        CHECK(all.asked.why().code() == asio::error::operation_aborted);
        CHECK(all.fetched.why().code() == asio::error::operation_aborted);
        CHECK(folder.names().empty());
    }
}

TEST_CASE(
    "client cancellation: of a question or a file whose answer is withheld ends it at once, for every type")
{
    for (auto const type : every_type) {
        scripted_server server(scripted_server::security::tls, withhold);
        asio::io_context context;
        client user(context, server.config());
        scratch_folder folder;
        all_operations all;
        user.status(task("task_1"), all.bound(all.asked, 3));
        user.download(file_of(server), folder / "v.mp4", all.bound(all.fetched, 4));
        run_until(context, [&] { return server.requests().size() == 2; });
        run_some(context, 1000);
        all.cancel(type);
        run_promptly(context);
        CHECK(all.asked.why().code() == asio::error::operation_aborted);
        CHECK(all.asked.why().task_id() == "task_1");
        CHECK(all.fetched.why().code() == asio::error::operation_aborted);
        CHECK_FALSE(std::filesystem::exists(folder / "v.mp4"));
    }
}

TEST_CASE("client cancellation: a submit that is out still learns its id from an answer in time")
{
    for (auto const type : {cancellation_type::partial, cancellation_type::terminal}) {
        std::promise<void> release;
        auto released = release.get_future().share();
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            released.wait();
            peer.answer(200, accepted_body("task_" + std::to_string(peer.index)));
            peer.wait_for_end();
        });
        asio::io_context context;
        auto config = server.config();
        config.timeouts.abandoned_response = 20s;
        client user(context, config);
        all_operations all;
        user.submit(corgi(), all.bound(all.submitted, 0));
        user.generate(corgi(), all.bound(all.generated, 1));
        run_until(context, [&] { return server.requests().size() == 2; });
        run_some(context, 1000);
        all.cancel(type);
        run_some(context, 1000);
        CHECK_FALSE(all.any_done());
        release.set_value();
        run_promptly(context);
        CHECK(all.submitted.value().valid());
        // The id is known, but the wait was not wanted any more.
        CHECK(all.generated.why().code() == asio::error::operation_aborted);
        CHECK(all.generated.why().acceptance() == acceptance::accepted);
        CHECK_FALSE(all.generated.why().task_id().empty());
        CHECK(server.count("POST") == 2);
        CHECK(server.count("GET") == 0);
    }
}

TEST_CASE("client cancellation: a submit that is out and stays unanswered ends as unknown after its patience")
{
    for (auto const type : {cancellation_type::partial, cancellation_type::terminal}) {
        scripted_server server(scripted_server::security::tls, withhold);
        asio::io_context context;
        auto config = server.config();
        config.timeouts.abandoned_response = 60ms;
        client user(context, config);
        all_operations all;
        user.submit(corgi(), all.bound(all.submitted, 0));
        user.generate(corgi(), all.bound(all.generated, 1));
        run_until(context, [&] { return server.requests().size() == 2; });
        run_some(context, 1000);
        auto const began = std::chrono::steady_clock::now();
        all.cancel(type);
        run_promptly(context);
        CHECK(std::chrono::steady_clock::now() - began >= 60ms);
        for (error_info const& why : {all.submitted.why(), all.generated.why()}) {
            CHECK(why.code() == errc::outcome_unknown);
            CHECK(why.underlying() == asio::error::operation_aborted);
            CHECK(why.acceptance() == acceptance::unknown);
            CHECK_FALSE(why.idempotency_key().empty());
        }
        CHECK(server.count("POST") == 2);
    }
}

TEST_CASE(
    "client cancellation: total cancellation comes too late for a submit that is out, and changes nothing")
{
    std::promise<void> release;
    auto released = release.get_future().share();
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        released.wait();
        peer.answer(200, accepted_body("task_1"));
        peer.wait_for_end();
    });
    asio::io_context context;
    auto config = server.config();
    config.timeouts.abandoned_response = 1ms;
    client user(context, config);
    all_operations all;
    user.submit(corgi(), all.bound(all.submitted, 0));
    run_until(context, [&] { return server.requests().size() == 1; });
    run_some(context, 1000);
    all.cancel(cancellation_type::total);
    run_some(context, 1000);
    CHECK_FALSE(all.submitted.done());
    release.set_value();
    run_promptly(context);
    CHECK(all.submitted.value().id() == "task_1");
}

TEST_CASE("client cancellation: during the pause before a repetition it proves what was proved")
{
    SUBCASE("after 429: rejected requests buy nothing")
    {
        bench b(R"({"faults":[{"on":"submit","status":429,"retry_after":60,"times":10}]})");
        client user = b.make_client();
        asio::cancellation_signal signal;
        recorder<task> got;
        user.submit(corgi(), as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
        b.run_until([&] { return b.booked("submits_received") == 1; });
        run_some(b.context, 1000);
        signal.emit(cancellation_type::total);
        run_promptly(b.context);
        CHECK(got.why().code() == asio::error::operation_aborted);
        CHECK(got.why().acceptance() == acceptance::not_sent);
    }
    SUBCASE("between resends: the first one may have bought")
    {
        bench b(R"({"idempotency":"on","faults":[{"on":"submit","do":"reset","when":"accepted"}]})");
        auto config = b.config();
        config.idempotency = idempotency::supported;
        client user(b.context, config);
        asio::cancellation_signal signal;
        recorder<task> got;
        user.submit(corgi(), as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
        b.run_until([&] { return b.booked("submits_received") == 1; });
        run_some(b.context, 1000);
        signal.emit(cancellation_type::terminal);
        run_promptly(b.context);
        CHECK(got.why().acceptance() == acceptance::unknown);
        // Whoever branches on the code must not miss it.
        CHECK(got.why().code() == errc::outcome_unknown);
        CHECK(got.why().underlying() == asio::error::operation_aborted);
        CHECK(user.metrics().outcomes_unknown == 1);
    }
}

TEST_CASE("client cancellation: sweep: after any number of handlers it takes effect, and the verdict is true")
{
    int after_the_request = 0;
    int before_the_request = 0;
    for (auto const type : every_type) {
        for (int steps = 0; steps < 200; ++steps) {
            CAPTURE(steps);
            scripted_server server(scripted_server::security::tls, withhold);
            asio::io_context context;
            auto config = server.config();
            config.timeouts.abandoned_response = 20ms;
            // Total cancellation leaves a submit that is out alone.
            if (type == cancellation_type::total)
                config.timeouts.response = 300ms;
            client user(context, config);
            asio::cancellation_signal signal;
            recorder<task> got;
            user.submit(corgi(), as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
            int const ran = run_some(context, steps);
            signal.emit(type);
            run_promptly(context);
            error_info const why = got.why();
            bool const arrived = server.count("POST") > 0;
            if (arrived)
                CHECK(why.acceptance() == acceptance::unknown);
            CHECK((why.acceptance() == acceptance::unknown || why.acceptance() == acceptance::not_sent));
            CHECK((why.acceptance() == acceptance::unknown) == (why.code() == errc::outcome_unknown));
            (why.acceptance() == acceptance::unknown ? after_the_request : before_the_request) += 1;
            if (ran < steps)
                break;
        }
    }
    CHECK(before_the_request > 3);
    CHECK(after_the_request >= 3);
}

TEST_CASE("client cancellation: sweep: a question ends at once after any number of handlers")
{
    int moments = 0;
    for (auto const type : every_type) {
        for (int steps = 0; steps < 200; ++steps) {
            CAPTURE(steps);
            scripted_server server(scripted_server::security::tls, withhold);
            asio::io_context context;
            client user(context, server.config());
            asio::cancellation_signal signal;
            recorder<task_state> got;
            user.status(task("task_1"), as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
            int const ran = run_some(context, steps);
            signal.emit(type);
            run_promptly(context);
            CHECK(got.why().code() == asio::error::operation_aborted);
            ++moments;
            if (ran < steps)
                break;
        }
    }
    CHECK(moments > 10);
}

TEST_CASE("client cancellation: sweep: a file's transfer ends at once after any number of handlers")
{
    int moments = 0;
    for (auto const type : every_type) {
        for (int steps = 0; steps < 200; ++steps) {
            CAPTURE(steps);
            scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
                peer.request();
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: video/mp4\r\n\r\nabc");
                peer.wait_for_end();
            });
            asio::io_context context;
            client user(context, server.config());
            scratch_folder folder;
            asio::cancellation_signal signal;
            recorder<std::uint64_t> got;
            user.download(file_of(server), folder / "v.mp4",
                          as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
            int const ran = run_some(context, steps);
            signal.emit(type);
            run_promptly(context);
            CHECK(got.why().code() == asio::error::operation_aborted);
            CHECK_FALSE(std::filesystem::exists(folder / "v.mp4"));
            ++moments;
            if (ran < steps)
                break;
        }
    }
    CHECK(moments > 10);
}

TEST_CASE("client lifetime: sweep: a client destroyed with every operation under way ends them all, once")
{
    int unknown = 0;
    int not_sent = 0;
    for (int steps = 0; steps < 400; steps += 3) {
        CAPTURE(steps);
        scripted_server server(scripted_server::security::tls, withhold);
        asio::io_context context;
        scratch_folder folder;
        all_operations all;
        int ran = 0;
        {
            auto config = server.config();
            config.timeouts.abandoned_response = 30ms;
            client user(context, config);
            all.start(user, server, folder);
            ran = run_some(context, steps);
            CHECK_FALSE(all.any_done());
        }
        run_promptly(context);
        for (error_info const& why : {all.submitted.why(), all.generated.why()}) {
            if (why.acceptance() == acceptance::unknown) {
                ++unknown;
                CHECK(why.code() == errc::outcome_unknown);
                CHECK(why.underlying() == errc::shutting_down);
            } else {
                ++not_sent;
                CHECK(why.code() == errc::shutting_down);
                CHECK(why.acceptance() == acceptance::not_sent);
            }
        }
        CHECK(all.waited.why().code() == errc::shutting_down);
        CHECK(all.waited.why().task_id() == "task_1");
        CHECK(all.asked.why().code() == errc::shutting_down);
        CHECK(all.fetched.why().code() == errc::shutting_down);
        CHECK_FALSE(std::filesystem::exists(folder / "v.mp4"));
        if (ran < steps)
            break;
    }
    CHECK(unknown > 0);
    CHECK(not_sent > 0);
}

TEST_CASE("client lifetime: a client destroyed inside the handler of its own operation")
{
    bench b;
    auto user = std::make_unique<client>(b.context, b.config());
    bool called = false;
    recorder<task_result> other;
    user->wait(task("task_1"), other.token());
    user->submit(corgi(), [&](error_code code, task) {
        CHECK_FALSE(code);
        user.reset();
        called = true;
    });
    b.run();
    CHECK(called);
    CHECK(other.why().code() == errc::shutting_down);
}

namespace {

asio::awaitable<void> use_everything(client user, scripted_server const& server, scratch_folder const& folder,
                                     int which)
{
    if (which == 0)
        co_await user.submit(corgi());
    else if (which == 1)
        co_await user.generate(corgi());
    else if (which == 2)
        co_await user.wait(task("task_1"));
    else if (which == 3)
        co_await user.status(task("task_1"));
    else
        co_await user.download(file_of(server), folder / "coroutine.mp4");
}

} // namespace

TEST_CASE("client lifetime: sweep: a context destroyed under every operation drops them, before or after the "
          "client")
{
    int teardowns = 0;
    for (bool const client_first : {true, false}) {
        for (int steps = 0; steps < 600; steps += 5) {
            CAPTURE(client_first);
            CAPTURE(steps);
            scripted_server server(scripted_server::security::tls, withhold);
            scratch_folder folder;
            // Slots and recorders outlive the context, as a caller's may.
            all_operations all;
            int ran = 0;
            {
                std::optional<client> user;
                std::optional<asio::io_context> context(std::in_place);
                auto config = server.config();
                config.limits.max_concurrent_submits = 2;
                config.limits.max_connections = 4;
                config.limits.max_concurrent_downloads = 1;
                user.emplace(*context, config);
                all.start(*user, server, folder);
                for (int which = 0; which < 5; ++which)
                    asio::co_spawn(*context, use_everything(*user, server, folder, which), asio::detached);
                ran = run_some(*context, steps);
                CHECK_FALSE(all.any_done());
                if (client_first)
                    user.reset();
                context.reset();
            }
            CHECK_FALSE(all.any_done());
            ++teardowns;
            if (ran < steps)
                break;
        }
    }
    CHECK(teardowns > 10);
}

TEST_CASE("client lifetime: a context destroyed in the middle of a shutdown")
{
    for (int steps = 0; steps < 60; ++steps) {
        scripted_server server(scripted_server::security::tls, withhold);
        scratch_folder folder;
        all_operations all;
        recorder<shutdown_report> gone;
        {
            asio::io_context context;
            client user(context, server.config());
            all.start(user, server, folder);
            run_until(context, [&] { return server.count("POST") == 2; });
            user.shutdown(gone.token());
            asio::co_spawn(context, use_everything(user, server, folder, 0), asio::detached);
            run_some(context, steps);
        }
        CHECK_FALSE(gone.done());
        CHECK_FALSE(all.submitted.done());
    }
}

TEST_CASE("client lifetime: a running context has nothing to do once the operations are done, with the "
          "client alive")
{
    bench b;
    client user = b.make_client();
    for (int i = 0; i < 3; ++i) {
        CHECK(b.finished(user, corgi()).succeeded());
        CHECK(b.context.stopped());
    }
    // Idle connections are no work.
    CHECK(b.booked("connections_open") >= 1);
}

TEST_CASE("client shutdown: a submit that is withheld for ever ends within the drain, and all is reported")
{
    scripted_server server(scripted_server::security::tls, withhold);
    asio::io_context context;
    auto config = server.config();
    config.timeouts.shutdown_grace = 150ms;
    config.limits.max_concurrent_submits = 2;
    client user(context, config);
    scratch_folder folder;
    all_operations all;
    recorder<task> queued;
    recorder<task_result> another_wait;
    all.start(user, server, folder);
    user.submit(corgi(), queued.token());
    user.wait(task("task_2"), another_wait.token());
    run_until(context, [&] { return server.requests().size() >= 6; });
    run_some(context, 1000);
    bool others_first = false;
    auto const began = std::chrono::steady_clock::now();
    recorder<shutdown_report> gone;
    user.shutdown(as_result([&](result<shutdown_report> report) {
        others_first = all.submitted.done() && all.generated.done() && all.waited.done() &&
                       all.asked.done() && all.fetched.done() && queued.done() && another_wait.done();
        gone.plain()(std::move(report));
    }));
    run_promptly(context);
    auto const took = std::chrono::steady_clock::now() - began;
    CHECK(took >= 150ms);
    CHECK(took < 10s);
    CHECK(others_first);
    CHECK(all.submitted.why().code() == errc::outcome_unknown);
    CHECK(all.submitted.why().underlying() == errc::shutting_down);
    CHECK(all.generated.why().code() == errc::outcome_unknown);
    CHECK(queued.why().code() == errc::shutting_down);
    CHECK(queued.why().acceptance() == acceptance::not_sent);
    CHECK(all.asked.why().code() == errc::shutting_down);
    CHECK(all.fetched.why().code() == errc::shutting_down);
    CHECK(all.waited.why().code() == errc::shutting_down);
    CHECK(another_wait.why().code() == errc::shutting_down);
    auto waiting = gone.value().cancelled_waits;
    std::sort(waiting.begin(), waiting.end());
    CHECK(waiting == std::vector<std::string>{"task_1", "task_2"});
    CHECK(gone.value().cancelled_operations == 5);
    CHECK(gone.value().unknown_submits == 2);
    CHECK(server.count("POST") == 2);
}

TEST_CASE("client shutdown: a submit that is answered within the drain is accepted, and was not stopped")
{
    std::promise<void> release;
    auto released = release.get_future().share();
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        released.wait();
        peer.answer(200, accepted_body("task_" + std::to_string(peer.index)));
        peer.wait_for_end();
    });
    asio::io_context context;
    auto config = server.config();
    config.timeouts.shutdown_grace = 20s;
    client user(context, config);
    recorder<task> submitted;
    recorder<task_result> generated;
    user.submit(corgi(), submitted.token());
    user.generate(corgi(), generated.token());
    run_until(context, [&] { return server.requests().size() == 2; });
    run_some(context, 1000);
    recorder<shutdown_report> gone;
    user.shutdown(gone.token());
    run_some(context, 1000);
    CHECK_FALSE(gone.done());
    CHECK_FALSE(submitted.done());
    release.set_value();
    run_promptly(context);
    CHECK(submitted.value().valid());
    CHECK(generated.why().code() == errc::shutting_down);
    CHECK(generated.why().acceptance() == acceptance::accepted);
    CHECK_FALSE(generated.why().task_id().empty());
    CHECK(gone.value().cancelled_operations == 1);
    CHECK(gone.value().unknown_submits == 0);
    CHECK(server.count("GET") == 0);
}

TEST_CASE("client shutdown: without anything to do it ends at once, however often it is called")
{
    bench b;
    client user = b.make_client();
    b.submitted(user, corgi());
    std::vector<recorder<shutdown_report>> gone(3);
    for (auto& each : gone)
        user.shutdown(each.token());
    run_promptly(b.context);
    for (auto const& each : gone)
        CHECK(each.value().cancelled_operations == 0);
    recorder<shutdown_report> again;
    user.shutdown(again.token());
    run_promptly(b.context);
    CHECK(again.value().cancelled_waits.empty());
}

TEST_CASE("client shutdown: sweep: at any moment every operation ends once and the service never sees a "
          "second POST")
{
    int accepted = 0;
    int moments = 0;
    for (int steps = 0; steps < 400; steps += 4) {
        CAPTURE(steps);
        bench b("{}", 400);
        client user = b.make_client();
        recorder<task> submitted;
        recorder<task_result> generated;
        user.submit(corgi(), submitted.token());
        user.generate(corgi(), generated.token());
        int const ran = run_some(b.context, steps);
        recorder<shutdown_report> gone;
        user.shutdown(gone.token());
        run_promptly(b.context);
        REQUIRE(submitted.done());
        REQUIRE(generated.done());
        CHECK(gone.outcome().has_value());
        CHECK(b.booked("submits_received") <= 2);
        std::size_t known = submitted.outcome().has_value() ? 1 : 0;
        if (generated.outcome().has_value() || !generated.why().task_id().empty())
            ++known;
        // The service answers, so there is nothing that could have stayed unknown.
        CHECK(known == b.accepted());
        CHECK(gone.value().unknown_submits == 0);
        accepted += static_cast<int>(known);
        ++moments;
        if (ran < steps || generated.outcome().has_value())
            break;
    }
    CHECK(moments > 5);
    CHECK(accepted > 0);
}
