// Starts programs and talks to them over pipes.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

extern char** environ;

namespace bench {

/// A running program; its standard input and output are ours, its standard error is ours to share.
class child_process
{
public:
    /// Throws std::system_error when it cannot be started.
    explicit child_process(std::vector<std::string> command)
    {
        std::array<int, 2> in{};
        std::array<int, 2> out{};
        check(::pipe2(in.data(), O_CLOEXEC) == 0 ? 0 : errno, "pipe");
        check(::pipe2(out.data(), O_CLOEXEC) == 0 ? 0 : errno, "pipe");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        std::vector<char*> arguments;
        for (std::string& word : command)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        int const failed = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(in[0]);
        ::close(out[1]);
        input_ = in[1];
        output_ = out[0];
        check(failed, command.front().c_str());
    }
    child_process(child_process const&) = delete;
    child_process& operator=(child_process const&) = delete;
    ~child_process()
    {
        if (!ended_)
            end();
    }

    /// Waits for a line of its output; empty when there is no more.
    std::string line()
    {
        std::string text;
        char c = 0;
        while (::read(output_, &c, 1) == 1 && c != '\n')
            text += c;
        return text;
    }

    void close_input()
    {
        if (input_ >= 0)
            ::close(std::exchange(input_, -1));
    }

    /// Closes its standard input and waits for its end; true when it ended well.
    bool end()
    {
        ended_ = true;
        close_input();
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        ::close(output_);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

private:
    static void check(int code, char const* what)
    {
        if (code != 0)
            throw std::system_error(code, std::generic_category(), what);
    }

    pid_t pid_ = -1;
    int input_ = -1;
    int output_ = -1;
    bool ended_ = false;
};

/// Whether a program of that name is in the search path.
inline bool is_installed(std::string_view program)
{
    char const* const path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');)
        if (::access((std::filesystem::path(folder) / program).c_str(), X_OK) == 0)
            return true;
    return false;
}

/// A folder that goes when this goes.
class scratch_folder
{
public:
    scratch_folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "apimart-benchmark-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(), "mkdtemp");
        path_ = name;
    }
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;
    ~scratch_folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string file(std::string_view name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

} // namespace bench
