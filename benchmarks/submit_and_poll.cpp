// What does one submit and one poll through the library cost, compared with the Beast coroutine loop that one
// writes by hand for the same two requests?
//
// Same server, same 64 connections, same JSON object serialised for each request, both answers parsed and
// checked, TLS with verification, one thread, one run. CPU time, instructions in user space, allocations and
// system calls per operation; an operation is one POST and one GET.
//
// "submit + wait" is what programs write: client.wait asks once because the task is done by then, so it makes
// one GET. "submit + status" is beside it to show what the schedule of polls costs: client.status always
// makes exactly one GET. The library is given a copy of the request for each submit because its interface
// takes one; that copy is counted.
//
// Not measured: connecting and the handshakes (one operation on every connection comes before the measured
// ones), latency, downloads, several threads, and the server, which is a process of its own: a hundred lines
// of OpenSSL over epoll. The emulator (--server emulator) needs more time for an answer than a client does,
// so that clients wait for it.
//
// Instructions are counted by the kernel or, where it does not count, by callgrind (valgrind), which counts
// only below the function that runs the measured operations. System calls are counted by strace, less those
// of a run without measured operations. Under both, the client is much slower than the server, so that every
// epoll_wait finds as much as it can: at 64 connections, system calls are a lower bound.

#include <apimart/client.hpp>

#include "child_process.hpp"
#include "hand_written_client.hpp"
#include "library_client.hpp"
#include "minimal_server.hpp"

#include <apimart/models/kling_v3.hpp>
#include <apimart/testing/emulator.hpp>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/version.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
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
#include <vector>

namespace {

struct side
{
    char const* name;  // as an argument
    char const* title; // in the table
};

constexpr std::array sides{side{"peer", "Beast, by hand"}, side{"wait", "submit + wait"},
                           side{"status", "submit + status"}};

apimart::any_request the_request()
{
    using namespace std::chrono_literals;
    return apimart::text_to_video<apimart::kling_v3>(std::string(bench::prompt))
        .duration(5s)
        .mode(apimart::pro);
}

// ---- the processes that are started
// ----------------------------------------------------------------------------

bench::server_counts serve_with_emulator(std::string const& ca_file)
{
    namespace asio = boost::asio;
    apimart::testing::emulator_options options;
    options.speed = 1e9; // a task is done when it is first asked for
    asio::io_context context(1);
    apimart::testing::emulator service(context.get_executor(), options);
    std::ofstream(ca_file) << service.ca_pem();
    service.start();
    std::cout << service.port() << std::endl;
    asio::posix::stream_descriptor input(context, ::dup(STDIN_FILENO));
    char ignored = 0;
    input.async_read_some(asio::buffer(&ignored, 1),
                          [&](boost::system::error_code, std::size_t) { service.stop(); });
    context.run();
    auto const books = service.books();
    bench::server_counts counts;
    counts.submits = books.at("accepted").as_array().size();
    counts.polls = books.at("polls").to_number<std::uint64_t>();
    counts.connections = books.at("connections").to_number<std::uint64_t>();
    counts.wrong = books.at("submits_received").to_number<std::uint64_t>() - counts.submits;
    return counts;
}

int be_server(std::string_view kind, std::string const& ca_file)
{
    std::signal(SIGPIPE, SIG_IGN); // a client that fails must not end the server
    bench::server_counts counts;
    if (kind == "emulator") {
        counts = serve_with_emulator(ca_file);
    } else {
        bench::minimal_server server;
        std::ofstream(ca_file) << server.ca_pem();
        std::cout << server.port() << std::endl;
        counts = server.run();
    }
    std::cout << counts.submits << ' ' << counts.polls << ' ' << counts.connections << ' ' << counts.wrong
              << std::endl;
    return 0;
}

int be_client(std::string_view name, bench::workload const& work)
{
    if (!bench::openssl_is_counted)
        throw std::runtime_error("OpenSSL's allocations are not counted");
    bench::cost spent;
    if (name == "peer")
        spent = bench::hand_written_client(work, the_request().body()).run();
    else if (name == "wait")
        spent = bench::library_client(work, the_request(), bench::question::wait).run();
    else
        spent = bench::library_client(work, the_request(), bench::question::status).run();
    std::cout << std::fixed << spent << std::endl;
    return 0;
}

// ---- the process that starts them
// ------------------------------------------------------------------------------

struct settings
{
    int rounds = 7;
    std::uint64_t operations = 20'000;
    std::uint64_t counted = 2'000; // under callgrind and strace
    int connections = 64;
    std::string server = "minimal";
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

private:
    std::vector<double> values_;
};

struct measured
{
    spread cpu_us;
    spread system_us;
    spread cpu_ratio; // to the peer in the same round
    spread rate;
    spread instructions;
    spread allocations;
    spread bytes;
    spread openssl_allocations;
    spread openssl_bytes;
    std::optional<double> counted_instructions;
    std::optional<double> system_calls;
    std::optional<double> system_calls_alone; // with one connection
};

class measurement
{
public:
    measurement(std::string self, settings chosen)
        : self_(std::move(self)), settings_(std::move(chosen)),
          server_({self_, "--server", settings_.server, folder_.file("ca.pem")})
    {
        port_ = server_.line();
        if (port_.empty())
            throw std::runtime_error("the server did not start");
    }

