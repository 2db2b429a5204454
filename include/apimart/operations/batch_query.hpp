// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_BATCH_QUERY_HPP
#define APIMART_OPERATIONS_BATCH_QUERY_HPP

#include <apimart/operations/client_state.hpp>
#include <apimart/operations/status.hpp>
#include <apimart/protocol/batch_response.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// Tasks whose states one request asks for; each is taken out when it has its answer.
using task_batch = std::vector<scheduled_poll*>;

// One POST for the states of many tasks. It is a question, but no POST is ever repeated: what it does not tell, polls of each
// task by itself will.
inline awaitable<void> send_batch_query(client_state& client, exchange& x, std::string const& body,
                                        watched_task const& first)
{
    endpoint_cursor at = client.first_endpoint();
    do {
        api_endpoint const& endpoint = client.endpoint(at);
        http_request request(endpoint.origin, lane::poll);
        request.head.append("POST ").append(endpoint.base).append("/v1/tasks/batch");
        request.head.append(endpoint.tail)
            .append("Content-Type: application/json\r\nContent-Length: ")
            .append(std::to_string(body.size()))
            .append("\r\n\r\n");
        request.body = body;
        request.response_limit = client.runtime.limits.body_limit;
        request.counted = &client.runtime.counters.batch_queries_sent;
        co_await x.send(std::move(request));
        client.emit_attempt(request_kind::poll, first.number, {}, first.polls, {}, {}, endpoint.origin.host,
                            x);
    } while (!x.stopped_by() && client.failover(at, x.result));
}

// Of each task that the service tells of, what an answer about that one alone would be.
inline result<batch_answers> read_batch(client_state const& client, http_result const& outcome)
{
    if (outcome.phase != request_phase::answered)
        return client.credentials.redacted(error_info(outcome.error, outcome.detail)
                                               .underlying(outcome.underlying)
                                               .http_status(outcome.http_status));
    result<batch_answers> answers = read_batch_response(outcome.response, client.runtime.wall_clock());
    if (!answers)
        return client.credentials.redacted(answers.error());
    return answers;
}

// What an answer without any state means for the number of tasks that are asked for at a time.
inline void learn_from_refusal(poll_fleet& fleet, error_info const& why)
{
    int const status = why.http_status();
    bool const no_such_endpoint = status == 404 || status == 405 || status == 501;
    bool const about_the_key = status == 401 || status == 402 || status == 403;
    if (!about_the_key)
        fleet.ask_for_fewer(!no_such_endpoint);
}

// What the answer to a query for many tasks means for each of them.
inline void take_batch_answer(client_state& client, http_result const& outcome, task_batch& batch)
{
    poll_fleet& fleet = client.fleet;
    auto const next = [&batch]() -> watched_task& {
        auto& task = static_cast<watched_task&>(*batch.back());
        batch.pop_back();
        return task;
    };
    result<batch_answers> const answers = read_batch(client, outcome);
    if (answers) {
        bool knows_any = false;
        while (!batch.empty()) {
            watched_task& task = next();
            auto const found = answers->find(task.id);
            knows_any = knows_any || found != answers->end();
            http_result one(request_phase::answered, {});
            one.response.status = outcome.response.status;
            one.response.body = found == answers->end() ? std::string() : found->second;
            result<task_state> state = read_status(client, one, task.id);
            if (state && is_complete(*state))
                fleet.on_answer(task, std::move(state));
            else
                fleet.ask_alone(task);
        }
        if (!knows_any)
            fleet.ask_for_fewer(true);
        return;
    }
    error_info const& why = answers.error();
    bool const is_refusal = why.code() == errc::response_too_large ||
                            (outcome.phase == request_phase::answered &&
                             why.code() != condition::rate_limited && why.code() != condition::retryable);
    if (is_refusal)
        learn_from_refusal(fleet, why);
    while (!batch.empty()) {
        watched_task& task = next();
        if (is_refusal) {
            fleet.ask_alone(task);
            continue;
        }
        // It may be the question that is too much for the service.
        task.alone = why.code() != condition::rate_limited;
        fleet.on_answer(task, error_info(why));
    }
}

// Asks for the states of many tasks, for all that wait for them.
inline awaitable<void> poll_many(client_state& client, task_batch& batch)
{
    using std::chrono::seconds;
    client_runtime& runtime = client.runtime;
    auto const& first = static_cast<watched_task const&>(*batch.front());
    exchange x(runtime, client.pool, client.connector);
    // As for one: the last check of a wait must not stretch it by as long as an answer may take.
    deadline poll_timeout([&x] { x.cancel(make_error_code(errc::response_timeout)); });
    auto const limit_poll = [&] {
        auto earliest = deadline::time_point::max();
        for (scheduled_poll const* const each : batch)
            earliest = std::min(earliest, each->deadline);
        if (earliest == deadline::time_point::max())
            poll_timeout.clear();
        else
            runtime.timers.set(poll_timeout, std::max(earliest + seconds(2), runtime.now() + seconds(1)));
    };
    running_poll self;
    // While somebody waits for one of them, the answer is wanted.
    self.cancel = [&](error_code why) {
        bool const is_wanted = std::any_of(batch.begin(), batch.end(), [](scheduled_poll const* each) {
            return !static_cast<watched_task const*>(each)->waiters.empty();
        });
        if (!is_wanted || why != boost::asio::error::operation_aborted)
            x.cancel(why);
    };
    self.deadline_changed = std::cref(limit_poll);
    std::vector<std::string_view> ids;
    for (scheduled_poll* const each : batch) {
        static_cast<watched_task*>(each)->poll = &self;
        ids.push_back(each->id);
    }
    self.deadline_changed();
    std::string const body = batch_query_body(ids);
    co_await send_batch_query(client, x, body, first);
    poll_timeout.clear();
    take_batch_answer(client, x.result, batch);
}

} // namespace apimart::detail

#endif
