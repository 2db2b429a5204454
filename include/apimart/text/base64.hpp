// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TEXT_BASE64_HPP
#define APIMART_TEXT_BASE64_HPP

#include <openssl/evp.h>

#include <cstddef>
#include <span>
#include <string>

namespace apimart::detail {

// Appends three bytes as four letters, and a shorter end with padding. Text given in pieces of a multiple of
// three bytes becomes what the whole would become. OpenSSL counts in `int`: a piece is below 2 GB.
template <class String>
void append_base64(String& to, std::span<unsigned char const> bytes)
{
    std::size_t const begin = to.size();
    to.resize(begin + (bytes.size() + 2) / 3 * 4 + 1); // OpenSSL ends it with a NUL
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(to.data() + begin), bytes.data(),
                    static_cast<int>(bytes.size()));
    to.pop_back();
}

} // namespace apimart::detail

#endif
