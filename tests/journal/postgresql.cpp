// SPDX-License-Identifier: BSL-1.0

#include <journal/behaviours.hpp>
#include <journal/postgresql_server.hpp>
#include <journal/run.hpp>

#include <apimart/postgresql_journal.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace apimart;
using enum journal_state;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> buy(postgresql_journal journal, std::uint64_t index)
{
    co_await journal.claim(item(index));
    co_await journal.intend(index);
    journal_outcome const bought = outcome(accepted, "task_" + std::to_string(index));
    co_await journal.settle(index, bought);
}

std::string reason(std::exception_ptr const& why)
{
    try {
        if (why)
            std::rethrow_exception(why);
    } catch (std::exception const& e) {
        return e.what();
    }
    return {};
}

// Until somebody's lease is over.
asio::awaitable<journal_record> adopt(postgresql_journal journal)
{
    asio::steady_timer pause(co_await asio::this_coro::executor);
    auto const limit = std::chrono::steady_clock::now() + 30s;
    for (;;) {
        std::optional<journal_record> found = co_await journal.next_abandoned();
        if (found)
            co_return *found;
        if (std::chrono::steady_clock::now() > limit)
            throw std::runtime_error("nothing was abandoned");
        pause.expires_after(20ms);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

// A process that takes items and is killed with them.
void die_with(std::string const& address, std::uint64_t count, std::chrono::milliseconds lease)
{
    pid_t const id = ::fork();
    if (id == 0) {
        try {
            asio::io_context context;
            postgresql_journal const journal(context, address, "batch", {.lease = lease});
            for (std::uint64_t i = 0; i != count; ++i)
                run(context, buy(journal, i));
            run(context, [](postgresql_journal taken, std::uint64_t index) -> asio::awaitable<void> {
                co_await taken.claim(item(index));
                co_await taken.intend(index);
            }(journal, count));
        } catch (...) {
            ::_exit(1);
        }
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ::waitpid(id, &status, 0);
    REQUIRE(WIFSIGNALED(status));
}

} // namespace

TEST_CASE("a journal in PostgreSQL does what journals do")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    int number = 0;
    for (behaviour const& each : behaviours()) {
        CAPTURE(each.name);
        asio::io_context context;
        run(context, each.check(postgresql_journal(context, server.address(), std::to_string(++number))));
        context.run(); // gives all back and ends
        CHECK(server.query("select count(*) from apimart_items where batch = (select batch from "
                           "apimart_batches where name = '" +
                           std::to_string(number) +
                           "') and state in ('planned', 'intended', 'accepted') and holder is not null") ==
              "0|");
    }
    CHECK(server.query("select name, state, items from apimart_status where name = '1'") == "1|planned|1|");
    CHECK(server.query("select count(*) from pg_stat_activity where application_name = 'apimart'") == "0|");
}

TEST_CASE("each item is in the hands of one of several processes, which begin with an empty database")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    asio::io_context context;
    constexpr std::size_t process_count = 4;
    static constexpr std::uint64_t count = 100;
    std::vector<postgresql_journal> journals;
    for (std::size_t i = 0; i != process_count; ++i)
        journals.emplace_back(context, server.address(), "batch");
    std::map<std::uint64_t, int> bought;
    std::size_t ended = 0;
    auto const work = [&](postgresql_journal journal, std::uint64_t first) -> asio::awaitable<void> {
        for (std::uint64_t i = 0; i != count; ++i) {
            std::uint64_t const index = (first + i) % count;
            std::optional<journal_record> const mine = co_await journal.claim(item(index));
            if (!mine || mine->state != planned)
                continue;
            co_await journal.intend(index);
            ++bought[index];
            journal_outcome const sent = outcome(accepted, "task_" + std::to_string(index));
            co_await journal.settle(index, sent);
        }
        CHECK((co_await journal.counts())[accepted] <= count);
    };
    for (std::size_t i = 0; i != process_count; ++i)
        asio::co_spawn(context, work(journals[i], i * count / process_count), [&](std::exception_ptr why) {
            CHECK(reason(why) == "");
            ++ended;
        });
    while (ended != process_count)
        context.run_one();
    CHECK(bought.size() == count);
    for (auto const& [index, times] : bought)
        CHECK(times == 1);
    run(context, [](postgresql_journal journal) -> asio::awaitable<void> {
        journal_counts const counts = co_await journal.counts();
        CHECK(counts[accepted] == count);
        CHECK(counts.held_by_others <= count);
        CHECK_FALSE((co_await journal.next_abandoned()).has_value()); // all are alive
    }(journals.front()));
}

