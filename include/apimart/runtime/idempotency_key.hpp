// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_IDEMPOTENCY_KEY_HPP
#define APIMART_RUNTIME_IDEMPOTENCY_KEY_HPP

#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>

#include <sys/mman.h>

namespace apimart::detail {

// Random UUIDs for idempotency keys: nobody else's key is ever hit by chance. Random bytes are drawn for many
// keys at once, because most of what a draw costs does not depend on its size. A forked child must not use the
// same bytes again, so they lie in memory that the system wipes in a child.
class key_source
{
public:
    key_source()
    {
        void* const page =
            ::mmap(nullptr, sizeof(store), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            return;
        if (::madvise(page, sizeof(store), MADV_WIPEONFORK) == 0)
            store_ = static_cast<store*>(page);
        else
            ::munmap(page, sizeof(store));
    }
    key_source(key_source const&) = delete;
    key_source& operator=(key_source const&) = delete;
    ~key_source()
    {
        if (store_ != nullptr)
            ::munmap(store_, sizeof(store));
    }

    std::string mint()
    {
        static constexpr char digits[] = "0123456789abcdef";
        std::array<unsigned char, key_size> bytes = draw();
        bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
        bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
        std::string text;
        text.reserve(36);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            if (i == 4 || i == 6 || i == 8 || i == 10)
                text += '-';
            text += digits[bytes[i] >> 4U];
            text += digits[bytes[i] & 0xFU];
        }
        return text;
    }

private:
    static constexpr std::size_t key_size = 16;
    static constexpr std::size_t keys_at_once = 32;

    struct store
    {
        std::size_t left; // zero in a new page, and again in a forked child
        std::array<std::array<unsigned char, key_size>, keys_at_once> keys;
    };

    std::array<unsigned char, key_size> draw()
    {
        std::array<unsigned char, key_size> one{};
        if (store_ == nullptr) {
            fill(one.data(), one.size());
            return one;
        }
        if (store_->left == 0) {
            fill(store_->keys.front().data(), sizeof store_->keys);
            store_->left = keys_at_once;
        }
        auto& next = store_->keys[--store_->left];
        one = next;
        next.fill(0);
        return one;
    }

    static void fill(unsigned char* to, std::size_t size)
    {
        if (RAND_bytes(to, static_cast<int>(size)) != 1)
            throw std::bad_alloc();
    }

    store* store_ = nullptr;
};

} // namespace apimart::detail

#endif
