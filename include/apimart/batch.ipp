// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BATCH_IPP
#define APIMART_BATCH_IPP

#include <apimart/batch.hpp>
#include <apimart/batches/batch_begin.ipp>
#include <apimart/batches/batch_buying.ipp>
#include <apimart/batches/batch_collecting.ipp>
#include <apimart/batches/batch_reading.ipp>
#include <apimart/batches/batch_stop.ipp>

namespace apimart::detail {

APIMART_INLINE std::shared_ptr<batch_run> make_batch(client const& by, std::shared_ptr<journal_port> journal,
                                                     batch_options options)
{
    return std::make_shared<batch_run>(by, std::move(journal), std::move(options));
}

APIMART_INLINE boost::asio::any_io_executor executor_of(batch_run const& run)
{
    return run.get_executor();
}

APIMART_INLINE void start_batch(batch_run& run, item_source source)
{
    run.start(std::move(source));
}

APIMART_INLINE void begin_next(std::shared_ptr<batch_run> const& run,
                               completion<std::optional<batch_outcome>> handler)
{
    auto one = std::make_shared<outcome_call>(std::move(handler));
    if (auto slot = boost::asio::get_associated_cancellation_slot(one->handler); slot.is_connected())
        slot.assign([of = std::weak_ptr(run), weak = std::weak_ptr(one)](boost::asio::cancellation_type) {
            auto const in = of.lock();
            auto const found = weak.lock();
            if (!in || !found)
                return;
            found->cancelled = true;
            in->post([in, found] { in->cancel(found); });
        });
    run->post([run, one = std::move(one)]() mutable { run->next(std::move(one)); });
}

APIMART_INLINE batch_progress progress_of(batch_run const& run)
{
    return run.progress();
}

APIMART_INLINE void pause_batch(batch_run& run, bool paused)
{
    run.post([self = run.shared_from_this(), paused] { self->pause(paused); });
}

APIMART_INLINE void stop_batch(batch_run& run, std::string words)
{
    run.post([self = run.shared_from_this(), words = std::move(words)]() mutable {
        self->stop(std::move(words));
    });
}

APIMART_INLINE void cancel_batch(batch_run& run)
{
    run.post([self = run.shared_from_this()] { self->cancel_all(); });
}

} // namespace apimart::detail

#endif
