// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_RATE_LIMITER_HPP
#define APIMART_POLICY_RATE_LIMITER_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace apimart::detail {

// When the next request may leave. A bucket of turns, refilled at the configured rate, or never empty where
// none is configured; in both cases the service's answers teach a lower rate. What it refuses costs a turn, a
// round trip and perhaps a ban, so the rate falls at once to below what it let through lately. It comes back
// as in CUBIC (RFC 9438): quickly to near the rate that was too much, slowly past it, then quicker and
// quicker, because a limit that was passed without complaint is probably gone. A share that is refused at any rate is
// no reason to slow down.
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
    void rate_limited(clock::time_point now, std::optional<std::chrono::seconds> retry_after);
    void succeeded(clock::time_point now);
    void ended() noexcept;
    // One request after the other fails: as `rate_limited`, but it tells nothing about what the service bears.
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

    // Answers, those of long ago counting less, and how many of them refused for the rate.
    class refusal_share
    {
    public:
        void count(bool is_refusal) noexcept;
        void restart() noexcept { answers = refusals = 0; }
        double share() const noexcept { return refusals / std::max(answers, 1.0); }

        double answers = 0;
        double refusals = 0;
    };

    bool belongs_to_the_past(clock::time_point now) const noexcept;
    bool is_about_the_rate(bool has_retry_after);
    bool is_slow() const noexcept;
    void on_response() noexcept;
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

    refusal_share lately_;   // since the last slow-down, and again since it was made up for
    refusal_share slow_;     // at rates well below what was too much
    double trial_begun_ = 0; // what was too much when `slow_` began
    double chance_ = 0;      // the share that is refused at any rate

    bool slowed_ = false;
    double ceiling_ = 0;  // the rate that was too much
    double recovery_ = 0; // seconds since the slow-down, as far as they were used
    double plateau_ = 0;  // the second at which the ceiling is reached again
    clock::time_point grown_at_{};
};

// One request in ten seconds: seldom enough for a service that refuses everything, often enough to notice
// within half a minute that it no longer does.
inline constexpr double slowest_rate = 0.1;
inline constexpr double slow_down_factor = 0.7;
// Most of the time is spent a little below what was too much.
inline constexpr double plateau_factor = 0.95;
// With it, a rate is back on its plateau after seven seconds, and at ten times that after thirty.
inline constexpr double recovery_steepness = 0.0008;
// Turns saved up while a learnt limit holds: enough for a late timer, too few for a burst.
inline constexpr double learnt_burst_seconds = 0.05;
// How long answers are taken for those of requests sent before a slow-down; some never come.
inline constexpr std::chrono::seconds max_aftermath{1};
inline constexpr std::chrono::hours max_silence{24};

inline rate_limiter::rate_limiter(double per_second, double burst)
    : configured_(per_second > 0 ? per_second : std::numeric_limits<double>::infinity()),
      burst_(std::max(burst, 1.0)), limit_(configured_)
{}

inline rate_limiter::recent_use::counts& rate_limiter::recent_use::slot(clock::time_point now)
{
    auto const size = static_cast<std::int64_t>(slots_.size());
    std::int64_t const number = now.time_since_epoch() / std::chrono::milliseconds(100);
    if (number - newest_ >= size) {
        slots_.fill({});
        newest_ = number;
        begun_ = now;
    }
    for (; newest_ < number; ++newest_)
        slots_[static_cast<std::size_t>((newest_ + 1) % size)] = {};
    return slots_[static_cast<std::size_t>(newest_ % size)];
}

inline void rate_limiter::recent_use::restart(clock::time_point at)
{
    slots_.fill({});
    newest_ = at.time_since_epoch() / std::chrono::milliseconds(100);
    begun_ = at;
}

inline double rate_limiter::recent_use::rate(clock::time_point now, bool of_taken)
{
    slot(now);
    counts sum;
    for (counts const& one : slots_) {
        sum.taken += one.taken;
        sum.done += one.done;
    }
    clock::time_point const oldest(std::chrono::milliseconds(100) *
                                   (newest_ + 1 - static_cast<std::int64_t>(slots_.size())));
    std::chrono::duration<double> const over = now - std::max(begun_, oldest);
    int const counted = of_taken && sum.done == 0 ? sum.taken : sum.done;
    return (counted + 1) / std::max(over.count(), of_taken ? 0.2 : 0.05);
}

