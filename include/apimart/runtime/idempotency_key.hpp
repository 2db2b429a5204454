// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_IDEMPOTENCY_KEY_HPP
#define APIMART_RUNTIME_IDEMPOTENCY_KEY_HPP

#include <apimart/text/uuid.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
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
        unsigned char* const bytes = bytes_.data() + std::exchange(used_, used_ + uuid_size);
        return uuid_text(std::span<unsigned char, uuid_size>(bytes, uuid_size));
    }

private:
    std::array<unsigned char, 64 * uuid_size> bytes_; // those before `used_` have been given away
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
