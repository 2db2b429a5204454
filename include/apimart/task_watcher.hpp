// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TASK_WATCHER_HPP
#define APIMART_TASK_WATCHER_HPP

#include <apimart/as_result.hpp>
#include <apimart/error.hpp>
#include <apimart/runtime/initiation.hpp>
#include <apimart/task.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace apimart {

namespace detail {

class task_watch;
class watch_handle;

std::shared_ptr<task_watch> const& watch_of(watch_handle const& handle);
boost::asio::any_io_executor executor_of(task_watch const& watch);
void begin_next(std::shared_ptr<task_watch> const&, completion<std::optional<task_state>>);

// What a `next` that has not begun yet keeps.
class next_start
{
public:
    explicit next_start(std::shared_ptr<task_watch> watch) : watch_(std::move(watch)) {}

    boost::asio::any_io_executor get_executor() const { return executor_of(*watch_); }
    void operator()(completion<std::optional<task_state>> handler) &&
    {
        begin_next(watch_, std::move(handler));
    }

private:
    std::shared_ptr<task_watch> watch_;
};

} // namespace detail

/// One watcher of a task, made by `client::watch`:
///
///     task_watcher watcher = client.watch(submitted);
///     while (std::optional<task_state> state = co_await watcher.next())
///         show(*state);
///
/// It watches from its making to its end, whether anybody awaits `next` or not. All watchers of a task and all waits for it
/// share its polls.
///
/// Lifetime: it keeps no client alive. With its end, a `next` that is still pending ends with
/// `asio::error::operation_aborted`, and the task is asked no more on its account.
/// Thread safety: `next` may be called by any thread at any time; else distinct objects safe, shared objects unsafe.
class task_watcher
{
public:
    using executor_type = boost::asio::any_io_executor;

    explicit task_watcher(std::shared_ptr<detail::watch_handle> handle) noexcept : handle_(std::move(handle))
    {}
    task_watcher(task_watcher&&) noexcept = default;
    task_watcher& operator=(task_watcher&&) noexcept = default;

    executor_type get_executor() const { return detail::executor_of(*watch()); }

    /// Waits for a state that this watcher has not given yet: the first one, and each that differs in its status, its
    /// progress or the reason beside it. Of several that came since the last call, the latest is given. The final one is
    /// given once, with its result or its reason; after it, there is none. Calls that wait at one time are served
    /// one state each, in their order.
    ///
    /// Completion: `void(error_code, std::optional<task_state>)`; empty after the final state.
    /// Errors: those of `client::wait`, again at every further call.
    /// Cancellation: terminal, partial, total: this call ends at once, the watcher goes on, and no state is lost, so that
    /// `watcher.next() || timer` may be repeated.
    template <detail::completion_token<std::optional<task_state>> Token = default_token>
    auto next(Token token = Token())
    {
        return detail::initiate<std::optional<task_state>>(detail::next_start(watch()), std::move(token));
    }

private:
    // A watcher that was moved from watches nothing.
    std::shared_ptr<detail::task_watch> const& watch() const
    {
        if (!handle_)
            throw error(error_info(errc::invalid_configuration, "this watcher was moved from"));
        return detail::watch_of(*handle_);
    }

    std::shared_ptr<detail::watch_handle> handle_;
};

} // namespace apimart

#endif
