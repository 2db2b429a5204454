// Random text that nobody can guess: the token in the link, and the keys under which submits are sent.
#ifndef APIMART_STUDIO_SECRET_TEXT_HPP
#define APIMART_STUDIO_SECRET_TEXT_HPP

#include <boost/algorithm/hex.hpp>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace studio {

inline std::string secret_text()
{
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("there is no randomness");
    std::string text;
    boost::algorithm::hex_lower(bytes.begin(), bytes.end(), std::back_inserter(text));
    return text;
}

// Takes as long for a near guess as for a bad one.
inline bool same_secret(std::string_view given, std::string_view secret) noexcept
{
    return given.size() == secret.size() && CRYPTO_memcmp(given.data(), secret.data(), secret.size()) == 0;
}

} // namespace studio

#endif