inline rate_limiter::clock::duration rate_limiter::spacing() const noexcept
{
    if (std::isinf(limit_))
        return clock::duration::zero();
    std::chrono::duration<double> const apart(std::min(1.0 / limit_, 86'400.0));
    return std::chrono::duration_cast<clock::duration>(apart);
}

inline rate_limiter::clock::duration rate_limiter::tolerance() const noexcept
{
    double const saved = slowed_ ? std::clamp(learnt_burst_seconds * limit_, 1.0, burst_) : burst_;
    double const seconds = std::chrono::duration<double>(spacing()).count() * (saved - 1.0);
    // Years at most; also where no time between turns meets an endless burst.
    constexpr double longest = 1e8;
    return std::chrono::duration_cast<clock::duration>(
        std::chrono::duration<double>(seconds < longest ? std::max(seconds, 0.0) : longest));
}

inline rate_limiter::clock::time_point rate_limiter::ready_at() const noexcept
{
    return std::max(silent_until_, next_ - tolerance());
}

inline rate_limiter::clock::duration rate_limiter::take(clock::time_point now)
{
    if (auto const ready = ready_at(); now < ready)
        return ready - now;
    next_ = std::max(next_, now) + spacing();
    recent_.took(now);
    ++outstanding_;
    return clock::duration::zero();
}

inline bool rate_limiter::belongs_to_the_past(clock::time_point now) const noexcept
{
    return old_ > 0 && now < old_until_;
}

inline void rate_limiter::on_response() noexcept
{
    outstanding_ = std::max<std::int64_t>(outstanding_ - 1, 0);
    old_ = std::max<std::int64_t>(old_ - 1, 0);
}

inline void rate_limiter::ended() noexcept
{
    on_response();
}

inline void rate_limiter::rate_limited(clock::time_point now, std::optional<std::chrono::seconds> retry_after)
{
    bool const old = belongs_to_the_past(now);
    on_response();
    if (!old) {
        lately_.count(true);
        if (!is_about_the_rate(retry_after.has_value()))
            return;
        slow_down(now, true);
    }
    if (retry_after) {
        auto const end =
            now + std::clamp<std::chrono::seconds>(*retry_after, std::chrono::seconds(0), max_silence);
        if (end > silent_until_) {
            silent_until_ = end;
            // What is measured next must not be diluted by it.
            recent_.restart(end);
        }
        // Silence saves up nothing.
        next_ = std::max(next_, silent_until_ + tolerance());
    }
}

inline void rate_limiter::refusal_share::count(bool is_refusal) noexcept
{
    if (constexpr double memory = 400; answers >= memory) {
        answers /= 2;
        refusals /= 2;
    }
    ++answers;
    refusals += is_refusal ? 1 : 0;
}

inline bool rate_limiter::is_slow() const noexcept
{
    constexpr double well_below = 0.85;
    return slowed_ && limit_ < well_below * ceiling_;
}

// One machine of a service can be short of something, or one model: then few requests are refused, and as many of them when
// they come less often. Whoever is refused for coming too often is refused hardly any when the rate has fallen by half; or,
// after a silence that refills what the service grants, late, which takes more refusals to tell apart where they are seldom.
inline bool rate_limiter::is_about_the_rate(bool has_retry_after)
{
    constexpr double most_by_chance = 0.2;
    constexpr double negligible = 0.02;
    if (chance_ > 0) {
        if (lately_.refusals <= 2 * chance_ * lately_.answers + 4)
            return false;
        chance_ = 0;
        slow_.restart();
        return true;
    }
    // The first answers of all are too few to measure a rate by.
    if (!slowed_)
        return lately_.answers >= 20 || lately_.answers == 1 ||
               lately_.refusals > 1.5 + most_by_chance * lately_.answers;
    if (!is_slow())
        return lately_.share() > negligible;
    slow_.count(true);
    if (slow_.refusals == 1)
        trial_begun_ = ceiling_;
    double const enough = !has_retry_after || limit_ >= 50 ? 4 : limit_ >= 15 ? 6 : 8;
    if (slow_.refusals < enough || slow_.share() > most_by_chance)
        return true;
    chance_ = slow_.share();
    ceiling_ = trial_begun_;
    limit_ = plateau_factor * ceiling_;
    recovery_ = plateau_ = std::cbrt((1 - plateau_factor) / recovery_steepness);
    lately_.restart();
    return false;
}

inline void rate_limiter::unavailable(clock::time_point now)
{
    bool const old = belongs_to_the_past(now);
    on_response();
    if (!old)
        slow_down(now, false);
}

inline void rate_limiter::slow_down(clock::time_point now, bool about_the_rate)
{
    old_ = outstanding_;
    old_until_ = now + max_aftermath;

    double const too_much = std::min(limit_, recent_.rate(now, !slowed_));
    // Where nothing at all is let through, that is no news about the limit.
    if (!about_the_rate && !slowed_)
        ceiling_ = std::isinf(limit_) ? 2 * too_much : limit_;
    else if (!slowed_ || (about_the_rate && done_since_ > 0))
        ceiling_ = std::max(plateau_factor * too_much, slowest_rate);
    limit_ = std::max(slow_down_factor * too_much, std::min(slowest_rate, configured_));
    slowed_ = true;
    recent_.restart(now);
    done_since_ = 0;
    lately_.restart();
    recovery_ = 0;
    plateau_ = std::cbrt(std::max(1.0 - limit_ / ceiling_, 0.0) / recovery_steepness);
    grown_at_ = now;
    next_ = now + spacing() + tolerance();
}

inline void rate_limiter::succeeded(clock::time_point now)
{
    bool const old = belongs_to_the_past(now);
    on_response();
    recent_.did(now);
    if (!old) {
        lately_.count(false);
        if (is_slow())
            slow_.count(false);
    }
    if (!slowed_ || old)
        return;
    ++done_since_;
    // A rate that nobody uses is not thereby proved to be bearable.
    std::chrono::duration<double> const passed = now - std::max(grown_at_, silent_until_);
    recovery_ +=
        std::clamp(passed.count(), 0.0, std::min(2.0 / limit_, std::clamp(2.0 / ceiling_, 0.5, 2.0)));
    grown_at_ = now;
    double const from_plateau = recovery_ - plateau_;
    bool const was_slow = is_slow();
    limit_ = std::max(limit_, ceiling_ * (1.0 + recovery_steepness * std::pow(from_plateau, 3)));
    if (was_slow && !is_slow())
        lately_.restart();
    if (limit_ >= (std::isinf(configured_) ? 4 * ceiling_ : configured_)) {
        limit_ = configured_;
        slowed_ = false;
        // The turns saved up come back with time, not at once.
        next_ = std::max(next_, now + tolerance());
    }
}

} // namespace apimart::detail

#endif
