// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_PICTURE_READER_HPP
#define APIMART_VALIDATION_PICTURE_READER_HPP

#include <apimart/error.hpp>
#include <apimart/image_source.hpp>
#include <apimart/validation/excerpt.hpp>
#include <apimart/validation/image_header.hpp>
#include <apimart/validation/image_reader.hpp>
#include <apimart/validation/media_text.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace apimart::detail {

inline std::string file_name_of(std::string const& path)
{
    return path.substr(path.rfind('/') + 1);
}

using sha256_digest = std::array<unsigned char, 32>;

// The content of a picture that is uploaded, piece by piece, from a file or from memory. Opened once: what was checked is
// what is sent. Every call may block for as long as the file system likes.
class picture_reader
{
public:
    // Source: API reference, section 6.
    static constexpr std::size_t max_size = 20'971'520;
    static constexpr std::size_t piece_size = std::size_t{256} << 10U;

    // `pointer` is the place of the picture in errors; a model may have limits of its own.
    picture_reader(image_source source, std::string pointer, image_limits const& limits = {})
        : source_(std::move(source)), pointer_(std::move(pointer)), limits_(limits), hash_(EVP_MD_CTX_new())
    {
        if (!hash_)
            throw std::bad_alloc();
    }
    picture_reader(picture_reader const&) = delete;
    picture_reader& operator=(picture_reader const&) = delete;
    ~picture_reader()
    {
        if (descriptor_ >= 0)
            ::close(descriptor_);
    }

    // Judges the size, and the type by the first bytes.
    result<void> open()
    {
        if (source_.bytes()) {
            size_ = source_.bytes()->size();
        } else if (error_code const code = open_file()) {
            return refused("must be a file that can be read", excerpt(name())).underlying(code);
        }
        if (size_ > max_size)
            return refused(picture_size_rule(static_cast<std::int64_t>(max_size)), size_text());
        std::array<char, image_type_bytes> first;
        std::size_t const count = read_at(0, first.data(), std::min(first.size(), size_));
        type_ = image_type(std::string_view(first.data(), count));
        if (type_.empty())
            return refused("must be a JPEG, PNG, WebP or GIF picture by its content",
                           "a file of " + size_text());
        if (limits_.bytes > 0) {
            validation_result found;
            check_picture(
                pointer_, limits_, static_cast<std::int64_t>(size_),
                [this](std::uint64_t offset, std::span<unsigned char> bytes) {
                    return offset + bytes.size() <= size_ &&
                           read_at(offset, reinterpret_cast<char*>(bytes.data()), bytes.size()) ==
                               bytes.size();
                },
                found);
            if (!found.ok())
                return error_info(errc::invalid_request).validation(std::move(found));
        }
        rewind();
        return {};
    }

    void rewind()
    {
        offset_ = 0;
        EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr);
    }

    // The next piece, valid until the next call; empty at the end.
    result<std::string_view> read()
    {
        std::size_t const wanted = std::min(piece_size, size_ - offset_);
        std::string_view piece;
        if (source_.bytes()) {
            piece = std::string_view(*source_.bytes()).substr(offset_, wanted);
        } else {
            buffer_.resize(std::min(piece_size, size_));
            piece = std::string_view(buffer_.data(), read_at(offset_, buffer_.data(), wanted));
        }
        if (piece.size() < wanted)
            return unreadable(read_error_ ? read_error_.message() : "it became shorter")
                .underlying(read_error_);
        EVP_DigestUpdate(hash_.get(), piece.data(), piece.size());
        offset_ += piece.size();
        return piece;
    }

    bool at_end() const noexcept { return offset_ == size_; }
    // Of everything that was read since the beginning.
    sha256_digest digest()
    {
        sha256_digest all{};
        EVP_DigestFinal_ex(hash_.get(), all.data(), nullptr);
        return all;
    }

    std::size_t size() const noexcept { return size_; }
    std::string_view type() const noexcept { return type_; }
    // The part without a name would be no file to the service.
    std::string name() const
    {
        std::string const name = file_name_of(source_.path());
        return name.empty() ? "image" : name;
    }

    error_info unreadable(std::string const& why) const
    {
        return error_info(errc::file_error, name() + ": " + why);
    }

private:
    // Opening something else than a file, such as a pipe, could block for ever.
    error_code open_file()
    {
        struct stat found;
        descriptor_ = ::open(source_.path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (descriptor_ < 0 || ::fstat(descriptor_, &found) != 0)
            return last();
        if (!S_ISREG(found.st_mode))
            return make_error_code(S_ISDIR(found.st_mode) ? boost::system::errc::is_a_directory
                                                          : boost::system::errc::invalid_argument);
        size_ = static_cast<std::size_t>(found.st_size);
        return {};
    }

    std::size_t read_at(std::size_t offset, char* to, std::size_t wanted)
    {
        std::size_t done = 0;
        while (done < wanted) {
            if (source_.bytes()) {
                done = source_.bytes()->copy(to, wanted, offset);
                break;
            }
            auto const n = ::pread(descriptor_, to + done, wanted - done, static_cast<off_t>(offset + done));
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                read_error_ = last();
            if (n <= 0)
                break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }

    error_info refused(std::string rule, std::string given) const
    {
        validation_result found;
        found.add_error(pointer_, std::move(rule), std::move(given));
        return error_info(errc::invalid_request).validation(std::move(found));
    }
    std::string size_text() const { return bytes_text(static_cast<std::int64_t>(size_)); }
    static error_code last() noexcept { return {errno, boost::system::system_category()}; }

    struct free_hash
    {
        void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    };

    image_source const source_;
    std::string const pointer_;
    image_limits const limits_;
    std::unique_ptr<EVP_MD_CTX, free_hash> hash_;
    std::string buffer_;
    std::size_t size_ = 0;
    std::size_t offset_ = 0;
    std::string_view type_;
    error_code read_error_;
    int descriptor_ = -1;
};

} // namespace apimart::detail

#endif
