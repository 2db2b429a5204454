// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_ITEM_KEY_HPP
#define APIMART_JOURNALS_ITEM_KEY_HPP

#include <apimart/text/hex.hpp>
#include <apimart/text/uuid.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace apimart::detail {

// What sets one batch apart from all others; whoever knows it can tell its keys.
inline std::string new_batch_id()
{
    std::array<unsigned char, 16> bytes;
    if (RAND_bytes(bytes.data(), bytes.size()) != 1)
        throw std::runtime_error("OpenSSL has no random numbers");
    std::string text;
    for (unsigned char const byte : bytes)
        append_hex(text, byte);
    return text;
}

// The idempotency key of an item: it can be told again from what is known before the first intent, so that not even an intent
// that was lost with its disk can lead to a second key.
inline std::string item_key(std::string_view batch_id, std::uint64_t index, int generation)
{
    std::array<unsigned char, sizeof index + sizeof(std::uint32_t)> message;
    for (std::size_t i = 0; i != message.size(); ++i) {
        bool const of_index = i < sizeof index;
        std::uint64_t const number = of_index ? index : static_cast<std::uint32_t>(generation);
        std::size_t const behind = (of_index ? sizeof index : message.size()) - 1 - i;
        message.at(i) = static_cast<unsigned char>((number >> (8 * behind)) & 0xFFU);
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned int size = 0;
    if (HMAC(EVP_sha256(), batch_id.data(), static_cast<int>(batch_id.size()), message.data(), message.size(),
             digest.data(), &size) == nullptr)
        throw std::runtime_error("OpenSSL has no HMAC-SHA-256");
    return uuid_text(std::span(digest).first<uuid_size>());
}

} // namespace apimart::detail

#endif
