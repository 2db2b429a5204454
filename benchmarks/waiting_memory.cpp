// How much memory does a waiting task take when very many wait, and how much of it is the library's?
//
// A wait of a coroutine with the task in it, as programs write it, and a wait of a plain callback, which leaves little
// beside what the library keeps. Each task is asked for once, over TLS, and then waits on; the server is a process of its
// own that never ends a task. Beside them what waiting costs without a client: a coroutine with a timer, on any_io_executor
// and on the executor of its context, a callback with a timer, and a heap of plain structs.
//
// Each row is a process of its own. Bytes are those that malloc has given out by then, with its own before each block, and
// those by which the process has grown, both without what was there before the first wait and divided by the number of
// waits.

#include "child_process.hpp"
#include "memory.hpp"
#include "workload.hpp"

#include <apimart/client.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/version.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <queue>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using bench::memory;
using namespace std::chrono_literals;

struct settings
{
    long waits = 100'000;
    std::string port; // of the server
    std::string ca_file;
};

// Starts the waits one after the other, with pauses in which the context works, as in a program that has taken them on over
// time; `settled` tells when all of them do nothing but wait.
template <class Start, class Settled>
memory growth(settings const& given, asio::io_context& context, Start start, Settled settled)
{
    memory const before = memory::now();
    for (long i = 0; i != given.waits; ++i) {
        start(i);
        context.poll();
    }
    while (!settled())
        context.run_one();
    memory grown = memory::now();
    grown.heap -= before.heap;
    grown.resident -= before.resident;
    return grown;
}

bool at_once()
{
    return true;
}

