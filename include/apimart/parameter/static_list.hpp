// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PARAMETER_STATIC_LIST_HPP
#define APIMART_PARAMETER_STATIC_LIST_HPP

#include <array>
#include <cstddef>

namespace apimart {

/// Entries of a table in static storage, as a view that is also a constant range. Trivially copyable.
///
/// Not `std::span`: its constructors are checked anew for every type, which every file that names a model
/// would pay for.
template <class T>
class static_list
{
public:
    constexpr static_list() noexcept = default;
    template <std::size_t Size>
    constexpr static_list(std::array<T, Size> const& entries) noexcept : first_(entries.data()), size_(Size)
    {}

    constexpr T const* begin() const noexcept { return first_; }
    constexpr T const* end() const noexcept { return first_ + size_; }
    constexpr T const* data() const noexcept { return first_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T const& operator[](std::size_t at) const noexcept { return first_[at]; }
    constexpr T const& front() const noexcept { return first_[0]; }
    constexpr T const& back() const noexcept { return first_[size_ - 1]; }

private:
    T const* first_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace apimart

#endif
