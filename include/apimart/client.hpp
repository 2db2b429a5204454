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
#include <apimart/download_sink.hpp>
#include <apimart/error.hpp>
#include <apimart/image_source.hpp>
#include <apimart/learned_durations.hpp>
#include <apimart/listed_model.hpp>
#include <apimart/metrics.hpp>
#include <apimart/model_schema.hpp>
#include <apimart/operation_options.hpp>
#include <apimart/runtime/initiation.hpp>
#include <apimart/task.hpp>
#include <apimart/task_watcher.hpp>
#include <apimart/uploaded_image.hpp>
#include <apimart/usage.hpp>
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
#include <vector>

namespace apimart {

class client;

namespace detail {

class client_handle;

std::shared_ptr<client_handle> const& handle_of(client const&);
// These are defined with the operations; a file that only submits sees nothing of the sockets behind them.
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
void begin_learned_durations(client_handle const&, completion<learned_durations>);
void begin_status(client_handle const&, completion<task_state>, task, status_options);
// The whole is limited by the first limit, the submit and the wait by those in their own options.
void begin_generate(client_handle const&, completion<task_result>, any_request,
                    std::optional<std::chrono::milliseconds>, submit_settings, wait_options);
void begin_download(client_handle const&, completion<std::uint64_t>, video_file, std::string,
                    download_settings);
void begin_download_into_memory(client_handle const&, completion<std::string>, video_file, into_memory,
                                download_settings);
void begin_download_into_sink(client_handle const&, completion<std::uint64_t>, video_file, sink_reference,
                              download_settings);
void begin_download_all(client_handle const&, completion<std::vector<std::string>>, task_state, std::string,
                        download_settings);
void begin_upload(client_handle const&, completion<uploaded_image>, image_source, upload_settings);
void begin_upload_files(client_handle const&, completion<any_request>, any_request, upload_settings);
void begin_request(client_handle const&, completion<api_response>, api_request, status_options);
void begin_balance(client_handle const&, completion<balance>, api_request, status_options);
void begin_usage(client_handle const&, completion<usage_report>, usage_settings);
void begin_models(client_handle const&, completion<std::vector<listed_model>>, bool expand,
                  std::string category, status_options);
void begin_schema(client_handle const&, completion<model_schema>, std::string model, status_options);
void begin_shutdown(client_handle const&, completion<shutdown_report>, shutdown_options);

} // namespace detail

/// A client of the service for one API key. A cheap handle: copies share connections, limits and the schedule
/// of waiting tasks.
///
/// Every operation takes a completion token last. Without one it returns an `asio::awaitable` whose `co_await`
/// gives the value or throws `error`; that operation begins when it is awaited. Tokens that turn a failure into an
/// exception (`use_awaitable`, `use_future`) get that `error`, too; for others the signature begins with an
/// `error_code`, and `as_result()` delivers the whole `error_info` without an exception. Each client has a
/// thread for every host name that is being looked up and for every file that is being read, and no other.
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
    client(executor_type executor, client_config config);

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
    /// Errors: `errc::invalid_request` with all violations, before any byte is sent, also for pictures that are still in
    /// local files (see `upload_files`); `errc::outcome_unknown` where the service may have accepted it; the service's
    /// refusals as `api_errc`; transport errors with acceptance `not_sent`. `error_info::acceptance()` says what is proved in
    /// each case.
    /// Cancellation: terminal, partial, total before the last byte of the request is sent; the acceptance says whether the
    /// service can have all of it. After that terminal and partial only: the service's answer is read for
    /// `timeouts::abandoned_response`, to learn the task's id; the remote task goes on. What cancels a call from outside, as
    /// `submit || timer` and `cancel_after` do, waits for that and may drop the outcome: `submit_options::on_accepted` is told
    /// the id all the same.
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

