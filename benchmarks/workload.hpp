// What every client is told and does: the same two requests with the same fields, and the same looks at the answers.
#pragma once

#include <apimart/version.hpp>

#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

/// One run of one client process.
struct workload
{
    unsigned short port = 0;
    std::string ca_file;
    int connections = 64;
    /// Submits with one poll each, after one on every connection that is not measured.
    std::uint64_t operations = 0;

    std::string authority() const { return "127.0.0.1:" + std::to_string(port); }
};

inline constexpr std::string_view secret = "sk-benchmark-0123456789abcdef0123456789abcdef";
inline constexpr std::string_view user_agent = "apimart-cpp/" APIMART_VERSION_STRING;

// The request: every client makes a JSON object of these for each submit.
inline constexpr std::string_view model = "kling-v3";
inline constexpr std::string_view prompt =
    "A corgi runs along the beach at sunset, slow motion, the camera follows at its height, film grain";
inline constexpr int duration = 5;
inline constexpr std::string_view mode = "pro";

inline constexpr std::string_view submit_path = "/v1/videos/generations";
inline constexpr std::string_view task_path = "/v1/tasks/";

/// Where the operations of a run are given out and the finished ones counted.
class ledger
{
public:
    explicit ledger(std::uint64_t operations) : left_(operations) {}

    bool take()
    {
        if (left_ == 0)
            return false;
        --left_;
        return true;
    }

    /// Notes one finished operation with the link it gave; throws where that is not what the service said.
    void done(std::string_view link)
    {
        if (!link.starts_with("https://"))
            throw std::runtime_error("a finished task has no link");
        ++done_;
    }

    std::uint64_t left() const { return left_; }
    std::uint64_t done() const { return done_; }

private:
    std::uint64_t left_;
    std::uint64_t done_ = 0;
};

/// The text of a UUID made of these random bytes, as an Idempotency-Key.
inline std::array<char, 36> key_text(std::array<unsigned char, 16> bytes)
{
    static constexpr std::string_view digits = "0123456789abcdef";
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    std::array<char, 36> text;
    std::size_t at = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = digits[bytes[i] >> 4U];
        text[at++] = digits[bytes[i] & 0xFU];
    }
    return text;
}

/// The plain way to a key.
inline std::string random_key()
{
    std::array<unsigned char, 16> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("no random bytes");
    std::array<char, 36> const text = key_text(bytes);
    return std::string(text.data(), text.size());
}

/// The cheap way: a generator of its own, started from random bytes. (splitmix64)
class key_source
{
public:
    key_source()
    {
        if (RAND_bytes(reinterpret_cast<unsigned char*>(&state_), sizeof state_) != 1)
            throw std::runtime_error("no random bytes");
    }

    std::array<char, 36> next()
    {
        std::array<unsigned char, 16> bytes;
        for (std::size_t half = 0; half < 2; ++half) {
            std::uint64_t value = state_ += 0x9E3779B97F4A7C15U;
            value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
            value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
            value ^= value >> 31U;
            for (std::size_t i = 0; i < 8; ++i)
                bytes[half * 8 + i] = static_cast<unsigned char>(value >> (8 * i));
        }
        return key_text(bytes);
    }

private:
    std::uint64_t state_ = 0;
};

} // namespace bench
