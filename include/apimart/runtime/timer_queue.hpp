// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_TIMER_QUEUE_HPP
#define APIMART_RUNTIME_TIMER_QUEUE_HPP

#include <chrono>
#include <map>
#include <optional>
#include <utility>

namespace apimart::detail {

class alarm_clock;

// A moment somebody wants to be called at. Setting it again moves it. Goes silent with its end.
class alarm
{
public:
    using time_point = std::chrono::steady_clock::time_point;
    using callback = void (*)(void* who);

    alarm(callback ring, void* who) : ring_(ring), who_(who) {}
    alarm(alarm const&) = delete;
    alarm& operator=(alarm const&) = delete;
    ~alarm() { clear(); }

    void set(alarm_clock& on, time_point when);
    void clear();
    bool is_set() const noexcept { return clock_ != nullptr; }

private:
    friend class alarm_clock;

    using map_type = std::multimap<time_point, alarm*>;

    callback ring_;
    void* who_;
    alarm_clock* clock_ = nullptr;
    map_type::iterator place_{};
    map_type::node_type spare_; // so that moving an alarm needs no memory
};

template <auto Member>
struct alarm_of;
template <class Owner, void (Owner::*Member)()>
struct alarm_of<Member>
{
    static void ring(void* who) { (static_cast<Owner*>(who)->*Member)(); }
};

// All alarms of a client, in order. It has no timer: whoever drives it asks for the earliest.
class alarm_clock
{
public:
    using time_point = alarm::time_point;

    alarm_clock() = default;
    alarm_clock(alarm_clock const&) = delete;
    alarm_clock& operator=(alarm_clock const&) = delete;
    ~alarm_clock()
    {
        while (!alarms_.empty())
            alarms_.begin()->second->clear();
    }

    std::optional<time_point> earliest() const
    {
        if (alarms_.empty())
            return std::nullopt;
        return alarms_.begin()->first;
    }

    // Calls everybody whose time has come; one who sets a new alarm meanwhile is called again only if that
    // one has come as well by `now`.
    void ring_due(time_point now)
    {
        while (!alarms_.empty() && alarms_.begin()->first <= now) {
            alarm& due = *alarms_.begin()->second;
            due.clear();
            due.ring_(due.who_);
        }
    }

private:
    friend class alarm;

    alarm::map_type alarms_;
};

inline void alarm::set(alarm_clock& on, time_point when)
{
    if (clock_ != nullptr) {
        if (place_->first == when)
            return;
        spare_ = clock_->alarms_.extract(place_);
    }
    clock_ = nullptr; // until it is certain that there is memory
    if (spare_) {
        spare_.key() = when;
        // Most alarms are time limits of the same length, so that a new one comes last.
        place_ = on.alarms_.insert(on.alarms_.end(), std::move(spare_));
    } else {
        place_ = on.alarms_.emplace_hint(on.alarms_.end(), when, this);
    }
    clock_ = &on;
}

inline void alarm::clear()
{
    if (clock_ == nullptr)
        return;
    spare_ = clock_->alarms_.extract(place_);
    clock_ = nullptr;
}

} // namespace apimart::detail

#endif
