// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_FILE_LOCK_HPP
#define APIMART_JOURNALS_FILE_LOCK_HPP

#include <apimart/error.hpp>

#include <boost/system/system_category.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

namespace apimart::detail {

// Held for the life of a journal, in a file beside it: a lock on the journal itself would be in the way of SQLite's own, and
// closing the file would drop those.
class file_lock
{
public:
    explicit file_lock(std::string const& journal) : path_(journal + "-lock")
    {
        for (;;) {
            fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
            if (fd_ < 0)
                throw error(error_info(errc::journal_failed, path_).underlying(last_error()));
            if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
                error_code const why = last_error();
                long const holder = read_holder();
                ::close(fd_);
                if (why.value() != EWOULDBLOCK)
                    throw error(error_info(errc::journal_failed, path_).underlying(why));
                throw error(
                    error_info(errc::journal_in_use,
                               journal + (holder > 0 ? " is written by process " + std::to_string(holder)
                                                     : " is written by another process")));
            }
            // Who held it before may have removed the name meanwhile.
            struct stat here = {};
            struct stat named = {};
            if (::fstat(fd_, &here) == 0 && ::stat(path_.c_str(), &named) == 0 &&
                here.st_ino == named.st_ino && here.st_dev == named.st_dev)
                break;
            ::close(fd_);
        }
        std::string const holder = std::to_string(::getpid()) + '\n';
        // What stands there only helps to read the message; a full disk says so soon enough.
        static_cast<void>(::ftruncate(fd_, 0) == 0 && ::write(fd_, holder.data(), holder.size()) > 0);
    }
    file_lock(file_lock const&) = delete;
    file_lock& operator=(file_lock const&) = delete;
    ~file_lock()
    {
        if (!abandoned_)
            ::unlink(path_.c_str());
        ::close(fd_);
    }

    // In a forked child: the parent holds it.
    void abandon() noexcept { abandoned_ = true; }

private:
    static error_code last_error() noexcept { return error_code(errno, boost::system::system_category()); }

    long read_holder() const
    {
        std::array<char, 24> text{};
        return ::pread(fd_, text.data(), text.size() - 1, 0) > 0 ? std::strtol(text.data(), nullptr, 10) : 0;
    }

    std::string path_;
    int fd_ = -1;
    bool abandoned_ = false;
};

} // namespace apimart::detail

#endif
