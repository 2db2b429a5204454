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
#include <utility>

namespace apimart::detail {

// Random UUIDs: nobody else's key is ever hit by chance. The random numbers for many keys are fetched at once, because that
// costs hardly more than those for one. A forked child does not go on with them: its clients are dead.
class idempotency_keys
{
public:
    std::string next()
    {
        if (used_ == bytes_.size()) {
            if (RAND_bytes(bytes_.data(), static_cast<int>(bytes_.size())) != 1)
                throw std::runtime_error("OpenSSL has no random numbers");
            used_ = 0;
        }
        unsigned char* const bytes = bytes_.data() + std::exchange(used_, used_ + size);
        bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
        bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
        static constexpr char digits[] = "0123456789abcdef";
        std::string text("00000000-0000-0000-0000-000000000000");
        std::size_t at = 0;
        for (std::size_t i = 0; i < size; ++i, ++at) {
            if (text[at] == '-')
                ++at;
            text[at] = digits[bytes[i] >> 4U];
            text[++at] = digits[bytes[i] & 0xFU];
        }
        return text;
    }

private:
    static constexpr std::size_t size = 16;

    std::array<unsigned char, 64 * size> bytes_; // those before `used_` have been given away
    std::size_t used_ = sizeof bytes_;
};

inline bool is_idempotency_key(std::string_view key)
{
    constexpr std::size_t max_size = 191;
    return !key.empty() && key.size() <= max_size &&
           std::all_of(key.begin(), key.end(), [](char c) { return c >= '!' && c <= '~'; });
}

} // namespace apimart::detail

#endif
