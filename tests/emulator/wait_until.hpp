#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

namespace tests {

/// Nothing that is tested takes nearly as long, even under a sanitizer on a busy machine: a safety net.
inline constexpr std::chrono::seconds guard{50};

/// Waits for another thread.
template <class Condition>
void wait_until(Condition condition)
{
    auto const give_up = std::chrono::steady_clock::now() + guard;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= give_up)
            FAIL("the awaited did not happen");
        std::this_thread::yield();
    }
}

} // namespace tests
