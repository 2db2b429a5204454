// SPDX-License-Identifier: BSL-1.0

#include <journal/postgresql_server.hpp>

#include <libpq-fe.h>

#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

// Debian keeps the server's programs of each version in a folder of its own; the newest one.
std::string programs()
{
    std::vector<std::string> found;
    std::error_code none;
    for (fs::directory_entry const& each : fs::directory_iterator("/usr/lib/postgresql", none))
        if (fs::exists(each.path() / "bin/initdb"))
            found.push_back((each.path() / "bin").string());
    return found.empty() ? std::string() : *std::max_element(found.begin(), found.end());
}

void execute(std::string const& command, std::string const& log)
{
    pid_t const id = ::fork();
    if (id == 0) {
        if (::geteuid() == 0) {
            passwd const* const nobody = ::getpwnam("nobody");
            if (nobody == nullptr || ::setgid(nobody->pw_gid) != 0 || ::setuid(nobody->pw_uid) != 0)
                ::_exit(126);
        }
        std::string const whole = command + " >>" + log + " 2>&1 </dev/null";
        ::execl("/bin/sh", "sh", "-c", whole.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(id, &status, 0);
    if (status == 0)
        return;
    std::ifstream in(log);
    throw std::runtime_error(command + ": " + std::string(std::istreambuf_iterator<char>(in), {}));
}

} // namespace

postgresql_server::postgresql_server()
{
    if (::geteuid() == 0)
        fs::permissions(folder_.path(), fs::perms::all);
    execute(programs() + "/initdb -D " + folder_.path("data") +
                " -A trust -U apimart -E UTF8 --locale=C --no-sync",
            folder_.path("log"));
    start();
}

postgresql_server::~postgresql_server()
{
    try {
        crash();
    } catch (std::exception const&) { // it is down
    }
}

bool postgresql_server::is_installed()
{
    return !programs().empty();
}

std::string postgresql_server::address() const
{
    return "host=" + folder_.path() + " user=apimart dbname=postgres password=very-secret";
}

void postgresql_server::crash() const
{
    control("stop -m immediate");
}

void postgresql_server::start() const
{
    control("start -o \"-c listen_addresses= -c fsync=off -c unix_socket_directories=" + folder_.path() +
            "\"");
}

void postgresql_server::control(std::string const& words) const
{
    execute(programs() + "/pg_ctl -w -D " + folder_.path("data") + " -l " + folder_.path("server.log") + " " +
                words,
            folder_.path("log"));
}

std::string postgresql_server::query(std::string const& sql) const
{
    std::unique_ptr<PGconn, decltype(&PQfinish)> const c(PQconnectdb(address().c_str()), &PQfinish);
    std::unique_ptr<PGresult, decltype(&PQclear)> const r(PQexec(c.get(), sql.c_str()), &PQclear);
    if (PQresultStatus(r.get()) != PGRES_TUPLES_OK && PQresultStatus(r.get()) != PGRES_COMMAND_OK)
        throw std::runtime_error(PQerrorMessage(c.get()));
    std::string text;
    for (int row = 0; row != PQntuples(r.get()); ++row)
        for (int column = 0; column != PQnfields(r.get()); ++column)
            text.append(PQgetvalue(r.get(), row, column)).append("|");
    return text;
}
