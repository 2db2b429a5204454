// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_BASE64_PICTURE_HPP
#define APIMART_TEXT_BASE64_PICTURE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apimart::detail {

// A picture as Base64 text, with or without the head of a data URI.
class base64_picture
{
public:
    // Of the formats that the service names for a first frame.
    static constexpr std::array<std::string_view, 3> heads = {
        "data:image/jpeg;base64,", "data:image/jpg;base64,", "data:image/png;base64,"};

    constexpr explicit base64_picture(std::string_view text) : payload_(text)
    {
        for (std::string_view const head : heads)
            if (text.starts_with(head)) {
                payload_.remove_prefix(head.size());
                break;
            }
        well_formed_ = is_base64(payload_);
    }

    constexpr bool well_formed() const noexcept { return well_formed_; }

    /// Size of the picture itself.
    std::int64_t bytes() const noexcept
    {
        std::size_t padding = 0;
        for (; padding < 2 && padding < payload_.size() && payload_[payload_.size() - 1 - padding] == '=';)
            ++padding;
        return static_cast<std::int64_t>(payload_.size() / 4 * 3 - padding);
    }

    /// Whether the first bytes are those of a JPEG or PNG file.
    bool begins_like_a_picture() const noexcept
    {
        return payload_.starts_with("/9j/") || payload_.starts_with("iVBORw0KGgo");
    }

private:
    static constexpr bool is_base64(std::string_view text) noexcept
    {
        if (text.empty() || text.size() % 4 != 0)
            return false;
        if (text.ends_with("=="))
            text.remove_suffix(2);
        else if (text.ends_with('='))
            text.remove_suffix(1);
        for (char const c : text)
            if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
                  c == '/'))
                return false;
        return true;
    }

    std::string_view payload_;
    bool well_formed_ = false;
};

} // namespace apimart::detail

#endif
