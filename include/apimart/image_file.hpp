// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_IMAGE_FILE_HPP
#define APIMART_IMAGE_FILE_HPP

#include <apimart/any_request.hpp>
#include <apimart/errors/validation_result.hpp>
#include <apimart/models/kling_3_0_turbo.hpp>
#include <apimart/parameter/image_file.hpp>
#include <apimart/request.hpp>
#include <apimart/validation/image_reader.hpp>
#include <apimart/validation/picture_reader.hpp>

#include <boost/system/result.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace apimart {

/// A picture as the Base64 text that travels in a request; can be given where a request takes one.
///
/// Made by `first_frame_image`. Lifetime: owns its text.
class base64_image
{
public:
    explicit base64_image(std::string base64) : text_(std::move(base64)) {}

    std::string const& text() const& noexcept { return text_; }
    std::string text() && { return std::move(text_); }
    operator std::string_view() const noexcept { return text_; }

private:
    std::string text_;
};

/// Whether image-to-video with `Model` takes its first frame in Base64.
template <class Model>
concept accepts_local_first_frame = accepts<Model, kind::image_to_video, parameter::first_frame_image> &&
    detail::row_of<Model, kind::image_to_video, parameter::first_frame_image>
.values.base64_allowed();

/// What the documentation has against a local picture as first frame: no JPEG or PNG by its content, too
/// large, sides too short or too unequal. Reads the heads of the file's segments and nothing more.
///
/// Blocks while it reads.
template <class Model = kling_3_0_turbo>
    requires accepts_local_first_frame<Model> validation_result check_first_frame(image_file const& file)
    {
        using place = parameter::first_frame_image;
        validation_result found;
        detail::picture_file(file.path(), place::name,
                             detail::row_of<Model, kind::image_to_video, place>.values.picture, found);
        return found;
    }

/// Checks a local picture as `check_first_frame` does, reads it and encodes it.
///
/// Example: `image_to_video<kling_3_0_turbo>(first_frame_image(image_file("dog.png")).value())`.
/// The text is bare Base64, without the head of a data URI. Blocks while it reads; a picture needs about
/// four thirds of its size in memory, and the request that takes it as much again.
template <class Model = kling_3_0_turbo>
    requires accepts_local_first_frame<Model> boost::system::result<base64_image, validation_result>
    first_frame_image(image_file const& file)
    {
        using place = parameter::first_frame_image;
        validation_result found;
        detail::picture_file picture(file.path(), place::name,
                                     detail::row_of<Model, kind::image_to_video, place>.values.picture,
                                     found);
        std::string text;
        if (found.ok())
            text = picture.base64(found);
        if (!found.ok())
            return found;
        return base64_image(std::move(text));
    }

/// What keeps a local picture of a request from being uploaded: no JPEG, PNG, WebP or GIF by its content, too large, not
/// there, or other than its model asks for. Blocks while it reads the beginning of the file.
inline validation_result check_upload(local_image const& picture)
{
    auto const opened = detail::picture_reader(picture.file(), picture.pointer(), picture.limits()).open();
    return opened ? validation_result() : opened.error().validation();
}

} // namespace apimart

#endif
