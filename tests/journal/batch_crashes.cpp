// A batch that is killed: before and after every step of its journal, again while it recovers, and once more. What was bought
// is what the books of the service say.
#include "../emulator/client_fixture.hpp"

#include <apimart/batch.hpp>
#include <apimart/sqlite_journal.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

using namespace client_tests;
using namespace apimart;

namespace {

constexpr int item_count = 2;

// What the child is told, in one variable.
class orders
{
public:
    std::string journal;
    std::string base_url;
    std::string ca_file;
    int dies_at = -1;      // the number of the step, twice: before it is even, after it odd
    bool declared = false; // that the service honours keys
    bool is_naive = false; // and what has no answer is sent again all the same
    std::string report;    // a line for each outcome

    std::string text() const
    {
        std::ostringstream out;
        out << journal << ' ' << base_url << ' ' << ca_file << ' ' << dies_at << ' ' << declared << ' '
            << is_naive << ' ' << report;
        return out.str();
    }
    static orders from(std::string const& text)
    {
        orders out;
        std::istringstream(text) >> out.journal >> out.base_url >> out.ca_file >> out.dies_at >>
            out.declared >> out.is_naive >> out.report;
        return out;
    }
};

// A journal whose process is killed at one step.
class deadly_journal
{
public:
    deadly_journal(sqlite_journal books, int dies_at)
        : books_(std::move(books)), dies_at_(dies_at), at_(std::make_shared<int>(0))
    {}

    asio::awaitable<std::string> bind(std::string service) { return books_.bind(std::move(service)); }
    asio::awaitable<std::optional<journal_record>> claim(journal_item item)
    {
        return step(books_.claim(std::move(item)));
    }
    asio::awaitable<journal_record> intend(std::uint64_t index) { return step(books_.intend(index)); }
    asio::awaitable<journal_record> settle(std::uint64_t index, journal_outcome outcome)
    {
        return step(books_.settle(index, std::move(outcome)));
    }
    asio::awaitable<journal_record> finish(std::uint64_t index, journal_outcome outcome)
    {
        return step(books_.finish(index, std::move(outcome)));
    }
    asio::awaitable<journal_record> release(std::uint64_t index) { return step(books_.release(index)); }
    asio::awaitable<std::optional<journal_record>> next_abandoned() { return books_.next_abandoned(); }
    asio::awaitable<journal_record> resubmit(std::uint64_t index, int generation)
    {
        return step(books_.resubmit(index, generation));
    }
    asio::awaitable<journal_record> resolve(std::uint64_t index, std::optional<std::string> task_id)
    {
        return step(books_.resolve(index, std::move(task_id)));
    }
    asio::awaitable<journal_counts> counts() { return books_.counts(); }
    asio::awaitable<std::vector<journal_record>> list(journal_query query) { return books_.list(query); }

private:
    void die() const
    {
        if ((*at_)++ == dies_at_)
            ::kill(::getpid(), SIGKILL);
    }
    template <class T>
    asio::awaitable<T> step(asio::awaitable<T> work)
    {
        die();
        T done = co_await std::move(work);
        die();
        co_return done;
    }

