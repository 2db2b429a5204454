// The report: one JSON object per line of the input, in the order in which they end.
#ifndef APIMART_EXAMPLES_REPORT_FILE_HPP
#define APIMART_EXAMPLES_REPORT_FILE_HPP

#include "checked_output.hpp"
#include "shown_text.hpp"

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace batch_submit {

class report_file
{
public:
    // What an older report is good for.
    enum class older
    {
        continued, // it is of this batch
        kept,      // it may be the only place that knows what was bought
        replaced
    };

    // Throws std::runtime_error where nothing could be kept, or something would be lost.
    report_file(std::string path, std::string const& requests, std::string const& journal, older rule)
        : path_(std::move(path)), descriptor_(open()), out_(descriptor_)
    {
        struct stat mine
        {};
        if (::fstat(descriptor_, &mine) != 0)
            refuse("cannot be looked at");
        auto const is_mine = [&](std::string const& other) {
            struct stat theirs
            {};
            return ::stat(other.c_str(), &theirs) == 0 && mine.st_dev == theirs.st_dev &&
                   mine.st_ino == theirs.st_ino;
        };
        if (is_mine(requests))
            refuse("is the file with the requests");
        if (is_mine(journal))
            refuse("is the journal");
        if (!S_ISREG(mine.st_mode) || mine.st_size == 0)
            return; // a pipe or a terminal has nothing to lose
        if (rule == older::kept) {
            if (std::size_t const tasks = task_ids(); tasks != 0)
                refuse("holds " + plural(tasks, "task id") +
                       " of an earlier batch; move it away, or give --replace-report");
        }
        was_empty_ = rule != older::continued;
        if (was_empty_ && ::ftruncate(descriptor_, 0) != 0)
            refuse("cannot be emptied: " + std::generic_category().message(errno));
    }
    report_file(report_file const&) = delete;
    report_file& operator=(report_file const&) = delete;
    ~report_file() { ::close(descriptor_); }

    // What was given is in the kernel's hands afterwards: the end of this program does not lose it.
    void write(std::string const& line) { out_.write(line + "\n"); }
    std::error_code failure() const { return out_.failure(); }
    std::string const& path() const { return path_; }
    // Whether nothing of earlier runs is in it.
    bool was_empty() const { return was_empty_; }

private:
    [[noreturn]] void refuse(std::string const& why) const
    {
        ::close(descriptor_);
        throw std::runtime_error("--report: " + shown(path_) + " " + why);
    }

    int open() const
    {
        int const descriptor = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (descriptor < 0)
            throw std::runtime_error("--report: cannot write " + shown(path_) + ": " +
                                     std::generic_category().message(errno));
        return descriptor;
    }

    std::size_t task_ids() const
    {
        std::ifstream in(path_);
        std::size_t count = 0;
        for (std::string line; std::getline(in, line);)
            count += line.find("\"task_id\":\"") != std::string::npos ? 1 : 0;
        return count;
    }

    std::string path_;
    int descriptor_;
    checked_output out_;
    bool was_empty_ = true;
};

} // namespace batch_submit

#endif
