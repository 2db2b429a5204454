// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_SHUTDOWN_IPP
#define APIMART_DETAIL_IMPL_SHUTDOWN_IPP

#include <apimart/detail/impl/client_core.ipp>

namespace apimart::detail {

APIMART_INLINE void client_core::begin_shutdown()
{
    shutting_down_ = true;
    if (poll_timer_)
        poll_timer_->cancel();
    poll_timer_at_ = clock::time_point::max();
    for (auto place = watched_.begin(); place != watched_.end();) {
        watched_task& which = *(place++)->second;
        if (!which.waiters.empty())
            interrupted_.push_back(which.id);
        for (auto& entry : which.waiters)
            deliver(std::move(entry.handler),
                    result<finished_task>(failure(errc::shutting_down).task_id(which.id)));
        which.waiters.clear();
        forget(which);
    }
    // Stopping one can end another; each is looked at once.
    std::vector<operation_ptr> const all(operations_.begin(), operations_.end());
    for (operation_ptr const& op : all)
        op->stop(boost::asio::cancellation_type::terminal, make_error_code(errc::shutting_down));
}

APIMART_INLINE void client_core::start_farewell()
{
    // Without a strand the context is gone, and everything with it.
    if (strand_)
        boost::asio::post(*strand_, [self = shared_from_this()] { self->begin_shutdown(); });
}

APIMART_INLINE void client_core::start_shutdown(completion<shutdown_report> handler)
{
    namespace asio = boost::asio;
    auto work =
        keep_working(asio::get_associated_executor(handler, asio::any_completion_executor(executor_)));
    asio::co_spawn(*strand_, shutdown(),
                   [self = shared_from_this(), work,
                    handler = std::move(handler)](std::exception_ptr thrown, shutdown_report report) mutable {
                       if (thrown)
                           self->deliver(std::move(handler),
                                         result<shutdown_report>(failure(boost::system::errc::make_error_code(
                                             boost::system::errc::not_enough_memory))));
                       else
                           self->deliver(std::move(handler), result<shutdown_report>(std::move(report)));
                   });
}

APIMART_INLINE boost::asio::awaitable<shutdown_report> client_core::shutdown()
{
    namespace asio = boost::asio;
    co_await asio::dispatch(*strand_, asio::use_awaitable);
    begin_shutdown();
    asio::steady_timer drain(*strand_, config_.timeouts.drain);
    drain.async_wait([self = shared_from_this()](error_code code) {
        if (!code)
            self->pool_.cut_all();
    });
    while (!operations_.empty())
        co_await idle_.async_wait(*strand_, asio::as_tuple(asio::use_awaitable));
    drain.cancel();
    pool_.cut_all();
    shutdown_report report;
    report.waiting = interrupted_;
    report.stopped = stopped_;
    report.unknown = unknown_;
    co_return report;
}

} // namespace apimart::detail

#endif
