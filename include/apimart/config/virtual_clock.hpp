// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_VIRTUAL_CLOCK_HPP
#define APIMART_CONFIG_VIRTUAL_CLOCK_HPP

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace apimart {

/// A time that tests push forward, for all clients and emulators that were made with it: `client_config::clock` and
/// `testing::emulator_options::clock`.
///
///     auto const clock = std::make_shared<virtual_clock>();
///     config.clock = options.clock = clock;
///     ...
///     clock->advance(10min); // tasks end, waits ask for them, links expire
///
/// Otherwise it goes on as real time does, so that nothing stands still that nobody advances. Every limit and pause of a client
/// is by this clock, also that of a request that is under way: one that has no answer yet has waited for that long, too, and
/// may be over. (`testing::fixture::advance` waits for answers and goes in steps.) Connecting and looking up names take real
/// time.
///
/// Thread safety: all members may be called from any thread at any time.
class virtual_clock
{
public:
    using duration = std::chrono::nanoseconds;

    virtual_clock() = default;
    virtual_clock(virtual_clock const&) = delete;
    virtual_clock& operator=(virtual_clock const&) = delete;

    /// By how much it is ahead of real time.
    duration ahead() const noexcept { return duration(ahead_.load(std::memory_order_relaxed)); }

    /// Pushes it forward, and returns before what is due then has happened.
    void advance(duration by)
    {
        ahead_.fetch_add(by.count(), std::memory_order_relaxed);
        std::vector<std::shared_ptr<std::function<void()>>> found;
        {
            std::lock_guard const lock(mutex_);
            for (auto const& each : followers_)
                if (auto alive = each.lock())
                    found.push_back(std::move(alive));
        }
        for (auto const& each : found)
            (*each)();
    }

    /// Has a function called after each push, as long as somebody keeps it. It may be called by any thread.
    void follow(std::weak_ptr<std::function<void()>> changed)
    {
        std::lock_guard const lock(mutex_);
        std::erase_if(followers_, [](auto const& each) { return each.expired(); });
        followers_.push_back(std::move(changed));
    }

private:
    std::atomic<duration::rep> ahead_ = 0;
    std::mutex mutex_;
    std::vector<std::weak_ptr<std::function<void()>>> followers_;
};

} // namespace apimart

#endif
