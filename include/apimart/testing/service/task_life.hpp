// SPDX-License-Identifier: BSL-1.0
// One emulated task as a function of time: no clock, no I/O, nothing that changes.
#ifndef APIMART_TESTING_SERVICE_TASK_LIFE_HPP
#define APIMART_TESTING_SERVICE_TASK_LIFE_HPP

#include <chrono>

namespace apimart::testing::emulation {

/// The states of a task, in the order in which it passes through them; the last two are final.
enum class task_phase : unsigned char
{
    pending,
    processing,
    completed,
    failed
};

/// A task as seen at one moment.
struct task_view
{
    task_phase phase = task_phase::pending;
    int progress = 0;

    /// Whether the phase can no longer change.
    constexpr bool finished() const noexcept { return phase >= task_phase::completed; }
};

/// The life of a task, fixed at the moment of its acceptance.
///
/// It waits, it is worked on, it ends. Because the future is decided at the start, a poll needs only the age
/// of the task, and no timer runs for any of the thousands of tasks an emulator may hold.
class task_life
{
public:
    using duration = std::chrono::nanoseconds;

    /// A task that waits for `queued`, is worked on for `working` and ends as `ending` (completed or failed).
    constexpr task_life(duration queued, duration working, task_phase ending) noexcept
        : queued_(queued < duration::zero() ? duration::zero() : queued),
          finished_(queued_ + (working < duration::zero() ? duration::zero() : working)), ending_(ending)
    {}

    /// The task `age` after its acceptance. Progress is 0 before the work and 100 after it.
    constexpr task_view at(duration age) const noexcept
    {
        if (age >= finished_)
            return {ending_, 100};
        if (age < queued_)
            return {task_phase::pending, 0};
        auto const done = static_cast<double>((age - queued_).count());
        auto const whole = static_cast<double>((finished_ - queued_).count());
        // 100 belongs to finished tasks alone, however little is missing.
        int const percent = static_cast<int>(100.0 * done / whole);
        return {task_phase::processing, percent < 99 ? percent : 99};
    }

    /// The age at which the task ends.
    constexpr duration finished_after() const noexcept { return finished_; }

    /// How it ends.
    constexpr task_phase ending() const noexcept { return ending_; }

private:
    duration queued_;
    duration finished_;
    task_phase ending_;
};

} // namespace apimart::testing::emulation

#endif
