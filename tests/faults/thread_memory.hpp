// What the thread that asks has from the heap, and allocations of it that fail. Threads of services have their own.
#pragma once

#include <cstdint>

namespace fault_tests {

/// Bytes that this thread has allocated and not released.
std::int64_t bytes_in_use() noexcept;

/// The nth allocation of this thread from now on fails, counted from zero; those behind it do not.
class failing_allocation
{
public:
    explicit failing_allocation(std::int64_t n) noexcept;
    failing_allocation(failing_allocation const&) = delete;
    failing_allocation& operator=(failing_allocation const&) = delete;
    ~failing_allocation();

    bool happened() const noexcept;
};

} // namespace fault_tests
