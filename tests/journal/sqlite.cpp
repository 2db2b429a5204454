// SPDX-License-Identifier: BSL-1.0

#include <journal/behaviours.hpp>
#include <journal/fault_vfs.hpp>
#include <journal/run.hpp>

#include <apimart/sqlite_journal.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <sqlite3.h>

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace apimart;
using enum journal_state;

namespace {

error_info refusal(std::string const& path, sqlite_journal_options options = {})
{
    asio::io_context context;
    try {
        sqlite_journal const journal(context, path, options);
    } catch (error const& why) {
        return why.info();
    }
    return {};
}

// Runs in a process of its own, which ends without a farewell.
class child
{
public:
    explicit child(std::function<void(int)> const& body)
    {
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);
        id_ = ::fork();
        if (id_ == 0) {
            ::close(ends[0]);
            try {
                body(ends[1]);
            } catch (...) {
                ::_exit(3);
            }
            ::_exit(0);
        }
        ::close(ends[1]);
        from_ = ends[0];
    }
    child(child const&) = delete;
    child& operator=(child const&) = delete;
    ~child()
    {
        kill();
        ::close(from_);
    }

    std::optional<std::uint64_t> read() const
    {
        std::uint64_t number = 0;
        if (::read(from_, &number, sizeof number) != sizeof number)
            return std::nullopt;
        return number;
    }
    void kill()
    {
        if (id_ == 0)
            return;
        ::kill(id_, SIGKILL);
        wait();
    }
    int wait()
    {
        int status = 0;
        ::waitpid(id_, &status, 0);
        id_ = 0;
        return status;
    }

private:
    pid_t id_ = 0;
    int from_ = -1;
};

void tell(int to, std::uint64_t number)
{
    if (::write(to, &number, sizeof number) != sizeof number)
        ::_exit(4);
}

asio::awaitable<void> buy(sqlite_journal journal, std::uint64_t index)
{
    co_await journal.claim(item(index));
    co_await journal.intend(index);
    journal_outcome const bought = outcome(accepted, "task_" + std::to_string(index));
    co_await journal.settle(index, bought);
}

asio::awaitable<void> buy_all(sqlite_journal journal, int to)
{
    for (std::uint64_t i = 0;; ++i) {
        co_await buy(journal, i);
        tell(to, i);
    }
}