    void run()
    {
        for (int round = 0; round < settings_.rounds; ++round) {
            double peer_us = 0;
            for (std::size_t i = 0; i < sides.size(); ++i) {
                progress("round " + std::to_string(round + 1) + " of " + std::to_string(settings_.rounds) +
                         ": " + sides[i].title);
                bench::cost const spent = run_client({}, i, settings_.operations, settings_.connections);
                double const n = static_cast<double>(spent.operations);
                measured& m = results_[i];
                if (i == 0)
                    peer_us = spent.cpu_us();
                m.cpu_us.add(spent.cpu_us() / n);
                m.system_us.add(spent.system_us / n);
                m.cpu_ratio.add(spent.cpu_us() / peer_us);
                m.rate.add(n / spent.wall_us * 1e6);
                m.allocations.add(static_cast<double>(spent.all.calls) / n);
                m.bytes.add(static_cast<double>(spent.all.bytes) / n);
                m.openssl_allocations.add(static_cast<double>(spent.openssl.calls) / n);
                m.openssl_bytes.add(static_cast<double>(spent.openssl.bytes) / n);
                if (spent.instructions >= 0)
                    m.instructions.add(spent.instructions / n);
            }
        }
        for (std::size_t i = 0; i < sides.size(); ++i) {
            if (results_[i].instructions.empty() && bench::is_installed("valgrind")) {
                progress(std::string("callgrind: ") + sides[i].title);
                results_[i].counted_instructions = callgrind(i) / static_cast<double>(settings_.counted);
            }
            if (bench::is_installed("strace")) {
                progress(std::string("strace: ") + sides[i].title);
                auto const calls = [&](std::uint64_t n, int c) { return strace(i, n, c); };
                results_[i].system_calls = per_operation(settings_.connections, calls);
                results_[i].system_calls_alone = per_operation(1, calls);
            }
        }
        progress("");
        compare_with_server();
    }

    void print() const;

private:
    void progress(std::string const& what) const
    {
        if (::isatty(STDERR_FILENO) == 1)
            std::cerr << "\r\033[K" << what << std::flush;
    }

    bench::cost run_client(std::vector<std::string> command, std::size_t which, std::uint64_t operations,
                           int connections)
    {
        for (std::string const& word :
             {self_, std::string("--client"), std::string(sides[which].name), port_, folder_.file("ca.pem"),
              std::to_string(connections), std::to_string(operations)})
            command.push_back(word);
        bench::child_process client(std::move(command));
        std::istringstream line(client.line());
        bench::cost spent;
        line >> spent;
        if (!client.end() || !line || spent.operations != operations)
            throw std::runtime_error(std::string("the run of \"") + sides[which].title + "\" failed");
        expected_.submits += operations + static_cast<std::uint64_t>(connections);
        expected_.connections += static_cast<std::uint64_t>(connections);
        return spent;
    }

