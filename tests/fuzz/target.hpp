// What every fuzz target is: a function that takes any bytes and aborts where a promise does not hold. Built with
// -fsanitize=fuzzer it is driven by libFuzzer, otherwise by replay.cpp, which runs the files of its corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace fuzz {

inline void require(bool good, char const* what)
{
    if (!good) {
        std::fprintf(stderr, "violated: %s\n", what);
        std::abort();
    }
}

// Choices read off an input, so that it decides everything that happens. Made for inputs that are text: a letter
// or a digit is a choice of its own.
class choices
{
public:
    explicit choices(std::string_view input) : rest_(input) {}

    bool empty() const noexcept { return rest_.empty(); }
    // Below `count`; zero when the input is used up.
    unsigned below(unsigned count)
    {
        if (rest_.empty())
            return 0;
        auto const byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return (byte >= '0' ? byte - unsigned{'0'} : byte + 208U) % count;
    }
    bool yes() { return below(2) == 1; }
    // All up to a line end, which is left out.
    std::string_view line()
    {
        std::string_view const all = rest_.substr(0, rest_.find('\n'));
        rest_.remove_prefix(all.size() == rest_.size() ? all.size() : all.size() + 1);
        return all;
    }
    std::string_view rest() const noexcept { return rest_; }

private:
    std::string_view rest_;
};

} // namespace fuzz
