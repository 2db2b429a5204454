// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_SECRET_STRING_HPP
#define APIMART_TEXT_SECRET_STRING_HPP

#include <openssl/crypto.h>

#include <cstddef>
#include <memory>
#include <string>

namespace apimart::detail {

// Leaves nothing in what it gives back, where others would find it: in the memory of another object, a core dump, a page
// that was swapped out.
template <class T>
class cleansing_allocator : private std::allocator<T>
{
public:
    using value_type = T;

    cleansing_allocator() noexcept {}
    template <class U>
    cleansing_allocator(cleansing_allocator<U> const&) noexcept
    {}

    T* allocate(std::size_t count) { return std::allocator<T>::allocate(count); }
    void deallocate(T* memory, std::size_t count) noexcept
    {
        OPENSSL_cleanse(memory, count * sizeof(T));
        std::allocator<T>::deallocate(memory, count);
    }

    friend bool operator==(cleansing_allocator const&, cleansing_allocator const&) noexcept { return true; }
};

// For texts that hold a key, longer than the few characters a string keeps in itself.
using secret_string = std::basic_string<char, std::char_traits<char>, cleansing_allocator<char>>;

} // namespace apimart::detail

#endif
