// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_PARTIAL_FILE_HPP
#define APIMART_OPERATIONS_PARTIAL_FILE_HPP

#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace apimart::detail {

// A file in the making: bytes go to `<target>.part`; only a complete, synced file gets the target's name.
class partial_file
{
public:
    explicit partial_file(std::filesystem::path target)
        : target_(std::move(target)), part_(part_of(target_)),
          folder_(target_.has_parent_path() ? target_.parent_path() : std::filesystem::path("."))
    {}
    partial_file(partial_file const&) = delete;
    partial_file& operator=(partial_file const&) = delete;
    ~partial_file() { close(); }

    boost::system::error_code open()
    {
        // Whatever an earlier process left has no proof that it belongs to this result, and whoever else has put a file
        // there may still have it open. A link or a device is nobody's leftover.
        struct stat found;
        if (::lstat(part_.c_str(), &found) == 0 && S_ISREG(found.st_mode))
            ::unlink(part_.c_str());
        descriptor_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        size_ = 0;
        return descriptor_ < 0 ? last() : boost::system::error_code();
    }

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
        if (::fsync(descriptor_) != 0)
            return last();
        close();
        if (overwrite) {
            if (::rename(part_.c_str(), target_.c_str()) != 0)
                return last();
        } else if (auto const code = put_in_place()) {
            return code;
        }
        int const directory = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0) {
            ::fsync(directory);
            ::close(directory);
        }
        return {};
    }

    void remove()
    {
        close();
        ::unlink(part_.c_str());
    }

    std::uint64_t size() const noexcept { return size_; }

private:
    // A name that has no room for the suffix is cut, and told from others by its hash.
    static std::filesystem::path part_of(std::filesystem::path const& target)
    {
        constexpr std::size_t longest = NAME_MAX;
        std::string const suffix = ".part";
        std::string name = target.filename().string();
        if (name.size() + suffix.size() > longest) {
            std::string const hash = '.' + std::to_string(std::hash<std::string>()(name));
            name.resize(longest - suffix.size() - hash.size());
            name += hash;
        }
        return std::filesystem::path(target).replace_filename(name + suffix);
    }

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

    void close() noexcept
    {
        if (descriptor_ >= 0)
            ::close(descriptor_);
        descriptor_ = -1;
    }

    std::filesystem::path target_;
    std::filesystem::path part_;
    std::filesystem::path folder_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
};

} // namespace apimart::detail

#endif
