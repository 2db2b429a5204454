// SPDX-License-Identifier: BSL-1.0
// The emulator's time: real time, which tests may push forward, for the emulator alone or together with clients.
#ifndef APIMART_TESTING_SERVICE_SERVICE_CLOCK_HPP
#define APIMART_TESTING_SERVICE_SERVICE_CLOCK_HPP

#include <apimart/config/virtual_clock.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

namespace apimart::testing::emulation {

/// Time since the start of the emulator, and its translation to unix seconds.
///
/// Counted by the steady clock: a machine that sets its clock must not make tasks finish or links expire.
class service_clock
{
public:
    using duration = std::chrono::nanoseconds;

    explicit service_clock(std::shared_ptr<virtual_clock const> shared = nullptr) : shared_(std::move(shared))
    {}

    /// The age of the emulator.
    duration now() const noexcept
    {
        return std::chrono::steady_clock::now() + shared_ahead() - start_ +
               duration(ahead_.load(std::memory_order_relaxed));
    }

    /// Pushes the clock forward.
    void advance(duration by) noexcept { ahead_.fetch_add(by.count(), std::memory_order_relaxed); }

    /// A moment of the emulator's life in unix seconds.
    std::int64_t unix_seconds(duration moment) const noexcept
    {
        return std::chrono::floor<std::chrono::seconds>(unix_start_ + moment).count();
    }

    std::int64_t unix_milliseconds(duration moment) const noexcept
    {
        return std::chrono::floor<std::chrono::milliseconds>(unix_start_ + moment).count();
    }

private:
    duration shared_ahead() const noexcept { return shared_ ? shared_->ahead() : duration::zero(); }

    std::shared_ptr<virtual_clock const> shared_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now() + shared_ahead();
    duration unix_start_ = std::chrono::system_clock::now().time_since_epoch() + shared_ahead();
    std::atomic<duration::rep> ahead_ = 0;
};

/// Unix seconds in a format of strftime, in UTC.
inline std::string utc_text(std::int64_t unix_seconds, char const* format)
{
    std::time_t const moment = unix_seconds;
    std::tm parts{};
    gmtime_r(&moment, &parts);
    char text[64];
    return std::string(text, std::strftime(text, sizeof text, format, &parts));
}

} // namespace apimart::testing::emulation

#endif
