// Does one client carry very many tasks at a time to their end, on few connections, without being late?
//
// The emulated service is a process of its own. Tasks are bought at a steady rate and waited for, each of them takes minutes,
// and one in a hundred videos is fetched, a megabyte each. The client runs on one thread; beside it a timer goes off every ten
// milliseconds on the same context and notes how late it was.
//
// usage: throughput [--check] [--speed N] [--submits N] [--interval SECONDS] [--batch N] [TASKS]
//   --speed     how many times faster the service is than the real one, at which a task takes 40 to 120 seconds
//   --submits   per second
//   --interval  the shortest time between two polls of one task
//   --batch     tasks for one batch query; without it each task is asked for by itself
//   --check     fails where a bound is broken, and says which

#include "child_process.hpp"
#include "memory.hpp"
#include "workload.hpp"

#include <apimart/client.hpp>
#include <apimart/models/kling_v3.hpp>
#include <apimart/testing/emulator.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

struct settings
{
    long tasks = 100'000;
    double speed = 0.4;
    double submits_per_second = 2000;
    double interval = 10; // seconds
    std::size_t batch = 0;
    bool check = false;
};

double cpu_seconds(int who)
{
    rusage used{};
    ::getrusage(who, &used);
    auto const seconds = [](timeval const& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// The service's process: ends with its standard input, and tells what it saw.
int serve(std::string const& ca_file, double speed)
{
    asio::io_context context(1);
    apimart::testing::emulator_options options;
    options.speed = speed;
    options.scenario = apimart::testing::scenario::parse(R"({"file_bytes":1048576})");
    apimart::testing::emulator service(context.get_executor(), options);
    std::ofstream(ca_file) << service.ca_pem();
    service.start();
    std::cout << service.port() << std::endl;
    asio::posix::stream_descriptor input(context, ::dup(STDIN_FILENO));
    input.async_wait(asio::posix::stream_descriptor::wait_read,
                     [&](boost::system::error_code) { context.stop(); });
    context.run();
    auto const books = service.books();
    auto const told = [&](char const* name) { return books.at(name).to_number<std::uint64_t>(); };
    std::cout << books.at("accepted").as_array().size() << ' ' << told("polls") << ' '
              << told("batch_queries") << ' ' << told("connections_peak") << ' ' << told("downloads") << ' '
              << bench::memory::now().resident << std::endl;
    std::_Exit(0); // all that is taken apart is not measured
}

// How late a timer on the client's context goes off.
class lag_meter
{
public:
    explicit lag_meter(asio::io_context& context) : timer_(context) { next(); }

    void stop()
    {
        stopped_ = true;
        timer_.cancel();
    }
    double milliseconds(double share)
    {
        std::sort(lags_.begin(), lags_.end());
        return lags_.at(static_cast<std::size_t>(share * static_cast<double>(lags_.size() - 1)));
    }

private:
    void next()
    {
        timer_.expires_after(10ms);
        timer_.async_wait([this](boost::system::error_code) {
            if (stopped_)
                return;
            lags_.push_back(
                std::chrono::duration<double, std::milli>(clock_type::now() - timer_.expiry()).count());
            next();
        });
    }

    asio::steady_timer timer_;
    std::vector<double> lags_;
    bool stopped_ = false;
};

// Buys tasks at a steady rate and waits for them.
class buyer
{
public:
    buyer(asio::io_context& context, apimart::client& client, settings const& given)
        : client_(client), given_(given), request_(apimart::text_to_video<apimart::kling_v3>(
                                              std::string_view("A corgi runs along the beach"))),
          timer_(context), lag_(context), begun_(clock_type::now())
    {
        buy();
    }

    lag_meter& lag() { return lag_; }
    long done() const { return done_; }
    long failed() const { return failed_; }
    long fetched() const { return fetched_; }
    std::uint64_t most_waiting() const { return most_waiting_; }
    std::uint64_t latest_poll() const { return latest_poll_; }
    std::string const& first_failure() const { return first_failure_; }

private:
    void buy()
    {
        std::chrono::duration<double> const passed = clock_type::now() - begun_;
        long const due =
            std::min(given_.tasks, static_cast<long>(passed.count() * given_.submits_per_second));
        for (; bought_ < due; ++bought_)
            client_.submit(request_, apimart::as_result([this](apimart::result<apimart::task> bought) {
                               if (bought)
                                   wait(*bought);
                               else
                                   fail(bought.error());
                           }));
        apimart::metrics const now = client_.metrics();
        most_waiting_ = std::max(most_waiting_, now.tasks_waiting);
        latest_poll_ = std::max(latest_poll_, now.poll_delay_ms);
        timer_.expires_after(5ms);
        timer_.async_wait([this](boost::system::error_code code) {
            if (!code)
                buy();
        });
    }
    void wait(apimart::task const& bought)
    {
        client_.wait(bought, apimart::as_result([this](apimart::result<apimart::task_result> ended) {
                         if (!ended || !ended->succeeded())
                             return fail(ended ? apimart::error_info(apimart::errc::no_result)
                                               : ended.error());
                         if (++succeeded_ % 100 == 0)
                             return fetch(ended->video());
                         end();
                     }));
    }
    void fetch(apimart::video_file const& video)
    {
        client_.download(video, apimart::into_memory(2U << 20U),
                         apimart::as_result([this](apimart::result<std::string> bytes) {
                             if (!bytes)
                                 return fail(bytes.error());
                             ++fetched_;
                             end();
                         }));
    }
    void fail(apimart::error_info const& why)
    {
        if (failed_++ == 0)
            first_failure_ = why.describe();
        end();
    }
    void end()
    {
        if (++done_ < given_.tasks)
            return;
        timer_.cancel();
        lag_.stop();
    }

    apimart::client& client_;
    settings const& given_;
    apimart::any_request request_;
    asio::steady_timer timer_;
    lag_meter lag_;
    clock_type::time_point begun_;
    long bought_ = 0;
    long done_ = 0;
    long succeeded_ = 0;
    long failed_ = 0;
    long fetched_ = 0;
    std::uint64_t most_waiting_ = 0;
    std::uint64_t latest_poll_ = 0; // in milliseconds
    std::string first_failure_;
};

int measure(std::string const& program, settings const& given)
{
    bench::scratch_folder const scratch;
    std::string const ca_file = scratch.file("ca.pem");
    bench::child_process service({program, "--service", ca_file, std::to_string(given.speed)});
    std::string const port = service.line();
    if (port.empty())
        throw std::runtime_error("the service does not start");

    apimart::client_config config{apimart::api_key(std::string(bench::secret))};
    config.base_url = "https://127.0.0.1:" + port;
    config.tls.add_ca_file(ca_file);
    config.limits.max_connections = 64;
    config.limits.queued_submits = static_cast<std::size_t>(given.tasks);
    config.limits.queued_downloads = static_cast<std::size_t>(given.tasks);
    config.limits.max_concurrent_submits = 16;
    config.poll.max_concurrent = 48;
    config.poll.requests_per_second = 20'000;
    config.poll.min_interval = std::chrono::milliseconds(static_cast<long>(given.interval * 1000));
    config.poll.initial_delay = config.poll.min_interval;
    config.poll.batch_query_size = given.batch;

    asio::io_context context(1);
    apimart::client client(context, config);
    auto const begun = clock_type::now();
    buyer all(context, client, given);
    context.run();
    double const seconds = std::chrono::duration<double>(clock_type::now() - begun).count();
    apimart::metrics const sums = client.metrics();
    long const resident = bench::memory::now().resident;
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);

    service.close_input();
    std::istringstream books(service.line());
    std::uint64_t accepted = 0, polls = 0, batch_queries = 0, connections = 0, downloads = 0;
    long service_resident = 0;
    books >> accepted >> polls >> batch_queries >> connections >> downloads >> service_resident;
    service.end();

    double const n = static_cast<double>(given.tasks);
    std::printf("%ld tasks in %.1f s, at most %llu at a time; %ld failed, %ld videos fetched\n", given.tasks,
                seconds, static_cast<unsigned long long>(all.most_waiting()), all.failed(), all.fetched());
    std::printf(
        "requests     %.2f polls and %.3f batch queries a task, %.0f a second; %llu connections at most\n",
        static_cast<double>(polls) / n, static_cast<double>(batch_queries) / n,
        (static_cast<double>(polls + batch_queries) + n) / seconds,
        static_cast<unsigned long long>(connections));
    std::printf("loop lag     p50 %.2f ms, p99 %.2f ms, worst %.2f ms\n", all.lag().milliseconds(.5),
                all.lag().milliseconds(.99), all.lag().milliseconds(1));
    std::printf(
        "late polls   %llu by more than the shortest interval; the latest of those looked at %.3f s\n",
        static_cast<unsigned long long>(sums.polls_late), static_cast<double>(all.latest_poll()) / 1000);
    std::printf("client       %.1f s CPU, %ld MB at most, %ld MB at the end\n", cpu_seconds(RUSAGE_SELF),
                used.ru_maxrss >> 10, resident >> 20);
    std::printf("service      %.1f s CPU, %ld MB\n", cpu_seconds(RUSAGE_CHILDREN), service_resident >> 20);

    bool broken = false;
    auto const hold = [&](bool holds, std::string const& what) {
        if (!holds)
            std::printf("broken: %s\n", what.c_str());
        broken = broken || !holds;
    };
    hold(all.failed() == 0, "every task ends with its video; the first failure: " + all.first_failure());
    hold(accepted == static_cast<std::uint64_t>(given.tasks), "the service has booked each task once");
    hold(connections <= 64, "at most 64 connections");
    hold(sums.polls_late == 0, "no poll later than twice its plan");
    hold(all.lag().milliseconds(.99) <= 20, "99 in 100 times the loop is at most 20 ms late");
    return given.check && broken ? 1 : 0;
}

} // namespace

int main(int argc, char** argv)
{
    try {
        std::vector<std::string> const arguments(argv + 1, argv + argc);
        if (arguments.size() == 3 && arguments[0] == "--service")
            return serve(arguments[1], std::stod(arguments[2]));
        settings given;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            std::string const& name = arguments[i];
            auto const value = [&] { return std::stod(arguments.at(++i)); };
            if (name == "--check")
                given.check = true;
            else if (name == "--speed")
                given.speed = value();
            else if (name == "--submits")
                given.submits_per_second = value();
            else if (name == "--interval")
                given.interval = value();
            else if (name == "--batch")
                given.batch = static_cast<std::size_t>(value());
            else
                given.tasks = std::stol(name);
        }
        if (given.tasks < 1)
            throw std::invalid_argument("TASKS must be at least one");
        return measure(argv[0], given);
    } catch (std::exception const& failure) {
        std::cerr << argv[0] << ": " << failure.what()
                  << "\nusage: throughput [--check] [--speed N] [--submits N] [--interval SECONDS] [--batch "
                     "N] [TASKS]\n";
        return 2;
    }
}
