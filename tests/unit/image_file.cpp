// SPDX-License-Identifier: BSL-1.0
//
// Local pictures: what their headers say, what is refused, and how little is read for it.

#include <apimart/any_request.hpp>
#include <apimart/image_file.hpp>
#include <apimart/models.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using namespace apimart;
using bytes = std::vector<unsigned char>;
using format = detail::picture_header::format;

bytes operator+(bytes left, bytes const& right)
{
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

bytes number(std::uint64_t value, int size)
{
    bytes result;
    while (size-- != 0)
        result.push_back(static_cast<unsigned char>(value >> 8 * size));
    return result;
}

bytes png(std::uint32_t width, std::uint32_t height)
{
    return bytes{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'} +
           number(width, 4) + number(height, 4) + bytes{8, 6, 0, 0, 0, 1, 2, 3, 4};
}

bytes segment(unsigned char marker, std::size_t payload)
{
    return bytes{0xFF, marker} + number(payload + 2, 2) + bytes(payload, 0xFF);
}

bytes frame(unsigned char marker, unsigned width, unsigned height)
{
    return bytes{0xFF, marker} + number(17, 2) + bytes{8} + number(height, 2) + number(width, 2) +
           bytes(10, 1);
}

bytes const start = {0xFF, 0xD8};
bytes const data = {0xFF, 0xDA, 0, 2, 1, 2, 3, 0xFF, 0xD9};

bytes jpeg(unsigned width, unsigned height)
{
    return start + segment(0xE0, 14) + segment(0xDB, 65) + frame(0xC0, width, height) + data;
}

struct reading
{
    detail::picture_header header;
    std::size_t bytes_read = 0;
};

// Reads from memory; reaching beyond the end fails as it does with a file.
reading header_of(bytes const& content)
{
    reading result;
    result.header = detail::read_picture_header([&](std::uint64_t offset, std::span<unsigned char> to) {
        if (offset > content.size() || to.size() > content.size() - offset)
            return false;
        std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), to.size(), to.begin());
        result.bytes_read += to.size();
        return true;
    });
    return result;
}

void check_header(bytes const& content, format is, std::uint32_t width, std::uint32_t height)
{
    detail::picture_header const header = header_of(content).header;
    CHECK(header.is == is);
    CHECK(header.width == width);
    CHECK(header.height == height);
}

// A file that is gone after the test.
class temporary_file
{
public:
    explicit temporary_file(bytes const& content)
        : path_(std::filesystem::temp_directory_path() /
                ("apimart_media_file." + std::to_string(::getpid()) + "." + std::to_string(++count_)))
    {
        std::ofstream(path_, std::ios::binary)
            .write(reinterpret_cast<char const*>(content.data()),
                   static_cast<std::streamsize>(content.size()));
    }
    ~temporary_file() { std::filesystem::remove(path_); }
    temporary_file(temporary_file const&) = delete;
    temporary_file& operator=(temporary_file const&) = delete;

    std::filesystem::path const& path() const { return path_; }

private:
    inline static int count_ = 0;
    std::filesystem::path path_;
};

std::string complaint(bytes const& content)
{
    temporary_file const file(content);
    auto const picture = first_frame_image(image_file(file.path()));
    std::string const text = picture ? std::string() : picture.error().describe();
    CHECK(check_first_frame(image_file(file.path())).describe() == text);
    return text;
}

} // namespace