TEST_CASE("what a process held when it died goes to another one when its lease is over")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    die_with(server.address(), 3, 300ms);
    asio::io_context context;
    postgresql_journal const journal(context, server.address(), "batch", {.lease = 300ms});
    run(context, [](postgresql_journal next) -> asio::awaitable<void> {
        std::map<std::uint64_t, journal_record> found;
        for (int i = 0; i != 4; ++i) {
            journal_record const one = co_await adopt(next);
            found[one.index] = one;
        }
        CHECK(found.size() == 4);
        for (std::uint64_t i = 0; i != 3; ++i) {
            CHECK(found[i].state == accepted);
            CHECK(found[i].task_id == "task_" + std::to_string(i));
        }
        CHECK(found[3].state == intended);
        CHECK(found[3].request == item(3).request);
        // The key is the one that the dead process sent it under.
        CHECK((co_await next.intend(3)).idempotency_key == found[3].idempotency_key);
        CHECK_FALSE((co_await next.next_abandoned()).has_value());
    }(journal));
}

TEST_CASE("a process whose lease was over does not go on with what another has taken")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    asio::io_context asleep; // it is not run while the lease goes by
    asio::io_context awake;
    postgresql_journal const late(asleep, server.address(), "batch", {.lease = 200ms});
    postgresql_journal const other(awake, server.address(), "batch");
    run(asleep,
        [](postgresql_journal journal) -> asio::awaitable<void> { co_await journal.claim(item(1)); }(late));
    run(awake, [](postgresql_journal journal) -> asio::awaitable<void> {
        CHECK((co_await adopt(journal)).index == 1);
        co_await journal.intend(1);
    }(other));
    run(asleep, [](postgresql_journal journal) -> asio::awaitable<void> {
        CHECK_FALSE((co_await journal.claim(item(1))).has_value());
        result<journal_record> const refused = co_await journal.intend(1, as_result());
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().code() == errc::journal_conflict);
        CHECK(refused.error().client_message() == "item 1 (line 1) is held by another process");
        CHECK((co_await journal.counts()).held_by_others == 1);
    }(late));
}

TEST_CASE("what is given back can be taken at once")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    asio::io_context context;
    postgresql_journal const first(context, server.address(), "batch");
    postgresql_journal const second(context, server.address(), "batch");
    run(context, [](postgresql_journal one, postgresql_journal two) -> asio::awaitable<void> {
        co_await one.claim(item(1));
        CHECK_FALSE((co_await two.claim(item(1))).has_value());
        co_await one.release(1);
        CHECK((co_await two.claim(item(1))).has_value());
        CHECK_FALSE((co_await one.claim(item(1))).has_value());
        co_await two.release(1);
    }(first, second));
    context.run(); // nothing is held, so that nothing keeps it busy
    CHECK(context.stopped());
}

