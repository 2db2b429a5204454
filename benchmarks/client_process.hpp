// The process around one client: takes the workload from the arguments, measures, prints the cost.
#pragma once

#include "meter.hpp"
#include "workload.hpp"

#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

/// Runs what is measured. A function of its own, never inlined and with a plain name, so that a profiler can
/// be told to look only at what is called from here.
extern "C" [[gnu::noinline]] inline void apimart_measured_part(std::function<void()> const* run)
{
    (*run)();
    asm volatile(""); // a jump instead of a call would end the function before it has begun
}

namespace bench {

/// A client connects with `client.open()`, which also does one operation on every connection, and does
/// `client.work(book)` until the book has no operations left.
template <class Client>
int be_client(int argc, char** argv)
{
    try {
        if (argc < 5)
            throw std::invalid_argument("arguments: PORT CA_FILE CONNECTIONS OPERATIONS [DETAIL]");
        if (!openssl_is_counted)
            throw std::runtime_error("OpenSSL's allocations are not counted");
        workload what;
        what.port = static_cast<unsigned short>(std::stoul(argv[1]));
        what.ca_file = argv[2];
        what.connections = std::stoi(argv[3]);
        what.operations = std::stoull(argv[4]);
        Client client(what, std::vector<std::string>(argv + 5, argv + argc));
        client.open();
        ledger book(what.operations);
        std::function<void()> const work = [&] { client.work(book); };
        meter costs;
        costs.start();
        apimart_measured_part(&work);
        std::cout << std::fixed << costs.stop(book.done()) << std::endl;
        return 0;
    } catch (std::exception const& failure) {
        std::cerr << argv[0] << ": " << failure.what() << '\n';
        return 1;
    }
}

} // namespace bench
