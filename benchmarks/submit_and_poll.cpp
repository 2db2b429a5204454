// What does one submit and one poll through the library cost, compared with clients written by hand for the
// same two requests?
//
// Beside the library: the Beast loop that one writes first (beast_client), the best that stays on Asio's TLS
// stream (tuned_client), OpenSSL over epoll as the floor (openssl_client), libcurl's multi interface
// (curl_client). All make the same JSON object for each submit, send the same header fields, parse both
// answers and look at the same members of them, over kept-alive TLS connections with verification, in one
// thread. Each is a program of its own; so is the server, which is OpenSSL over epoll and holds every answer
// back for a moment, as a network does.
//
// "submit + wait" is what programs write: client.wait asks once because the task is done by then, so it makes
// one GET. "observed" is the same with an observer that is told of every attempt and every operation; the
// bounds are meant for it. "submit + status" shows what the schedule of polls costs: client.status always
// makes exactly one GET. That nobody makes other requests than these two is checked with the server's counts.
//
// Counts are of whole processes with all their threads, as the difference of a run with twice the operations
// and one with once, so that connecting and the handshakes are in none of them: instructions in user space
// (callgrind), system calls (strace), allocations (everything that reaches malloc). System calls with one
// connection are counted a second time with a server that does not wait: then the answer is there by the time
// a client that is slowed down by strace looks for it. CPU time is that of the measured operations, in rounds
// that take the clients in turn. Not measured: latency, downloads, several threads, the server.

#include "child_process.hpp"
#include "meter.hpp"
#include "server_counts.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/version.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct side
{
    char const* name; // as an argument
    char const* program;
    char const* detail;
    char const* title; // in the table
};

constexpr std::array sides{side{"floor", "openssl_client", "", "OpenSSL over epoll"},
                           side{"tuned", "tuned_client", "", "Asio, hand-tuned"},
                           side{"plain", "beast_client", "", "Beast, plain"},
                           side{"curl", "curl_client", "", "libcurl multi"},
                           side{"status", "library_client", "status", "submit + status"},
                           side{"wait", "library_client", "wait", "submit + wait"},
                           side{"observed", "library_client", "observed", "the same, observed"}};
constexpr std::size_t tuned = 1;
constexpr std::size_t plain = 2;
constexpr std::size_t library = 6; // the bounds hold for this one

// What an operation consists of.
constexpr double requests = 2;

struct settings
{
    int rounds = 7;
    std::uint64_t operations = 20'000;
    std::uint64_t counted = 2'000; // and twice as many, for the counts
    int connections = 64;
    long latency_us = 1'000;
    std::vector<std::string> chosen; // names of sides; empty: all
    bool check = false;
    std::string profile; // a file to write instead of measuring
};

class spread
{
public:
    void add(double value) { values_.push_back(value); }
    bool empty() const { return values_.empty(); }

    double median() const
    {
        std::vector<double> sorted = values_;
        std::sort(sorted.begin(), sorted.end());
        std::size_t const middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
    double least() const { return *std::min_element(values_.begin(), values_.end()); }
    double most() const { return *std::max_element(values_.begin(), values_.end()); }
    std::vector<double> const& values() const { return values_; }

private:
    std::vector<double> values_;
};

/// All per operation.
struct measured
{
    bool wanted = false;
    bool taken = false; // it is wanted, and there is the program
    spread cpu_us;
    spread system_us;
    spread rate;
    double allocations = 0;
    double bytes = 0;
    double openssl_allocations = 0;
    std::optional<double> instructions;
    std::optional<double> calls;
    std::optional<double> calls_alone;         // with one connection
    std::optional<double> calls_alone_at_once; // the same, with answers that do not take any time
    bench::server_counts seen;                 // of the last run
    std::string body;                          // of a submit
};

class measurement
{
public:
    measurement(std::filesystem::path programs, settings chosen)
        : programs_(std::move(programs)), settings_(std::move(chosen))
    {
        for (std::size_t i = 0; i < sides.size(); ++i) {
            bool const wanted = settings_.chosen.empty() ||
                                std::find(settings_.chosen.begin(), settings_.chosen.end(), sides[i].name) !=
                                    settings_.chosen.end();
            results_[i].wanted = wanted;
            results_[i].taken = wanted && std::filesystem::exists(programs_ / sides[i].program);
        }
    }

