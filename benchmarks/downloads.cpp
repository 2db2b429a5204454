// What does a download cost beside a read loop written by hand, how much memory do many take, and how much is fetched twice
// where the network cuts every connection?
//
// Throughput: one file, by the library and by a loop over Beast's parser that writes what it reads, in turns; the median of
// the ratios. Memory: 200 downloads at a time from a server that sends slowly; bytes above those before the first one, divided
// by their number. Cuts: files of 20 MB through a proxy that ends each connection after a random number of bytes; each is
// compared by SHA-256, and what the proxy has delivered is counted.
//
// The server and the proxy are a process of their own. Files go to memory where the system has a folder there, so that the
// disk is not measured.

#include "child_process.hpp"
#include "memory.hpp"

#include <apimart/client.hpp>
#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/network/certificate_authority.hpp>
#include <apimart/testing/network/server_tls.hpp>
#include <apimart/testing/tcp_proxy.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using bench::memory;
using namespace std::chrono_literals;
using apimart::testing::direction;
using apimart::testing::tcp_proxy;
using apimart::testing::tcp_rule;
using tcp = asio::ip::tcp;

constexpr std::string_view key = "sk-benchmark-0123456789";
constexpr std::size_t largest = 256U << 20U;

// No two parts of it are alike, so that a wrong join shows.
std::string file_bytes(std::size_t size)
{
    std::string bytes(size, '\0');
    std::minstd_rand random(1);
    for (std::size_t i = 0; i + 4 <= size; i += 4) {
        auto const word = static_cast<std::uint32_t>(random());
        std::copy_n(reinterpret_cast<char const*>(&word), 4, bytes.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return bytes;
}

// ---- The server's process.

// `/SIZE/PAUSE`: the first bytes of the content, with that many milliseconds after each piece.
asio::awaitable<void> serve(tcp::socket socket, asio::ssl::context& tls, std::string const& content)
{
    try {
        socket.set_option(tcp::no_delay(true));
        asio::ssl::stream<tcp::socket> stream(std::move(socket), tls);
        co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
        boost::beast::flat_buffer buffer;
        asio::steady_timer pause(stream.get_executor());
        for (;;) {
            http::request<http::empty_body> request;
            co_await http::async_read(stream, buffer, request, asio::use_awaitable);
            std::size_t size = 0;
            long milliseconds = 0;
            char slash = 0;
            std::istringstream path(std::string(request.target()));
            path >> slash >> size >> slash >> milliseconds;
            std::size_t first = 0;
            auto const range = request[http::field::range];
            if (range.starts_with("bytes="))
                first = std::stoul(std::string(range.substr(6)));
            std::string head = first == 0 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 206 Partial Content\r\n";
            head +=
                "Content-Type: video/mp4\r\nETag: \"1\"\r\nContent-Length: " + std::to_string(size - first) +
                "\r\n";
            if (first != 0)
                head += "Content-Range: bytes " + std::to_string(first) + '-' + std::to_string(size - 1) +
                        '/' + std::to_string(size) + "\r\n";
            head += "\r\n";
            co_await asio::async_write(stream, asio::buffer(head), asio::use_awaitable);
            constexpr std::size_t piece = 16U << 10U;
            while (first < size) {
                std::size_t const count = std::min(piece, size - first);
                co_await asio::async_write(stream, asio::buffer(content.data() + first, count),
                                           asio::use_awaitable);
                first += count;
                if (milliseconds > 0) {
                    pause.expires_after(std::chrono::milliseconds(milliseconds));
                    co_await pause.async_wait(asio::use_awaitable);
                }
            }
        }
    } catch (boost::system::system_error const&) {
        // The client, or the proxy, has ended the connection.
    }
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, asio::ssl::context& tls, std::string const& content)
{
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), tls, content), asio::detached);
    }
}

