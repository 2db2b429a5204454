// What the thread that asks has from the heap, and what it is refused. Threads of services have their own.
#pragma once

#include <cstdint>

namespace fault_tests {

/// Bytes that this thread has allocated and not released.
std::int64_t bytes_in_use() noexcept;

/// Lets the allocation of this thread after the next `n` fail, once; none where `n` is negative.
void refuse_allocation(int n) noexcept;
/// Whether that one has come.
bool allocation_refused() noexcept;

} // namespace fault_tests
