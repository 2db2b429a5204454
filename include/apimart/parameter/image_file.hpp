// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_IMAGE_FILE_HPP
#define APIMART_PARAMETER_IMAGE_FILE_HPP

#include <apimart/parameter/vocabulary.hpp>

#include <concepts>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace apimart {

/// A picture in a local file. Names it only; nothing is read before it is used.
///
/// Stands wherever a request takes the URL of a picture; `client::generate` and `client::upload_files` put the link of the
/// uploaded file in its place.
class image_file
{
public:
    explicit image_file(std::string path) : path_(std::move(path)) {}

    std::string const& path() const& noexcept { return path_; }
    std::string path() && { return std::move(path_); }

private:
    std::string path_;
};

namespace detail {

// How a local file stands in a request until it is uploaded.
std::string local_file_text(std::string_view path);

// Parameters whose URLs are those of pictures; there is no upload of anything else.
constexpr bool takes_picture(std::string_view parameter_name) noexcept
{
    return parameter_name == parameter::first_frame_image::name ||
           parameter_name == parameter::last_frame_image::name ||
           parameter_name == parameter::image_url::name || parameter_name == parameter::image_urls::name;
}

template <class Range>
concept range_of_image_files = requires(Range const& files)
{
    {
        *std::begin(files)
        } -> std::convertible_to<image_file const&>;
    std::end(files);
};

} // namespace detail
} // namespace apimart

#endif