    void run()
    {
        for (int round = 0; round < settings_.rounds; ++round)
            each([&](std::size_t i, measured& m) {
                progress("round " + std::to_string(round + 1) + " of " + std::to_string(settings_.rounds), i);
                bench::cost const spent = run_client({}, i, settings_.operations, settings_.connections);
                double const n = static_cast<double>(spent.operations);
                m.cpu_us.add(spent.cpu_us() / n);
                m.system_us.add(spent.system_us / n);
                m.rate.add(n / spent.wall_us * 1e6);
            });
        each([&](std::size_t i, measured& m) {
            progress("allocations", i);
            bench::cost const once = run_client({}, i, settings_.counted, settings_.connections);
            bench::cost const twice = run_client({}, i, 2 * settings_.counted, settings_.connections);
            auto const more = [&](std::uint64_t a, std::uint64_t b) {
                return (static_cast<double>(b) - static_cast<double>(a)) /
                       static_cast<double>(settings_.counted);
            };
            m.allocations = more(once.all.calls, twice.all.calls);
            m.bytes = more(once.all.bytes, twice.all.bytes);
            m.openssl_allocations = more(once.openssl.calls, twice.openssl.calls);
        });
        if (bench::is_installed("strace"))
            each([&](std::size_t i, measured& m) {
                progress("system calls", i);
                auto const calls = [&](int connections, long latency_us) {
                    return per_operation([&](std::uint64_t operations) {
                        return strace(i, operations, connections, latency_us);
                    });
                };
                m.calls = calls(settings_.connections, settings_.latency_us);
                m.calls_alone = calls(1, settings_.latency_us);
                m.calls_alone_at_once = calls(1, 0);
            });
        if (bench::is_installed("valgrind"))
            each([&](std::size_t i, measured& m) {
                progress("instructions", i);
                m.instructions =
                    per_operation([&](std::uint64_t operations) { return callgrind(i, operations); });
            });
        if (::isatty(STDERR_FILENO) == 1)
            std::cerr << "\r\033[K";
        compare_bodies();
    }

    /// Has callgrind write down what the measured operations of the first chosen side consist of.
    void profile()
    {
        std::size_t which = library;
        for (std::size_t i = 0; i < sides.size(); ++i)
            if (!settings_.chosen.empty() && settings_.chosen.front() == sides[i].name)
                which = i;
        run_client({"valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no",
                    "--toggle-collect=apimart_measured_part*", "--callgrind-out-file=" + settings_.profile},
                   which, settings_.counted, settings_.connections);
    }

    void print() const;
    /// False when one is broken.
    bool print_bounds() const;

private:
    template <class Action>
    void each(Action action)
    {
        for (std::size_t i = 0; i < sides.size(); ++i)
            if (results_[i].taken)
                action(i, results_[i]);
    }

    static void progress(std::string const& what, std::size_t which)
    {
        if (::isatty(STDERR_FILENO) == 1)
            std::cerr << "\r\033[K" << what << ": " << sides[which].title << std::flush;
    }

    bench::cost run_client(std::vector<std::string> command, std::size_t which, std::uint64_t operations,
                           int connections)
    {
        return run_client(std::move(command), which, operations, connections, settings_.latency_us);
    }

