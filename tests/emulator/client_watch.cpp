// Watching: the states of a task as they change, for any number of watchers who share its polls.
#include "client_fixture.hpp"

#include <apimart/webhook.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

using namespace client_tests;
using namespace apimart;

namespace {

using states = recorder<std::optional<task_state>>;

// A client that asks only when it is told to, and a task whose progress follows the emulator's clock.
class quiet_watch
{
public:
    explicit quiet_watch(std::string_view scenario_text = R"({"progress":"gradual"})")
        : b(scenario_text, 1), user(b.context, patient()), one(b.submitted(user, corgi()))
    {}

    client_config patient() const
    {
        client_config config = b.config();
        config.poll.initial_delay = 10min;
        config.poll.min_interval = 1ms;
        config.poll.max_interval = 10min;
        return config;
    }

    // Makes a poll, and gives when it has been answered.
    void poll()
    {
        auto const before = b.booked("polls");
        user.notify(task_callback::parse(R"({"id":")" + one.id() + R"(","status":"completed"})").value(),
                    recorder<callback_effect>().token());
        b.run_until([&] { return b.booked("polls") > before && settled(); });
    }
    bool settled() const { return user.metrics().requests_in_flight == 0; }
    void settle(std::uint64_t polls)
    {
        b.run_until([&] { return b.booked("polls") == polls && settled(); });
    }

    std::optional<task_state> next(task_watcher& watcher)
    {
        states got;
        watcher.next(got.token());
        b.run_until([&] { return got.done(); });
        return got.value();
    }
    error_info failure(task_watcher& watcher)
    {
        states got;
        watcher.next(got.token());
        b.run_until([&] { return got.done(); });
        return got.why();
    }

    bench b;
    client user;
    task one;
};

asio::awaitable<void> collect(client user, task one, std::vector<task_state>& into)
{
    task_watcher watcher = user.watch(one);
    while (std::optional<task_state> state = co_await watcher.next())
        into.push_back(*state);
}

} // namespace

TEST_CASE("client watch: the states of a task as they change, until the final one with its result")
{
    bench b(R"({"progress":"gradual"})", 100);
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    std::vector<task_state> seen;
    b.run(collect(user, one, seen));
    REQUIRE(seen.size() > 2);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        CHECK(seen[i].id() == one.id());
        CHECK(is_final(seen[i].status()) == (i + 1 == seen.size()));
        if (i > 0) {
            CHECK((seen[i].progress() != seen[i - 1].progress() ||
                   seen[i].raw_status() != seen[i - 1].raw_status()));
        }
    }
    CHECK(seen.back().status() == task_status::succeeded);
    CHECK(seen.back().videos().size() == 1);
    CHECK(seen.size() < b.booked("polls"));
    CHECK(user.metrics().tasks_waiting == 0);
}

TEST_CASE("client watch: the first state comes at once, and a failed task's reason with the last")
{
    quiet_watch w;
    task const failing = w.b.submitted(w.user, text_to_video<kling_3_0_turbo>("a corgi [fail]"));
    task_watcher watcher = w.user.watch(w.one);
    CHECK(w.next(watcher)->status() == task_status::queued);
    CHECK(w.b.booked("polls") == 1);
    w.b.service().advance(3min);
    task_watcher other = w.user.watch(failing);
    std::optional<task_state> const last = w.next(other);
    REQUIRE(last);
    CHECK(last->status() == task_status::failed);
    CHECK_FALSE(last->error().text().empty());
    CHECK_FALSE(w.next(other));
}

TEST_CASE("client watch: a final state that comes between two calls is kept for the next, and given once")
{
    quiet_watch w;
    task_watcher watcher = w.user.watch(w.one);
    CHECK(w.next(watcher));
    w.b.service().advance(3min);
    w.poll();
    CHECK(w.user.metrics().tasks_waiting == 0);
    std::optional<task_state> const last = w.next(watcher);
    REQUIRE(last);
    CHECK(last->status() == task_status::succeeded);
    CHECK_FALSE(last->videos().empty());
    CHECK_FALSE(w.next(watcher));
    CHECK_FALSE(w.next(watcher));
    w.b.run();
}

TEST_CASE("client watch: who is slow sees the latest state, not all between")
{
    quiet_watch w;
    task_watcher slow = w.user.watch(w.one);
    task_watcher quick = w.user.watch(w.one);
    w.settle(1);
    std::optional<task_state> newest = w.next(quick);
    for (int i = 0; i < 3; ++i) {
        w.b.service().advance(5s);
        w.poll();
        newest = w.next(quick);
    }
    std::optional<task_state> const got = w.next(slow);
    REQUIRE(got);
    CHECK(got->progress() == newest->progress());
    CHECK(got->raw_status() == newest->raw_status());
    states more;
    slow.next(more.token());
    w.poll();
    CHECK_FALSE(more.done());
}