std::string sql(std::string const& file, char const* text)
{
    sqlite3* db = nullptr;
    std::string found;
    REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    auto const add = [](void* to, int count, char** values, char**) {
        for (int i = 0; i != count; ++i)
            static_cast<std::string*>(to)->append(values[i] != nullptr ? values[i] : "").append("|");
        return 0;
    };
    CHECK(sqlite3_exec(db, text, add, &found, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    return found;
}

} // namespace

TEST_CASE("a journal in SQLite does what journals do")
{
    temporary_folder const folder;
    int number = 0;
    for (behaviour const& each : behaviours()) {
        CAPTURE(each.name);
        std::string const file = folder.path(std::to_string(++number));
        asio::io_context context;
        run(context, each.check(sqlite_journal(context, file)));
        CHECK(refusal(file).code() == error_code()); // and it can be opened again
        CHECK_FALSE(std::filesystem::exists(file + "-lock"));
    }
}

TEST_CASE("a journal in SQLite is the user's alone, and the shell reads it")
{
    temporary_folder const folder;
    std::string const file = folder.path("batch");
    asio::io_context context;
    {
        sqlite_journal const journal(context, file);
        run(context, buy(journal, 4));
        struct stat found = {};
        for (char const* const each : {"", "-wal", "-shm", "-lock"}) {
            CAPTURE(each);
            REQUIRE(::stat((file + each).c_str(), &found) == 0);
            CHECK((found.st_mode & 07777) == 0600);
        }
        CHECK(sql(file, "select * from status") == "accepted|1||");
    }
    CHECK(refusal(file, {.read_only = true}).code() == error_code()); // also when nobody writes it
    CHECK(sql(file, "select item, reference, state, task_id from items") == "4|line 4|accepted|task_4|");
    CHECK(sql(file, "select intended_at like '____-__-__T__:__:__.___Z' from items") == "1|");
}

TEST_CASE("a second process is told who writes the journal, and may look at it")
{
    temporary_folder const folder;
    std::string const file = folder.path("batch");
    child writer([&](int to) {
        asio::io_context context;
        sqlite_journal const journal(context, file);
        tell(to, static_cast<std::uint64_t>(::getpid()));
        run(context, buy_all(journal, to));
    });
    std::optional<std::uint64_t> const id = writer.read();
    REQUIRE(id.has_value());
    CHECK(writer.read() == 0);
    error_info const why = refusal(file);
    CHECK(why.code() == errc::journal_in_use);
    CHECK(why.client_message() == file + " is written by process " + std::to_string(*id));

    asio::io_context context;
    {
        sqlite_journal looked(context, file, {.read_only = true});
        run(context, [](sqlite_journal journal) -> asio::awaitable<void> {
            CHECK((co_await journal.counts())[accepted] >= 1);
            CHECK((co_await journal.list(journal_query())).front().task_id == "task_0");
            CHECK((co_await journal.claim(item(5), as_result())).error().code() == errc::journal_conflict);
        }(looked));
    }
    writer.kill();
    CHECK(refusal(file).code() == error_code());
}

TEST_CASE("what was told before a process was killed is there after it")
{
    temporary_folder const folder;
    std::string const file = folder.path("batch");
    std::uint64_t told = 0;
    for (int round = 0; round != 10; ++round) {
        child writer([&](int to) {
            asio::io_context context;
            sqlite_journal const journal(context, file);
            run(context, buy_all(journal, to));
        });
        for (int i = 0; i != 3 * round; ++i)
            if (auto const one = writer.read())
                told = std::max(told, *one + 1);
        writer.kill();
        while (auto const one = writer.read())
            told = std::max(told, *one + 1);
        asio::io_context context;
        sqlite_journal const journal(context, file);
        run(context, [](sqlite_journal opened, std::uint64_t bought) -> asio::awaitable<void> {
            std::vector<journal_record> const known = co_await opened.list(journal_query());
            REQUIRE(known.size() >= bought);
            for (std::uint64_t i = 0; i != bought; ++i)
                CHECK(known[i].task_id == "task_" + std::to_string(i));
        }(journal, told));
        // The next process begins with fresh items, so that each has something to buy.
        CHECK(sql(file, "delete from items").empty());
        told = 0;
    }
}

TEST_CASE("a disk that fails once at any write or sync loses nothing that was told, and is reported")
{
    fault_vfs const disk;
    for (int const result : {SQLITE_FULL, SQLITE_IOERR_FSYNC}) {
        int nth = 1;
        for (bool reached = true; reached; ++nth) {
            CAPTURE(result);
            CAPTURE(nth);
            temporary_folder const folder;
            std::string const file = folder.path("batch");
            std::array<bool, 4> bought{};
            bool told = false;
            disk.fail(nth, result);
            try {
                asio::io_context context;
                sqlite_journal const journal(context, file);
                for (std::uint64_t i = 0; i != bought.size(); ++i)
                    try {
                        run(context, buy(journal, i));
                        bought.at(i) = true;
                        // After an I/O error nothing is believed any more.
                        CHECK_FALSE((told && result != SQLITE_FULL));
                    } catch (error const& why) {
                        told = true;
                        CHECK(why.info().code() == errc::journal_failed);
                        CHECK(why.info().client_message().find(file) == 0);
                    }
            } catch (error const& why) {
                told = true;
                CHECK(why.info().code() == errc::journal_failed);
            }
            reached = disk.has_failed();
            disk.fail(0, SQLITE_OK);
            asio::io_context context;
            sqlite_journal const journal(context, file);
            for (std::uint64_t i = 0; i != bought.size(); ++i)
                run(context,
                    [](sqlite_journal opened, std::uint64_t index, bool was) -> asio::awaitable<void> {
                        std::optional<journal_record> const known = co_await opened.claim(item(index));
                        REQUIRE(known.has_value());
                        if (was)
                            CHECK(known->task_id == "task_" + std::to_string(index));
                    }(journal, i, bought.at(i)));
        }
        CHECK(nth > 20);
    }
}

TEST_CASE("what was told is on the disk when the power goes")
{
    fault_vfs const disk;
    for (std::uint64_t count = 1; count != 12; ++count) {
        CAPTURE(count);
        temporary_folder const folder;
        std::string const file = folder.path("batch");
        auto context = std::make_unique<asio::io_context>();
        auto journal = std::make_unique<sqlite_journal>(*context, file);
        disk.remember_synced(file);
        for (std::uint64_t i = 0; i != count; ++i)
            run(*context, buy(*journal, i));
        run(*context, [](sqlite_journal opened) -> asio::awaitable<void> {
            co_await opened.claim(item(100));
            co_await opened.intend(100);
        }(*journal));
        // The files are taken away while they are open, and SQLite's farewell goes to nowhere.
        disk.lose_power(file);
        std::filesystem::rename(file, file + ".kept");
        if (std::filesystem::exists(file + "-wal"))
            std::filesystem::rename(file + "-wal", file + ".kept-wal");
        journal.reset();
        context.reset();

        asio::io_context after;
        sqlite_journal const opened(after, file + ".kept");
        run(after, [](sqlite_journal known, std::uint64_t bought) -> asio::awaitable<void> {
            journal_counts const counts = co_await known.counts();
            CHECK(counts[accepted] == bought);
            CHECK(counts[intended] == 1);
        }(opened, count));
    }
}

TEST_CASE("those that wait at one time share one sync")
{
    fault_vfs const disk;
    temporary_folder const folder;
    asio::io_context context;
    sqlite_journal const journal(context, folder.path("batch"));
    int const before = disk.syncs();
    int ended = 0;
    constexpr int count = 500;
    for (std::uint64_t i = 0; i != count; ++i)
        asio::co_spawn(context, buy(journal, i), [&](std::exception_ptr why) { ended += why ? 0 : 1; });
    context.run();
    CHECK(ended == count);
    CHECK(disk.syncs() - before < count / 2);
}

TEST_CASE("a file that is no journal, or not a whole one, is refused and named")
{
    temporary_folder const folder;
    std::string const file = folder.path("batch");
    {
        asio::io_context context;
        sqlite_journal const journal(context, file);
        for (std::uint64_t i = 0; i != 100; ++i)
            run(context, buy(journal, i));
    }
    std::string const whole = [&] {
        std::ifstream in(file, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    }();
    std::string const cut = folder.path("cut");
    for (std::size_t size = 0; size < whole.size(); size += size < 1024 ? 41 : 1471) {
        CAPTURE(size);
        std::ofstream(cut, std::ios::binary | std::ios::trunc)
            .write(whole.data(), static_cast<std::streamsize>(size));
        error_info const why = refusal(cut);
        CHECK(why.code() == errc::journal_unusable);
        CHECK(why.client_message().find(cut) == 0);
    }
    std::ofstream(cut, std::ios::trunc)
        << "This is no database, but a text that is long enough to look like one.";
    CHECK(refusal(cut).code() == errc::journal_unusable);

    std::string const foreign = folder.path("foreign");
    sql(foreign, "create table t (a)");
    CHECK(refusal(foreign).client_message() == foreign + " is not a journal");
    CHECK(sql(foreign, "pragma journal_mode") == "delete|");
    CHECK(refusal(foreign, {.read_only = true}).code() == errc::journal_unusable);

    sql(file, "pragma user_version = 2");
    CHECK(refusal(file).client_message() == file + " has schema version 2, and this library knows 1");
    CHECK(refusal(folder.path("none"), {.read_only = true}).code() == errc::journal_failed);
    CHECK(refusal(folder.path("no/folder")).code() == errc::journal_failed);
    CHECK(refusal(folder.path()).code() == errc::journal_failed);
}

TEST_CASE("a limit of file sizes fails steps and does not end the process")
{
    temporary_folder const folder;
    std::string const file = folder.path("batch");
    child limited([&](int to) {
        asio::io_context context;
        sqlite_journal const journal(context, file);
        rlimit limit = {128 << 10, 128 << 10};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        try {
            run(context, buy_all(journal, to));
        } catch (error const& why) {
            ::_exit(why.info().code() == errc::journal_failed ? 7 : 8);
        }
    });
    std::uint64_t told = 0;
    while (auto const one = limited.read())
        told = *one + 1;
    int const status = limited.wait();
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
    asio::io_context context;
    sqlite_journal const journal(context, file);
    run(context, [](sqlite_journal known, std::uint64_t bought) -> asio::awaitable<void> {
        CHECK(bought > 0);
        CHECK((co_await known.counts())[accepted] >= bought);
    }(journal, told));
}

TEST_CASE("a step that waits for its turn can be cancelled, and one that is worked on is finished")
{
    fault_vfs const disk;
    temporary_folder const folder;
    std::string const file = folder.path("batch");
    asio::io_context context;
    sqlite_journal journal(context, file);
    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &other) == SQLITE_OK);
    REQUIRE(sqlite3_exec(other, "begin immediate", nullptr, nullptr, nullptr) == SQLITE_OK);
    std::array<asio::cancellation_signal, 2> stop;
    std::array<std::optional<error_code>, 2> ended;
    auto const claim = [&](std::size_t which) {
        auto const told = [&, which](error_code const& code, auto const&) { ended.at(which) = code; };
        journal.claim(item(which), asio::bind_cancellation_slot(stop.at(which).slot(), told));
    };
    int const before = disk.locks();
    claim(0);
    while (disk.locks() == before) // until it is worked on
        std::this_thread::yield();
    claim(1);
    for (asio::cancellation_signal& each : stop)
        each.emit(asio::cancellation_type::total);
    context.run_one();
    CHECK(ended.at(1) == error_code(asio::error::operation_aborted));
    CHECK_FALSE(ended.at(0).has_value());
    sqlite3_exec(other, "commit", nullptr, nullptr, nullptr);
    sqlite3_close(other);
    context.run();
    CHECK(ended.at(0) == error_code());
    CHECK(sql(file, "select item from items") == "0|");
}

