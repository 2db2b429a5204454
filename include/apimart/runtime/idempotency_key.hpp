// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_IDEMPOTENCY_KEY_HPP
#define APIMART_RUNTIME_IDEMPOTENCY_KEY_HPP

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace apimart::detail {

// A random UUID: nobody else's key is ever hit by chance, also not by a forked child, because OpenSSL reseeds there.
inline std::string generate_idempotency_key()
{
    static constexpr char digits[] = "0123456789abcdef";
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("OpenSSL has no random numbers");
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += digits[bytes[i] >> 4U];
        text += digits[bytes[i] & 0xFU];
    }
    return text;
}

inline bool is_idempotency_key(std::string_view key)
{
    constexpr std::size_t max_size = 191;
    return !key.empty() && key.size() <= max_size &&
           std::all_of(key.begin(), key.end(), [](char c) { return c >= '!' && c <= '~'; });
}

} // namespace apimart::detail

#endif