TEST_CASE("client watch: watchers and waits of one task share its polls and its end")
{
    quiet_watch w;
    std::vector<task_watcher> watchers;
    std::vector<states> got(20);
    recorder<task_result> waited;
    w.user.wait(w.one, waited.token());
    for (auto& each : got) {
        watchers.push_back(w.user.watch(task(w.one.id())));
        watchers.back().next(each.token());
    }
    w.b.run_until(
        [&] { return std::all_of(got.begin(), got.end(), [](auto& each) { return each.done(); }); });
    CHECK(w.b.booked("polls") == 1);
    w.b.service().advance(3min);
    w.poll();
    for (task_watcher& each : watchers)
        CHECK(w.next(each)->status() == task_status::succeeded);
    w.b.run();
    CHECK(waited.value().poll_count() == 2);
    CHECK(w.b.booked("polls") == 2);
    CHECK(w.user.metrics().tasks_finished == 1);
}

TEST_CASE(
    "client watch: who comes late sees the latest state without a poll, or makes one where none is known")
{
    quiet_watch w;
    recorder<task_result> waited;
    w.user.wait(w.one, waited.token());
    {
        task_watcher first = w.user.watch(w.one);
        CHECK(w.next(first));
        task_watcher second = w.user.watch(w.one);
        CHECK(w.next(second)->status() == task_status::queued);
        CHECK(w.b.booked("polls") == 1);
    }
    // What the ones before have seen is old by now.
    w.b.service().advance(10s);
    w.poll();
    task_watcher third = w.user.watch(w.one);
    CHECK(w.next(third)->status() == task_status::running);
    CHECK(w.b.booked("polls") == 3);
    w.b.service().advance(3min);
    w.poll();
    task_watcher after_the_end = w.user.watch(w.one);
    CHECK(w.next(after_the_end)->status() == task_status::succeeded);
    w.b.run();
    CHECK(waited.value().succeeded());
    CHECK(w.b.booked("polls") == 5);
}

TEST_CASE("client watch: at least every few milliseconds, if wished, and only as long as it is")
{
    quiet_watch w;
    task_watcher calm = w.user.watch(w.one);
    CHECK(w.next(calm));
    {
        // That one has the state, so it is the pace alone that makes polls.
        task_watcher curious = w.user.watch(w.one, {.at_least_every = 5ms});
        w.b.run_until([&] { return w.b.booked("polls") >= 6; });
    }
    // One poll can be planned by then.
    w.b.run_until([&] { return w.settled(); });
    auto const polls = w.b.booked("polls");
    auto const later = std::chrono::steady_clock::now() + 50ms;
    w.b.run_until([&] { return std::chrono::steady_clock::now() > later; });
    CHECK(w.b.booked("polls") <= polls + 1);
    // It is the shortest interval all the same that binds.
    w.b.service().advance(3min);
    task_watcher eager = w.user.watch(w.one, {.at_least_every = 0ms});
    CHECK(w.next(eager));
    w.b.run();
    CHECK(w.next(calm)->status() == task_status::succeeded);
}

TEST_CASE("client watch: a call that is cancelled ends, and the watcher goes on")
{
    for (auto const type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                            asio::cancellation_type::total}) {
        quiet_watch w;
        task_watcher watcher = w.user.watch(w.one);
        CHECK(w.next(watcher));
        asio::cancellation_signal stop;
        states cut;
        states kept;
        watcher.next(as_result(asio::bind_cancellation_slot(stop.slot(), cut.plain())));
        watcher.next(kept.token());
        stop.emit(type);
        w.b.run_until([&] { return cut.done(); });
        CHECK(cut.why().code() == asio::error::operation_aborted);
        CHECK_FALSE(kept.done());
        w.b.service().advance(3min);
        w.poll();
        w.b.run_until([&] { return kept.done(); });
        CHECK(kept.value()->status() == task_status::succeeded);
        stop.emit(type);
        CHECK_FALSE(w.next(watcher));
    }
}

TEST_CASE("client watch: a state on its way to a call that is cancelled by then goes to the next call")
{
    for (bool const is_last : {false, true}) {
        quiet_watch w;
        task_watcher watcher = w.user.watch(w.one);
        w.settle(1);
        if (is_last) {
            CHECK(w.next(watcher));
            w.b.service().advance(3min);
            w.poll();
        }
        // The handler's own context is busy with something else.
        asio::io_context busy;
        asio::cancellation_signal stop;
        states cut;
        watcher.next(as_result(asio::bind_executor(busy.get_executor(),
                                                   asio::bind_cancellation_slot(stop.slot(), cut.plain()))));
        // This one comes after it, and tells when the state is on its way.
        recorder<callback_effect> passed;
        w.user.notify(task_callback(), passed.token());
        w.b.run_until([&] { return passed.done(); });
        stop.emit(asio::cancellation_type::terminal);
        run_to_end(busy);
        CHECK(cut.why().code() == asio::error::operation_aborted);
        CHECK(w.next(watcher)->status() == (is_last ? task_status::succeeded : task_status::queued));
        if (is_last)
            CHECK_FALSE(w.next(watcher));
    }
}

