// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_GENERATE_HPP
#define APIMART_OPERATIONS_GENERATE_HPP

#include <apimart/operations/submit.hpp>
#include <apimart/operations/upload.hpp>
#include <apimart/operations/wait.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace apimart::detail {

// A wait on behalf of a coroutine.
class coroutine_waiter final : public task_waiter
{
public:
    coroutine_waiter(client_state& client, operation const& op, time_point until)
        : task_waiter(op.number, op.tag, until), ended(client.runtime.strand(), timer::time_point::max()),
          fleet_(client.fleet)
    {}
    ~coroutine_waiter() override { fleet_.leave(*this); }
    void done(std::string const&, result<task_result>&& given) override
    {
        outcome = std::move(given);
        ended.cancel();
    }
    void destroy() noexcept override {}

    timer ended; // cancelled at the end, or when the wait is to end
    std::optional<result<task_result>> outcome;

private:
    poll_fleet& fleet_;
};

// A submit whose local pictures are uploaded before; the time for that is taken from its own.
inline awaitable<result<task>> upload_and_submit(client_state& client, operation& op, any_request request,
                                                 submit_settings settings)
{
    if (validation_result found = request.check(); !found.ok())
        co_return error_info(errc::invalid_request)
            .validation(std::move(found))
            .acceptance(acceptance::not_sent);
    client.set_limit(op, settings.timeout, op.begun);
    op.uploading = true;
    upload_settings const plain;
    std::optional<error_info> why = co_await upload_local_images(client, op, request, plain);
    op.uploading = false;
    if (why)
        co_return why->acceptance(acceptance::not_sent);
    op.attempts = 0;
    if (settings.timeout)
        *settings.timeout -= std::chrono::ceil<std::chrono::milliseconds>(client.runtime.now() - op.begun);
    result<task> bought = co_await submit(client, op, request, settings);
    co_return bought;
}

// What a call of `client::generate` is: a submit, then a wait.
inline awaitable<result<task_result>> generate(client_state& client, operation& op,
                                               any_request const& request,
                                               std::optional<std::chrono::milliseconds> timeout,
                                               submit_settings const& submit_with, wait_options wait_with)
{
    auto const begun = client.runtime.now();
    result<task> bought{task()};
    if (request.local_images().empty())
        bought = co_await submit(client, op, request, submit_with);
    else
        bought = co_await upload_and_submit(client, op, request, submit_with);
    if (!bought)
        co_return bought.error();
    op.limit.reset();
    op.task_id = std::move(*bought).id();
    op.idempotency_key = std::move(*bought).idempotency_key();
    auto const now = client.runtime.now();
    auto until = now + bounded(wait_with.timeout.value_or(client.config.poll.max_wait));
    if (timeout)
        until = std::min(until, begun + bounded(*timeout));
    coroutine_waiter waiter(client, op, until);
    if (!op.stop_reason) {
        client.fleet.add(op.task_id, bought->duration_class(), bought->accepted_at(), waiter);
        client.pump_polls();
        op.sleeping = &waiter.ended;
        if (!waiter.outcome)
            co_await waiter.ended.async_wait(use_tuple);
        op.sleeping = nullptr;
    }
    if (!waiter.outcome) {
        client.fleet.end(waiter, error_info(op.stop_reason));
        client.pump_polls();
    }
    if (waiter.outcome && *waiter.outcome)
        co_return std::move(*waiter.outcome);
    task paid(op.task_id);
    paid.idempotency_key(op.idempotency_key);
    co_return after_purchase(waiter.outcome ? waiter.outcome->error() : error_info(op.stop_reason), paid);
}

} // namespace apimart::detail

#endif
