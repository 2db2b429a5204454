// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_CONNECT_BACKOFF_HPP
#define APIMART_POLICY_CONNECT_BACKOFF_HPP

#include <algorithm>
#include <chrono>

namespace apimart::detail {

// When the next connection to an origin may be begun. A service that is down, or has just come back, must
// not be met by everybody who waits at once: while connects fail, each round of failures doubles the time to
// the next; the first success restores the rate, but no burst is saved up meanwhile.
class connect_backoff
{
public:
    using clock = std::chrono::steady_clock;

    connect_backoff(int per_second, int burst)
        : spacing_(std::chrono::duration_cast<clock::duration>(std::chrono::seconds(1)) /
                   std::max(per_second, 1)),
          tolerance_(spacing_ * (std::max(burst, 1) - 1))
    {}

    // Zero: go, and the turn is taken. Otherwise the time until it is worth asking again.
    clock::duration take(clock::time_point now)
    {
        auto const ready = next_ - tolerance();
        if (now < ready)
            return ready - now;
        begun_ = now;
        next_ = std::max(next_, now) + spacing();
        return clock::duration::zero();
    }

    void failed(clock::time_point now)
    {
        // Connects that were under way together fail together; that is one piece of news.
        if (rounds_ > 0 && now < counted_ + spacing())
            return;
        counted_ = now;
        ++rounds_;
        next_ = std::max(begun_ + spacing(), now);
    }

    void succeeded(clock::time_point now)
    {
        if (rounds_ == 0)
            return;
        rounds_ = 0;
        next_ = now + tolerance();
    }

    // Whether there is nothing to remember.
    bool at_rest() const noexcept { return rounds_ == 0; }

private:
    // Seldom enough to be no load for anyone; often enough that a service that is back is noticed soon, with
    // most of half a minute left to come to full speed.
    static constexpr clock::duration max_spacing = std::chrono::seconds(5);

    clock::duration spacing() const noexcept
    {
        auto apart = spacing_;
        for (int i = 0; i < rounds_ && apart < max_spacing; ++i)
            apart = std::min(2 * apart, max_spacing);
        return apart;
    }
    clock::duration tolerance() const noexcept { return rounds_ == 0 ? tolerance_ : clock::duration::zero(); }

    clock::duration spacing_;
    clock::duration tolerance_;
    clock::time_point next_{};
    clock::time_point begun_{};
    clock::time_point counted_{};
    int rounds_ = 0; // of failures since the last success
};

} // namespace apimart::detail

#endif