    bench::cost run_client(std::vector<std::string> command, std::size_t which, std::uint64_t operations,
                           int connections, long latency_us)
    {
        std::string const ca_file = folder_.file("ca.pem");
        bench::child_process server({programs_ / "service", ca_file, std::to_string(latency_us)});
        std::string const port = server.line();
        if (port.empty())
            throw std::runtime_error("the server did not start");
        for (std::string const& word : {(programs_ / sides[which].program).string(), port, ca_file,
                                        std::to_string(connections), std::to_string(operations)})
            command.push_back(word);
        if (*sides[which].detail != '\0')
            command.push_back(sides[which].detail);
        bench::child_process client(std::move(command));
        std::istringstream line(client.line());
        bench::cost spent;
        line >> spent;
        if (!client.end() || !line || spent.operations != operations)
            throw std::runtime_error(std::string("the run of \"") + sides[which].title + "\" failed");

        server.close_input();
        bench::server_counts seen;
        std::istringstream(server.line()) >> seen;
        std::string const body = server.line();
        if (!server.end())
            throw std::runtime_error("the server failed");
        std::uint64_t const expected = operations + static_cast<std::uint64_t>(connections);
        if (seen.submits != expected || seen.polls != expected || seen.wrong != 0 ||
            seen.connections != static_cast<std::uint64_t>(connections)) {
            std::ostringstream words;
            words << '"' << sides[which].title << "\" did " << expected << " submits and polls on "
                  << connections << " connections, the server saw " << seen.submits << ", " << seen.polls
                  << " and " << seen.connections << ", " << seen.wrong << " wrong";
            throw std::runtime_error(words.str());
        }
        results_[which].seen = seen;
        results_[which].body = body;
        return spent;
    }

    template <class Count>
    double per_operation(Count count) const
    {
        double const once = count(settings_.counted);
        return (count(2 * settings_.counted) - once) / static_cast<double>(settings_.counted);
    }

    double callgrind(std::size_t which, std::uint64_t operations)
    {
        std::string const out = folder_.file("callgrind.out");
        run_client({"valgrind", "--quiet", "--tool=callgrind", "--callgrind-out-file=" + out}, which,
                   operations, settings_.connections);
        std::ifstream file(out);
        for (std::string line; std::getline(file, line);)
            if (line.starts_with("summary: ") || line.starts_with("totals: "))
                if (double const sum = std::stod(line.substr(line.find(' '))); sum > 0)
                    return sum;
        throw std::runtime_error("callgrind gave no sum");
    }

    double strace(std::size_t which, std::uint64_t operations, int connections, long latency_us)
    {
        std::string const out = folder_.file("strace.out");
        run_client({"strace", "-f", "-c", "-U", "calls,name", "-o", out}, which, operations, connections,
                   latency_us);
        std::ifstream file(out);
        double calls = 0;
        std::string name;
        for (std::string line; std::getline(file, line);)
            if (std::istringstream words(line); words >> calls >> name && name == "total")
                return calls;
        throw std::runtime_error("strace gave no sum");
    }

    void compare_bodies()
    {
        std::optional<boost::json::value> first;
        each([&](std::size_t i, measured& m) {
            boost::json::value body = boost::json::parse(m.body);
            if (!first)
                first = std::move(body);
            else if (body != *first)
                throw std::runtime_error(std::string("the submits of \"") + sides[i].title +
                                         "\" are not those of the others: " + m.body);
        });
    }

