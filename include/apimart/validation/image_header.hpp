// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_IMAGE_HEADER_HPP
#define APIMART_VALIDATION_IMAGE_HEADER_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// What the first bytes of a picture say of it. Nothing in them is trusted.
namespace apimart::detail {

struct picture_header
{
    enum class format : std::uint8_t
    {
        unknown,
        jpeg,
        png
    };

    format is = format::unknown;
    std::uint32_t width = 0; ///< pixels; zero if the header does not say
    std::uint32_t height = 0;

    constexpr bool has_size() const noexcept { return width != 0 && height != 0; }
};

// How far into a file its type is told.
inline constexpr std::size_t image_type_bytes = 12;

// The media type that the first bytes of a picture tell, of those that the service takes; empty for everything else.
constexpr std::string_view image_type(std::string_view first_bytes) noexcept
{
    using namespace std::string_view_literals;
    if (first_bytes.starts_with("\xFF\xD8\xFF"sv))
        return "image/jpeg";
    if (first_bytes.starts_with("\x89PNG\r\n\x1A\n"sv))
        return "image/png";
    if (first_bytes.starts_with("GIF87a"sv) || first_bytes.starts_with("GIF89a"sv))
        return "image/gif";
    if (first_bytes.starts_with("RIFF"sv) && first_bytes.substr(0, image_type_bytes).ends_with("WEBP"sv) &&
        first_bytes.size() >= image_type_bytes)
        return "image/webp";
    return {};
}

constexpr std::uint32_t big_endian(std::span<unsigned char const> bytes) noexcept
{
    std::uint32_t number = 0;
    for (unsigned char const one : bytes)
        number = number << 8 | one;
    return number;
}

// Walks the segments of a JPEG up to the one that holds the size. Reads only their heads.
template <class Read>
void read_jpeg_size(Read& read, picture_header& header)
{
    // Many times what cameras and editors write; a crafted file must not keep us busy.
    constexpr int max_steps = 4096;
    std::uint64_t at = 2;
    for (int step = 0; step != max_steps; ++step) {
        std::array<unsigned char, 2> mark;
        if (!read(at, mark) || mark[0] != 0xFF)
            return;
        unsigned char const marker = mark[1];
        if (marker == 0xFF) { // a fill byte
            ++at;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) { // markers without a segment
            at += 2;
            continue;
        }
        // Where the picture's data begin, or a second picture, there should have been a size.
        if (marker < 0xC0 || (marker >= 0xD8 && marker <= 0xDA))
            return;
        std::array<unsigned char, 2> length_bytes;
        if (!read(at + 2, length_bytes))
            return;
        std::uint32_t const length = big_endian(length_bytes);
        constexpr std::uint32_t min_frame_size = 8;
        bool const frame =
            marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC; // tables, reserved, tables
        if (length < (frame ? min_frame_size : 2))
            return;
        if (frame) {
            std::array<unsigned char, 5> start; // precision, height, width
            if (read(at + 4, start)) {
                header.height = big_endian(std::span(start).subspan(1, 2));
                header.width = big_endian(std::span(start).subspan(3, 2));
            }
            return;
        }
        at += 2 + length;
    }
}

// `read(offset, bytes)` fills a range of bytes from the file, or says that they are not there.
template <class Read>
picture_header read_picture_header(Read read)
{
    constexpr std::array<unsigned char, 8> png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    constexpr std::array<unsigned char, 8> first_chunk = {0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    picture_header header;
    std::array<unsigned char, 3> begin;
    if (!read(0, begin))
        return header;
    if (begin[0] == 0xFF && begin[1] == 0xD8 && begin[2] == 0xFF) {
        header.is = picture_header::format::jpeg;
        read_jpeg_size(read, header);
        return header;
    }
    std::array<unsigned char, 8> eight;
    if (!std::equal(begin.begin(), begin.end(), png.begin()) || !read(0, eight) || eight != png)
        return header;
    header.is = picture_header::format::png;
    std::array<unsigned char, 4> width;
    std::array<unsigned char, 4> height;
    if (read(8, eight) && eight == first_chunk && read(16, width) && read(20, height)) {
        header.width = big_endian(width);
        header.height = big_endian(height);
    }
    return header;
}

} // namespace apimart::detail

#endif
