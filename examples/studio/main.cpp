// A studio for videos: a page in the browser, and behind it this program, which orders them, follows them, and keeps what
// comes of it. With APIMART_API_KEY set this is the real service and costs money; without it, a built-in emulator.

#include "event_feed.hpp"
#include "gallery.hpp"
#include "http/server.hpp"
#include "picture_shelf.hpp"
#include "production.hpp"

#include <apimart/client.hpp>
#include <apimart/testing/emulator.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/url/parse.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct settings
{
    unsigned short port = 8611;
    fs::path data;
    bool emulator = false;
    double speed = 10;
};

std::string variable(char const* name)
{
    char const* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

// What was made by an emulator is kept apart from what cost money.
fs::path usual_data_folder(bool emulated)
{
    fs::path base = variable("XDG_DATA_HOME");
    if (base.empty())
        base = fs::path(variable("HOME")) / ".local" / "share";
    return base / (emulated ? "apimart-studio-emulator" : "apimart-studio");
}

// The link stays the same when the studio is started again, so that it can be a bookmark.
std::string token_in(fs::path const& file)
{
    std::string token;
    if (std::ifstream(file) >> token && token.size() >= 32)
        return token;
    token = studio::secret_text();
    std::ofstream(file, std::ios::trunc) << token << '\n';
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    return token;
}

asio::ip::tcp::acceptor listening_at(asio::io_context& context, unsigned short port)
{
    asio::ip::tcp::endpoint const wanted(asio::ip::address_v4::loopback(), port);
    try {
        return {context, wanted};
    } catch (boost::system::system_error const& e) {
        throw std::runtime_error("port " + std::to_string(port) + ": " + e.code().message() +
                                 " (--port chooses another, 0 any)");
    }
}

std::unique_ptr<apimart::testing::emulator> emulator_on(asio::io_context& context, double speed)
{
    apimart::testing::emulator_options options;
    options.speed = speed;
    options.scenario = apimart::testing::scenario::parse(R"({"progress": "gradual"})");
    auto made = std::make_unique<apimart::testing::emulator>(context.get_executor(), options);
    made->start();
    return made;
}

// While the service cannot be reached, it is asked whether it is there again.
asio::awaitable<void> beat(studio::event_feed& feed, apimart::client client,
                           boost::json::object const& health)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        timer.expires_after(10s);
        co_await timer.async_wait(asio::use_awaitable);
        feed.beat();
        if (!health.at("reachable").as_bool())
            co_await client.balance({.timeout = 8s, .max_retries = 0}, apimart::as_result());
    }
}

// The first signal lets submits learn what became of them; a second one does not wait for that.
asio::awaitable<void> wait_for_end(asio::io_context& context, asio::signal_set& signals,
                                   asio::ip::tcp::acceptor& acceptor, apimart::client client,
                                   studio::production& work, studio::event_feed& feed)
{
    co_await signals.async_wait(asio::use_awaitable);
    signals.async_wait([&](boost::system::error_code error, int) {
        if (!error)
            context.stop();
    });
    acceptor.close();
    feed.close();
    co_await client.shutdown();
    co_await work.finish();
    context.stop();
}

int run(settings chosen)
{
    bool const emulated = chosen.emulator || variable("APIMART_API_KEY").empty();
    if (chosen.data.empty())
        chosen.data = usual_data_folder(emulated);
    fs::path const data = fs::absolute(chosen.data).lexically_normal();
    fs::create_directories(data);
    fs::permissions(data, fs::perms::owner_all);

    asio::io_context context(1);
    asio::signal_set signals(context, SIGINT, SIGTERM);
    std::unique_ptr<apimart::testing::emulator> service;
    std::optional<apimart::client_config> config;
    if (emulated) {
        service = emulator_on(context, chosen.speed);
        config.emplace(apimart::api_key("emulator"));
        config->base_url = service->base_url();
        config->tls.add_ca_pem(service->ca_pem());
    } else {
        config = apimart::client_config::from_environment();
    }
    // A page shows what happens; a service that runs faster is asked more often.
    double const speed = emulated ? std::max(1.0, chosen.speed) : 1.0;
    auto const scaled = [&](double milliseconds) {
        return std::chrono::milliseconds(static_cast<int>(std::max(100.0, milliseconds / speed)));
    };
    config->poll.initial_delay = scaled(2000);
    config->poll.min_interval = scaled(1000);
    config->poll.max_interval = scaled(10'000);

    studio::event_feed feed(context.get_executor());
    boost::json::object health{{"reachable", true}, {"why", ""}};
    config->observer.on_attempt = [&](apimart::attempt_event const& seen) {
        bool const reachable = seen.http_status != 0 || seen.phase != "connecting";
        boost::json::object now{{"reachable", reachable}, {"why", reachable ? "" : seen.code.message()}};
        if (std::exchange(health, now) != now)
            feed.tell("service", health);
    };
    std::string const base_url = config->base_url;
    apimart::client client(context, std::move(*config));

    studio::gallery clips(data / "gallery.sqlite");
    studio::picture_shelf shelf(data / "pictures");
    studio::production work(client, clips, feed, data / "videos", scaled(5000));
    studio::router routes(
        client, clips, work, shelf,
        {{"service", std::string(boost::urls::parse_uri(base_url)->encoded_host_and_port())},
         {"emulated", emulated}});
    asio::ip::tcp::acceptor acceptor = listening_at(context, chosen.port);
    studio::access const door(token_in(data / "token"), acceptor.local_endpoint().port());
    studio::server server(door, routes, feed, health);

    work.resume();
    asio::co_spawn(context, server.listen(acceptor), asio::detached);
    asio::co_spawn(context, beat(feed, client, health), asio::detached);
    asio::co_spawn(context, wait_for_end(context, signals, acceptor, client, work, feed),
                   [](std::exception_ptr failed) {
                       if (failed)
                           std::rethrow_exception(failed);
                   });
    std::cout << (emulated ? "service: the built-in emulator, where nothing costs anything (APIMART_API_KEY "
                             "is not set)\n"
                           : "service: " + base_url + ", where videos cost money\n")
              << "files:   " << data.string() << "\nstudio:  " << door.link() << std::endl;
    context.run();
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    settings chosen;
    CLI::App app("A studio for videos in your browser, with a model of the APIMart service behind it.\n"
                 "With APIMART_API_KEY set this is the real service and costs money (APIMART_BASE_URL and\n"
                 "APIMART_CA_FILE choose another); without it, a built-in emulator.");
    app.add_option("--port", chosen.port, "on 127.0.0.1; 0 takes a free one")->capture_default_str();
    app.add_option("--data", chosen.data, "folder of the gallery, the videos and the pictures");
    app.add_flag("--emulator", chosen.emulator, "use the built-in emulator even if APIMART_API_KEY is set");
    app.add_option("--speed", chosen.speed, "how many times faster than real time the emulator runs")
        ->check(CLI::Range(0.01, 100'000.0))
        ->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    try {
        return run(std::move(chosen));
    } catch (std::exception const& e) {
        std::cerr << "studio: " << e.what() << '\n';
        return 1;
    }
}
