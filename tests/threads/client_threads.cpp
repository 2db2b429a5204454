// One client used from everywhere at once: a context run by several threads, and no strand of the caller's.
#include "../emulator/client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <future>

using namespace client_tests;
using namespace apimart;

namespace {

constexpr int thread_count = 4;

// Runs a context on several threads until it has nothing left to do.
void run_on_threads(asio::io_context& context)
{
    context.restart();
    std::vector<std::thread> threads;
    for (int i = 0; i < thread_count; ++i)
        threads.emplace_back([&] { context.run_for(guard); });
    for (auto& each : threads)
        each.join();
    if (!context.stopped())
        FAIL("operations did not end");
}

std::uint64_t number(json::object const& books, std::string_view name)
{
    return books.at(name).to_number<std::uint64_t>();
}

std::set<std::string> accepted_ids(json::object const& books)
{
    std::set<std::string> ids;
    for (auto const& each : books.at("accepted").as_array())
        ids.emplace(each.as_object().at("task_id").as_string());
    return ids;
}

asio::awaitable<void> submit_and_wait(client user, std::atomic<int>& succeeded)
{
    task const one = co_await user.submit(corgi());
    result<task_result> const done = co_await user.wait(one, as_result());
    if (done && done->succeeded() && done->id() == one.id())
        ++succeeded;
}

} // namespace

TEST_CASE(
    "client threads: hundreds of operations through copies of one client from all threads of its context")
{
    constexpr int operations = 300;
    bench b;
    auto config = b.config();
    config.limits.max_connections = 12;
    client const user(b.context, config);

    std::mutex mutex;
    std::set<std::string> seen;
    std::atomic<int> succeeded = 0;
    std::atomic<int> calls = 0;
    for (int i = 0; i < operations; ++i) {
        asio::post(b.context, [&, copy = user, i]() mutable {
            if (i % 3 == 0) {
                asio::co_spawn(b.context, submit_and_wait(std::move(copy), succeeded), asio::detached);
                ++calls;
                return;
            }
            // The next operation begins in the handler of the one before, on whatever thread that is.
            copy.submit(corgi(), as_result([&, copy](result<task> accepted) mutable {
                            ++calls;
                            if (!accepted)
                                return;
                            {
                                std::lock_guard const lock(mutex);
                                seen.insert(accepted->id());
                            }
                            copy.wait(*accepted,
                                      as_result([&, id = accepted->id()](result<task_result> done) {
                                          if (done && done->succeeded() && done->id() == id)
                                              ++succeeded;
                                      }));
                        }));
        });
    }
    run_on_threads(b.context);
    CHECK(calls == operations);
    CHECK(succeeded == operations);
    json::object const books = b.books();
    CHECK(number(books, "submits_received") == operations);
    auto const ids = accepted_ids(books);
    CHECK(ids.size() == operations);
    for (auto const& id : seen)
        CHECK(ids.count(id) == 1);
    CHECK(number(books, "connections") <= 12);
    CHECK(user.metrics().tasks_accepted == operations);
    CHECK(user.metrics().tasks_finished == operations);
    CHECK(user.metrics().tasks_waiting == 0);
}

TEST_CASE("client threads: operations begun by threads that do not run the context")
{
    constexpr int per_thread = 40;
    bench b;
    client const user = b.make_client();
    std::vector<std::future<task_result>> done(per_thread * thread_count);
    auto work = std::make_optional(asio::make_work_guard(b.context));
    b.context.restart();
    std::vector<std::thread> runners;
    for (int i = 0; i < 2; ++i)
        runners.emplace_back([&] { b.context.run_for(guard); });
    std::vector<std::thread> starters;
    for (int t = 0; t < thread_count; ++t) {
        starters.emplace_back([&, t, copy = user]() mutable {
            for (int i = 0; i < per_thread; ++i) {
                done[static_cast<std::size_t>(t * per_thread + i)] = copy.generate(corgi(), asio::use_future);
                (void)copy.metrics();
            }
        });
    }
    for (auto& each : starters)
        each.join();
    std::set<std::string> ids;
    for (auto& each : done) {
        REQUIRE(each.wait_for(guard) == std::future_status::ready);
        task_result const one = each.get();
        CHECK(one.succeeded());
        ids.insert(one.id());
    }
    work.reset();
    for (auto& each : runners)
        each.join();
    CHECK(ids.size() == done.size());
    CHECK(b.accepted() == done.size());
}

