// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_STATUS_HPP
#define APIMART_OPERATIONS_STATUS_HPP

#include <apimart/operations/client_state.hpp>
#include <apimart/policy/retry.hpp>
#include <apimart/protocol/task_response.hpp>
#include <apimart/task.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

inline result<task_state> read_status(client_state const& client, http_result const& outcome,
                                      std::string const& id)
{
    authorization const& credentials = client.credentials;
    if (outcome.phase != request_phase::answered)
        return credentials.redacted(error_info(outcome.error, outcome.detail)
                                        .underlying(outcome.underlying)
                                        .http_status(outcome.http_status)
                                        .task_id(id));
    result<task_state> answer = read_task_response(outcome.response, id, client.runtime.wall_clock());
    if (!answer)
        return credentials.redacted(answer.error());
    task_error const& reason = answer->error();
    if (!reason.text().empty() || !reason.code().empty() || !reason.type().empty())
        answer->error(task_error(credentials.redacted(reason.code()), credentials.redacted(reason.type()),
                                 credentials.redacted(reason.text())));
    // Words that are known for what they mean are no key.
    if (answer->status() == task_status::running && credentials.occurs_in(answer->raw_status()))
        answer->raw_status(credentials.redacted(answer->raw_status()));
    return answer;
}

// One GET for a task's state; `read_status` tells what came.
class status_question
{
public:
    status_question(client_state& client, exchange& x, std::string const& id, request_kind kind,
                    std::uint64_t number, operation_tag const& tag, int attempt)
        : client_(client), x_(x), id_(id), kind_(kind), number_(number), tag_(tag), attempt_(attempt),
          at_(client.first_endpoint())
    {}

    http_request make()
    {
        api_endpoint const& endpoint = client_.endpoint(at_);
        http_request request = x_.request_to(endpoint.origin, lane::poll);
        request.head += endpoint.get;
        append_percent_encoded(request.head, id_);
        request.head.append(endpoint.tail).append("\r\n");
        request.response_limit = client_.runtime.limits.body_limit;
        counters& sums = client_.runtime.counters;
        request.counted = kind_ == request_kind::poll ? &sums.polls_sent : &sums.status_requests_sent;
        return request;
    }

    // Whether it is put once more at once: to the next address of the service; or since a kept connection that turns out to
    // be dead says nothing about the service.
    bool again()
    {
        http_result const& outcome = x_.result;
        client_.emit_attempt(kind_, number_, tag_, attempt_, id_, {}, client_.endpoint(at_).origin.host, x_);
        if (x_.stopped_by())
            return false;
        if (client_.failover(at_, outcome))
            return true;
        bool const stale = outcome.phase != request_phase::answered && outcome.reused &&
                           outcome.error == errc::connection_lost && !outcome.session_refused;
        if (!stale || std::exchange(repeated_, true))
            return false;
        client_.runtime.counters.stale_connections.add();
        return true;
    }

private:
    client_state& client_;
    exchange& x_;
    std::string const& id_;
    request_kind const kind_;
    std::uint64_t const number_;
    operation_tag const& tag_;
    int const attempt_;
    endpoint_cursor at_;
    bool repeated_ = false;
};

// What a call of `client::status` is.
inline awaitable<result<task_state>> status(client_state& client, operation& op, std::string id,
                                            status_options options)
{
    op.task_id = id;
    if (!is_task_id(id))
        co_return error_info(errc::task_not_found, "this is not a task id").task_id(std::move(id));
    client.set_limit(op, options.timeout, client.runtime.now());
    retry_policy retry = client.config.retry;
    retry.max_retries = options.max_retries.value_or(retry.max_retries);
    read_retry again(retry, client.budget, client.seed(),
                     op.limit ? std::optional(op.limit->when()) : std::nullopt);
    exchange x(client.runtime, client.pool, client.connector);
    for (;;) {
        op.active = &x;
        status_question question(client, x, id, op.kind, op.number, op.tag, ++op.attempts);
        do {
            http_request request = question.make();
            co_await x.send(std::move(request));
        } while (question.again());
        op.active = nullptr;
        result<task_state> answer = read_status(client, x.result, id);
        if (answer) {
            client.budget.succeeded();
            co_return answer;
        }
        if (op.stop_reason)
            co_return error_info(op.stop_reason).task_id(id);
        std::optional<error_info> ended =
            co_await client.wait_to_retry(op, again, answer.error(), op.attempts - 1);
        if (ended)
            co_return ended->task_id(id);
    }
}

} // namespace apimart::detail

#endif