TEST_CASE("a server that is started again in the middle loses nothing, and no step is made twice")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    static constexpr std::uint64_t count = 400;
    // Beside the process that works, one that crashes and starts the server.
    asio::io_context context;
    postgresql_journal const journal(context, server.address(), "batch", {.patience = 60s});
    std::map<std::uint64_t, std::string> keys;
    std::uint64_t ended = 0;
    std::uint64_t next = 0;
    auto const work = [&]() -> asio::awaitable<void> {
        postgresql_journal mine = journal;
        while (next != count) {
            std::uint64_t const index = next++;
            std::optional<journal_record> const known = co_await mine.claim(item(index));
            REQUIRE(known.has_value());
            CHECK((co_await mine.intend(index)).idempotency_key == known->idempotency_key);
            keys[index] = known->idempotency_key;
            co_await mine.settle(index, outcome(unknown));
            journal_record const again = co_await mine.resubmit(index, 0);
            CHECK(again.generation == 1);
            ++ended;
        }
    };
    constexpr std::size_t workers = 8;
    for (std::size_t i = 0; i != workers; ++i)
        asio::co_spawn(context, work(), [&](std::exception_ptr why) {
            CHECK(reason(why) == "");
            if (why)
                ended = count;
        });
    for (int round = 1; round != 4; ++round) {
        while (ended < count * static_cast<std::uint64_t>(round) / 5)
            context.run_one();
        server.crash();
        context.poll();
        server.start();
    }
    while (ended != count)
        context.run_one();
    CHECK(keys.size() == count);
    CHECK(server.query(
              "select count(*), count(distinct idempotency_key), min(generation), max(generation), min(state)"
              " from apimart_items") ==
          std::to_string(count) + "|" + std::to_string(count) + "|1|1|planned|");
}

TEST_CASE("without a server, steps end after the patience, and go on when it is there")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    asio::io_context context;
    postgresql_journal const journal(context, server.address(), "batch", {.patience = 200ms});
    run(context, buy(journal, 1));
    server.crash();
    run(context, [](postgresql_journal used) -> asio::awaitable<void> {
        result<std::optional<journal_record>> const failed = co_await used.claim(item(2), as_result());
        REQUIRE_FALSE(failed.has_value());
        CHECK(failed.error().code() == errc::journal_failed);
        CHECK(failed.error().describe().find("very-secret") == std::string::npos);
    }(journal));
    server.start();
    run(context, buy(journal, 2));
    CHECK(server.query("select item, state from apimart_items order by item") == "1|accepted|2|accepted|");
}

TEST_CASE("what cannot be used is named without its password")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    asio::io_context context;
    auto const refusal = [&](std::string const& address, postgresql_journal_options options = {}) {
        error_info why;
        postgresql_journal const journal(context, address, "batch", options);
        run(context, [](postgresql_journal used, error_info& seen) -> asio::awaitable<void> {
            result<journal_counts> const counts = co_await used.counts(as_result());
            if (!counts)
                seen = counts.error();
        }(journal, why));
        CHECK(why.describe().find("secret") == std::string::npos);
        return why;
    };
    CHECK(refusal("postgresql://apimart:a-secret@localhost:1/none").code() == errc::journal_failed);
    CHECK(refusal(server.address() + " dbname=none")
              .client_message()
              .find("database \"none\" does not exist") != std::string::npos);
    error_info const absent = refusal(server.address(), {.read_only = true});
    CHECK(absent.code() == errc::journal_unusable);
    CHECK(server.query("select to_regclass('apimart_journal') is null") == "t|");

    CHECK(refusal(server.address()).code() == error_code());
    CHECK(refusal(server.address(), {.read_only = true}).code() == error_code());
    server.query("update apimart_journal set schema_version = 2");
    CHECK(refusal(server.address()).client_message().find("schema version 2, and this library knows 1") !=
          std::string::npos);
    server.query("alter table apimart_journal rename schema_version to something_else");
    CHECK(refusal(server.address()).code() == errc::journal_unusable);
    std::string text;
    try {
        postgresql_journal const journal(context, "postgresql://apimart:a-secret@[::1/", "batch");
    } catch (error const& why) {
        text = why.what();
        CHECK(why.info().code() == errc::invalid_configuration);
    }
    CHECK_FALSE(text.empty());
    CHECK(text.find("secret") == std::string::npos);
}

TEST_CASE("a context that goes away takes a journal's steps with it")
{
    REQUIRE(postgresql_server::is_installed());
    postgresql_server const server;
    auto context = std::make_unique<asio::io_context>();
    postgresql_journal journal(*context, server.address(), "batch");
    run(*context, buy(journal, 1));
    int told = 0;
    for (std::uint64_t i = 2; i != 50; ++i)
        journal.claim(item(i), [&told](error_code const&, auto const&) { ++told; });
    for (int i = 0; i != 5; ++i)
        context->poll_one();
    context.reset();
    CHECK(told == 0);
}
