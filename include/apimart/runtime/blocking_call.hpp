// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_BLOCKING_CALL_HPP
#define APIMART_RUNTIME_BLOCKING_CALL_HPP

#include <apimart/error.hpp>
#include <apimart/runtime/executor.hpp>

#include <boost/asio/post.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace apimart::detail {

// One call of a function that may block, such as a read from a disk that has to wake up or a share that is gone. It runs on
// a thread that belongs to nobody, so that neither the client nor the end of a context ever waits for it: a call that is no
// longer wanted is left to itself, and keeps alive only what the function holds.
template <class T>
class blocking_call
{
public:
    explicit blocking_call(executor const& on) : on_(on) {}
    blocking_call(blocking_call const&) = delete;
    blocking_call& operator=(blocking_call const&) = delete;

    // On the strand, until the function has ended or `wake` is cancelled or the time is over; nothing then.
    static awaitable<std::optional<T>> run(executor on, std::function<T()> function, timer& wake,
                                           timer::duration limit)
    {
        auto const call = std::make_shared<blocking_call>(on);
        waiting const self(*call, wake);
        wake.expires_after(limit);
        std::thread([call, function = std::move(function)]() mutable {
            std::optional<T> found;
            try {
                found.emplace(function());
            } catch (...) {
                // Without memory for an answer, the time limit ends the waiting.
            }
            function = nullptr;
            if (found)
                call->tell(call, std::move(*found));
        }).detach();
        co_await wake.async_wait(use_tuple);
        co_return std::move(call->found_);
    }

private:
    // The coroutine may also be destroyed while it waits.
    class waiting
    {
    public:
        waiting(blocking_call& call, timer& wake) : call_(call) { call_.wake_ = &wake; }
        waiting(waiting const&) = delete;
        waiting& operator=(waiting const&) = delete;
        ~waiting()
        {
            call_.wake_ = nullptr;
            call_.leave_alone();
        }

    private:
        blocking_call& call_;
    };

    void leave_alone()
    {
        std::lock_guard const lock(mutex_);
        on_.reset();
    }

    // On the thread. The lock is held until the context is let go, because what is posted may end the client and the context.
    void tell(std::shared_ptr<blocking_call> const& self, T&& answer)
    {
        std::lock_guard const lock(mutex_);
        if (!on_)
            return;
        try {
            boost::asio::post(*on_, [self, answer = std::move(answer)]() mutable {
                self->leave_alone(); // waits for the thread to have let the context go
                if (self->wake_ == nullptr)
                    return;
                self->found_.emplace(std::move(answer));
                self->wake_->cancel();
            });
        } catch (...) { // no memory
        }
        on_.reset();
    }

    std::mutex mutex_;
    std::optional<executor> on_; // while the answer is wanted
    timer* wake_ = nullptr;      // the strand's own, as what follows
    std::optional<T> found_;
};

} // namespace apimart::detail

#endif
