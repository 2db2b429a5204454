// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTS_JOURNAL_POSTGRESQL_SERVER_HPP
#define APIMART_TESTS_JOURNAL_POSTGRESQL_SERVER_HPP

#include <journal/run.hpp>

#include <string>

// A server of its own in a temporary folder, on a UNIX socket only. It refuses to run as root, so that there it is nobody's.
class postgresql_server
{
public:
    // Throws std::runtime_error with the server's own words.
    postgresql_server();
    postgresql_server(postgresql_server const&) = delete;
    postgresql_server& operator=(postgresql_server const&) = delete;
    ~postgresql_server();

    // Whether the programs of a server are installed where Debian has them.
    static bool is_installed();

    std::string address() const;
    // At once, as after a loss of power.
    void crash() const;
    void start() const;
    // What psql would show, without its frame.
    std::string query(std::string const& sql) const;

private:
    void control(std::string const& words) const;

    temporary_folder folder_;
};

#endif
