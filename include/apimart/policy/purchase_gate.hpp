// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_PURCHASE_GATE_HPP
#define APIMART_POLICY_PURCHASE_GATE_HPP

#include <apimart/policy/backoff.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace apimart::detail {

// Decides when a batch may begin to buy its next item. It does no I/O and reads no clock. A service that refuses for the
// moment says one of two things by the same 429: too many tasks at one time, or too many requests. Both end the same way:
// as many tasks as were running then are taken for its places, so that a task that ends lets the next item in; and now and
// then, later each time it is refused, one item more is tried, whose acceptance opens the gate step by step, each twice as
// large. A service that is away lets nobody in when a task ends, and then these tries are all there is.
class purchase_gate
{
public:
    using clock = std::chrono::steady_clock;

    class options
    {
    public:
        bool one_ahead = true;
        std::size_t concurrent = 16; // purchases that are under way
        std::chrono::milliseconds patience{std::chrono::hours(1)};
        std::uint64_t seed = 0;
    };

    // One purchase, from its beginning to its end.
    class ticket
    {
    public:
        clock::time_point begun{};
        std::uint64_t serial = 0;
        bool probe = false;  // one more than there are places for
        bool proven = false; // no more than ran at the last refusal
    };

    enum class verdict
    {
        wait,   // until the gate opens again
        give_up // that would be beyond the patience, or the deadline
    };

    explicit purchase_gate(options const& chosen) : options_(chosen), random_(chosen.seed) {}

    // No silence is waited for that goes beyond it.
    void end_at(clock::time_point deadline) noexcept { deadline_ = deadline; }

    bool open(clock::time_point now) const
    {
        if (paused_ || now < quiet_until_ || under_way_ >= options_.concurrent)
            return false;
        if (options_.one_ahead && !known_ && under_way_ > 0)
            return false;
        return !places_ || running_ + under_way_ < *places_ || now >= probe_at_;
    }
    // When it may open by itself, if it is closed only for a time.
    std::optional<clock::time_point> opens_at() const
    {
        if (paused_ || under_way_ >= options_.concurrent || (!places_ && quiet_until_ == never))
            return std::nullopt;
        auto const at =
            !places_ || running_ + under_way_ < *places_ ? quiet_until_ : std::max(quiet_until_, probe_at_);
        return at == forever ? std::nullopt : std::optional(at);
    }
    // Whether the service is being left alone, and until when.
    std::optional<clock::time_point> quiet(clock::time_point now) const
    {
        auto const at = opens_at();
        return at && *at > now ? at : std::nullopt;
    }

    ticket begin(clock::time_point now)
    {
        ticket out{now, ++serial_, places_ && running_ + under_way_ >= *places_,
                   places_ && running_ + under_way_ < proven_};
        if (out.probe)
            probe_at_ = forever; // until its end is known
        ++under_way_;
        return out;
    }
    // The service has taken it: a task runs.
    void accepted(ticket const& of)
    {
        --under_way_;
        ++running_;
        known_ = true;
        stalled_since_.reset();
        if (!places_ || (!of.probe && running_ <= proven_))
            return;
        // More than was refused once: so it was not the number of tasks, or there are more places by now.
        proven_ = running_;
        growth_ = std::max<std::size_t>(1, 2 * growth_);
        delay_ = no_delay;
        if (of.probe)
            probe_at_ = of.begun;
        if (growth_ > enough_growth)
            places_.reset();
        else
            places_ = running_ + growth_;
    }
    // It ended without a task, for a reason of its own.
    void ended(ticket const& of)
    {
        --under_way_;
        known_ = true;
        give_back(of);
    }
    // It was withdrawn before anything was sent.
    void withdrawn(ticket const& of)
    {
        --under_way_;
        give_back(of);
    }
    // The service takes nothing at the moment, or is not there.
    verdict refused(ticket const& of, clock::time_point now, std::optional<std::chrono::seconds> retry_after)
    {
        --under_way_;
        if (running_ == 0 && !stalled_since_)
            stalled_since_ = of.begun;
        // What was sent before the last refusal was known says nothing new.
        if (of.serial > last_refused_) {
            last_refused_ = serial_;
            delay_ = std::clamp(2 * delay_, first_delay, longest_delay);
            proven_ = running_;
            // Where not even as many are taken as there were, it is not about places.
            places_ = of.proven ? 0 : running_;
            growth_ = 0;
            probe_at_ =
                now + std::chrono::duration_cast<clock::duration>(delay_ * (0.75 + random_.draw() / 2));
        }
        if (retry_after) {
            auto const longest = std::chrono::duration_cast<std::chrono::seconds>(options_.patience);
            if (*retry_after > longest)
                return verdict::give_up;
            quiet_until_ = std::max(quiet_until_, now + *retry_after);
            probe_at_ = std::max(probe_at_, quiet_until_);
        }
        if (deadline_ && quiet_until_ >= *deadline_)
            return verdict::give_up;
        if (running_ == 0 && probe_at_ != forever && probe_at_ - *stalled_since_ > options_.patience)
            return verdict::give_up;
        return verdict::wait;
    }

    // A task that was bought by an earlier process.
    void adopted() { ++running_; }
    void task_ended() { --running_; }
    void pause(bool paused) noexcept { paused_ = paused; }
    bool paused() const noexcept { return paused_; }
    std::size_t under_way() const noexcept { return under_way_; }

private:
    static constexpr clock::time_point never = clock::time_point::min();
    static constexpr clock::time_point forever = clock::time_point::max();
    static constexpr std::chrono::milliseconds no_delay{0};
    static constexpr std::chrono::milliseconds first_delay{1'000};
    static constexpr std::chrono::milliseconds longest_delay{60'000};
    static constexpr std::size_t enough_growth = 64;

    void give_back(ticket const& of)
    {
        if (of.probe)
            probe_at_ = of.begun;
    }

    options const options_;
    std::optional<clock::time_point> deadline_;
    jitter random_;
    std::size_t under_way_ = 0;
    std::size_t running_ = 0;
    bool paused_ = false;
    bool known_ = false; // that something gets through
    clock::time_point quiet_until_ = never;
    // After a refusal: the tasks that the service is taken to have places for, and when one more is tried.
    std::optional<std::size_t> places_;
    std::size_t proven_ = 0;
    std::size_t growth_ = 0;
    clock::time_point probe_at_ = never;
    std::chrono::milliseconds delay_ = no_delay;
    std::uint64_t serial_ = 0;
    std::uint64_t last_refused_ = 0; // the latest that was begun by then
    std::optional<clock::time_point> stalled_since_;
};

} // namespace apimart::detail

#endif
