// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CLIENT_HPP
#define APIMART_CLIENT_HPP

#include <apimart/version.hpp>

#include <apimart/any_request.hpp>
#include <apimart/api_request.hpp>
#include <apimart/api_response.hpp>
#include <apimart/as_result.hpp>
#include <apimart/balance.hpp>
#include <apimart/client_config.hpp>
#include <apimart/error.hpp>
#include <apimart/metrics.hpp>
#include <apimart/operation_options.hpp>
#include <apimart/runtime/initiation.hpp>
#include <apimart/task.hpp>
#include <apimart/task_watcher.hpp>
#include <apimart/webhook.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace apimart {

namespace detail {

class client_handle;

// Defined with the operations; a file that only submits sees nothing of the sockets behind them.
std::shared_ptr<client_handle> make_client(boost::asio::any_io_executor const& executor,
                                           client_config config);
metrics metrics_of(client_handle const& client);
void begin_submit(client_handle const&, completion<task>, any_request, submit_settings);
void begin_wait(client_handle const&, completion<task_result>, std::string id, std::string duration_class,
                std::optional<std::chrono::steady_clock::time_point> accepted, wait_options);
std::shared_ptr<watch_handle> begin_watch(client_handle const&, std::string id, std::string duration_class,
                                          std::optional<std::chrono::steady_clock::time_point> accepted,
                                          watch_options);
void begin_notify(client_handle const&, completion<callback_effect>, std::string id);
void begin_status(client_handle const&, completion<task_state>, task, status_options);
// The whole is limited by the first limit, the submit and the wait by those in their own options.
void begin_generate(client_handle const&, completion<task_result>, any_request,
                    std::optional<std::chrono::milliseconds>, submit_settings, wait_options);
void begin_download(client_handle const&, completion<std::uint64_t>, video_file, std::string,
                    download_options);
void begin_request(client_handle const&, completion<api_response>, api_request, status_options);
void begin_balance(client_handle const&, completion<balance>, api_request, status_options);
void begin_shutdown(client_handle const&, completion<shutdown_report>);

} // namespace detail

/// A client of the service for one API key. A cheap handle: copies share connections, limits and the schedule
/// of waiting tasks.
///
/// Every operation takes a completion token last. Without one it returns an `asio::awaitable` whose `co_await`
/// gives the value or throws `error`; that operation begins when it is awaited. Tokens that turn a failure into an
/// exception (`use_awaitable`, `use_future`) get that `error`, too; for others the signature begins with an
/// `error_code`, and `as_result()` delivers the whole `error_info` without an exception. Each client has a
/// thread for every host name that is being looked up, and no other.
/// Nothing completes inside the call that starts it; handlers run on their associated executors.
///
/// Lifetime: operations keep what they need. When the last copy goes, what is under way ends as after the
/// first step of `shutdown`, without anybody being told how many. The execution context may be destroyed
/// before the client; operations are then dropped, not completed.
/// Thread safety: any thread may call any copy at any time, under an execution context with any number of
/// threads; no strand is needed.
class client
{
public:
    using executor_type = boost::asio::any_io_executor;

    /// Errors: throws `error` with `errc::invalid_configuration` that names the setting. No I/O is done but
    /// reading the files of additional authorities.
    client(executor_type executor, client_config config)
        : handle_(detail::make_client(executor, std::move(config)))
    {}

    /// The same on the executor of an execution context.
    template <std::derived_from<boost::asio::execution_context> Context>
    client(Context& context, client_config config)
        : client(executor_type(context.get_executor()), std::move(config))
    {}

    executor_type get_executor() const { return detail::executor_of(*handle()); }

    /// Sends a request for a video. It costs money when the task finishes, so it is sent again only where it
    /// is proved that the service did not accept it (or under `idempotency::supported`, with the same key).
    ///
    /// Completion: `void(error_code, task)`.
    /// Errors: `errc::invalid_request` with all violations, before any byte is sent; `errc::outcome_unknown`
    /// where the service may have accepted it; the service's refusals as `api_errc`; transport errors with
    /// acceptance `not_sent`. `error_info::acceptance()` says what is proved in each case.
    /// Cancellation: terminal, partial, total before the first byte of the request is sent, which proves
    /// `not_sent`. After that terminal and partial only: the request is completed and its answer read for
    /// `timeouts::abandoned_response`, to learn the task's id; the remote task goes on. What cancels a call from outside, as
    /// `submit || timer` and `cancel_after` do, waits for that and may drop the outcome:
    /// `submit_options::on_accepted` is told the id all the same.
    /// Lifetime and thread safety: as the class. Units: see `submit_options`.
    /// Source: API reference, sections 2 and 8.
    template <detail::completion_token<task> Token = default_token>
    auto submit(any_request request, submit_options options, Token token = Token())
    {
        return start<task>(token, &detail::begin_submit, std::move(request),
                           detail::submit_settings(options));
    }
    template <detail::completion_token<task> Token = default_token>
    auto submit(any_request request, Token token = Token())
    {
        return submit(std::move(request), submit_options(), std::move(token));
    }

