#include "thread_memory.hpp"

#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

thread_local std::int64_t in_use = 0;
thread_local int until_refusal = -1;
thread_local bool refused = false;

void* allocate(std::size_t size)
{
    if (until_refusal >= 0 && until_refusal-- == 0) {
        refused = true;
        throw std::bad_alloc();
    }
    void* const memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr)
        throw std::bad_alloc();
    in_use += static_cast<std::int64_t>(::malloc_usable_size(memory));
    return memory;
}

void release(void* memory) noexcept
{
    in_use -= static_cast<std::int64_t>(::malloc_usable_size(memory));
    std::free(memory);
}

} // namespace

void* operator new(std::size_t size)
{
    return allocate(size);
}
void* operator new[](std::size_t size)
{
    return allocate(size);
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept
{
    try {
        return allocate(size);
    } catch (std::bad_alloc const&) {
        return nullptr;
    }
}
void operator delete(void* memory) noexcept
{
    release(memory);
}
void operator delete[](void* memory) noexcept
{
    release(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
    release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept
{
    release(memory);
}

namespace fault_tests {

std::int64_t bytes_in_use() noexcept
{
    return in_use;
}

void refuse_allocation(int n) noexcept
{
    until_refusal = n;
    refused = false;
}

bool allocation_refused() noexcept
{
    return refused;
}

} // namespace fault_tests