// Prints the server's port and the proxy's; when its standard input ends, what the proxy has delivered and on how many
// connections.
int be_server(std::string const& ca_file)
{
    apimart::testing::certificate_authority authority;
    asio::ssl::context tls = apimart::testing::emulation::make_server_tls(authority.issue());
    std::ofstream(ca_file) << authority.pem();
    std::string const content = file_bytes(largest);
    asio::io_context context(1);
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    asio::co_spawn(context, listen(acceptor, tls, content), asio::detached);
    tcp_proxy proxy(context.get_executor(), acceptor.local_endpoint());
    std::mt19937 random(1);
    std::uniform_int_distribution<std::uint64_t> after(1, 1'000'000);
    for (std::uint64_t connection = 1; connection <= 20'000; ++connection)
        proxy.plan(tcp_rule::close(direction::to_client, after(random)).on_connection(connection));
    proxy.start();
    std::cout << acceptor.local_endpoint().port() << ' ' << proxy.port() << std::endl;
    asio::posix::stream_descriptor input(context, ::dup(STDIN_FILENO));
    std::array<char, 1> byte{};
    asio::async_read(input, asio::buffer(byte),
                     [&](boost::system::error_code, std::size_t) { context.stop(); });
    context.run();
    std::cout << proxy.bytes(direction::to_client) << ' ' << proxy.connections() << std::endl;
    std::_Exit(0);
}

// ---- The client's process.

struct settings
{
    std::string program;
    std::string ca_file;
    std::filesystem::path folder;
    std::string port;
    std::string proxy_port;
    long files = 100;
};

std::string link(std::string const& port, std::size_t size, long milliseconds)
{
    return "https://127.0.0.1:" + port + '/' + std::to_string(size) + '/' + std::to_string(milliseconds);
}

apimart::client_config config_of(settings const& given, std::string const& port)
{
    apimart::client_config config{apimart::api_key(std::string(key))};
    config.base_url = "https://127.0.0.1:" + port;
    config.tls.add_ca_file(given.ca_file);
    return config;
}

apimart::video_file video(std::string url)
{
    return apimart::video_file("", 0, apimart::result_url(std::move(url)), {});
}

void rethrow(std::exception_ptr failed)
{
    if (failed)
        std::rethrow_exception(failed);
}

double seconds_of(asio::io_context& context, asio::awaitable<void> work)
{
    auto const begun = std::chrono::steady_clock::now();
    asio::co_spawn(context, std::move(work), rethrow);
    context.restart();
    context.run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

asio::awaitable<void> by_library(apimart::client& client, std::string url, std::string path)
{
    co_await client.download(video(std::move(url)), std::move(path), {.overwrite = true});
}

// What one writes with Beast in an afternoon.
asio::awaitable<void> by_hand(asio::ssl::context& tls, std::string port, std::size_t size, std::string path)
{
    asio::ssl::stream<tcp::socket> stream(co_await asio::this_coro::executor, tls);
    tcp::endpoint const server(asio::ip::address_v4::loopback(),
                               static_cast<unsigned short>(std::stoul(port)));
    co_await stream.next_layer().async_connect(server, asio::use_awaitable);
    stream.next_layer().set_option(tcp::no_delay(true));
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    http::request<http::empty_body> request(http::verb::get, '/' + std::to_string(size) + "/0", 11);
    request.set(http::field::host, "127.0.0.1:" + port);
    co_await http::async_write(stream, request, asio::use_awaitable);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    co_await http::async_read_header(stream, buffer, parser, asio::use_awaitable);
    int const file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    std::vector<char> piece(64U << 10U);
    while (!parser.is_done()) {
        parser.get().body().data = piece.data();
        parser.get().body().size = piece.size();
        auto const [code, count] =
            co_await http::async_read(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
        if (code && code != http::error::need_buffer)
            throw boost::system::system_error(code);
        std::size_t const got = piece.size() - parser.get().body().size;
        if (::write(file, piece.data(), got) != static_cast<ssize_t>(got))
            throw std::runtime_error("the file cannot be written");
    }
    ::close(file);
}

bool measure_throughput(settings const& given)
{
    constexpr int rounds = 9;
    std::string const path = (given.folder / "one").string();
    asio::io_context context(1);
    apimart::client client(context, config_of(given, given.port));
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.load_verify_file(given.ca_file);
    tls.set_verify_mode(asio::ssl::verify_peer);
    std::vector<double> ratios;
    double ours = 1e9;
    double theirs = 1e9;
    for (int i = 0; i <= rounds; ++i) {
        double const hand = seconds_of(context, by_hand(tls, given.port, largest, path));
        std::filesystem::remove(path);
        double const library = seconds_of(context, by_library(client, link(given.port, largest, 0), path));
        std::filesystem::remove(path);
        if (i == 0) // to warm up
            continue;
        ratios.push_back(hand / library);
        ours = std::min(ours, library);
        theirs = std::min(theirs, hand);
    }
    std::sort(ratios.begin(), ratios.end());
    double const ratio = ratios[ratios.size() / 2];
    constexpr double mb = largest / 1e6;
    std::printf("throughput of one download, MB/s: %.0f by the library, %.0f by a loop over Beast; ratio "
                "%.3f (%.3f to "
                "%.3f), bound 0.9\n",
                mb / ours, mb / theirs, ratio, ratios.front(), ratios.back());
    return ratio >= 0.9;
}

// Its peak while the context works.
class watch
{
public:
    watch(asio::io_context& context, std::function<bool()> is_settled)
        : timer_(context), is_settled_(std::move(is_settled))
    {
        look();
    }

    void stop()
    {
        is_over_ = true;
        timer_.cancel();
    }

    memory peak;
    memory settled; // its peak once all connections were made

private:
    void look()
    {
        peak.raise_to(memory::now());
        if (is_settled_())
            settled.raise_to(memory::now());
        timer_.expires_after(20ms);
        timer_.async_wait([this](boost::system::error_code) {
            if (!is_over_)
                look();
        });
    }

    asio::steady_timer timer_;
    std::function<bool()> is_settled_;
    bool is_over_ = false;
};

bool measure_memory(settings const& given)
{
    constexpr long count = 200;
    constexpr long bound = 128L << 10U;
    constexpr std::size_t size = 2U << 20U;
    asio::io_context context(1);
    apimart::client_config config = config_of(given, given.port);
    config.limits.max_connections = count;
    config.limits.max_concurrent_downloads = count;
    apimart::client client(context, std::move(config));
    seconds_of(context,
               by_library(client, link(given.port, 1U << 20U, 0), (given.folder / "first").string()));
    memory const before = memory::now();
    watch look(context, [&] { return client.metrics().bytes_downloaded > count * (size / 4); });
    long done = 0;
    for (long i = 0; i < count; ++i)
        client.download(video(link(given.port, size, 20)), (given.folder / std::to_string(i)).string(),
                        [&](apimart::error_code code, std::uint64_t) {
                            if (code)
                                throw boost::system::system_error(code);
                            if (++done == count)
                                look.stop();
                        });
    context.restart();
    context.run();
    long const heap = (look.peak.heap - before.heap) / count;
    long const resident = (look.peak.resident - before.resident) / count;
    std::printf(
        "memory of %ld parallel downloads, KB for each: heap %ld, process %ld, bound %ld; heap %ld once all "
        "handshakes are over\n",
        count, heap >> 10U, resident >> 10U, bound >> 10U, (look.settled.heap - before.heap) / count >> 10U);
    for (long i = 0; i < count; ++i)
        std::filesystem::remove(given.folder / std::to_string(i));
    return resident <= bound && heap <= bound;
}

bool measure_cuts(settings const& given, bench::child_process& server)
{
    constexpr std::size_t size = 20'000'000;
    constexpr long at_a_time = 4;
    auto const expected = apimart::testing::emulation::sha256(file_bytes(size));
    asio::io_context context(1);
    apimart::client_config config = config_of(given, given.proxy_port);
    config.retry.initial_backoff = 1ms;
    config.retry.max_backoff = 10ms;
    config.limits.connects_per_second = 10'000;
    apimart::client client(context, std::move(config));
    memory first; // at the end of the first files
    memory last;
    long wrong = 0;
    long begun = 0;
    std::function<void()> next = [&] {
        long const number = begun++;
        if (number >= given.files)
            return;
        std::filesystem::path const path = given.folder / std::to_string(number);
        client.download(
            video(link(given.proxy_port, size, 0)), path.string(),
            [&, path, number](apimart::error_code code, std::uint64_t) {
                memory const now = memory::now();
                (number < std::min(given.files / 2, 10L) ? first : last).raise_to(now);
                if (code)
                    std::printf("file %ld: %s\n", number, code.message().c_str());
                std::string bytes(code ? 0 : size, '\0');
                std::ifstream(path, std::ios::binary).read(bytes.data(), static_cast<long>(bytes.size()));
                wrong += apimart::testing::emulation::sha256(bytes) != expected ? 1 : 0;
                std::filesystem::remove(path);
                next();
            });
    };
    auto const started = std::chrono::steady_clock::now();
    for (long i = 0; i < at_a_time; ++i)
        next();
    context.run();
    double const took = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    server.close_input();
    std::istringstream answer(server.line());
    double delivered = 0;
    long connections = 0;
    answer >> delivered >> connections;
    double const ratio = delivered / (static_cast<double>(size) * static_cast<double>(given.files));
    double const grown = static_cast<double>(last.resident - first.resident) / 1e6;
    std::printf("%ld files of 20 MB over %ld connections that were cut, %.0f s: %ld wrong, bound 0; bytes "
                "delivered %.4f of "
                "their size, bound 1.05; process grown by %.1f MB after the first files, bound 4\n",
                given.files, connections, took, wrong, ratio, grown);
    return wrong == 0 && ratio <= 1.05 && grown <= 4;
}

} // namespace

int main(int argc, char** argv)
{
    std::setvbuf(stdout, nullptr, _IOLBF, 0); // each figure as soon as it is there
    try {
        std::vector<std::string> const arguments(argv + 1, argv + argc);
        if (arguments.size() == 2 && arguments[0] == "--serve")
            return be_server(arguments[1]);
        settings given;
        bool check = false;
        for (std::string const& each : arguments) {
            if (each == "--check")
                check = true;
            else if (given.files = std::strtol(each.c_str(), nullptr, 10); given.files < 1)
                throw std::invalid_argument("usage: downloads [--check] [FILES]");
        }
        bench::scratch_folder const scratch;
        given.ca_file = scratch.file("ca.pem");
        given.folder = std::filesystem::exists("/dev/shm")
                           ? std::filesystem::path("/dev/shm") / ("apimart-" + std::to_string(::getpid()))
                           : std::filesystem::path(scratch.file("files"));
        std::filesystem::create_directory(given.folder);
        bench::child_process server({argv[0], "--serve", given.ca_file});
        std::istringstream(server.line()) >> given.port >> given.proxy_port;
        if (given.proxy_port.empty())
            throw std::runtime_error("the server does not start");
        bool kept = measure_memory(given);
        kept = measure_throughput(given) && kept;
        kept = measure_cuts(given, server) && kept;
        std::filesystem::remove_all(given.folder);
        return check && !kept ? 1 : 0;
    } catch (std::exception const& failure) {
        std::cerr << argv[0] << ": " << failure.what() << '\n';
        return 2;
    }
}
