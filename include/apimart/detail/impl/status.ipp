// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_STATUS_IPP
#define APIMART_DETAIL_IMPL_STATUS_IPP

#include <apimart/detail/impl/client_core.ipp>
#include <apimart/detail/wire/reply_json.hpp>
#include <apimart/detail/wire/task_reply.hpp>

namespace apimart::detail {

APIMART_INLINE boost::asio::awaitable<exchange_outcome> client_core::ask_for_task(operation& op,
                                                                                  std::string id)
{
    std::string text = request_head("GET", "/v1/tasks/" + percent_encode_segment(id));
    text += "\r\n";
    exchange_outcome outcome;
    // A kept connection that turns out to be dead says nothing about the service; asking again is free.
    for (int turn = 0; turn < 2; ++turn) {
        outcome =
            co_await exchange(pool_, base_.origin, lane::poll, text, config_.limits, config_.timeouts, op);
        if (outcome.phase == exchange_phase::answered || !outcome.reused ||
            outcome.error != errc::connection_lost || op.stop_reason)
            break;
    }
    counters_.connections_opened.store(pool_.opened(), std::memory_order_relaxed);
    counters_.polls_sent.fetch_add(1, std::memory_order_relaxed);
    co_return outcome;
}

APIMART_INLINE result<task_state> client_core::judge_task_answer(exchange_outcome const& outcome,
                                                                 std::string const& id) const
{
    if (outcome.phase != exchange_phase::answered)
        return failure(outcome.error, outcome.detail).underlying(outcome.underlying).task_id(id);
    auto const wall = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    result<task_state> answer = read_task_reply(outcome.reply, id, wall);
    if (!answer)
        return authorization_.redacted(answer.error());
    task_failure const& reason = answer->reason();
    if (!reason.text().empty())
        answer->reason(task_failure(reason.code(), reason.type(), authorization_.redacted(reason.text())));
    return answer;
}

APIMART_INLINE void client_core::start_status(task which, completion<task_state> handler)
{
    launch<task_state>(std::move(handler), false,
                       [which = std::move(which)](client_core& core, operation_ptr op) mutable {
                           return core.status(std::move(op), std::move(which));
                       });
}

APIMART_INLINE boost::asio::awaitable<result<task_state>> client_core::status(operation_ptr op, task which)
{
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);

    if (!is_task_id(which.id()))
        co_return failure(errc::task_not_found, "this is not a task id");
    jitter random(++seed_);
    for (int retry = 0;; ++retry) {
        exchange_outcome const outcome = co_await ask_for_task(*op, which.id());
        result<task_state> answer = judge_task_answer(outcome, which.id());
        if (answer)
            co_return answer;
        if (op->stop_reason)
            co_return failure(op->stop_reason).task_id(which.id());
        bool const again = answer.error().code() == cause::retryable && retry < config_.retry.max_retries;
        auto const asked = answer.error().retry_after();
        if (!again || (asked && *asked > config_.retry.longest_retry_after))
            co_return answer;
        auto const wait =
            asked ? std::chrono::milliseconds(*asked) : backoff_delay(config_.retry, retry, random);
        if (error_code const code = co_await pause(wait))
            co_return failure(stop_code(*op, code)).task_id(which.id());
    }
}

} // namespace apimart::detail

#endif
