// What the thread that asks has from the heap. Threads of services have their own.
#pragma once

#include <cstdint>

namespace fault_tests {

/// Bytes that this thread has allocated and not released.
std::int64_t bytes_in_use() noexcept;

} // namespace fault_tests