    /// What the client knows of how long tasks take, its configuration's included, for a later client to begin with.
    ///
    /// Completion: `void(error_code, learned_durations)`.
    /// Errors: none.
    /// Cancellation: none; it waits for nothing.
    /// Lifetime and thread safety: as the class.
    template <detail::completion_token<apimart::learned_durations> Token = default_token>
    auto learned_durations(Token token = Token())
    {
        return start<apimart::learned_durations>(token, &detail::begin_learned_durations);
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

    /// `submit` and `wait` in one, and before them `upload_files` where the request has pictures in local files.
    ///
    /// Completion: `void(error_code, task_result)`.
    /// Errors: those of `submit`, and of `upload_files` with acceptance `not_sent`. Once the task is bought,
    /// `errc::wait_failed` with acceptance `accepted`, the task's id, and as underlying code what `wait` ended with:
    /// `wait(task(id))` goes on where this ended.
    /// Cancellation: as `submit` until the task is known. After that terminal and partial as `wait`; total is ignored, because
    /// a task was bought.
    /// Lifetime, thread safety, units, source: as both.
    template <detail::completion_token<task_result> Token = default_token>
    auto generate(any_request request, submit_options submit, wait_options wait, Token token = Token())
    {
        if (submit.tag.empty())
            submit.tag = wait.tag;
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
    /// and renamed when complete; an interrupted transfer goes on where it ended, also in a later call of any process.
    /// The API key is never sent along. A transfer that makes progress is not given up, and nothing is put in place
    /// that is not whole. When the link is refused, the task is asked once for a fresh one; one that has not expired is
    /// asked again for `download_options::link_patience`.
    ///
    /// Completion: `void(error_code, std::uint64_t)` with the file's size in bytes.
    /// Errors: `errc::no_result`, `errc::url_not_allowed`, `errc::file_exists`, `errc::file_error`,
    /// `errc::result_expired`, `errc::download_corrupt`, `errc::download_too_large`, transport errors.
    /// Cancellation: terminal, partial, total. What has arrived by then is kept, as it is after every other end but
    /// `errc::download_corrupt` and `errc::download_too_large`: in the `.part` file, beside which a `.part.json` says what
    /// it belongs to (the link without its query, the server's validator and the size). The next call for the same link
    /// and path goes on from there by Range and If-Range, provided that both are files of this user which no other
    /// touched and the machine was not started again; whatever else lies there is replaced by a fresh file. Where the
    /// server names no validator, and before the first half kilobyte, nothing is kept.
    /// Lifetime and thread safety: as the class; of two downloads to one path at one time, the second ends with
    /// `errc::file_error`. File writes block the executor for as long as the file system takes.
    /// Units: see `download_options`. Source: API reference, section 4.4.
    template <detail::completion_token<std::uint64_t> Token = default_token>
    auto download(video_file file, std::string to, download_options options, Token token = Token())
    {
        return start<std::uint64_t>(token, &detail::begin_download, std::move(file), std::move(to),
                                    detail::download_settings(options));
    }
    template <detail::completion_token<std::uint64_t> Token = default_token>
    auto download(video_file file, std::string to, Token token = Token())
    {
        return download(std::move(file), std::move(to), download_options(), std::move(token));
    }

    /// The same into memory: `download(video, into_memory(64 << 20))`. A larger file is refused with
    /// `errc::download_too_large`, before its bytes where its size is announced. After an error nothing is kept.
    ///
    /// Completion: `void(error_code, std::string)`.
    template <detail::completion_token<std::string> Token = default_token>
    auto download(video_file file, into_memory to, download_options options, Token token = Token())
    {
        return start<std::string>(token, &detail::begin_download_into_memory, std::move(file), to,
                                  detail::download_settings(options));
    }
    template <detail::completion_token<std::string> Token = default_token>
    auto download(video_file file, into_memory to, Token token = Token())
    {
        return download(std::move(file), to, download_options(), std::move(token));
    }

    /// The same into a sink, which gets each byte once and in order. Nothing more is read from the network before the
    /// sink has taken what came, for as long as it likes; memory stays flat. The sink is not closed at the end.
    ///
    /// Completion: `void(error_code, std::uint64_t)` with the number of bytes.
    /// Errors: what the sink reports, as the underlying code of `errc::file_error`; `errc::download_corrupt` also where a
    /// transfer was cut and the file has changed since, or has no validator, because what was given cannot be taken back.
    /// Cancellation: as above, of the sink's own operation, too, whose end is waited for.
    /// Lifetime: the sink lives until the completion. Its operations are started on its own executor, where they
    /// must not run in parallel.
    template <download_sink Sink, detail::completion_token<std::uint64_t> Token = default_token>
    auto download(video_file file, Sink& to, download_options options, Token token = Token())
    {
        return start<std::uint64_t>(token, &detail::begin_download_into_sink, std::move(file),
                                    detail::sink_reference(to), detail::download_settings(options));
    }
    template <download_sink Sink, detail::completion_token<std::uint64_t> Token = default_token>
    auto download(video_file file, Sink& to, Token token = Token())
    {
        return download(std::move(file), to, download_options(), std::move(token));
    }

    /// Fetches all videos of a task, one after the other, each as `download` does. One has the path that is given;
    /// several have their number, from one, before its extension: `corgi-1.mp4`, `corgi-2.mp4`.
    ///
    /// Completion: `void(error_code, std::vector<std::string>)` with the paths.
    /// Errors: those of `download`, with the path. `errc::file_exists` comes before anything is fetched; after another
    /// error the files before that one are in place.
    /// Cancellation, lifetime, thread safety: as `download`. `download_options::timeout` is for all together.
    template <detail::completion_token<std::vector<std::string>> Token = default_token>
    auto download_all(task_state of, std::string to, download_options options, Token token = Token())
    {
        return start<std::vector<std::string>>(token, &detail::begin_download_all, std::move(of),
                                               std::move(to), detail::download_settings(options));
    }
    template <detail::completion_token<std::vector<std::string>> Token = default_token>
    auto download_all(task_state of, std::string to, Token token = Token())
    {
        return download_all(std::move(of), std::move(to), download_options(), std::move(token));
    }

    /// Uploads a picture, a file or bytes in memory, of which no more than a piece at a time is read into memory. What it
    /// is is told by its content, not by its name. The same content is sent once: calls at the same time share what one
    /// of them gets, and later ones have its link while the service keeps it. Nothing costs money, and nothing is sent
    /// twice: where it is not known what became of it, calling again makes at worst a second file.
    ///
    /// Completion: `void(error_code, uploaded_image)`.
    /// Errors: before any byte is sent `errc::invalid_request` for what is no readable JPEG, PNG, WebP or GIF file of at
    /// most 20 MB; `errc::file_error` for one that cannot be read to its end or changes meanwhile, of which the service
    /// never has the whole then; refusals as `api_errc`; `errc::bad_response`; transport errors; `errc::outcome_unknown`
    /// where the service may have it.
    /// Cancellation: terminal, partial, total; what has left may have its effect.
    /// Lifetime and thread safety: as the class. Files are read on threads of their own; a read that hangs is given up
    /// after `timeouts::send`. Source: API reference, section 6.
    template <detail::completion_token<uploaded_image> Token = default_token>
    auto upload(image_source picture, upload_options options, Token token = Token())
    {
        return start<uploaded_image>(token, &detail::begin_upload, std::move(picture),
                                     detail::upload_settings(options));
    }
    template <detail::completion_token<uploaded_image> Token = default_token>
    auto upload(image_source picture, Token token = Token())
    {
        return upload(std::move(picture), upload_options(), std::move(token));
    }

    /// Uploads every picture of a request that is in a local file, each once, and gives the request with their links, ready
    /// to be submitted.
    ///
    /// Completion: `void(error_code, any_request)`.
    /// Errors: those of `upload`, with the picture's place in the request; `errc::invalid_request` with everything else that
    /// is wrong with the request, before any byte is sent.
    /// Cancellation, lifetime, thread safety, source: as `upload`. The time limit is for all pictures together.
    template <detail::completion_token<any_request> Token = default_token>
    auto upload_files(any_request request, upload_options options, Token token = Token())
    {
        return start<any_request>(token, &detail::begin_upload_files, std::move(request),
                                  detail::upload_settings(options));
    }
    template <detail::completion_token<any_request> Token = default_token>
    auto upload_files(any_request request, Token token = Token())
    {
        return upload_files(std::move(request), upload_options(), std::move(token));
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
        return start<apimart::balance>(token, &detail::begin_balance, api_request("/v1/balance"), options);
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
        return start<apimart::balance>(token, &detail::begin_balance, api_request("/v1/user/balance"),
                                       options);
    }
    template <detail::completion_token<apimart::balance> Token = default_token>
    auto account_balance(Token token = Token())
    {
        return account_balance(status_options(), std::move(token));
    }

    /// What was used over a time, in exact amounts. The service may answer as of a minute ago.
    ///
    /// Completion: `void(error_code, usage_report)`.
    /// Errors: `errc::invalid_request` for a question beyond the documented limits, before any byte is sent;
    /// `api_errc::unavailable` where the usage is not known, which does not mean that there was none; as `balance`.
    /// Cancellation: terminal, partial, total; nothing changes at the service.
    /// Lifetime and thread safety: as the class. Units: see `usage_options`. Source: API reference, section 7.2.
    template <detail::completion_token<usage_report> Token = default_token>
    auto usage(usage_options options, Token token = Token())
    {
        return start<usage_report>(token, &detail::begin_usage, detail::usage_settings(options));
    }
    template <detail::completion_token<usage_report> Token = default_token>
    auto usage(Token token = Token())
    {
        return usage(usage_options(), std::move(token));
    }

    /// The models that the service offers to this client's key; what this library knows of them is in `apimart::models()`.
    ///
    /// Completion: `void(error_code, std::vector<listed_model>)`.
    /// Errors: as `balance`. Cancellation: terminal, partial, total; nothing changes at the service.
    /// Lifetime and thread safety: as the class. Limits: `limits::body_limit`. Source: API reference, section 7.3.
    template <detail::completion_token<std::vector<listed_model>> Token = default_token>
    auto models(models_options options, Token token = Token())
    {
        return start<std::vector<listed_model>>(
            token, &detail::begin_models, options.expand, std::string(options.category.view()),
            status_options{
                .timeout = options.timeout, .max_retries = options.max_retries, .tag = options.tag});
    }
    template <detail::completion_token<std::vector<listed_model>> Token = default_token>
    auto models(Token token = Token())
    {
        return models(models_options(), std::move(token));
    }

    /// What the service says that a model accepts; `apimart::schema` is what this library says.
    ///
    /// Completion: `void(error_code, model_schema)`.
    /// Errors: `api_errc::not_found` as the service says it; as `balance`.
    /// Cancellation: terminal, partial, total; nothing changes at the service.
    /// Lifetime and thread safety: as the class. Limits: `limits::body_limit`. Source: API reference, section 7.3.
    template <detail::completion_token<model_schema> Token = default_token>
    auto schema(std::string model, status_options options, Token token = Token())
    {
        return start<model_schema>(token, &detail::begin_schema, std::move(model), options);
    }
    template <detail::completion_token<model_schema> Token = default_token>
    auto schema(std::string model, Token token = Token())
    {
        return schema(std::move(model), status_options(), std::move(token));
    }

    /// Sends a request that the library does not model, with its connections, limits and key. A GET is repeated
    /// as other reads are; nothing else is sent a second time. A video that is ordered this way has none of the
    /// guarantees of `submit`.
    ///
    /// Completion: `void(error_code, api_response)`.
    /// Errors: `errc::invalid_request` for an unusable path or method, before any byte is sent; refusals as `api_errc`;
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
    /// With `shutdown_options::finish_within` there is a step before these: everything new but waits, downloads and status
    /// requests is refused with `errc::shutting_down`, and what is under way goes on to its own end. So whoever saw a task's
    /// end can still fetch its video. The step ends with that time, or once nothing has been under way for a tenth of a
    /// second; then, what is left is ended as above. A call without a time ends it at once; one with another time, whichever
    /// is over first.
    ///
    /// Completion: `void(error_code, shutdown_report)`, after all other operations; the report tells what was cut, not what
    /// ended by itself.
    /// Errors: none.
    /// Cancellation: none; it is bounded by itself.
    /// Lifetime and thread safety: as the class. May be called more than once.
    template <detail::completion_token<shutdown_report> Token = default_token>
    auto shutdown(shutdown_options options, Token token = Token())
    {
        return start<shutdown_report>(token, &detail::begin_shutdown, options);
    }
    template <detail::completion_token<shutdown_report> Token = default_token>
    auto shutdown(Token token = Token())
    {
        return shutdown(shutdown_options(), std::move(token));
    }

    /// Counters since the client was made. Thread safety: as the class.
    apimart::metrics metrics() const { return handle_ ? detail::metrics_of(*handle_) : apimart::metrics(); }

private:
    friend std::shared_ptr<detail::client_handle> const& detail::handle_of(client const&);

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

// For what is made of a client, such as a batch.
inline std::shared_ptr<detail::client_handle> const& detail::handle_of(client const& of)
{
    return of.handle();
}

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/operations/client.ipp>
#endif

#endif