    sqlite_journal books_;
    int dies_at_;
    std::shared_ptr<int> at_;
};

void run_child(orders const& told)
{
    asio::io_context context;
    client_config config = quick_config(told.base_url, bytes_of(told.ca_file));
    config.idempotency = told.declared ? idempotency::supported : idempotency::none;
    config.timeouts.response = 2s;
    config.timeouts.shutdown_grace = 10ms;
    client user(context, config);
    sqlite_journal books(context, told.journal);
    deadly_journal deadly(books, told.dies_at);
    batch_options options;
    options.max_unknown_in_a_row = 0;
    if (told.is_naive)
        options.on_unknown = on_unknown::resubmit_may_double_charge;
    batch many(user, deadly, options);
    std::vector<any_request> requests(item_count, corgi());
    many.start(std::move(requests));
    std::ofstream report(told.report);
    auto take = [&]() -> asio::awaitable<void> {
        while (std::optional<batch_outcome> one = co_await many.next())
            report << one->index << ' ' << to_string(one->end) << '\n';
    };
    asio::co_spawn(context, take(), [](std::exception_ptr thrown) {
        if (thrown)
            std::rethrow_exception(thrown);
    });
    context.run_for(guard);
}

// Whether the child lived to its end.
bool run_process(orders const& told)
{
    std::string const variable = "APIMART_BATCH_CRASH=" + told.text();
    std::vector<char*> environment;
    for (char** each = environ; *each != nullptr; ++each)
        environment.push_back(*each);
    environment.push_back(const_cast<char*>(variable.c_str()));
    environment.push_back(nullptr);
    char program[] = "/proc/self/exe";
    char filter[] = "--test-case=batch crashes: killed at every step*";
    char* arguments[] = {program, filter, nullptr};
    posix_spawn_file_actions_t silent;
    ::posix_spawn_file_actions_init(&silent);
    ::posix_spawn_file_actions_addopen(&silent, 1, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    REQUIRE(::posix_spawn(&child, program, &silent, nullptr, arguments, environment.data()) == 0);
    ::posix_spawn_file_actions_destroy(&silent);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        REQUIRE(WTERMSIG(status) == SIGKILL);
    return WIFEXITED(status);
}

class crash_totals
{
public:
    int runs = 0;
    std::size_t twice = 0;
    std::size_t lost = 0;
    std::size_t in_doubt = 0;
};

// One batch whose processes die at these steps, one after the other, and then one that lives.
// Whether the last death still came.
bool crash(std::string_view scenario_text, orders told, std::vector<int> const& deaths, crash_totals& totals)
{
    bench b(scenario_text);
    scratch_folder folder;
    told.journal = (folder / "journal").string();
    told.ca_file = (folder / "ca.pem").string();
    told.report = (folder / "report").string();
    told.base_url = b.service().base_url();
    std::ofstream(told.ca_file) << b.ca_pem();
    bool died = true;
    for (int const at : deaths) {
        told.dies_at = at;
        died = died && !run_process(told);
        ++totals.runs;
    }
    told.dies_at = -1;
    REQUIRE(run_process(told));
    ++totals.runs;
    // The books against what the last process tells.
    std::istringstream report(bytes_of(told.report));
    std::size_t succeeded = 0;
    std::size_t unknown = 0;
    for (std::string line; std::getline(report, line);) {
        succeeded += line.find("succeeded") != std::string::npos ? 1 : 0;
        unknown += line.find("unknown") != std::string::npos ? 1 : 0;
    }
    CHECK(succeeded + unknown == item_count);
    std::size_t const bought = b.accepted();
    totals.twice += bought > item_count ? bought - item_count : 0;
    totals.lost += succeeded > bought ? succeeded - bought : 0;
    // More than those that succeeded may be bought only as far as doubt is told.
    totals.lost += bought > succeeded + unknown ? bought - succeeded - unknown : 0;
    totals.in_doubt += unknown;
    return died;
}

} // namespace

TEST_CASE(
    "batch crashes: killed at every step, also while it recovers, it buys nothing twice and loses nothing")
{
    if (char const* const told = std::getenv("APIMART_BATCH_CRASH")) {
        run_child(orders::from(told));
        CHECK(*told != '\0');
        return;
    }
    std::string_view const with_keys = R"({"idempotency":"on"})";
    std::string_view const without_keys = R"({"idempotency":"off"})";
    for (bool const keys : {true, false}) {
        CAPTURE(keys);
        orders told;
        told.declared = keys;
        crash_totals totals;
        std::string_view const form = keys ? with_keys : without_keys;
        for (int first = 0; crash(form, told, {first}, totals); ++first) {
            // While it recovers, and while it recovers from that: at steps that go round.
            if (first % 3 == 0)
                crash(form, told, {first, first % 5, first * 3 % 7}, totals);
        }
        CHECK(totals.runs > 30);
        CHECK(totals.twice == 0);
        CHECK(totals.lost == 0);
        if (keys)
            CHECK(totals.in_doubt == 0);
        else
            CHECK(totals.in_doubt > 0);
    }
    // The negative control: what a client does that sends again whatever has no answer.
    orders naive;
    naive.is_naive = true;
    crash_totals totals;
    for (int first = 0; crash(without_keys, naive, {first}, totals); ++first) {
    }
    CHECK(totals.twice > 0);
}
