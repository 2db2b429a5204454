// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_VALIDATION_JSON_POINTER_HPP
#define APIMART_VALIDATION_JSON_POINTER_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace apimart::detail {

// One more step of a JSON pointer (RFC 6901).
inline void append_step(std::string& pointer, std::string_view name)
{
    pointer += '/';
    for (char const c : name) {
        if (c == '~')
            pointer += "~0";
        else if (c == '/')
            pointer += "~1";
        else
            pointer += c;
    }
}

// A place in a JSON document, linked from the inside out so that nothing is allocated until it must be named.
class json_pointer
{
public:
    constexpr json_pointer() noexcept = default;
    constexpr json_pointer(json_pointer const& parent, std::string_view name) noexcept
        : parent_(&parent), name_(name)
    {}
    constexpr json_pointer(json_pointer const& parent, std::size_t index) noexcept
        : parent_(&parent), index_(index), is_index_(true)
    {}

    std::string pointer() const
    {
        if (parent_ == nullptr)
            return {};
        std::string text = parent_->pointer();
        append_step(text, is_index_ ? std::string_view(std::to_string(index_)) : name_);
        return text;
    }

private:
    json_pointer const* parent_ = nullptr;
    std::string_view name_;
    std::size_t index_ = 0;
    bool is_index_ = false;
};

} // namespace apimart::detail

#endif