    std::filesystem::path programs_;
    settings settings_;
    bench::scratch_folder folder_;
    std::array<measured, sides.size()> results_;
};

std::string number(double value, int digits)
{
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

std::string number(std::optional<double> value, int digits)
{
    return value ? number(*value, digits) : std::string("-");
}

std::optional<double> ratio(std::optional<double> a, std::optional<double> b)
{
    return a && b && *b != 0 ? std::optional(*a / *b) : std::nullopt;
}

void print_row(std::string_view name, std::vector<std::string> const& cells)
{
    constexpr std::array widths{12, 18, 8, 15, 10, 10, 11, 11};
    std::printf("%-28s", std::string(name).c_str());
    for (std::size_t i = 0; i < cells.size(); ++i)
        std::printf(" %*s", widths[i], cells[i].c_str());
    std::printf("\n");
}

std::string machine()
{
    std::string model = "unknown CPU";
    std::ifstream cpus("/proc/cpuinfo");
    for (std::string line; std::getline(cpus, line);)
        if (line.starts_with("model name")) {
            model = line.substr(line.find(':') + 2);
            break;
        }
    std::string compiler =
#ifdef __clang__
        "Clang ";
#else
        "GCC ";
#endif
    return model + ", " + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " CPUs; " + compiler +
           __VERSION__ + "; Boost " + std::to_string(BOOST_VERSION / 100000) + "." +
           std::to_string(BOOST_VERSION / 100 % 1000) + "; " + OpenSSL_version(OPENSSL_VERSION);
}

// Ratio of CPU times, the runs of one round compared with each other.
spread paired(measured const& a, measured const& b)
{
    spread ratios;
    for (std::size_t i = 0; i < a.cpu_us.values().size(); ++i)
        ratios.add(a.cpu_us.values()[i] / b.cpu_us.values()[i]);
    return ratios;
}

void measurement::print() const
{
    std::printf("Submit and poll over %d connections, answers after %ld us; CPU time of %d rounds of %llu "
                "operations, counts of %llu.\n%s\n\n",
                settings_.connections, settings_.latency_us, settings_.rounds,
                static_cast<unsigned long long>(settings_.operations),
                static_cast<unsigned long long>(settings_.counted), machine().c_str());
    std::vector<std::string> const heads{"instructions", "CPU us", "of it",  "allocations",
                                         "bytes",        "calls,", "calls,", "calls, 1,"};
    std::vector<std::string> const more{"",          "median (min)",
                                        "system",    "(OpenSSL's)",
                                        "allocated", std::to_string(settings_.connections) + " conn.",
                                        "1 conn.",   "no latency"};
    for (double const unit : {requests, 1.0}) {
        print_row(unit == 1 ? "PER OPERATION (2 requests)" : "PER REQUEST", heads);
        print_row("", more);
        for (std::size_t i = 0; i < sides.size(); ++i) {
            measured const& m = results_[i];
            if (!m.taken) {
                if (m.wanted)
                    print_row(sides[i].title, {"not built"});
                continue;
            }
            auto const per = [&](std::optional<double> value) {
                return value ? std::optional(*value / unit) : std::nullopt;
            };
            print_row(sides[i].title,
                      {number(per(m.instructions), 0),
                       number(m.cpu_us.median() / unit, 2) + " (" + number(m.cpu_us.least() / unit, 2) + ")",
                       number(m.system_us.median() / unit, 2),
                       number(m.allocations / unit, 2) + " (" + number(m.openssl_allocations / unit, 2) + ")",
                       number(m.bytes / unit, 0), number(per(m.calls), 2), number(per(m.calls_alone), 2),
                       number(per(m.calls_alone_at_once), 2)});
        }
        std::printf("\n");
    }
    for (std::size_t const to : {plain, tuned}) {
        measured const& peer = results_[to];
        if (!peer.taken)
            continue;
        print_row(std::string("RATIO TO ") + sides[to].title,
                  {"instructions", "CPU (range)", "system", "allocations", "bytes", "calls", "calls, 1",
                   "no latency"});
        for (std::size_t i = 0; i < sides.size(); ++i) {
            measured const& m = results_[i];
            if (!m.taken || i == to)
                continue;
            spread const cpu = paired(m, peer);
            print_row(
                sides[i].title,
                {number(ratio(m.instructions, peer.instructions), 3),
                 number(cpu.median(), 2) + " (" + number(cpu.least(), 2) + "-" + number(cpu.most(), 2) + ")",
                 number(m.system_us.median() / peer.system_us.median(), 2),
                 number(ratio(m.allocations, peer.allocations), 2), number(ratio(m.bytes, peer.bytes), 2),
                 number(ratio(m.calls, peer.calls), 2), number(ratio(m.calls_alone, peer.calls_alone), 2),
                 number(ratio(m.calls_alone_at_once, peer.calls_alone_at_once), 2)});
        }
        std::printf("\n");
    }
    std::printf(
        "Server's counts of each client's last run, the operations before the measured ones included:\n");
    for (std::size_t i = 0; i < sides.size(); ++i) {
        measured const& m = results_[i];
        if (!m.taken)
            continue;
        double const all = static_cast<double>(m.seen.submits + m.seen.polls);
        std::printf("  %-20s %llu POST, %llu GET, %llu connections, %llu wrong, %.1f bytes per request, %s; "
                    "%.0f operations per second of wall time\n",
                    sides[i].title, static_cast<unsigned long long>(m.seen.submits),
                    static_cast<unsigned long long>(m.seen.polls),
                    static_cast<unsigned long long>(m.seen.connections),
                    static_cast<unsigned long long>(m.seen.wrong), static_cast<double>(m.seen.bytes) / all,
                    m.seen.cipher.c_str(), m.rate.median());
    }
    for (char const* tool : {"valgrind", "strace"})
        if (!bench::is_installed(tool))
            std::printf("%s is not installed: its columns are empty.\n", tool);
    std::printf("\n");
}

bool measurement::print_bounds() const
{
    measured const& ours = results_[library];
    auto const per_request = [](std::optional<double> value) {
        return value ? std::optional(*value / requests) : std::nullopt;
    };
    bool good = true;
    auto const bound = [&](char const* what, std::optional<double> value, double most) {
        bool const kept = value && *value <= most;
        good = good && kept;
        std::printf("%-8s %s: %s, at most %s\n",
                    kept     ? "kept"
                    : !value ? "UNKNOWN"
                             : "BROKEN",
                    what, number(value, 3).c_str(), number(most, 2).c_str());
    };
    bound("instructions, to the plain Beast loop", ratio(ours.instructions, results_[plain].instructions),
          0.75);
    bound("allocations per request", per_request(ours.allocations), 20);
    bound("system calls per request with one connection", per_request(ours.calls_alone), 5.5);
    bound("the same without latency", per_request(ours.calls_alone_at_once), 5.5);
    return good;
}

std::uint64_t natural(std::string_view text)
{
    std::uint64_t value = 0;
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || value == 0)
        throw std::invalid_argument("not a number above 0: " + std::string(text));
    return value;
}

settings parse(std::vector<std::string> const& arguments)
{
    settings chosen;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string const& name = arguments[i];
        if (name == "--check") {
            chosen.check = true;
            continue;
        }
        if (i + 1 == arguments.size() || !name.starts_with("--"))
            throw std::invalid_argument(
                "usage: submit_and_poll [--check] [--rounds N] [--operations N] [--counted N] "
                "[--connections N] [--latency-us N] [--side floor|tuned|plain|curl|status|wait|observed]... "
                "[--profile FILE]");
        std::string const& value = arguments[++i];
        if (name == "--rounds")
            chosen.rounds = static_cast<int>(natural(value));
        else if (name == "--operations")
            chosen.operations = natural(value);
        else if (name == "--counted")
            chosen.counted = natural(value);
        else if (name == "--connections")
            chosen.connections = static_cast<int>(natural(value));
        else if (name == "--latency-us")
            chosen.latency_us = value == "0" ? 0 : static_cast<long>(natural(value));
        else if (name == "--side")
            chosen.chosen.push_back(value);
        else if (name == "--profile")
            chosen.profile = value;
        else
            throw std::invalid_argument("unknown option: " + name + " " + value);
    }
    return chosen;
}

} // namespace

int main(int argc, char** argv)
{
    try {
        settings const chosen = parse(std::vector<std::string>(argv + 1, argv + argc));
        measurement all(std::filesystem::read_symlink("/proc/self/exe").parent_path(), chosen);
        if (!chosen.profile.empty()) {
            all.profile();
            return 0;
        }
        all.run();
        all.print();
        return all.print_bounds() || !chosen.check ? 0 : 1;
    } catch (std::exception const& failure) {
        std::cerr << "submit_and_poll: " << failure.what() << '\n';
        return 2;
    }
}
