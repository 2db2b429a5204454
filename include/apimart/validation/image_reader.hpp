// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_IMAGE_READER_HPP
#define APIMART_VALIDATION_IMAGE_READER_HPP

#include <apimart/errors/validation_result.hpp>
#include <apimart/parameter/value_rule.hpp>
#include <apimart/text/base64.hpp>
#include <apimart/validation/excerpt.hpp>
#include <apimart/validation/image_header.hpp>
#include <apimart/validation/media_text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace apimart::detail {

inline std::string bytes_text(std::int64_t count)
{
    return count_of(static_cast<std::size_t>(count), "byte", "bytes");
}

// Reports what the limits of a model have against a picture, and reads no more of it than that takes.
template <class Read>
void check_picture(std::string const& pointer, image_limits const& limits, std::int64_t size,
                   Read const& read, validation_result& found)
{
    if (size > limits.bytes)
        found.add_error(pointer, picture_size_rule(limits.bytes), bytes_text(size));
    picture_header const header = read_picture_header(read);
    if (header.is == picture_header::format::unknown) {
        found.add_error(pointer, "must be a JPEG or PNG picture", "a file of " + bytes_text(size));
        return;
    }
    if (!header.has_size()) {
        found.add_error(pointer, "must be a picture whose header says its width and height", "");
        return;
    }
    std::int64_t const longer = std::max(header.width, header.height);
    std::int64_t const shorter = std::min(header.width, header.height);
    std::string const sides =
        std::to_string(header.width) + " x " + std::to_string(header.height) + " pixels";
    if (shorter < limits.min_side)
        found.add_error(
            pointer, "must be at least " + std::to_string(limits.min_side) + " pixels wide and high", sides);
    if (longer * limits.short_side > shorter * limits.long_side)
        found.add_error(pointer,
                        "must have a longer side to the shorter of at most " +
                            std::to_string(limits.long_side) + ":" + std::to_string(limits.short_side),
                        sides);
}

// A picture in a file, opened once: what was checked is what is read.
class picture_file
{
public:
    // Reports what the limits have against it. Reads no more than that takes.
    picture_file(std::filesystem::path const& path, std::string_view parameter, image_limits const& limits,
                 validation_result& found)
        : pointer_("/" + std::string(parameter))
    {
        // Opening something else than a file, such as a pipe, could block for ever.
        std::error_code error;
        if (std::filesystem::is_regular_file(path, error)) {
            // Without a buffer, reading a few bytes would read thousands.
            file_.rdbuf()->pubsetbuf(nullptr, 0);
            file_.open(path, std::ios::binary);
            if (file_.seekg(0, std::ios::end))
                size_ = static_cast<std::int64_t>(file_.tellg());
        }
        if (size_ < 0)
            found.add_error(pointer_, "must be a file that can be read",
                            excerpt(std::string_view(path.string())));
        else
            check(limits, found);
    }

    // The whole picture.
    std::string base64(validation_result& found)
    {
        std::string text;
        text.reserve(static_cast<std::size_t>((size_ + 2) / 3 * 4 + 1));
        std::array<unsigned char, 3 * 16384> block;
        for (std::int64_t at = 0; at != size_;) {
            auto const count = std::min(size_ - at, static_cast<std::int64_t>(block.size()));
            std::span<unsigned char> const bytes(block.data(), static_cast<std::size_t>(count));
            if (!read(static_cast<std::uint64_t>(at), bytes)) {
                found.add_error(pointer_, "must be a file that can be read to its end", bytes_text(at));
                return {};
            }
            append_base64(text, bytes);
            at += count;
        }
        return text;
    }

private:
    bool read(std::uint64_t offset, std::span<unsigned char> bytes)
    {
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(offset));
        file_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return static_cast<bool>(file_);
    }

    void check(image_limits const& limits, validation_result& found)
    {
        check_picture(
            pointer_, limits, size_,
            [this](std::uint64_t offset, std::span<unsigned char> bytes) { return read(offset, bytes); },
            found);
    }

    std::string pointer_;
    std::ifstream file_;
    std::int64_t size_ = -1;
};

} // namespace apimart::detail

#endif