TEST_CASE("media: width and height from the header")
{
    check_header(png(640, 480), format::png, 640, 480);
    check_header(png(0xFFFFFFFF, 1), format::png, 0xFFFFFFFF, 1);
    check_header(jpeg(640, 480), format::jpeg, 640, 480);
    check_header(jpeg(65535, 65535), format::jpeg, 65535, 65535);
    // Every kind of frame has its size in the same place; C4, C8 and CC are no frames.
    for (unsigned marker = 0xC0; marker <= 0xCF; ++marker) {
        bool const is_frame = marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        check_header(start + frame(static_cast<unsigned char>(marker), 300, 400) + data, format::jpeg,
                     is_frame ? 300 : 0, is_frame ? 400 : 0);
    }
    // Fill bytes, markers without a segment, comments, and a thumbnail with a size of its own.
    check_header(start + bytes(50, 0xFF) + segment(0xE1, 10) + bytes{0xFF, 0x01, 0xFF, 0xD0} +
                     segment(0xFE, 65533) + frame(0xC2, 7, 9),
                 format::jpeg, 7, 9);
    check_header(start + (bytes{0xFF, 0xE1} + number(2 + jpeg(160, 120).size(), 2) + jpeg(160, 120)) +
                     frame(0xC0, 7, 9),
                 format::jpeg, 7, 9);
}

