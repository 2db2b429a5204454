// SPDX-License-Identifier: BSL-1.0
// SHA-256 and HMAC-SHA-256 as plain functions over OpenSSL.
#ifndef APIMART_TESTING_FILES_DIGEST_HPP
#define APIMART_TESTING_FILES_DIGEST_HPP

#include <apimart/text/hex.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// A SHA-256 value; kept as bytes because an emulator may hold many thousands of them.
using sha256_digest = std::array<unsigned char, 32>;

/// SHA-256 of `data`.
inline sha256_digest sha256(std::string_view data)
{
    sha256_digest out{};
    unsigned length = 0;
    if (EVP_Digest(data.data(), data.size(), out.data(), &length, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("emulator: SHA-256 is not available");
    return out;
}

/// HMAC-SHA-256 of `data` under `key`.
inline sha256_digest hmac_sha256(sha256_digest const& key, std::string_view data)
{
    sha256_digest out{};
    unsigned length = 0;
    auto const* bytes = reinterpret_cast<unsigned char const*>(data.data());
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, data.size(), out.data(),
             &length) == nullptr)
        throw std::runtime_error("emulator: HMAC-SHA-256 is not available");
    return out;
}

/// The first `bytes` bytes of a digest in lower-case hexadecimal.
inline std::string hex(sha256_digest const& digest, std::size_t bytes = 32)
{
    std::string out;
    out.reserve(2 * bytes);
    for (std::size_t i = 0; i < bytes && i < digest.size(); ++i)
        detail::append_hex(out, digest[i]);
    return out;
}

} // namespace apimart::testing::emulation

#endif