    template <class Count>
    double per_operation(int connections, Count count) const
    {
        double const before = count(0, connections);
        return (count(settings_.counted, connections) - before) / static_cast<double>(settings_.counted);
    }

    double callgrind(std::size_t which)
    {
        std::string const out = folder_.file("callgrind.out");
        run_client({"valgrind", "--quiet", "--tool=callgrind", "--collect-atstart=no",
                    "--toggle-collect=apimart_measured_part*", "--callgrind-out-file=" + out},
                   which, settings_.counted, settings_.connections);
        std::ifstream file(out);
        for (std::string line; std::getline(file, line);)
            if (line.starts_with("summary: ") || line.starts_with("totals: "))
                if (double const sum = std::stod(line.substr(line.find(' '))); sum > 0)
                    return sum;
        throw std::runtime_error("callgrind gave no sum");
    }

    double strace(std::size_t which, std::uint64_t operations, int connections)
    {
        std::string const out = folder_.file("strace.out");
        run_client({"strace", "-f", "-c", "-U", "calls,name", "-o", out}, which, operations, connections);
        std::ifstream file(out);
        double calls = 0;
        std::string name;
        for (std::string line; std::getline(file, line);)
            if (std::istringstream words(line); words >> calls >> name && name == "total")
                return calls;
        throw std::runtime_error("strace gave no sum");
    }

    void compare_with_server()
    {
        server_.close_input();
        std::string const last = server_.line();
        bool const good = server_.end();
        bench::server_counts seen;
        std::istringstream(last) >> seen.submits >> seen.polls >> seen.connections >> seen.wrong;
        std::cout << "Server: " << seen.submits << " submits, " << seen.polls << " polls, "
                  << seen.connections << " connections, " << seen.wrong
                  << " wrong; clients: " << expected_.submits << " of each on " << expected_.connections
                  << " connections.\n\n";
        if (!good || seen.submits != expected_.submits || seen.polls != expected_.submits ||
            seen.connections != expected_.connections || seen.wrong != 0)
            throw std::runtime_error("the server saw something else than the clients did");
    }

