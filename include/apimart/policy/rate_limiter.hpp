// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_RATE_LIMITER_HPP
#define APIMART_POLICY_RATE_LIMITER_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace apimart::detail {

// When the next request may leave. A bucket of turns, refilled at the configured rate, or never empty where
// none is configured; in both cases the service's answers teach a lower rate. What it refuses costs a turn, a
// round trip and perhaps a ban, so the rate falls at once to below what it let through lately. It comes back
// as in CUBIC (RFC 9438): quickly to near the rate that was too much, slowly past it, then quicker and
// quicker, because a limit that was passed without complaint is probably gone.
//
// No clock and no threads: time is given, and one owner calls.
class rate_limiter
{
public:
    using clock = std::chrono::steady_clock;

    // Zero: no rate is configured. `burst`: turns that a quiet time can save up.
    rate_limiter(double per_second, double burst);

    // Zero: go, and the turn is taken. Otherwise the time until it is worth asking again.
    clock::duration take(clock::time_point now);
    clock::time_point ready_at() const noexcept;

    // What became of turns. The service refused the request for its rate; it did what was asked; or the
    // answer, or its absence, tells nothing about the rate.
    void throttled(clock::time_point now, std::optional<std::chrono::seconds> retry_after);
    void succeeded(clock::time_point now);
    void ended() noexcept;
    // One request after the other fails: as `throttled`, but it tells nothing about what the service bears.
    void unavailable(clock::time_point now);

    // Infinite where there is no limit.
    double rate() const noexcept { return limit_; }

private:
    // Turns taken and requests done within about the last second.
    class recent_use
    {
    public:
        void took(clock::time_point now) { ++slot(now).taken; }
        void did(clock::time_point now) { ++slot(now).done; }
        void restart(clock::time_point at);
        // Per second, at most. `of_taken`: where nothing was done, what was taken counts.
        double rate(clock::time_point now, bool of_taken);

    private:
        struct counts
        {
            int taken = 0;
            int done = 0;
        };

        counts& slot(clock::time_point now);

        std::array<counts, 10> slots_{};
        std::int64_t newest_ = std::numeric_limits<std::int64_t>::min() / 2;
        clock::time_point begun_{};
    };

    bool belongs_to_the_past(clock::time_point now) const noexcept;
    void answered() noexcept;
    void slow_down(clock::time_point now, bool about_the_rate);
    clock::duration spacing() const noexcept;
    clock::duration tolerance() const noexcept;

    double configured_;
    double burst_;
    double limit_;
    clock::time_point next_{};
    clock::time_point silent_until_{};
    recent_use recent_;

    std::int64_t outstanding_ = 0;
    // Of the requests that were under way at the last slow-down.
    std::int64_t old_ = 0;
    clock::time_point old_until_{};
    std::int64_t done_since_ = 0;

    bool slowed_ = false;
    double ceiling_ = 0;  // the rate that was too much
    double recovery_ = 0; // seconds since the slow-down, as far as they were used
    double plateau_ = 0;  // the second at which the ceiling is reached again
    clock::time_point grown_at_{};
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/policy/rate_limiter.ipp>
#endif

#endif