TEST_CASE("client threads: cancelling at random while all threads work leaves books and verdicts consistent")
{
    constexpr int operations = 240;
    bench b("{}", 1000);
    auto config = b.config();
    config.limits.max_connections = 8;
    client const user(b.context, config);

    // As everywhere in Asio, a slot is emitted where its handler runs: each operation that is cancelled has a
    // strand, but only for its signal. The client needs none.
    class cancelled
    {
    public:
        explicit cancelled(asio::io_context& context) : strand(asio::make_strand(context)) {}
        asio::strand<asio::io_context::executor_type> strand;
        asio::cancellation_signal signal;
        bool done = false;
    };
    std::vector<std::unique_ptr<cancelled>> all;
    for (int i = 0; i < operations; ++i)
        all.push_back(std::make_unique<cancelled>(b.context));

    std::atomic<int> ended = 0;
    std::atomic<int> known = 0;
    std::atomic<int> unknown = 0;
    std::atomic<int> not_sent = 0;
    std::atomic<int> other = 0;
    for (int i = 0; i < operations; ++i) {
        cancelled* const one = all[static_cast<std::size_t>(i)].get();
        asio::post(one->strand, [&, copy = user, i, one]() mutable {
            auto const handler = [&ended, &known, &unknown, &not_sent, &other, one](result<task_result> got) {
                ++ended;
                one->done = true;
                if (got || !got.error().task_id().empty())
                    ++known;
                else if (got.error().acceptance() == acceptance::unknown)
                    ++unknown;
                else if (got.error().acceptance() == acceptance::not_sent)
                    ++not_sent;
                else
                    ++other;
            };
            copy.generate(corgi(), as_result(asio::bind_cancellation_slot(
                                       one->signal.slot(), asio::bind_executor(one->strand, handler))));
            // Some at once, some a few handlers later, some never.
            auto const emit = [one, i] {
                if (!one->done)
                    one->signal.emit(i % 2 == 0 ? asio::cancellation_type::terminal
                                                : asio::cancellation_type::total);
            };
            auto const emit_later = [one, emit] { asio::post(one->strand, emit); };
            if (i % 4 == 0)
                emit();
            else if (i % 4 < 3)
                asio::post(b.context, emit_later);
        });
    }
    run_on_threads(b.context);
    CHECK(ended == operations);
    CHECK(other == 0);
    CHECK(unknown == 0); // the service answers within the time that is given
    CHECK(known + not_sent == operations);
    CHECK(not_sent > 0);
    CHECK(static_cast<int>(b.accepted()) == known);
    CHECK(b.booked("submits_received") == b.accepted());
    CHECK(user.metrics().tasks_waiting == 0);
}

TEST_CASE("client threads: shutdown in the middle, called from several threads, ends everything once")
{
    constexpr int operations = 200;
    bench b("{}", 200);
    auto config = b.config();
    config.limits.max_connections = 8;
    client const user(b.context, config);
    std::atomic<int> ended = 0;
    std::atomic<int> known = 0;
    std::atomic<int> doubtful = 0;
    std::atomic<int> shutdowns = 0;
    for (int i = 0; i < operations; ++i) {
        asio::post(b.context, [&, copy = user, i]() mutable {
            copy.generate(corgi(), as_result([&](result<task_result> got) {
                              ++ended;
                              if (got || !got.error().task_id().empty())
                                  ++known;
                              else if (got.error().acceptance() != acceptance::not_sent)
                                  ++doubtful;
                          }));
            if (i % 50 == 25)
                copy.shutdown(
                    as_result([&](result<shutdown_report> report) { shutdowns += report ? 1 : 0; }));
        });
    }
    run_on_threads(b.context);
    CHECK(ended == operations);
    CHECK(shutdowns == operations / 50);
    CHECK(doubtful == 0);
    CHECK(static_cast<int>(b.accepted()) == known);
}

TEST_CASE("client threads: copies that end on different threads, the last one with operations under way")
{
    for (int round = 0; round < 10; ++round) {
        bench b("{}", 200);
        std::atomic<int> ended = 0;
        {
            client user = b.make_client();
            for (int i = 0; i < 40; ++i)
                asio::post(b.context, [&ended, copy = user]() mutable {
                    copy.generate(corgi(), as_result([&ended](result<task_result>) { ++ended; }));
                });
        }
        run_on_threads(b.context);
        CHECK(ended == 40);
    }
}

