// Memory of what has ended is used again, by one size, up to a number, by any thread.
#include <apimart/runtime/block_cache.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

using namespace apimart::detail;

namespace {

// A block with something in it, so that a sanitizer sees what is written to a block that is not one's own.
void* taken(block_cache& from, std::size_t size)
{
    void* const block = from.take(size);
    std::memset(block, 7, size);
    return block;
}

} // namespace

TEST_CASE("a block that was given back is the next one of its size")
{
    auto const cache = block_cache::make(4);
    void* const first = taken(*cache, 1000);
    cache->give(first, 1000);
    void* const other = taken(*cache, 64);
    CHECK(other != first);
    void* const second = taken(*cache, 1000);
    CHECK(second == first);
    void* const third = taken(*cache, 1000);
    CHECK(third != second);
    cache->give(second, 1000);
    cache->give(other, 64); // of another size than the kept one, so that it is not kept
    void* const large = taken(*cache, 1000);
    CHECK(large == second);
    cache->give(large, 1000);
    cache->give(third, 1000);
}

TEST_CASE("no more blocks are kept than was said")
{
    auto const cache = block_cache::make(2);
    std::vector<void*> blocks;
    for (int i = 0; i < 5; ++i)
        blocks.push_back(taken(*cache, 128));
    std::set<void*> const kept{blocks[0], blocks[1]};
    for (void* each : blocks)
        cache->give(each, 128);
    void* const first = taken(*cache, 128);
    void* const second = taken(*cache, 128);
    CHECK(std::set<void*>{first, second} == kept);
    cache->give(first, 128);
    cache->give(second, 128);
}

TEST_CASE("what was made with a cache may outlive the cache's owner")
{
    auto cache = block_cache::make(2);
    auto shared = std::allocate_shared<std::vector<int>>(cached_allocator<std::vector<int>>(*cache), 3, 5);
    auto const gone =
        std::allocate_shared<std::vector<int>>(cached_allocator<std::vector<int>>(*cache), 1, 1);
    cache.reset();
    CHECK(*shared == std::vector<int>{5, 5, 5});
    shared.reset();
    CHECK(gone->size() == 1);
}

TEST_CASE("threads that meet at a cache never get the same block")
{
    auto const cache = block_cache::make(8);
    std::vector<std::thread> threads;
    for (int n = 0; n < 4; ++n)
        threads.emplace_back([&cache, n] {
            for (int i = 0; i < 2000; ++i) {
                auto* const mine = static_cast<int*>(cache->take(sizeof(int) * 16));
                auto* const too = static_cast<int*>(cache->take(sizeof(int) * 16));
                *mine = n;
                *too = -n - 1;
                if (*mine != n || *too != -n - 1)
                    std::terminate();
                cache->give(mine, sizeof(int) * 16);
                cache->give(too, sizeof(int) * 16);
            }
        });
    for (auto& each : threads)
        each.join();
    CHECK(cache != nullptr);
}
