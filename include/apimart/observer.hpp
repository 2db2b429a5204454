// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OBSERVER_HPP
#define APIMART_OBSERVER_HPP

#include <apimart/error.hpp>
#include <apimart/operation_tag.hpp>
#include <apimart/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace apimart {

/// What a request is for.
enum class request_kind
{
    submit,
    poll,     ///< asked by the schedule of waiting tasks
    status,   ///< asked by the caller
    download, ///< a piece of a result
    upload,   ///< a picture
    request,  ///< what the caller asked for by `client::request`, a balance
};

std::string_view to_string(request_kind kind) noexcept;

/// One request on one connection, at its end. No field holds a key, a prompt or the signed part of a link.
class attempt_event
{
public:
    attempt_event() {}

    request_kind kind = request_kind::submit;
    /// One number for all attempts of one operation of this client. Polls have that of the wait that was the
    /// first to wait for their task, however many share them.
    std::uint64_t operation = 0;
    operation_tag tag; ///< the caller's, as `operation`
    /// From one.
    int attempt = 1;
    std::string task_id;         ///< empty for submits
    std::string idempotency_key; ///< of submits
    std::string host;
    bool reused_connection = false;
    std::string phase;   ///< as in `apimart::attempt::phase`
    error_code code;     ///< not set where a complete answer came
    int http_status = 0; ///< zero where none came
    std::string detail;  ///< in this library's words
    std::string request_id;
    std::size_t bytes_sent = 0;
    std::size_t bytes_received = 0;
    std::chrono::microseconds elapsed{0};
};

/// What was decided after an attempt that was not the last.
class retry_event
{
public:
    retry_event() {}

    request_kind kind = request_kind::submit;
    std::uint64_t operation = 0;
    operation_tag tag; ///< the caller's
    int next_attempt = 2;
    std::chrono::milliseconds delay{0};
    error_code why;
    bool server_requested = false; ///< the delay is the service's `Retry-After`
    bool is_resend = false;        ///< the outcome is unknown, and the service honours the key
};

/// An operation's end. For a submit, the code together with the proof is what its caller gets.
class operation_event
{
public:
    operation_event() {}

    request_kind kind = request_kind::submit;
    std::uint64_t operation = 0;
    operation_tag tag; ///< the caller's
    std::string task_id;
    std::string idempotency_key; ///< of submits
    error_code code;
    apimart::acceptance acceptance = apimart::acceptance::none;
    int attempts = 0;
    std::chrono::microseconds elapsed{0};
};

/// A connection's life.
class connection_event
{
public:
    enum class type
    {
        connected,
        failed,
        closed,
        peer_closed,     ///< it had ended when it was wanted again
        unexpected_data, ///< it was dropped for data nobody asked for
    };

    connection_event() {}

    type event = type::connected;
    std::string host;
    std::string address; ///< empty where none was reached
    error_code code;
    std::string detail;
    std::string tls_version; ///< empty without TLS
    bool verified = true;    ///< false only under `insecure_tls_for_tests`
    std::chrono::microseconds elapsed{0};
};

std::string_view to_string(connection_event::type type) noexcept;

/// The state a task was seen in by a poll, where it differs from the one before.
class task_event
{
public:
    task_event() {}

    std::string task_id;
    operation_tag tag; ///< of the wait that was the first to wait for the task
    task_status status = task_status::queued;
    std::string raw_status;      ///< the service's own
    std::optional<int> progress; ///< percent, where given
    int polls = 0;
};

/// Something waits that should not wait for long.
class backpressure_event
{
public:
    enum class place
    {
        submit_rate,      ///< the next submit has to wait for this long
        connect_rate,     ///< the next connection has to wait for this long
        submit_queue,     ///< all places for submits are taken
        connections,      ///< all connections to one origin are in use
        poll_rate,        ///< polls are late for `poll_policy::requests_per_second`, by this long
        poll_concurrency, ///< polls are late for `poll_policy::max_concurrent`, by this long
    };

    backpressure_event() {}

    /// The last four are told when it begins, and again only after nobody waited any more; the last two when a poll is late by
    /// more than `poll_policy::min_interval`.
    place where = place::submit_rate;
    operation_tag tag; ///< of the submit that met it
    std::size_t waiting = 0;
    /// Until it is expected to go on, or by how much the first poll is late; zero where that is not known.
    std::chrono::milliseconds delay{0};
};

std::string_view to_string(backpressure_event::place where) noexcept;

/// Callbacks into the caller's logs, counters or traces. Those that are not set cost nothing.
///
/// They are called one at a time, in the order of what happened, by a thread of the client's execution
/// context, and never inside a call of the client. They must not throw; an exception is dropped. While one
/// runs, the client waits: hand over what takes long.
///
/// Lifetime: the last events are told after the client's end, as long as its execution context runs; what the
/// callbacks refer to has to live until then.
struct observer
{
    std::function<void(attempt_event const&)> on_attempt{};
    std::function<void(retry_event const&)> on_retry{};
    std::function<void(operation_event const&)> on_operation{};
    std::function<void(connection_event const&)> on_connection{};
    std::function<void(task_event const&)> on_task{};
    std::function<void(backpressure_event const&)> on_backpressure{};
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/observer.ipp>
#endif

#endif
