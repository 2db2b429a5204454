// One batch used from everywhere at once: a context run by several threads, and no strand of the caller's.
#include "../emulator/client_fixture.hpp"

#include <apimart/batch.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <thread>

using namespace client_tests;
using namespace apimart;

namespace {

asio::awaitable<void> take_some(batch& from, std::atomic<int>& taken)
{
    while (std::optional<batch_outcome> const one = co_await from.next())
        ++taken;
}

} // namespace

TEST_CASE("batch threads: outcomes are taken by several coroutines while others pause, resume and look")
{
    bench b;
    client user = b.make_client();
    memory_journal books(b.context);
    batch_options options;
    options.max_in_flight = 32;
    options.max_outcomes = 8;
    batch many(user, books, options);
    std::atomic<int> taken = 0;
    std::atomic<bool> over = false;
    std::vector<std::future<void>> consumers;
    for (int i = 0; i < 4; ++i)
        consumers.push_back(asio::co_spawn(b.context, take_some(many, taken), asio::use_future));
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] { b.context.run_for(guard); });
    std::thread watcher([&] {
        // Each of these is a turn of the batch's strand: without a bound they would leave none for the batch.
        for (int round = 0; round < 200 && !over; ++round) {
            many.pause();
            std::uint64_t const done = many.progress().done();
            many.resume();
            if (done > 200)
                break;
            std::this_thread::yield();
        }
    });
    many.start(std::views::iota(0, 200) | std::views::transform([](int) { return batch_item(corgi()); }));
    for (auto& each : consumers)
        each.get();
    over = true;
    watcher.join();
    for (auto& each : threads)
        each.join();
    CHECK(taken == 200);
    CHECK(b.accepted() == 200);
    CHECK(many.progress().count(batch_end::succeeded) == 200);
}

TEST_CASE("batch threads: a stop from another thread loses no outcome and buys nothing more")
{
    bench b("{}", 400);
    client user = b.make_client();
    batch_options options;
    options.max_in_flight = 64;
    batch many(user, options);
    std::atomic<int> taken = 0;
    auto consumer = asio::co_spawn(b.context, take_some(many, taken), asio::use_future);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] { b.context.run_for(guard); });
    many.start(std::views::iota(0, 100'000) | std::views::transform([](int) { return batch_item(corgi()); }));
    wait_until([&] { return b.accepted() > 40; });
    many.stop();
    consumer.get();
    for (auto& each : threads)
        each.join();
    batch_progress const end = many.progress();
    CHECK(static_cast<std::uint64_t>(taken) == end.read);
    CHECK(end.count(batch_end::succeeded) == b.accepted());
    CHECK(end.count(batch_end::succeeded) + end.count(batch_end::not_sent) == end.read);
}
