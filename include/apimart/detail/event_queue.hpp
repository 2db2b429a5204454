// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_EVENT_QUEUE_HPP
#define APIMART_DETAIL_EVENT_QUEUE_HPP

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace apimart::detail {

// What the observer is still to be told. Told in order and one at a time, by handlers of their own, so that an
// observer never runs inside a call of the client or while the client is busy with itself.
class event_queue : public std::enable_shared_from_this<event_queue>
{
public:
    void push(boost::asio::any_io_executor const& on, std::function<void()> event)
    {
        {
            std::lock_guard const lock(mutex_);
            events_.push_back(std::move(event));
            if (std::exchange(telling_, true))
                return;
        }
        try {
            boost::asio::post(on, [self = shared_from_this()] { self->tell(); });
        } catch (...) {
            pause();
            throw;
        }
    }

private:
    // The next event has them told again.
    void pause()
    {
        std::lock_guard const lock(mutex_);
        telling_ = false;
    }

    void tell()
    {
        try {
            tell_all();
        } catch (...) { // no memory; an observer's exceptions do not come here
            pause();
        }
    }

    void tell_all()
    {
        for (;;) {
            std::deque<std::function<void()>> some;
            {
                std::lock_guard const lock(mutex_);
                some.swap(events_);
                if (some.empty()) {
                    telling_ = false;
                    return;
                }
            }
            for (auto const& event : some) {
                try {
                    event();
                } catch (...) { // an observer's trouble is not the client's
                }
            }
        }
    }

    std::mutex mutex_;
    std::deque<std::function<void()>> events_;
    bool telling_ = false;
};

} // namespace apimart::detail

#endif