// As `client::submit` gives it.
apimart::task submitted(long number)
{
    std::array<char, 32> id;
    std::snprintf(id.data(), id.size(), "task_01J9HA7JPQ9A0Z%012llu",
                  static_cast<unsigned long long>(number) % 1'000'000'000);
    return apimart::task(id.data())
        .model("kling-v3")
        .duration_class("kling-v3/text_to_video/pro/5")
        .idempotency_key("0f8fad5b-d9cb-469f-a165-70867728950e")
        .submit_attempts(1)
        .accepted_at(std::chrono::steady_clock::now());
}

template <class Start>
memory of_the_library(settings const& given, Start start)
{
    apimart::client_config config{apimart::api_key(std::string(bench::secret))};
    config.base_url = "https://127.0.0.1:" + given.port;
    config.tls.add_ca_file(given.ca_file);
    config.limits.max_connections = 4;
    // Each task is asked for once, as soon as that can be, and then not for as long as this takes.
    config.poll.initial_delay = 0ms;
    config.poll.min_interval = 1h;
    config.poll.max_interval = 2h;
    config.poll.max_wait = 24h;
    config.poll.requests_per_second = 1e6;
    config.poll.max_concurrent = 4;
    asio::io_context context(1);
    apimart::client client(context, config);
    auto const all = static_cast<std::uint64_t>(given.waits);
    memory const grown = growth(
        given, context, [&](long i) { start(context, client, i); },
        [&] { return client.metrics().polls_sent == all && client.metrics().requests_in_flight == 0; });
    if (client.metrics().tasks_waiting != all)
        throw std::runtime_error("not all tasks are waited for");
    std::cout << grown.heap << ' ' << grown.resident << std::endl;
    // Without the end of what waits, which is not measured.
    std::_Exit(0);
}

asio::awaitable<void> wait_for(apimart::client client, apimart::task task)
{
    co_await client.wait(std::move(task));
}

memory library_coroutine(settings const& given)
{
    return of_the_library(given, [](asio::io_context& context, apimart::client& client, long i) {
        asio::co_spawn(context, wait_for(client, submitted(i)), asio::detached);
    });
}

memory library_callback(settings const& given)
{
    return of_the_library(given, [](asio::io_context&, apimart::client& client, long i) {
        client.wait(submitted(i), [](apimart::error_code, apimart::task_result) {});
    });
}

template <class Executor>
asio::awaitable<void, Executor> sleep_in_coroutine(Executor executor)
{
    using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                             asio::wait_traits<std::chrono::steady_clock>, Executor>;
    timer own(executor, 1h);
    co_await own.async_wait(asio::use_awaitable_t<Executor>());
}

template <class Executor>
memory coroutine_and_timer(settings const& given)
{
    asio::io_context context(1);
    Executor const executor = context.get_executor();
    return growth(
        given, context,
        [&](long) { asio::co_spawn(executor, sleep_in_coroutine<Executor>(executor), asio::detached); },
        at_once);
}

memory callback_and_timer(settings const& given)
{
    asio::io_context context(1);
    std::deque<asio::steady_timer> timers;
    return growth(
        given, context,
        [&](long i) { timers.emplace_back(context, 1h).async_wait([i](apimart::error_code) { (void)i; }); },
        at_once);
}

struct plain_wait
{
    std::chrono::steady_clock::time_point next;
    std::chrono::steady_clock::time_point deadline;
    std::string id;
    std::function<void()> done;

    friend bool operator<(plain_wait const& a, plain_wait const& b) { return a.next > b.next; }
};

memory plain_structs(settings const& given)
{
    asio::io_context context(1);
    std::priority_queue<plain_wait> waits;
    return growth(
        given, context,
        [&](long i) {
            auto const now = std::chrono::steady_clock::now();
            waits.push({now + std::chrono::seconds(i % 100), now + 1h, submitted(i).id(), [i] { (void)i; }});
        },
        at_once);
}

struct row
{
    char const* name; // as an argument
    char const* title;
    memory (*measure)(settings const&);
    long bound; // of the heap, per wait; none where it is zero
};

constexpr std::array rows{
    row{"coroutine", "client.wait in a coroutine, with its task", library_coroutine, 1000},
    row{"callback", "client.wait with a callback: the library's", library_callback, 300},
    row{"asio", "coroutine and timer, any_io_executor", coroutine_and_timer<asio::any_io_executor>, 0},
    row{"asio-concrete", "coroutine and timer, concrete executor",
        coroutine_and_timer<asio::io_context::executor_type>, 0},
    row{"asio-callback", "callback and timer", callback_and_timer, 0},
    row{"structs", "heap of plain structs", plain_structs, 0}};

// One row, in this process: prints what it has measured.
int measure(std::string_view name, settings const& given)
{
    auto const found =
        std::find_if(rows.begin(), rows.end(), [&](row const& each) { return each.name == name; });
    if (found == rows.end())
        throw std::invalid_argument("there is no such row");
    memory const grown = found->measure(given);
    std::cout << grown.heap << ' ' << grown.resident << std::endl;
    return 0;
}

int measure_all(std::string const& program, settings given, bool check)
{
    bench::scratch_folder const scratch;
    given.ca_file = scratch.file("ca.pem");
    bench::child_process server(
        {(std::filesystem::path(program).parent_path() / "service").string(), given.ca_file, "0", "pending"});
    given.port = server.line();
    if (given.port.empty())
        throw std::runtime_error("the server does not start");

    std::printf("%ld tasks wait; bytes for each of them. GCC %s, Boost %d.%d\n\n%-46s %8s %8s %8s\n",
                given.waits, __VERSION__, BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, "", "heap",
                "process", "bound");
    bool broken = false;
    for (row const& each : rows) {
        bench::child_process child(
            {program, "--row", each.name, given.port, given.ca_file, std::to_string(given.waits)});
        std::istringstream answer(child.line());
        memory grown;
        if (!(answer >> grown.heap >> grown.resident) || !child.end())
            throw std::runtime_error(std::string("no figures from the row ") + each.name);
        long const heap = grown.heap / given.waits;
        std::string bound;
        if (each.bound != 0) {
            broken = broken || heap > each.bound;
            bound = std::to_string(each.bound) + (heap > each.bound ? " broken" : "");
        }
        std::printf("%-46s %8ld %8ld %8s\n", each.title, heap, grown.resident / given.waits, bound.c_str());
        std::fflush(stdout);
    }
    return check && broken ? 1 : 0;
}

} // namespace

int main(int argc, char** argv)
{
    try {
        std::vector<std::string> const arguments(argv + 1, argv + argc);
        settings given;
        if (arguments.size() == 5 && arguments[0] == "--row") {
            given.port = arguments[2];
            given.ca_file = arguments[3];
            given.waits = std::stol(arguments[4]);
            return measure(arguments[1], given);
        }
        bool check = false;
        for (std::string const& each : arguments) {
            if (each == "--check")
                check = true;
            else if (given.waits = std::strtol(each.c_str(), nullptr, 10); given.waits < 1)
                throw std::invalid_argument("usage: waiting_memory [--check] [WAITS]");
        }
        return measure_all(argv[0], given, check);
    } catch (std::exception const& failure) {
        std::cerr << argv[0] << ": " << failure.what() << '\n';
        return 2;
    }
}
