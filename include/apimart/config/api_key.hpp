// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_API_KEY_HPP
#define APIMART_CONFIG_API_KEY_HPP

#include <apimart/text/secret_string.hpp>

#include <openssl/crypto.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace apimart {

namespace detail {
class authorization;
} // namespace detail

/// The secret that authorizes requests. It can be moved into a client and nothing else: it has no accessor,
/// cannot be streamed, formatted or compared, and no error text repeats it. Memory that held it, here and in requests, is
/// cleansed before it is given back.
///
/// Errors: the constructor throws `std::invalid_argument` where the key is empty or holds characters that an
/// HTTP header cannot carry; the text names the rule, not the key. A pasted `Bearer ` prefix is dropped.
/// Source: API reference, section 1.
class api_key
{
public:
    explicit api_key(std::string secret) : secret_(secret)
    {
        OPENSSL_cleanse(secret.data(), secret.size());
        static constexpr std::string_view prefix = "Bearer ";
        if (std::string_view(secret_).starts_with(prefix))
            secret_.erase(0, prefix.size());
        if (secret_.empty())
            throw std::invalid_argument("the API key is empty");
        for (char const c : secret_) {
            if (c <= ' ' || c > '~')
                throw std::invalid_argument("the API key holds a character other than visible ASCII");
        }
    }

    template <class Stream>
    friend Stream& operator<<(Stream&, api_key const&) = delete;

private:
    friend class detail::authorization;

    detail::secret_string secret_;
};

} // namespace apimart

#endif