TEST_CASE("client threads: two clients of two contexts on threads of their own")
{
    bench b;
    asio::io_context second_context;
    client const first = b.make_client();
    client const second(second_context, b.config());
    std::atomic<int> succeeded = 0;
    for (int i = 0; i < 60; ++i) {
        // Each begins on the other's context.
        asio::post(b.context, [&, copy = second]() mutable {
            copy.generate(corgi(), as_result([&](result<task_result> got) { succeeded += got ? 1 : 0; }));
        });
        asio::post(second_context, [&, copy = first]() mutable {
            copy.generate(corgi(), as_result([&](result<task_result> got) { succeeded += got ? 1 : 0; }));
        });
    }
    auto work_on_first = std::make_optional(asio::make_work_guard(b.context));
    auto work_on_second = std::make_optional(asio::make_work_guard(second_context));
    std::thread other([&] { second_context.run_for(guard); });
    std::thread one([&] { b.context.run_for(guard); });
    wait_until([&] { return succeeded == 120; });
    work_on_first.reset();
    work_on_second.reset();
    one.join();
    other.join();
    CHECK(b.accepted() == 120);
}

namespace {

// Watches to the end, or for a few states only; some calls have a time limit that is soon over.
asio::awaitable<void> watch(client user, task one, int how, std::atomic<int>& finals)
{
    using namespace asio::experimental::awaitable_operators;
    task_watcher watcher = user.watch(one, {.at_least_every = std::chrono::milliseconds(how % 5)});
    for (int seen = 0; how % 4 != 0 || seen < 2; ++seen) {
        std::optional<task_state> state;
        if (how % 3 == 0) {
            asio::steady_timer limit(co_await asio::this_coro::executor, 1ms);
            auto both = watcher.next() || limit.async_wait(asio::use_awaitable);
            auto outcome = co_await std::move(both);
            if (outcome.index() == 1)
                continue;
            state = std::get<0>(std::move(outcome));
        } else {
            state = co_await watcher.next();
        }
        if (!state)
            break;
        if (is_final(state->status()))
            ++finals;
    }
}

} // namespace

TEST_CASE("client threads: watchers that begin, end, are cancelled and moved on all threads, beside waits "
          "and callbacks")
{
    constexpr int tasks = 12;
    constexpr int watchers = 20;
    bench b(R"({"progress":"gradual"})", 400);
    client const user(b.context, b.config());
    std::atomic<int> finals = 0;
    std::atomic<int> ended = 0;
    std::atomic<int> failed = 0;
    std::atomic<int> waited = 0;
    for (int i = 0; i < tasks; ++i) {
        asio::post(b.context, [&, copy = user]() mutable {
            copy.submit(corgi(), as_result([&, copy](result<task> accepted) mutable {
                            REQUIRE(accepted.has_value());
                            copy.wait(*accepted, as_result([&](result<task_result> done) {
                                waited += done && done->succeeded() ? 1 : 0;
                            }));
                            for (int n = 0; n < watchers; ++n) {
                                // As everywhere in Asio, what is raced needs a strand.
                                asio::co_spawn(asio::make_strand(b.context),
                                               watch(copy, *accepted, n, finals),
                                               [&](std::exception_ptr thrown) {
                                                   ++ended;
                                                   failed += thrown ? 1 : 0;
                                               });
                                // One that goes with a call pending, on whatever thread.
                                asio::post(b.context, [copy, one = *accepted]() mutable {
                                    task_watcher brief = copy.watch(one);
                                    brief.next(asio::detached);
                                    task_watcher moved = std::move(brief);
                                    moved.next(asio::detached);
                                });
                                auto const callback = task_callback::parse(R"({"id":")" + accepted->id() +
                                                                           R"(","status":"x"})");
                                copy.notify(*callback, asio::detached);
                            }
                        }));
        });
    }
    run_on_threads(b.context);
    CHECK(waited == tasks);
    CHECK(ended == tasks * watchers);
    CHECK(failed == 0);
    // All of those that watched to the end.
    CHECK(finals >= tasks * watchers * 3 / 4);
    CHECK(user.metrics().tasks_waiting == 0);
}
