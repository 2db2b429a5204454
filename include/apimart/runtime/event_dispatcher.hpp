// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_EVENT_DISPATCHER_HPP
#define APIMART_RUNTIME_EVENT_DISPATCHER_HPP

#include <apimart/observer.hpp>

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

namespace apimart::detail {

// Events in the order in which they happened. What a list has been emptied of is used again, with the memory
// of its texts: the events of one request are mostly like those of the last one.
class event_list
{
public:
    bool empty() const noexcept { return count_ == 0; }
    void clear() noexcept { count_ = 0; }

    // Adds an event. All of its fields are to be set, because it may be one that was told before.
    template <class Event>
    Event& add()
    {
        if (count_ == slots_.size())
            slots_.emplace_back();
        slot& place = slots_[count_++];
        if (Event* const used = std::get_if<Event>(&place))
            return *used;
        return place.template emplace<Event>();
    }

    void drop_last() noexcept { --count_; }

    // Moves all of another behind its own.
    void take(event_list& from)
    {
        if (count_ == 0) {
            std::swap(slots_, from.slots_);
            std::swap(count_, from.count_);
            return;
        }
        slots_.reserve(count_ + from.count_); // or nothing is changed
        slots_.resize(count_);
        for (std::size_t i = 0; i < from.count_; ++i)
            slots_.push_back(std::move(from.slots_[i]));
        count_ = slots_.size();
        from.clear();
    }

    template <class Visitor>
    void each(Visitor visitor) const
    {
        for (std::size_t i = 0; i < count_; ++i)
            std::visit(visitor, slots_[i]);
    }

private:
    using slot =
        std::variant<attempt_event, operation_event, retry_event, connection_event, task_event, stall_event>;

    std::vector<slot> slots_;
    std::size_t count_ = 0;
};

// What the observer is still to be told. Told in order and one at a time, whoever comes to tell, and never
// inside the client. Knows nothing of the client, so that the last events can be told after its end.
class event_queue
{
public:
    explicit event_queue(apimart::observer const& callbacks) : observer_(callbacks) {}
    event_queue(event_queue const&) = delete;
    event_queue& operator=(event_queue const&) = delete;

    void push(event_list& events)
    {
        std::lock_guard const lock(mutex_);
        waiting_.take(events);
    }

    // Tells all there is, unless somebody does so already: that one tells these, too.
    void tell()
    {
        std::unique_lock lock(mutex_);
        if (telling_)
            return;
        telling_ = true;
        while (!waiting_.empty()) {
            told_.clear();
            told_.take(waiting_);
            lock.unlock();
            told_.each([this](auto const& event) {
                try {
                    tell_one(event);
                } catch (...) { // an observer's trouble is not the client's
                }
            });
            lock.lock();
        }
        telling_ = false;
    }

private:
    template <class Event>
    static void call(std::function<void(Event const&)> const& callback, Event const& event)
    {
        if (callback)
            callback(event);
    }
    void tell_one(attempt_event const& event) const { call(observer_.on_attempt, event); }
    void tell_one(operation_event const& event) const { call(observer_.on_operation, event); }
    void tell_one(retry_event const& event) const { call(observer_.on_retry, event); }
    void tell_one(connection_event const& event) const { call(observer_.on_connection, event); }
    void tell_one(task_event const& event) const { call(observer_.on_task, event); }
    void tell_one(stall_event const& event) const { call(observer_.on_stall, event); }

    apimart::observer const observer_;
    std::mutex mutex_;
    event_list waiting_;
    event_list told_;
    bool telling_ = false;
};

} // namespace apimart::detail

#endif