TEST_CASE("client watch: calls that wait at one time get one state each, in their order")
{
    quiet_watch w;
    task_watcher watcher = w.user.watch(w.one);
    std::vector<states> got(4);
    for (auto& each : got)
        watcher.next(each.token());
    w.b.run_until([&] { return got[0].done(); });
    CHECK_FALSE(got[1].done());
    w.b.service().advance(3min);
    w.poll();
    w.b.run();
    CHECK(got[0].value()->status() == task_status::queued);
    CHECK(got[1].value()->status() == task_status::succeeded);
    CHECK_FALSE(got[2].value());
    CHECK_FALSE(got[3].value());
}

TEST_CASE("client watch: with its end a watcher leaves nothing behind, and its pending call ends")
{
    quiet_watch w;
    states pending;
    {
        task_watcher watcher = w.user.watch(w.one);
        CHECK(w.next(watcher));
        watcher.next(pending.token());
    }
    // The context has nothing left to do.
    w.b.run();
    CHECK(pending.why().code() == asio::error::operation_aborted);
    CHECK(pending.why().task_id() == w.one.id());
    CHECK(w.user.metrics().tasks_waiting == 0);
    CHECK(w.b.booked("polls") == 1);

    // While a poll is under way, and before anything has happened.
    {
        task_watcher asked = w.user.watch(w.one);
        w.b.run_until([&] { return !w.settled(); });
    }
    {
        task_watcher never = w.user.watch(w.one);
        task_watcher moved = std::move(never);
    }
    w.b.run();
    CHECK(w.user.metrics().tasks_waiting == 0);
}

TEST_CASE("client watch: a watcher that ends leaves a wait and other watchers of its task alone")
{
    quiet_watch w;
    recorder<task_result> waited;
    w.user.wait(w.one, waited.token());
    task_watcher stays = w.user.watch(w.one);
    {
        task_watcher goes = w.user.watch(w.one, {.timeout = 1h});
        CHECK(w.next(goes));
    }
    CHECK(w.next(stays));
    w.b.service().advance(3min);
    w.poll();
    CHECK(w.next(stays)->status() == task_status::succeeded);
    w.b.run();
    CHECK(waited.value().succeeded());
    CHECK(w.b.booked("polls") == 2);
}

TEST_CASE("client watch: a watcher that was moved from says so, and one that is assigned to ends its own")
{
    quiet_watch w;
    task const other = w.b.submitted(w.user, corgi());
    task_watcher first = w.user.watch(w.one);
    task_watcher second = std::move(first);
    error_code said;
    try {
        first.next(states().token());
    } catch (apimart::error const& e) {
        said = e.code();
    }
    CHECK(said == errc::invalid_configuration);
    CHECK(w.next(second));
    states pending;
    second.next(pending.token());
    second = w.user.watch(other);
    w.b.run_until([&] { return pending.done(); });
    CHECK(pending.why().code() == asio::error::operation_aborted);
    CHECK(w.next(second)->id() == other.id());
    CHECK(w.user.metrics().tasks_waiting == 1);
}

TEST_CASE("client watch: a call made before its watcher ended, and begun after it, ends as well")
{
    quiet_watch w;
    auto watcher = std::make_optional(w.user.watch(w.one));
    auto later = watcher->next(as_result(asio::deferred));
    watcher.reset();
    w.b.run();
    states got;
    std::move(later)(got.plain());
    w.b.run();
    CHECK(got.why().code() == asio::error::operation_aborted);
}

TEST_CASE("client watch: a client that shuts down ends its watchers, whose last state is still given")
{
    quiet_watch w;
    task const done = w.b.submitted(w.user, corgi());
    w.b.service().advance(3min);
    task const running = w.b.submitted(w.user, corgi());
    task_watcher finished = w.user.watch(done);
    task_watcher pending = w.user.watch(running);
    CHECK(w.next(pending));
    w.b.run_until([&] { return w.user.metrics().tasks_finished == 1; });
    states cut;
    pending.next(cut.token());
    recorder<shutdown_report> report;
    w.user.shutdown(report.token());
    task_watcher late = w.user.watch(running);
    w.b.run();
    CHECK(cut.why().code() == errc::shutting_down);
    CHECK(cut.why().task_id() == running.id());
    CHECK(report.value().cancelled_waits == std::vector{running.id()});
    CHECK(w.failure(pending).code() == errc::shutting_down);
    CHECK(w.failure(late).code() == errc::shutting_down);
    CHECK(w.next(finished)->status() == task_status::succeeded);
    CHECK_FALSE(w.next(finished));
}

