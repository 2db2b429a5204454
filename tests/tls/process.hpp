// A program that a test started, and ends by its id.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace tls_tests {

class process
{
public:
    /// The program is looked for in PATH and in the system's folders. Its output goes into `output`; it has
    /// no input. It does not outlive the test program.
    explicit process(std::vector<std::string> command, std::filesystem::path const& working_folder);
    process(process const&) = delete;
    process& operator=(process const&) = delete;
    ~process();

    /// Waits for words in the output; false when the program ended without them. Throws when neither happens.
    bool wait_for(std::string_view words) const;
    /// Waits until the program has ended by itself, and then says what `wait_for` would.
    bool ended_with(std::string_view words) const;
    std::string output() const;

private:
    void read();

    pid_t id_ = -1;
    int pipe_ = -1;
    mutable std::mutex mutex_;
    mutable std::condition_variable more_;
    std::string output_;
    bool ended_ = false;
    std::thread reader_;
};

} // namespace tls_tests
