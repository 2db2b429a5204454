// The server of the measurements, a process of its own.
// Arguments: CA_FILE (written) LATENCY_US [pending]. Prints its port; when its standard input ends, what it counted and
// the body of the first submit.

#include "minimal_server.hpp"

#include <chrono>
#include <csignal>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

int main(int argc, char** argv)
{
    std::signal(SIGPIPE, SIG_IGN); // a client that fails must not end the server
    try {
        if (argc != 3 && (argc != 4 || argv[3] != std::string_view("pending")))
            throw std::invalid_argument("arguments: CA_FILE LATENCY_US [pending]");
        bench::minimal_server server(std::chrono::microseconds(std::stol(argv[2])), argc == 4);
        std::ofstream(argv[1]) << server.ca_pem();
        std::cout << server.port() << std::endl;
        std::cout << server.run() << '\n' << server.first_body() << std::endl;
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << argv[0] << ": " << failure.what() << '\n';
        return 1;
    }
}
