// The emulated service as a program: start it, point a client at it, look at its books.
//
//     emulator --ca-out ca.pem --speed 60
//     curl --cacert ca.pem https://127.0.0.1:PORT/__emulator/books
//     curl --cacert ca.pem https://127.0.0.1:PORT/__emulator/requests

#include <apimart/testing/emulator.hpp>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

std::string content_of(std::string const& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file || !text)
        throw std::runtime_error("cannot read " + path);
    return text.str();
}

void write_file(std::string const& path, std::string const& text)
{
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file)
        throw std::runtime_error("cannot write " + path);
}

} // namespace

int main(int argc, char** argv)
{
    apimart::testing::emulator_options options;
    std::string ca_path;
    std::string scenario_path;

    CLI::App app("An emulated APIMart video service on 127.0.0.1");
    app.add_option("--port", options.port, "port to listen on; 0 takes a free one");
    app.add_option("--ca-out", ca_path, "file that gets the certificate of the emulator's CA (PEM)");
    app.add_option("--speed", options.speed, "how many times faster tasks are done and links expire")
        ->check(CLI::Range(1e-3, 1e9));
    app.add_option("--scenario", scenario_path, "JSON file with the switches of the service")
        ->check(CLI::ExistingFile);
    app.add_option("--api-key", options.api_key, "the only key that is accepted; without it every key is");
    app.add_option("--seed", options.seed,
                   "decides ids, durations and chance failures; without it ids are of the clock");
    try {
        app.parse(argc, argv);
    } catch (CLI::CallForHelp const& help) {
        return app.exit(help);
    } catch (CLI::ParseError const& wrong) {
        std::cerr << "emulator: " << wrong.what() << "\nRun with --help for the options.\n";
        return 2;
    }

    try {
        if (!scenario_path.empty())
            options.scenario = apimart::testing::scenario::parse(content_of(scenario_path));
    } catch (std::exception const& wrong) {
        std::cerr << "emulator: " << scenario_path << ": " << wrong.what() << '\n';
        return 2;
    }

    try {
        boost::asio::io_context context(1);
        apimart::testing::emulator service(context.get_executor(), options);
        if (!ca_path.empty())
            write_file(ca_path, service.ca_pem());

        boost::asio::signal_set signals(context, SIGINT, SIGTERM);
        signals.async_wait([&](boost::system::error_code, int) { service.stop(); });
        service.start();
        // Whoever starts this program waits for this line; the CA file is complete by then.
        std::cout << "ready " << service.base_url() << std::endl;
        context.run();
    } catch (std::exception const& failure) {
        std::cerr << "emulator: " << failure.what() << '\n';
        return 1;
    }
    return 0;
}
