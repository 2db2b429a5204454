// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNAL_RECORD_IPP
#define APIMART_JOURNAL_RECORD_IPP

#include <apimart/journal_record.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/hex.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace apimart {

namespace detail {

// In the order of `journal_state`.
inline constexpr std::array<std::string_view, journal_state_count> journal_state_words{
    "planned", "intended", "accepted", "unknown", "rejected", "succeeded", "failed", "stored"};

} // namespace detail

APIMART_INLINE std::string_view to_string(journal_state state) noexcept
{
    auto const at = static_cast<std::size_t>(state);
    return at < journal_state_count ? detail::journal_state_words[at] : std::string_view();
}

APIMART_INLINE std::optional<journal_state> parse_journal_state(std::string_view word) noexcept
{
    auto const& words = detail::journal_state_words;
    auto const found = std::find(words.begin(), words.end(), word);
    if (found == words.end())
        return std::nullopt;
    return static_cast<journal_state>(std::distance(words.begin(), found));
}

APIMART_INLINE journal_item::journal_item(std::uint64_t at, std::string name, std::string of,
                                          std::string json)
    : index(at), reference(std::move(name)), model(std::move(of)), request(std::move(json))
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned int size = 0;
    if (EVP_Digest(request.data(), request.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("OpenSSL has no SHA-256");
    for (std::size_t i = 0; i != size; ++i)
        detail::append_hex(request_hash, digest.at(i));
}

APIMART_INLINE std::uint64_t journal_counts::total() const noexcept
{
    return std::accumulate(items.begin(), items.end(), std::uint64_t(0));
}

} // namespace apimart

#endif
