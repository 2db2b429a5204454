// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_UPLOADED_IMAGE_HPP
#define APIMART_UPLOADED_IMAGE_HPP

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace apimart {

/// A picture at the service. Its link can be given wherever a request takes the URL of a picture; the service keeps it for
/// 72 hours. Source: API reference, section 6.
class uploaded_image
{
public:
    uploaded_image() {}
    explicit uploaded_image(std::string url) : url_(std::move(url)) {}

    /// Whoever has it can fetch the picture.
    std::string const& url() const& noexcept { return url_; }
    std::string url() && { return std::move(url_); }
    operator std::string_view() const& noexcept { return url_; }

    /// Of the content, such as `image/png`.
    std::string const& content_type() const& noexcept { return content_type_; }
    std::string content_type() && { return std::move(content_type_); }
    std::uint64_t bytes() const noexcept { return bytes_; }
    /// When the service removes it.
    std::chrono::sys_seconds expires_at() const noexcept { return expires_at_; }
    /// No byte was sent: the client had uploaded the same content before.
    bool reused() const noexcept { return reused_; }

    // For the library.
    uploaded_image& content_type(std::string type) { return content_type_ = std::move(type), *this; }
    uploaded_image& bytes(std::uint64_t count) { return bytes_ = count, *this; }
    uploaded_image& expires_at(std::chrono::sys_seconds when) { return expires_at_ = when, *this; }
    uploaded_image& reused(bool is) { return reused_ = is, *this; }

private:
    std::string url_;
    std::string content_type_;
    std::uint64_t bytes_ = 0;
    std::chrono::sys_seconds expires_at_{};
    bool reused_ = false;
};

} // namespace apimart

#endif