    /// Waits until a task reaches a final state. A failed task is a value.
    ///
    /// Completion: `void(error_code, task_result)`.
    /// Errors: `errc::wait_timeout` after one last check at the time limit (without one while the service
    /// asks for silence by `Retry-After`); `errc::task_not_found`; `errc::no_result` where a completed task
    /// shows no result for some minutes; the service's refusal of the key, or another answer that tells no state,
    /// where several come in a row.
    /// Interruptions of the connection are not errors: the schedule goes on. Every error carries the task's id.
    /// Cancellation: terminal, partial, total: this wait ends at once. Other waits for the task and the remote
    /// task go on, and the task can be waited for again.
    /// Lifetime and thread safety: as the class. Units: see `poll_policy`.
    /// Source: API reference, section 4.
    template <detail::completion_token<task_result> Token = default_token>
    auto wait(task const& task, wait_options options, Token token = Token())
    {
        return start<task_result>(token, &detail::begin_wait, task.id(), task.duration_class(),
                                  task.accepted_at(), options);
    }
    template <detail::completion_token<task_result> Token = default_token>
    auto wait(task const& task, Token token = Token())
    {
        return wait(task, wait_options(), std::move(token));
    }

    /// Begins to watch a task: its states come one after the other from `task_watcher::next`, until the final one. Any number
    /// of watchers and waits share the polls of a task. The first state comes at once: the latest that another watcher has
    /// seen, or else the task is asked.
    ///
    /// Errors: none; what `wait` would end with, `next` ends with.
    /// Thread safety: as the class. Units: see `watch_options`.
    task_watcher watch(task const& task, watch_options options = {})
    {
        return task_watcher(
            detail::begin_watch(*handle(), task.id(), task.duration_class(), task.accepted_at(), options));
    }

    /// Tells the waits for a task that the service has called back, so that they end as soon as a poll by this
    /// client's own key has confirmed it; nothing else in a callback is believed. Without a wait for the task, nothing is
    /// done and nothing is kept: a wait that begins later asks by itself.
    ///
    /// Pace: anybody can call back, so a task is asked for callbacks no sooner than `poll_policy::min_interval` after its
    /// last poll, and each callback whose poll shows no end doubles that time, up to `poll_policy::max_interval`. Together
    /// they stay within `poll_policy::requests_per_second`; a pause that the service asked for is kept.
    ///
    /// Completion: `void(error_code, callback_effect)`, before that poll.
    /// Errors: `errc::shutting_down`, `errc::used_after_fork`.
    /// Cancellation: none; it waits for nothing.
    /// Lifetime and thread safety: as the class. Source: API reference, section 5.
    template <detail::completion_token<callback_effect> Token = default_token>
    auto notify(task_callback const& callback, Token token = Token())
    {
        return start<callback_effect>(token, &detail::begin_notify, callback.task_id());
    }

    /// Asks once where a task stands.
    ///
    /// Completion: `void(error_code, task_state)`.
    /// Errors: `errc::task_not_found`, refusals as `api_errc`, transport errors after the retries of
    /// `retry_policy`. Every error carries the task's id.
    /// Cancellation: terminal, partial, total; nothing changes at the service.
    /// Lifetime and thread safety: as the class. Source: API reference, section 4.
    template <detail::completion_token<task_state> Token = default_token>
    auto status(task task, status_options options, Token token = Token())
    {
        return start<task_state>(token, &detail::begin_status, std::move(task), options);
    }
    template <detail::completion_token<task_state> Token = default_token>
    auto status(task task, Token token = Token())
    {
        return status(std::move(task), status_options(), std::move(token));
    }

    /// `submit` and `wait` in one.
    ///
    /// Completion: `void(error_code, task_result)`.
    /// Errors: those of `submit`. Once the task is bought, `errc::wait_failed` with acceptance `accepted`, the
    /// task's id, and as underlying code what `wait` ended with: `wait(task(id))` goes on where this ended.
    /// Cancellation: as `submit` until the task is known, as `wait` after that.
    /// Lifetime, thread safety, units, source: as both.
    template <detail::completion_token<task_result> Token = default_token>
    auto generate(any_request request, submit_options submit, wait_options wait, Token token = Token())
    {
        return start<task_result>(token, &detail::begin_generate, std::move(request), std::nullopt,
                                  detail::submit_settings(submit), wait);
    }
    template <detail::completion_token<task_result> Token = default_token>
    auto generate(any_request request, generate_options options, Token token = Token())
    {
        return start<task_result>(token, &detail::begin_generate, std::move(request), options.timeout,
                                  detail::submit_settings(options), wait_options());
    }
    template <detail::completion_token<task_result> Token = default_token>
    auto generate(any_request request, Token token = Token())
    {
        return generate(std::move(request), generate_options(), std::move(token));
    }

