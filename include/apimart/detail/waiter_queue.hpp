// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_WAITER_QUEUE_HPP
#define APIMART_DETAIL_WAITER_QUEUE_HPP

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <list>
#include <utility>

namespace apimart::detail {

// First come, first served. Used on one strand only; a waiter resumes on it, never inside `wake_one`.
class waiter_queue
{
public:
    using handler_type = boost::asio::any_completion_handler<void(boost::system::error_code)>;

    waiter_queue() = default;
    waiter_queue(waiter_queue const&) = delete;
    waiter_queue& operator=(waiter_queue const&) = delete;

    bool empty() const noexcept { return waiters_.empty(); }
    std::size_t size() const noexcept { return waiters_.size(); }

    // Completes when woken, or with `operation_aborted` when cancelled.
    template <class Token>
    auto async_wait(boost::asio::any_io_executor executor, Token&& token)
    {
        return boost::asio::async_initiate<Token, void(boost::system::error_code)>(
            [this](auto handler, boost::asio::any_io_executor on) {
                park(handler_type(std::move(handler)), on);
            },
            token, std::move(executor));
    }

    bool wake_one(boost::system::error_code code = {})
    {
        if (waiters_.empty())
            return false;
        resume(waiters_.begin(), code);
        return true;
    }

    void wake_all(boost::system::error_code code = {})
    {
        while (wake_one(code)) {
        }
    }

    // The context is going away: forget the waiters without running them.
    void abandon()
    {
        std::list<waiter> dropped;
        dropped.swap(waiters_);
    }

private:
    struct waiter
    {
        waiter(handler_type h, boost::asio::any_io_executor e) : handler(std::move(h)), executor(std::move(e))
        {}
        handler_type handler;
        boost::asio::any_io_executor executor;
    };

    void park(handler_type handler, boost::asio::any_io_executor const& executor)
    {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        auto const place = waiters_.emplace(waiters_.end(), std::move(handler), executor);
        if (slot.is_connected()) {
            slot.assign([this, place](boost::asio::cancellation_type) {
                resume(place, boost::asio::error::operation_aborted);
            });
        }
    }

    void resume(std::list<waiter>::iterator place, boost::system::error_code code)
    {
        waiter woken = std::move(*place);
        waiters_.erase(place);
        boost::asio::get_associated_cancellation_slot(woken.handler).clear();
        boost::asio::post(woken.executor, boost::asio::append(std::move(woken.handler), code));
    }

    std::list<waiter> waiters_;
};

} // namespace apimart::detail

#endif
