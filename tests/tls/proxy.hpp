// The HTTP proxy that the rows run through a second time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace tls_tests {

class proxy
{
public:
    /// One for the whole program.
    static proxy& shared();

    proxy(proxy const&) = delete;
    proxy& operator=(proxy const&) = delete;
    ~proxy();

    std::string url() const;
    /// Knows where a host is that no name service knows.
    void lead(std::string const& host, unsigned short port);
    /// What it was asked for last: host and port.
    std::string last_target() const;
    /// How often it was asked.
    std::size_t requests() const;
    /// Whether a text ever came to it that was not under TLS.
    bool has_seen(std::string_view text) const;

private:
    proxy();

    class state;
    std::unique_ptr<state> state_;
};

} // namespace tls_tests
