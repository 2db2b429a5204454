// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_GENERATE_IPP
#define APIMART_DETAIL_IMPL_GENERATE_IPP

#include <apimart/detail/impl/client_core.ipp>

namespace apimart::detail {

APIMART_INLINE void client_core::start_generate(any_request request, submit_options submit_with,
                                                wait_options wait_with, completion<finished_task> handler)
{
    launch<finished_task>(std::move(handler), true,
                          [request = std::move(request), submit_with = std::move(submit_with),
                           wait_with](client_core& core, operation_ptr op) mutable {
                              return core.generate(std::move(op), std::move(request), std::move(submit_with),
                                                   wait_with);
                          });
}

// Lets a coroutine of the core wait like any caller does.
class wait_for
{
public:
    wait_for(std::shared_ptr<client_core> core, task which, wait_options options)
        : core_(std::move(core)), task_(std::move(which)), options_(options)
    {}
    void operator()(completion<finished_task> handler)
    {
        core_->start_wait(std::move(task_), options_, std::move(handler));
    }

private:
    std::shared_ptr<client_core> core_;
    task task_;
    wait_options options_;
};

APIMART_INLINE boost::asio::awaitable<result<finished_task>> client_core::generate(operation_ptr op,
                                                                                   any_request request,
                                                                                   submit_options submit_with,
                                                                                   wait_options wait_with)
{
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);

    result<task> accepted = co_await submit(op, std::move(request), std::move(submit_with));
    if (!accepted)
        co_return accepted.error();
    op->is_submit = false;
    if (op->stop_reason)
        co_return failure(op->stop_reason).task_id(accepted->id()).proof(proof_level::accepted);
    auto done =
        co_await initiate<finished_task>(wait_for(shared_from_this(), *accepted, wait_with), as_result());
    if (done)
        co_return done;
    failure why = done.error();
    if (op->stop_reason)
        why = failure(op->stop_reason).task_id(accepted->id());
    why.proof(proof_level::accepted).idempotency_key(accepted->idempotency_key());
    co_return why;
}

} // namespace apimart::detail

#endif