TEST_CASE("media: only the heads of the segments are read")
{
    bytes many_segments = start;
    for (int i = 0; i != 100; ++i)
        many_segments = many_segments + segment(0xE1, 65533);
    reading const result = header_of(many_segments + frame(0xC0, 640, 480) + bytes(100'000, 0));
    CHECK(result.header.width == 640);
    CHECK(result.bytes_read == 3 + 100 * 4 + 9);
    CHECK(header_of(png(640, 480) + bytes(100'000, 0)).bytes_read == 3 + 8 + 8 + 4 + 4);
}

TEST_CASE("media: headers that say nothing")
{
    check_header({}, format::unknown, 0, 0);
    check_header({'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0}, format::unknown, 0, 0);
    check_header(bytes{'R', 'I', 'F', 'F', 9, 9, 9, 9, 'W', 'E', 'B', 'P'}, format::unknown, 0, 0);
    check_header(start + bytes{0}, format::unknown, 0, 0);
    check_header(start + data, format::jpeg, 0, 0); // no frame before the data
    check_header(start + bytes{0xFF, 0xE0, 0, 1} + frame(0xC0, 7, 9), format::jpeg, 0, 0); // too short
    check_header(start + bytes{0xFF, 0xC0, 0, 7, 8, 0, 1, 0, 1}, format::jpeg, 0, 0);
    check_header(start + bytes{0xFF, 0x00} + frame(0xC0, 7, 9), format::jpeg, 0, 0);
    check_header(start + segment(0xE0, 4) + bytes{0x12} + frame(0xC0, 7, 9), format::jpeg, 0, 0);
    bytes wrong_chunk = png(640, 480);
    wrong_chunk[12] = 'x';
    check_header(wrong_chunk, format::png, 0, 0);
    CHECK(!header_of(jpeg(0, 480)).header.has_size());
    CHECK(!header_of(png(640, 0)).header.has_size());
    // Endless fill bytes end somewhere.
    CHECK(header_of(start + bytes(1'000'000, 0xFF)).bytes_read < 10'000);
}

TEST_CASE("media: every truncation of a header is refused and never read beyond")
{
    struct
    {
        bytes whole;
        std::size_t needed;
        format is;
        std::size_t told; ///< from this length on the format is known
    } const pictures[] = {
        {png(640, 480), 24, format::png, 8},
        {jpeg(640, 480), 2 + 18 + 69 + 9, format::jpeg, 3},
    };
    for (auto const& picture : pictures)
        for (std::size_t length = 0; length <= picture.whole.size(); ++length) {
            CAPTURE(length);
            bytes const cut(picture.whole.begin(),
                            picture.whole.begin() + static_cast<std::ptrdiff_t>(length));
            detail::picture_header const header = header_of(cut).header;
            CHECK(header.is == (length >= picture.told ? picture.is : format::unknown));
            CHECK(header.has_size() == (length >= picture.needed));
            CHECK((complaint(cut) == "") == (length >= picture.needed));
        }
}

TEST_CASE("media: garbage after a good beginning does no harm")
{
    std::mt19937 random(20260801);
    for (int round = 0; round != 20'000; ++round) {
        bytes content = round % 2 == 0 ? jpeg(640, 480) : png(640, 480);
        for (int changes = 0; changes != 4; ++changes)
            content[random() % content.size()] = static_cast<unsigned char>(random());
        CHECK(header_of(content).bytes_read <= 16'384);
    }
}

TEST_CASE("media: limits of the table, both sides of each border")
{
    CHECK(complaint(png(300, 300)) == "");
    CHECK(complaint(jpeg(300, 750)) == "");
    CHECK(complaint(jpeg(750, 300)) == "");
    CHECK(complaint(png(299, 300)) ==
          "/first_frame_image: must be at least 300 pixels wide and high (got 299 x 300 pixels)");
    CHECK(complaint(png(300, 299)) ==
          "/first_frame_image: must be at least 300 pixels wide and high (got 300 x 299 pixels)");
    CHECK(complaint(jpeg(300, 751)) ==
          "/first_frame_image: must have a longer side to the shorter of at most 5:2 (got 300 x 751 pixels)");
    CHECK(complaint(jpeg(751, 300)) ==
          "/first_frame_image: must have a longer side to the shorter of at most 5:2 (got 751 x 300 pixels)");
    CHECK(complaint(png(0xFFFFFFFF, 0xFFFFFFFF)) == "");
    CHECK(complaint(png(0xFFFFFFFF, 1)) ==
          "/first_frame_image: must be at least 300 pixels wide and high (got 4294967295 x 1 pixels)\n"
          "/first_frame_image: must have a longer side to the shorter of at most 5:2 "
          "(got 4294967295 x 1 pixels)");
    CHECK(complaint({'G', 'I', 'F', '8'}) ==
          "/first_frame_image: must be a JPEG or PNG picture (got a file of 4 bytes)");
    CHECK(complaint(start + data) ==
          "/first_frame_image: must be a picture whose header says its width and height");
}

TEST_CASE("media: a file of the largest size, and one byte more")
{
    temporary_file const file(png(640, 480));
    constexpr std::uintmax_t largest = 50u * 1024 * 1024;
    std::filesystem::resize_file(file.path(), largest); // sparse
    CHECK(check_first_frame(image_file(file.path())).entries().empty());
    std::filesystem::resize_file(file.path(), largest + 1);
    CHECK(check_first_frame(image_file(file.path())).describe() ==
          "/first_frame_image: must be a picture of at most 52428800 bytes (got 52428801 bytes)");
}

TEST_CASE("media: what is no file")
{
    auto const missing = first_frame_image(image_file("no/such/picture.png"));
    REQUIRE(!missing);
    CHECK(missing.error().describe() ==
          "/first_frame_image: must be a file that can be read (got \"no/such/picture.png\")");
    CHECK(!first_frame_image(image_file(std::filesystem::temp_directory_path())));
}

TEST_CASE("media: the picture arrives in the request, byte by byte")
{
    static_assert(std::is_constructible_v<image_to_video<kling_3_0_turbo>, base64_image>);
    static_assert(accepts_local_first_frame<kling_3_0_turbo>);
    static_assert(!accepts_local_first_frame<veo_3_1_fast_official>); // URLs only
    static_assert(!accepts_local_first_frame<kling_v3>);              // another field
    for (std::size_t extra : {0u, 1u, 2u, 3u, 49'151u, 49'152u, 49'153u, 100'000u}) {
        bytes content = png(640, 480);
        for (std::size_t i = 0; i != extra; ++i)
            content.push_back(static_cast<unsigned char>(i * 7));
        temporary_file const file(content);
        any_request const request =
            image_to_video<kling_3_0_turbo>(first_frame_image(image_file(file.path())).value()).prompt("a");
        CHECK(request.check().entries().empty());

        // Decoded independently of the encoder.
        std::string_view const text(request.body().at("first_frame_image").as_string());
        std::string const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        bytes decoded;
        unsigned bits = 0;
        int count = 0;
        for (char const c : text) {
            if (c == '=')
                break;
            bits = (bits << 6 | static_cast<unsigned>(letters.find(c))) & 0xFFFF;
            if ((count += 6) >= 8)
                decoded.push_back(static_cast<unsigned char>(bits >> (count -= 8)));
        }
        CHECK(decoded == content);
    }
}
