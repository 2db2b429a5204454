// Counts what this process allocates: everything that reaches malloc (operator new, Asio's aligned_alloc,
// OpenSSL), and OpenSSL's share of it. glibc only. Defines malloc: include it in one file of a program.
#pragma once

#include <openssl/crypto.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace bench {

/// Numbers of one kind of allocation. A reallocation counts as an allocation of the new size.
struct allocation_counts
{
    std::uint64_t calls = 0;
    std::uint64_t bytes = 0;

    void add(std::size_t size) noexcept
    {
        ++calls;
        bytes += size;
    }
};

// Not synchronised: the programs measured here have one thread.
inline constinit allocation_counts all_allocations;
inline constinit allocation_counts openssl_allocations;
inline constinit bool openssl_is_counted = false;

namespace detail {

// Before the static objects of Asio, whose first call into OpenSSL closes the window for this.
[[gnu::constructor(101)]] inline void count_openssl()
{
    openssl_is_counted = CRYPTO_set_mem_functions(
                             [](std::size_t size, char const*, int) {
                                 openssl_allocations.add(size);
                                 return std::malloc(size);
                             },
                             [](void* old, std::size_t size, char const*, int) {
                                 openssl_allocations.add(size);
                                 return std::realloc(old, size);
                             },
                             [](void* old, char const*, int) { std::free(old); }) == 1;
}

} // namespace detail
} // namespace bench

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept
{
    bench::all_allocations.add(size);
    return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept
{
    bench::all_allocations.add(count * size);
    return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) noexcept
{
    bench::all_allocations.add(size);
    return __libc_realloc(old, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept
{
    bench::all_allocations.add(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, std::size_t alignment, std::size_t size) noexcept
{
    bench::all_allocations.add(size);
    *out = __libc_memalign(alignment, size);
    return *out == nullptr ? ENOMEM : 0;
}
}
