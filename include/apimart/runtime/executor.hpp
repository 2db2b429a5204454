// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_EXECUTOR_HPP
#define APIMART_RUNTIME_EXECUTOR_HPP

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <utility>

namespace apimart::detail {

// The user's executor, for the strand, which asks at each step what `any_io_executor` allocates an answer for, and copies it
// often. It does not track work: whatever a client waits for is an I/O object or a function in the queue, which the context
// counts.
class inner_executor
{
public:
    // Of nothing that converts to it, because a strand does.
    template <std::same_as<boost::asio::any_io_executor> Executor>
    explicit inner_executor(Executor const& on)
        : inner_executor(std::make_shared<given const>(on),
                         boost::asio::query(on, boost::asio::execution::blocking))
    {}

    boost::asio::any_io_executor const& get() const noexcept { return shared_->executor; }

    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept
    {
        return *shared_->context;
    }
    boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept
    {
        return blocking_;
    }
    inner_executor require(boost::asio::execution::blocking_t::never_t never) const
    {
        return inner_executor(shared_, never);
    }
    template <class Function>
    void execute(Function&& function) const
    {
        (blocking_ == boost::asio::execution::blocking.never ? shared_->never_blocking : shared_->executor)
            .execute(std::forward<Function>(function));
    }

    friend bool operator==(inner_executor const& a, inner_executor const& b) noexcept
    {
        return a.shared_ == b.shared_ && a.blocking_ == b.blocking_;
    }
    friend bool operator!=(inner_executor const& a, inner_executor const& b) noexcept { return !(a == b); }

private:
    struct given
    {
        explicit given(boost::asio::any_io_executor const& on)
            : executor(on), never_blocking(boost::asio::require(on, boost::asio::execution::blocking.never)),
              context(&boost::asio::query(on, boost::asio::execution::context))
        {}

        boost::asio::any_io_executor executor;
        boost::asio::any_io_executor never_blocking;
        boost::asio::execution_context* context;
    };

    inner_executor(std::shared_ptr<given const> shared, boost::asio::execution::blocking_t blocking)
        : shared_(std::move(shared)), blocking_(blocking)
    {}

    std::shared_ptr<given const> shared_;
    boost::asio::execution::blocking_t blocking_;
};

// Everything inside one client runs on one strand, whatever the user's executor is.
using executor = boost::asio::strand<inner_executor>;

template <class T>
using awaitable = boost::asio::awaitable<T, executor>;

using timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>, executor>;

// `co_await` of an operation with it gives all of its results as a tuple, and makes no coroutine of its own.
inline constexpr auto use_tuple = boost::asio::as_tuple(boost::asio::deferred);

} // namespace apimart::detail

#endif
