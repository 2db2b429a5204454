// One client of the library, and what it was told: the side of every row that is tested.
#pragma once

#include <apimart/client_config.hpp>
#include <apimart/error.hpp>
#include <apimart/observer.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tls_tests {

/// What is in no text that the library writes.
inline constexpr std::string_view key_text = "sk-CANARY-of-the-tls-tests";

/// How one operation ended.
class outcome
{
public:
    bool good = false;
    apimart::error_info why;
    std::string status;     ///< of a task: the service's own word
    std::string bytes;      ///< of a download
    bool file_left = false; ///< a file or a part of one is there
};

/// Settings for which no test has to wait, and which trust the run's own root alone.
apimart::client_config quick_config(std::string base_url);

class user
{
public:
    explicit user(apimart::client_config config);
    user(user const&) = delete;
    user& operator=(user const&) = delete;
    ~user();

    outcome status();
    outcome submit();
    outcome download(std::string const& url);
    /// How long the client's end took.
    std::chrono::milliseconds shutdown();

    /// What the observer was told, by kind.
    std::vector<apimart::connection_event> const& connections() const;

private:
    class state;
    std::unique_ptr<state> state_;
};

/// The ways through the library that lead to a server.
enum class path
{
    status,
    submit,
    download,
    proxied_status,
    proxied_submit,
    proxied_download,
};

inline constexpr path all_paths[] = {path::status,         path::submit,         path::download,
                                     path::proxied_status, path::proxied_submit, path::proxied_download};

std::string name_of(path way);
bool is_submit(path way);
bool is_download(path way);
bool is_proxied(path way);

using configure = std::function<void(apimart::client_config&)>;

/// Makes a client and one call on a path. The names of the tests lead to this machine. On a download's path
/// the server is no address of the service, but one that a result's link names.
outcome call(path way, std::string const& host, unsigned short port, configure const& change = {});

/// The same, from a client that lives on.
std::unique_ptr<user> make_user(path way, std::string const& host, unsigned short port,
                                configure const& change = {});
outcome call(user& by, path way, std::string const& host, unsigned short port);

/// A row of the table was checked once: with one version, one server, on one path.
void count_check();

} // namespace tls_tests
