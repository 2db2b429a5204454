// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_JSON_POINTER_HPP
#define APIMART_VALIDATION_JSON_POINTER_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace apimart::detail {

// A place in a JSON document, linked from the inside out so that nothing is allocated until it must be named.
class json_path
{
public:
    constexpr json_path() noexcept = default;
    constexpr json_path(json_path const& parent, std::string_view name) noexcept
        : parent_(&parent), name_(name)
    {}
    constexpr json_path(json_path const& parent, std::size_t index) noexcept
        : parent_(&parent), index_(index), is_index_(true)
    {}

    // As a JSON pointer (RFC 6901).
    std::string pointer() const
    {
        if (parent_ == nullptr)
            return {};
        std::string text = parent_->pointer();
        text += '/';
        if (is_index_)
            return text += std::to_string(index_);
        for (char const c : name_) {
            if (c == '~')
                text += "~0";
            else if (c == '/')
                text += "~1";
            else
                text += c;
        }
        return text;
    }

private:
    json_path const* parent_ = nullptr;
    std::string_view name_;
    std::size_t index_ = 0;
    bool is_index_ = false;
};

} // namespace apimart::detail

#endif
