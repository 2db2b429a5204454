// Calls of the system that a test can make fail, which otherwise would take a file system or a network of its own.
#pragma once

#include <atomic>
#include <cstdint>

namespace client_tests {

/// What the calls of this program do while one of these lives. One at a time.
class replaced_system_calls
{
public:
    replaced_system_calls() { current = this; }
    replaced_system_calls(replaced_system_calls const&) = delete;
    replaced_system_calls& operator=(replaced_system_calls const&) = delete;
    ~replaced_system_calls() { current = nullptr; }

    /// What `link` and `renameat2` fail with, as where the file system has none; zero for neither.
    int link_error = 0;
    int rename_error = 0;
    /// A regular file takes so many bytes, and then `write` fails with this.
    std::int64_t room = INT64_MAX;
    int write_error = 0;
    /// Connections into 198.18.0.0/15 lead to this machine, as those of a proxy do that answers every name from there.
    bool leads_fake_ip_home = false;

    static std::atomic<replaced_system_calls*> current;
};

} // namespace client_tests
