// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_PARTIAL_FILE_HPP
#define APIMART_OPERATIONS_PARTIAL_FILE_HPP

#include <apimart/operations/part_record.hpp>

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace apimart::detail {

// A file in the making: bytes go to `<target>.part`; only a complete, synced file gets the target's name. What vouches for
// those bytes lies in `<target>.part.json`, so that a later process can go on.
class partial_file
{
public:
    explicit partial_file(std::filesystem::path target)
        : target_(std::move(target)), part_(neighbour(target_, ".part")),
          record_(neighbour(target_, ".part.json")),
          folder_(target_.has_parent_path() ? target_.parent_path() : std::filesystem::path("."))
    {}
    partial_file(partial_file const&) = delete;
    partial_file& operator=(partial_file const&) = delete;
    ~partial_file() { close(); }

    // Goes on with what an earlier call left for the same link, or begins a file of its own: what nothing vouches for is not
    // added to, and whoever else has put a file there may still have it open. A link or a device is nobody's leftover.
    boost::system::error_code open(std::string_view link = {})
    {
        kept_.reset();
        struct stat found;
        if (::lstat(part_.c_str(), &found) == 0 && S_ISREG(found.st_mode)) {
            if (part_record::is_own(found))
                if (auto const code = take_over(link, found))
                    return code;
            if (kept_)
                return {};
            close();
            ::unlink(part_.c_str());
        }
        ::unlink(record_.c_str());
        descriptor_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor_ < 0)
            return last();
        lock();
        return {};
    }
    // What `open` found of the file.
    std::optional<file_in_transfer> const& kept() const noexcept { return kept_; }

    // From now on another process can go on with what is there, where this is true.
    bool record(std::string const& link, file_in_transfer const& file)
    {
        struct stat own;
        ::unlink(record_.c_str());
        is_recorded_ = !file.validator.empty() && ::fstat(descriptor_, &own) == 0 &&
                       part_record(link, file, own).write(record_.c_str());
        return is_recorded_;
    }
    bool is_recorded() const noexcept { return is_recorded_; }

    boost::system::error_code append(char const* data, std::size_t count)
    {
        while (count > 0) {
            auto const n = ::write(descriptor_, data, count);
            if (n < 0) {
                if (errno == EINTR)
                    continue;
                return last();
            }
            data += n;
            count -= static_cast<std::size_t>(n);
            size_ += static_cast<std::uint64_t>(n);
        }
        return {};
    }

    boost::system::error_code restart()
    {
        size_ = 0;
        return ::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0
                   ? last()
                   : boost::system::error_code();
    }

    // Sync, rename, sync of the folder: after this the target is complete even if the power fails. Needs no
    // memory, so that it cannot end halfway.
    boost::system::error_code finish(bool overwrite) noexcept
    {
        if (::fsync(descriptor_) != 0) {
            is_recorded_ = false; // some of it may be lost, and nothing tells which
            return last();
        }
        if (overwrite) {
            if (::rename(part_.c_str(), target_.c_str()) != 0)
                return last();
        } else if (auto const code = put_in_place()) {
            return code;
        }
        ::unlink(record_.c_str());
        close();
        int const directory = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0) {
            ::fsync(directory);
            ::close(directory);
        }
        return {};
    }

    void remove()
    {
        if (is_ours()) {
            ::unlink(part_.c_str());
            ::unlink(record_.c_str());
        }
        close();
    }

    std::uint64_t size() const noexcept { return size_; }
    std::filesystem::path const& path() const noexcept { return part_; }

private:
    // A name that has no room for the suffix is cut, and told from others by its hash.
    static std::filesystem::path neighbour(std::filesystem::path const& target, std::string const& suffix)
    {
        constexpr std::size_t longest = NAME_MAX;
        std::string name = target.filename().string();
        if (name.size() + suffix.size() > longest) {
            std::string const hash = '.' + std::to_string(std::hash<std::string>()(name));
            name.resize(longest - suffix.size() - hash.size());
            name += hash;
        }
        return std::filesystem::path(target).replace_filename(name + suffix);
    }

    // Fails only where the file is in use.
    boost::system::error_code take_over(std::string_view link, struct stat const& found)
    {
        descriptor_ = ::open(part_.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat opened;
        if (descriptor_ < 0 || ::fstat(descriptor_, &opened) != 0 || !is_same(opened, found))
            return {};
        if (!lock()) {
            auto const code = last();
            close();
            return code;
        }
        // Whoever had it in use until now may have put it in place, or added to it.
        struct stat now;
        if (::lstat(part_.c_str(), &now) != 0 || !is_same(now, opened) || !part_record::is_own(now))
            return {};
        if (auto const record = part_record::read(record_.c_str()))
            kept_ = record->vouches_for(link, now);
        if (kept_ && (kept_->have == 0 || ::lseek(descriptor_, 0, SEEK_END) < 0))
            kept_.reset();
        is_recorded_ = kept_.has_value();
        size_ = kept_ ? kept_->have : 0;
        return {};
    }

    static bool is_same(struct stat const& a, struct stat const& b) noexcept
    {
        return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    }

    // Two downloads to one path would each spoil the other's. Where the file system has no locks there are none.
    bool lock() noexcept { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

    // Under the target's name, and never in the place of a file that appeared in the meantime: by a link; where the file
    // system has none (exFAT, some shares), by a rename that replaces nothing; at last over an empty file of our own.
    boost::system::error_code put_in_place() noexcept
    {
        if (::link(part_.c_str(), target_.c_str()) == 0) {
            ::unlink(part_.c_str());
            return {};
        }
        if (errno == EEXIST)
            return last();
#ifdef RENAME_NOREPLACE
        if (::renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) == 0)
            return {};
        if (errno == EEXIST)
            return last();
#endif
        int const placeholder = ::open(target_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (placeholder < 0)
            return last();
        ::close(placeholder);
        if (::rename(part_.c_str(), target_.c_str()) == 0)
            return {};
        auto const code = last();
        ::unlink(target_.c_str());
        return code;
    }

    static boost::system::error_code last() noexcept
    {
        return {errno, boost::system::system_category()};
    }

    // A forked child has the descriptor, too. It leaves file and lock to its parent, and would hold the lock after it.
    bool is_ours() const noexcept
    {
        return process_ == ::getpid();
    }
    void close() noexcept
    {
        if (descriptor_ >= 0) {
            if (is_ours())
                ::flock(descriptor_, LOCK_UN);
            ::close(descriptor_);
        }
        descriptor_ = -1;
    }

    std::filesystem::path target_;
    std::filesystem::path part_;
    std::filesystem::path record_;
    std::filesystem::path folder_;
    pid_t process_ = ::getpid();
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
    std::optional<file_in_transfer> kept_;
    bool is_recorded_ = false;
};

} // namespace apimart::detail

#endif
