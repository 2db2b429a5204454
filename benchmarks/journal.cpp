// How many submits a second can a journal make durable?
//
// A submit is claimed, intended and settled, and two of these are on the disk when they complete: so many submits at one time
// through the library, beside a bare loop that makes the same transactions in SQLite, with as many rows in each. Both in turns,
// in the folder in which this is run; the best of each counts, because a disk has other things to do.
//
// usage: journal [--check] [--postgresql ADDRESS]     with --check, fails where a bound is broken, and says which

#include <apimart/sqlite_journal.hpp>
#ifdef APIMART_BENCHMARK_POSTGRESQL
#include <apimart/postgresql_journal.hpp>
#endif

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr auto stretch = 1s;
constexpr int turns = 3;

// Puts the files of a stretch away when it is over.
class folder
{
public:
    folder() { std::filesystem::create_directory(path_); }
    folder(folder const&) = delete;
    folder& operator=(folder const&) = delete;
    ~folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string file() const { return (path_ / "batch").string(); }

private:
    std::filesystem::path path_ = std::filesystem::current_path() / "journal_benchmark";
};

asio::awaitable<void> submit(apimart::journal_base journal, std::uint64_t& next, std::uint64_t& done,
                             clock_type::time_point end)
{
    apimart::journal_outcome bought(apimart::journal_state::accepted);
    while (clock_type::now() < end) {
        std::uint64_t const index = next++;
        std::string const number = std::to_string(index);
        apimart::journal_item const item(index, number, "kling-v3",
                                         R"({"model":"kling-v3","prompt":"a cat"})");
        co_await journal.claim(item);
        co_await journal.intend(index);
        bought.task_id = "task_01KA040K7819FA6Q5CATJZ83XP";
        co_await journal.settle(index, bought);
        ++done;
    }
}

double with_library(asio::io_context& context, apimart::journal_base const& journal, int at_a_time,
                    std::uint64_t& next)
{
    std::uint64_t done = 0;
    int running = at_a_time;
    auto const begin = clock_type::now();
    std::exception_ptr failed;
    for (int i = 0; i != at_a_time; ++i)
        asio::co_spawn(context, submit(journal, next, done, begin + stretch), [&](std::exception_ptr why) {
            --running;
            if (why)
                failed = why;
        });
    context.restart();
    while (running != 0)
        context.run_one();
    if (failed)
        std::rethrow_exception(failed);
    return static_cast<double>(done) / std::chrono::duration<double>(clock_type::now() - begin).count();
}

double library(int at_a_time)
{
    folder const here;
    asio::io_context context;
    apimart::sqlite_journal const journal(context, here.file());
    std::uint64_t next = 0;
    return with_library(context, journal, at_a_time, next);
}

class bare_loop
{
public:
    explicit bare_loop(std::string const& file)
    {
        check(sqlite3_open(file.c_str(), &db_));
        execute("pragma journal_mode = wal");
        execute("create table items (item integer primary key, reference text, model text, request_hash "
                "text, state text,"
                " generation integer, idempotency_key text, intended_at text, changed_at text, task_id text);"
                "create index items_by_state on items (state)");
    }
    bare_loop(bare_loop const&) = delete;
    bare_loop& operator=(bare_loop const&) = delete;
    ~bare_loop() { sqlite3_close(db_); }

    double run(int at_a_time)
    {
        std::uint64_t done = 0;
        auto const begin = clock_type::now();
        while (clock_type::now() < begin + stretch) {
            std::uint64_t const first = done + 1;
            std::uint64_t const end = first + static_cast<std::uint64_t>(at_a_time);
            transaction("normal", first, end,
                        "insert into items values (?, 'reference', 'kling-v3',"
                        " '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', 'planned', 0,"
                        " '45c84b9f-6b4e-4d50-9b0d-2b4f7f3c8a11', null, strftime('%Y-%m-%dT%H:%M:%fZ', "
                        "'now'), null)");
            transaction(
                "full", first, end,
                "update items set state = 'intended', intended_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),"
                " changed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') where item = ?");
            transaction("full", first, end,
                        "update items set state = 'accepted', task_id = 'task_01KA040K7819FA6Q5CATJZ83XP',"
                        " changed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') where item = ?");
            done += static_cast<std::uint64_t>(at_a_time);
        }
        return static_cast<double>(done) / std::chrono::duration<double>(clock_type::now() - begin).count();
    }

private:
    static void check(int result)
    {
        if (result != SQLITE_OK)
            throw std::runtime_error(sqlite3_errstr(result));
    }
    void execute(std::string const& sql) { check(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr)); }
    void transaction(char const* synchronous, std::uint64_t first, std::uint64_t end, char const* sql)
    {
        execute(std::string("pragma synchronous = ") + synchronous);
        execute("begin immediate");
        sqlite3_stmt* statement = nullptr;
        check(sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr));
        for (std::uint64_t i = first; i != end; ++i) {
            sqlite3_bind_int64(statement, 1, static_cast<sqlite3_int64>(i));
            sqlite3_step(statement);
            sqlite3_reset(statement);
        }
        check(sqlite3_finalize(statement));
        execute("commit");
    }

    sqlite3* db_ = nullptr;
};

double bare(int at_a_time)
{
    folder const here;
    return bare_loop(here.file()).run(at_a_time);
}

#ifdef APIMART_BENCHMARK_POSTGRESQL
double postgresql(std::string const& address, int at_a_time)
{
    asio::io_context context;
    std::string const name = "benchmark " + std::to_string(clock_type::now().time_since_epoch().count());
    apimart::postgresql_journal const journal(context, address, name);
    std::uint64_t next = 0;
    return with_library(context, journal, at_a_time, next);
}
#endif

} // namespace

int main(int argc, char** argv)
try {
    bool must_hold = false;
    std::string address;
    for (int i = 1; i != argc; ++i) {
        std::string_view const argument(argv[i]);
        if (argument == "--check") {
            must_hold = true;
        } else if (argument == "--postgresql" && i + 1 != argc) {
            address = argv[++i];
        } else {
            std::fputs("usage: journal [--check] [--postgresql ADDRESS]\n", stderr);
            return 2;
        }
    }
    std::printf("durable submits a second\n%-10s %12s %12s %8s %14s\n", "at a time", "SQLite", "bare loop",
                "ratio", address.empty() ? "" : "PostgreSQL");
    double most = 0;
    for (int const at_a_time : {1, 16, 64, 256}) {
        double ours = 0;
        double theirs = 0;
        for (int turn = 0; turn != turns; ++turn) {
            ours = std::max(ours, library(at_a_time));
            theirs = std::max(theirs, bare(at_a_time));
        }
        most = std::max(most, ours);
        std::printf("%-10d %12.0f %12.0f %8.2f", at_a_time, ours, theirs, ours / theirs);
#ifdef APIMART_BENCHMARK_POSTGRESQL
        if (!address.empty())
            std::printf(" %14.0f", postgresql(address, at_a_time));
#endif
        std::printf("\n");
        std::fflush(stdout);
    }
    constexpr double least = 5'000;
    if (most >= least)
        return 0;
    std::printf("bound broken: at least %.0f a second, found %.0f\n", least, most);
    return must_hold ? 1 : 0;
} catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