    /// Fetches a result into a file. The bytes go to a neighbour of the target named `.part`, which is synced
    /// and renamed when complete; an interrupted transfer goes on where it ended. The API key is never sent
    /// along. A transfer that makes progress is not given up, and nothing is put in place that is not whole. When
    /// the link is refused, the task is asked once for a fresh one; one that has not expired is asked again for
    /// `download_options::link_patience`.
    ///
    /// Completion: `void(error_code, std::uint64_t)` with the file's size in bytes.
    /// Errors: `errc::no_result`, `errc::url_not_allowed`, `errc::file_exists`, `errc::file_error`,
    /// `errc::result_expired`, `errc::download_corrupt`, `errc::download_too_large`, transport errors.
    /// Cancellation: terminal, partial, total. Whatever ends a download, no `.part` file is left.
    /// Lifetime and thread safety: as the class; two downloads to one path at one time are the caller's
    /// mistake. File writes block the executor for as long as the file system takes.
    /// Units: see `download_options`. Source: API reference, section 4.4.
    template <detail::completion_token<std::uint64_t> Token = default_token>
    auto download(video_file file, std::string to, download_options options, Token token = Token())
    {
        return start<std::uint64_t>(token, &detail::begin_download, std::move(file), std::move(to), options);
    }
    template <detail::completion_token<std::uint64_t> Token = default_token>
    auto download(video_file file, std::string to, Token token = Token())
    {
        return download(std::move(file), std::move(to), download_options(), std::move(token));
    }

    /// What this client's key may still spend.
    ///
    /// Completion: `void(error_code, balance)`.
    /// Errors: refusals as `api_errc`, `errc::bad_response`, transport errors after the retries of `retry_policy`.
    /// Cancellation: terminal, partial, total; nothing changes at the service.
    /// Lifetime and thread safety: as the class. Source: API reference, section 7.1.
    template <detail::completion_token<apimart::balance> Token = default_token>
    auto balance(status_options options, Token token = Token())
    {
        return start<apimart::balance>(token, &detail::begin_balance, api_request{.path = "/v1/balance"},
                                       options);
    }
    template <detail::completion_token<apimart::balance> Token = default_token>
    auto balance(Token token = Token())
    {
        return balance(status_options(), std::move(token));
    }

    /// The same for the account that the key belongs to.
    template <detail::completion_token<apimart::balance> Token = default_token>
    auto account_balance(status_options options, Token token = Token())
    {
        return start<apimart::balance>(token, &detail::begin_balance, api_request{.path = "/v1/user/balance"},
                                       options);
    }
    template <detail::completion_token<apimart::balance> Token = default_token>
    auto account_balance(Token token = Token())
    {
        return account_balance(status_options(), std::move(token));
    }

    /// Sends a request that the library does not model, with its connections, limits and key. A GET is repeated
    /// as other reads are; nothing else is sent a second time. A video that is ordered this way has none of the
    /// guarantees of `submit`.
    ///
    /// Completion: `void(error_code, api_response)`.
    /// Errors: `errc::invalid_request` for an unusable path, before any byte is sent; refusals as `api_errc`;
    /// transport errors; `errc::outcome_unknown` where the service may have done what is not a GET.
    /// Cancellation: terminal, partial, total; what has left may have its effect.
    /// Lifetime and thread safety: as the class. Limits: `limits::body_limit`.
    template <detail::completion_token<api_response> Token = default_token>
    auto request(api_request request, status_options options, Token token = Token())
    {
        return start<api_response>(token, &detail::begin_request, std::move(request), options);
    }
    template <detail::completion_token<api_response> Token = default_token>
    auto request(api_request wanted, Token token = Token())
    {
        return request(std::move(wanted), status_options(), std::move(token));
    }

    /// Ends the client in two steps. First nothing new begins, waits and unsent submits end with
    /// `errc::shutting_down`, and submits that may have been accepted have `timeouts::shutdown_grace` to
    /// learn their outcome. Then every connection is cut. A second call is the second step, at once. Neither
    /// step waits for a name service or for a peer.
    ///
    /// Completion: `void(error_code, shutdown_report)`, after all other operations.
    /// Errors: none.
    /// Cancellation: none; it is bounded by itself.
    /// Lifetime and thread safety: as the class. May be called more than once.
    template <detail::completion_token<shutdown_report> Token = default_token>
    auto shutdown(Token token = Token())
    {
        return start<shutdown_report>(token, &detail::begin_shutdown);
    }

    /// Counters since the client was made. Thread safety: as the class.
    apimart::metrics metrics() const { return handle_ ? detail::metrics_of(*handle_) : apimart::metrics(); }

private:
    template <class T, class Token, class... Arguments, class... Given>
    auto start(Token& token, void (*begin)(detail::client_handle const&, detail::completion<T>, Arguments...),
               Given&&... given)
    {
        return detail::initiate<T>(
            detail::operation_start<T, Arguments...>(handle(), begin, std::forward<Given>(given)...),
            std::move(token));
    }

    // A client that was moved from has nothing to work with.
    std::shared_ptr<detail::client_handle> const& handle() const
    {
        if (!handle_)
            throw error(error_info(errc::invalid_configuration, "this client was moved from"));
        return handle_;
    }

    std::shared_ptr<detail::client_handle> handle_;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/operations/client.ipp>
#endif

#endif
