// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_SHARED_VALUE_HPP
#define APIMART_RUNTIME_SHARED_VALUE_HPP

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace apimart::detail {

// A value that copies share until one of them is changed. As large as a pointer, so that it costs nothing to
// pass it on; without memory as long as it was never changed, and when it was moved away.
//
// Thread safety: distinct objects safe, also where they share.
template <class T>
class shared_value
{
public:
    shared_value() noexcept {}
    shared_value(shared_value const& other) noexcept : place_(other.place_)
    {
        if (place_ != nullptr)
            place_->users.fetch_add(1, std::memory_order_relaxed);
    }
    shared_value(shared_value&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
    shared_value& operator=(shared_value other) noexcept
    {
        std::swap(place_, other.place_);
        return *this;
    }
    ~shared_value() { release(); }

    T const& operator*() const
    {
        static T const initial{};
        return place_ != nullptr ? place_->value : initial;
    }
    T const* operator->() const { return &**this; }

    // To be changed.
    T& own()
    {
        if (place_ == nullptr) {
            place_ = new place;
            // What others have read of it, they have read before they let go of it.
        } else if (place_->users.load(std::memory_order_acquire) != 1) {
            auto* const copy = new place(place_->value);
            release();
            place_ = copy;
        }
        return place_->value;
    }

private:
    struct place
    {
        place() = default;
        explicit place(T const& from) : value(from) {}

        std::atomic<std::size_t> users{1};
        T value{};
    };

    void release() noexcept
    {
        if (place_ != nullptr && place_->users.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete place_;
    }

    place* place_ = nullptr;
};

} // namespace apimart::detail

#endif
