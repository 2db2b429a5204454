// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_BLOCK_CACHE_HPP
#define APIMART_RUNTIME_BLOCK_CACHE_HPP

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define APIMART_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define APIMART_ADDRESS_SANITIZER
#endif
#endif
#ifdef APIMART_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace apimart::detail {

// Keeps some freed blocks of one size for the next of that size. Operations end in bursts, and allocators keep
// only few blocks of a kilobyte at hand. Nobody waits: where two threads meet, one goes to the allocator. It
// stays until its owner is gone and the last block has come back.
class block_cache
{
    struct release
    {
        void operator()(block_cache* which) const noexcept { which->leave(); }
    };

public:
    using owner = std::unique_ptr<block_cache, release>;
    static owner make(std::size_t most) { return owner(new block_cache(most)); }

    block_cache(block_cache const&) = delete;
    block_cache& operator=(block_cache const&) = delete;

    void* take(std::size_t size)
    {
        void* const block = take_kept(size);
        void* const taken = block != nullptr ? block : ::operator new(size);
        users_.fetch_add(1, std::memory_order_relaxed);
        return taken;
    }

    void give(void* block, std::size_t size) noexcept
    {
        if (!keep(block, size))
            ::operator delete(block);
        leave();
    }

private:
    struct link
    {
        link* next;
    };

    explicit block_cache(std::size_t most) : most_(most) {}
    ~block_cache()
    {
        while (first_ != nullptr) {
            link* const next = first_->next;
            open(first_);
            ::operator delete(first_);
            first_ = next;
        }
    }

    void leave() noexcept
    {
        if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete this;
    }

    void* take_kept(std::size_t size) noexcept
    {
        if (busy_.test_and_set(std::memory_order_acquire))
            return nullptr;
        link* const found = size == size_ ? first_ : nullptr;
        if (found != nullptr) {
            first_ = found->next;
            --count_;
        }
        busy_.clear(std::memory_order_release);
        if (found != nullptr)
            open(found);
        return found;
    }

    bool keep(void* block, std::size_t size) noexcept
    {
        if (size < sizeof(link) || busy_.test_and_set(std::memory_order_acquire))
            return false;
        if (size_ == 0)
            size_ = size;
        bool const kept = size == size_ && count_ < most_;
        if (kept) {
            first_ = ::new (block) link{first_};
            ++count_;
            close(first_);
        }
        busy_.clear(std::memory_order_release);
        return kept;
    }

    // What is kept must not be touched, which a sanitizer that sees only the allocator would not know.
    void close([[maybe_unused]] link* which) const noexcept
    {
#ifdef APIMART_ADDRESS_SANITIZER
        ASAN_POISON_MEMORY_REGION(which + 1, size_ - sizeof(link));
#endif
    }
    void open([[maybe_unused]] link* which) const noexcept
    {
#ifdef APIMART_ADDRESS_SANITIZER
        ASAN_UNPOISON_MEMORY_REGION(which, size_);
#endif
    }

    std::size_t const most_;
    std::atomic<std::size_t> users_{1}; // the owner, and every block that is out
    std::atomic_flag busy_;
    std::size_t size_ = 0; // of all that are kept
    std::size_t count_ = 0;
    link* first_ = nullptr;
};

// For std::allocate_shared.
template <class T>
class cached_allocator
{
public:
    using value_type = T;

    explicit cached_allocator(block_cache& from) noexcept : cache(&from) {}
    template <class Other>
    cached_allocator(cached_allocator<Other> const& other) noexcept : cache(other.cache)
    {}

    T* allocate(std::size_t count)
    {
        static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        return static_cast<T*>(cache->take(count * sizeof(T)));
    }
    void deallocate(T* block, std::size_t count) noexcept { cache->give(block, count * sizeof(T)); }

    template <class Other>
    bool operator==(cached_allocator<Other> const& other) const noexcept
    {
        return cache == other.cache;
    }

    block_cache* cache;
};

} // namespace apimart::detail

#endif
