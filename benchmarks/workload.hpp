// What both sides do, and what they are told.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
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
    /// Submits with one poll each, after one on every connection that does not count.
    std::uint64_t operations = 0;
};

inline constexpr std::string_view secret = "sk-benchmark-0123456789abcdef0123456789abcdef";
inline constexpr std::string_view prompt =
    "A corgi runs along the beach at sunset, slow motion, the camera follows at its height, film grain";

/// Where the operations of a run are given out and the answers counted.
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

    std::uint64_t done() const { return done_; }

private:
    std::uint64_t left_;
    std::uint64_t done_ = 0;
};

inline std::string content_of(std::string const& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file)
        throw std::runtime_error("cannot read " + path);
    return text.str();
}

} // namespace bench
