#include "process.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tls_tests {

namespace {

// Only what is allowed between fork and exec in a program with threads.
[[noreturn]] void become(char* const* arguments, char const* folder, int output, pid_t parent)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent)
        ::_exit(1);
    int const nothing = ::open("/dev/null", O_RDONLY);
    if (::chdir(folder) == 0 && nothing >= 0 && ::dup2(nothing, 0) >= 0 && ::dup2(output, 1) >= 0 &&
        ::dup2(output, 2) >= 0)
        ::execvp(arguments[0], arguments);
    constexpr char words[] = "this program is needed for the test and cannot be run\n";
    [[maybe_unused]] auto const ignored = ::write(output, words, sizeof words - 1);
    ::_exit(127);
}

std::string find_program(std::string const& name)
{
    // Where servers are installed is not on every user's path.
    for (char const* const folder : {"/usr/sbin/", "/usr/local/sbin/"}) {
        std::string path = folder + name;
        if (::access(path.c_str(), X_OK) == 0)
            return path;
    }
    return name;
}

} // namespace

process::process(std::vector<std::string> command, std::filesystem::path const& working_folder)
{
    command.front() = find_program(command.front());
    std::vector<char*> arguments;
    for (std::string& each : command)
        arguments.push_back(each.data());
    arguments.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw std::system_error(errno, std::generic_category(), "pipe");
    pid_t const parent = ::getpid();
    id_ = ::fork();
    if (id_ == 0)
        become(arguments.data(), working_folder.c_str(), ends[1], parent);
    int const why = errno;
    ::close(ends[1]);
    if (id_ < 0) {
        ::close(ends[0]);
        throw std::system_error(why, std::generic_category(), "fork");
    }
    pipe_ = ends[0];
    output_ = command.front() + ": ";
    reader_ = std::thread([this] { read(); });
}

process::~process()
{
    ::kill(id_, SIGKILL);
    reader_.join();
    ::close(pipe_);
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
}

void process::read()
{
    char piece[4096];
    for (;;) {
        auto const n = ::read(pipe_, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        std::lock_guard const lock(mutex_);
        if (n > 0)
            output_.append(piece, static_cast<std::size_t>(n));
        else
            ended_ = true;
        more_.notify_all();
        if (n <= 0)
            return;
    }
}

bool process::wait_for(std::string_view words) const
{
    std::unique_lock lock(mutex_);
    auto const there = [&] { return output_.find(words) != std::string::npos; };
    if (!more_.wait_for(lock, std::chrono::seconds(30), [&] { return there() || ended_; }))
        throw std::runtime_error("a program did not get as far as it should; it said: " + output_);
    return there();
}

bool process::ended_with(std::string_view words) const
{
    std::unique_lock lock(mutex_);
    if (!more_.wait_for(lock, std::chrono::seconds(60), [&] { return ended_; }))
        throw std::runtime_error("a program did not end; it said: " + output_);
    return output_.find(words) != std::string::npos;
}

std::string process::output() const
{
    std::lock_guard const lock(mutex_);
    return output_;
}

} // namespace tls_tests