    std::string self_;
    settings settings_;
    bench::scratch_folder folder_;
    bench::child_process server_;
    std::string port_;
    bench::server_counts expected_;
    std::array<measured, sides.size()> results_;
};

std::string number(double value, int digits)
{
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

std::string with_range(spread const& values, int digits)
{
    return number(values.median(), digits) + " (" + number(values.least(), digits) + "-" +
           number(values.most(), digits) + ")";
}

void print_row(std::string_view name, std::vector<std::string> const& cells)
{
    constexpr std::array widths{22, 14, 14, 13, 12, 11, 11};
    std::printf("%-26s", std::string(name).c_str());
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

void measurement::print() const
{
    auto const instructions = [](measured const& m) -> std::optional<double> {
        return m.instructions.empty() ? m.counted_instructions
                                      : std::optional<double>(m.instructions.median());
    };
    auto const optional = [](std::optional<double> value, int digits) {
        return value ? number(*value, digits) : std::string("not counted");
    };
    std::printf(
        "One submit and one poll, %d connections, %s server; %d rounds of %llu operations, in turn.\n",
        settings_.connections, settings_.server.c_str(), settings_.rounds,
        static_cast<unsigned long long>(settings_.operations));
    std::printf("%s\n\n", machine().c_str());
    print_row("per operation", {"CPU us (range)", "of it system", "instructions", "allocations", "bytes",
                                "system", "calls with"});
    print_row("", {"", "", "in user space", "(OpenSSL's)", "allocated", "calls", "1 connection"});
    for (std::size_t i = 0; i < sides.size(); ++i) {
        measured const& m = results_[i];
        print_row(sides[i].title,
                  {with_range(m.cpu_us, 1), number(m.system_us.median(), 1), optional(instructions(m), 0),
                   number(m.allocations.median(), 1) + " (" + number(m.openssl_allocations.median(), 1) + ")",
                   number(m.bytes.median(), 0), optional(m.system_calls, 2),
                   optional(m.system_calls_alone, 2)});
    }
    measured const& peer = results_[0];
    for (std::size_t i = 1; i < sides.size(); ++i) {
        measured const& m = results_[i];
        auto const ratio = [](std::optional<double> a, std::optional<double> b) {
            return a && b ? number(*a / *b, 3) : std::string("not counted");
        };
        print_row(std::string("ratio, ") + sides[i].title,
                  {with_range(m.cpu_ratio, 2), number(m.system_us.median() / peer.system_us.median(), 2),
                   ratio(instructions(m), instructions(peer)),
                   number(m.allocations.median() / peer.allocations.median(), 2),
                   number(m.bytes.median() / peer.bytes.median(), 2),
                   ratio(m.system_calls, peer.system_calls),
                   ratio(m.system_calls_alone, peer.system_calls_alone)});
    }
    std::printf("\nOperations per second of wall time (no measure of cost; says how busy the machine was):");
    for (std::size_t i = 0; i < sides.size(); ++i)
        std::printf("%s %s %s", i > 0 ? "," : "", sides[i].title, with_range(results_[i].rate, 0).c_str());
    std::printf("\n");
    if (!results_[0].instructions.empty())
        std::printf("Instructions: counted by the kernel.\n");
    else if (results_[0].counted_instructions)
        std::printf("Instructions: callgrind, %llu operations; the kernel does not count them here.\n",
                    static_cast<unsigned long long>(settings_.counted));
    else
        std::printf("Instructions: not counted; the kernel does not, and valgrind is not installed.\n");
    if (!results_[0].system_calls)
        std::printf("System calls: not counted; strace is not installed.\n");
}

std::uint64_t natural(std::string_view text)
{
    std::uint64_t value = 0;
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || value == 0)
        throw std::invalid_argument("not a number above 0: " + std::string(text));
    return value;
}

int measure(std::string self, std::vector<std::string> const& arguments)
{
    settings chosen;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string const& name = arguments[i];
        if (i + 1 == arguments.size() || !name.starts_with("--"))
            throw std::invalid_argument("usage: submit_and_poll [--rounds N] [--operations N] [--counted N] "
                                        "[--connections N] [--server minimal|emulator]");
        std::string const& value = arguments[++i];
        if (name == "--rounds")
            chosen.rounds = static_cast<int>(natural(value));
        else if (name == "--operations")
            chosen.operations = natural(value);
        else if (name == "--counted")
            chosen.counted = natural(value);
        else if (name == "--connections")
            chosen.connections = static_cast<int>(natural(value));
        else if (name == "--server" && (value == "minimal" || value == "emulator"))
            chosen.server = value;
        else
            throw std::invalid_argument("unknown option: " + name + " " + value);
    }
    measurement all(std::move(self), std::move(chosen));
    all.run();
    all.print();
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    std::vector<std::string> const arguments(argv + 1, argv + argc);
    try {
        if (arguments.size() == 3 && arguments[0] == "--server" &&
            arguments[2].find('/') != std::string::npos)
            return be_server(arguments[1], arguments[2]);
        if (arguments.size() == 6 && arguments[0] == "--client") {
            bench::workload work;
            work.port = static_cast<unsigned short>(std::stoul(arguments[2]));
            work.ca_file = arguments[3];
            work.connections = std::stoi(arguments[4]);
            work.operations = std::stoull(arguments[5]);
            return be_client(arguments[1], work);
        }
        return measure(std::filesystem::read_symlink("/proc/self/exe").string(), arguments);
    } catch (std::exception const& failure) {
        std::cerr << "submit_and_poll: " << failure.what() << '\n';
        return 1;
    }
}
