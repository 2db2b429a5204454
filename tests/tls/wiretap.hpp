// Listens between a client and a server, and says what it heard. It counts what the client did without asking
// the client.
#pragma once

#include "client_hello.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace tls_tests {

class wiretap
{
public:
    /// A port of its own on the same address as the server's.
    explicit wiretap(unsigned short server_port, bool ipv6 = false);
    wiretap(wiretap const&) = delete;
    wiretap& operator=(wiretap const&) = delete;
    ~wiretap();

    unsigned short port() const;
    std::size_t connections() const;
    /// Of a connection, from zero in order of acceptance.
    std::optional<client_hello> hello(std::size_t connection) const;
    std::size_t bytes_of_server(std::size_t connection) const;

private:
    class state;
    std::shared_ptr<state> state_;
};

} // namespace tls_tests