TEST_CASE("client watch: the end of the last client ends its watchers, which keep none alive")
{
    quiet_watch w;
    auto user = std::make_optional(client(w.b.context, w.patient()));
    task_watcher watcher = user->watch(w.one);
    CHECK(w.next(watcher));
    states cut;
    watcher.next(cut.token());
    user.reset();
    w.b.run();
    CHECK(cut.why().code() == errc::shutting_down);
    CHECK(w.failure(watcher).code() == errc::shutting_down);
}

TEST_CASE("client watch: a context that ends drops its watchers' calls, also of watchers that outlive it")
{
    bench b(R"({"progress":"gradual"})", 1);
    std::optional<task_watcher> outlives;
    std::weak_ptr<int> alive;
    {
        asio::io_context context;
        client user(context, b.config());
        recorder<task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        outlives = user.watch(got.value());
        task_watcher other = user.watch(got.value());
        states first;
        outlives->next(first.token());
        run_until(context, [&] { return first.done(); });
        auto const token = std::make_shared<int>();
        alive = token;
        outlives->next(as_result([token](auto&&) { FAIL("called"); }));
        other.next(as_result([token](auto&&) { FAIL("called"); }));
        run_until(context, [&] { return user.metrics().requests_in_flight == 0; });
    }
    CHECK(alive.expired());
    outlives.reset();
}

TEST_CASE("client watch: what ends a wait ends a watch, again at every call")
{
    quiet_watch w;
    task_watcher unknown = w.user.watch(task("not a task id"));
    CHECK(w.failure(unknown).code() == errc::task_not_found);
    CHECK(w.failure(unknown).code() == errc::task_not_found);

    task_watcher hasty = w.user.watch(w.one, {.timeout = 30ms});
    CHECK(w.next(hasty));
    CHECK(w.failure(hasty).code() == errc::wait_timeout);
    CHECK(w.failure(hasty).task_id() == w.one.id());
    CHECK(w.user.metrics().tasks_waiting == 0);

    client_config narrow = w.patient();
    narrow.limits.waiting_tasks = 1;
    client other(w.b.context, narrow);
    task_watcher fits = other.watch(w.one);
    task_watcher too_many = other.watch(task("task_2"));
    CHECK(w.failure(too_many).code() == errc::queue_full);
    CHECK(w.next(fits));
}

namespace {

asio::awaitable<void> watch_with_a_limit(client user, task one, int& timeouts, std::vector<task_state>& seen)
{
    using namespace asio::experimental::awaitable_operators;
    task_watcher watcher = user.watch(one);
    for (;;) {
        asio::steady_timer limit(co_await asio::this_coro::executor, 1ms);
        auto both = watcher.next() || limit.async_wait(asio::use_awaitable);
        auto outcome = co_await std::move(both);
        if (outcome.index() == 1) {
            ++timeouts;
            continue;
        }
        if (!std::get<0>(outcome))
            break;
        seen.push_back(*std::get<0>(outcome));
    }
}

} // namespace

TEST_CASE("client watch: a loop with a time limit around each call sees the task's end")
{
    bench b(R"({"progress":"gradual"})", 1000);
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    int timeouts = 0;
    std::vector<task_state> seen;
    b.run(watch_with_a_limit(user, one, timeouts, seen));
    CHECK(timeouts > 0);
    REQUIRE_FALSE(seen.empty());
    CHECK(seen.back().status() == task_status::succeeded);
    CHECK(user.metrics().tasks_waiting == 0);
    CHECK(user.metrics().tasks_finished == 1);
}

TEST_CASE("client watch: twenty thousand watchers of one task begin, see and end in linear time")
{
    quiet_watch w;
    auto const took = [&](std::size_t count) {
        auto const begun = std::chrono::steady_clock::now();
        std::vector<task_watcher> watchers;
        std::vector<states> got(count);
        for (std::size_t i = 0; i < count; ++i) {
            watchers.push_back(w.user.watch(w.one, {.at_least_every = std::chrono::minutes(i % 7 + 1)}));
            watchers.back().next(got[i].token());
        }
        w.b.run_until([&] { return got.back().done(); });
        watchers.clear();
        w.b.run();
        return std::chrono::steady_clock::now() - begun;
    };
    took(100);
    auto const few = took(2000);
    CHECK(took(20'000) < 60 * few + 1s);
    CHECK(w.user.metrics().tasks_waiting == 0);
}