TEST_CASE("a context that goes away takes the steps that wait with it, and the journal may stay")
{
    temporary_folder const folder;
    auto context = std::make_unique<asio::io_context>();
    sqlite_journal journal(*context, folder.path("batch"));
    int told = 0;
    for (std::uint64_t i = 0; i != 100; ++i)
        journal.claim(item(i), [&told](error_code const&, auto const&) { ++told; });
    context.reset();
    CHECK(told == 0);
}

TEST_CASE("a forked child leaves the journal to its parent")
{
    temporary_folder const folder;
    std::string const file = folder.path("batch");
    asio::io_context context;
    auto journal = std::make_unique<sqlite_journal>(context, file);
    run(context, buy(*journal, 1));
    context.notify_fork(asio::io_context::fork_prepare);
    child forked([&](int to) {
        context.notify_fork(asio::io_context::fork_child);
        error_code told;
        journal->claim(item(2), [&](error_code const& code, auto const&) { told = code; });
        context.restart();
        context.run();
        journal.reset();
        tell(to, told == errc::used_after_fork ? 1 : 0);
    });
    context.notify_fork(asio::io_context::fork_parent);
    CHECK(forked.read() == 1);
    forked.wait();
    run(context, buy(*journal, 3));
    CHECK(refusal(file).code() == errc::journal_in_use);
    CHECK(sql(file, "select item from items") == "1|3|");
}

TEST_CASE("the end of a journal waits for what it was asked for")
{
    temporary_folder const folder;
    std::string const file = folder.path("batch");
    asio::io_context context;
    int told = 0;
    {
        sqlite_journal journal(context, file);
        for (std::uint64_t i = 0; i != 100; ++i)
            journal.claim(item(i), [&told](error_code const& code, auto const&) { told += code ? 0 : 1; });
    }
    context.run();
    CHECK(told == 100);
    CHECK(sql(file, "select count(*) from items") == "100|");
}
