// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_CLIENT_CORE_IPP
#define APIMART_DETAIL_IMPL_CLIENT_CORE_IPP

#include <apimart/detail/client_core.hpp>
#include <apimart/detail/config.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <random>

namespace apimart::detail {

// Somebody's "for ever", without an overflow when it is added to a time.
inline std::chrono::milliseconds bounded(std::chrono::milliseconds given)
{
    constexpr std::chrono::milliseconds years = std::chrono::hours(24 * 365 * 10);
    return std::clamp(given, -years, years);
}

inline std::uint64_t fresh_seed()
{
    std::uint64_t seed = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed) != 1)
        seed = std::random_device{}();
    return seed;
}

APIMART_INLINE client_core::client_core(executor_type executor, client_config config, request_url base,
                                        boost::asio::ssl::context tls)
    : executor_(std::move(executor)), config_(std::move(config)), base_(std::move(base)),
      authorization_(std::move(config_.key)), strand_(boost::asio::make_strand(executor_)),
      pool_(*strand_, std::move(tls), config_.limits, config_.timeouts), submits_(config_.limits.submits),
      downloads_(config_.limits.downloads), schedule_(config_.poll, fresh_seed()),
      poll_timer_(std::in_place, *strand_), seed_(fresh_seed())
{
    auto& context = boost::asio::query(executor_, boost::asio::execution::context);
    boost::asio::use_service<context_watch>(context).add(this);
}

APIMART_INLINE client_core::~client_core()
{
    if (strand_) {
        auto& context = boost::asio::query(executor_, boost::asio::execution::context);
        boost::asio::use_service<context_watch>(context).remove(this);
    }
}

APIMART_INLINE void client_core::abandon()
{
    // Handlers may own the last copy of a client, and so this object.
    auto const self = weak_from_this().lock();
    pool_.abandon();
    poll_timer_.reset();
    auto watched = std::move(watched_);
    watched_.clear();
    for (auto& [id, which] : watched)
        schedule_.remove(*which);
    watched.clear();
    submits_.waiting.abandon();
    downloads_.waiting.abandon();
    idle_.abandon();
    operations_.clear(); // their signals refer to the strand
    strand_.reset();
    executor_ = {};
}

APIMART_INLINE metrics client_core::read_metrics() const
{
    metrics now;
    now.submits_sent = counters_.submits_sent.load(std::memory_order_relaxed);
    now.tasks_accepted = counters_.tasks_accepted.load(std::memory_order_relaxed);
    now.outcomes_unknown = counters_.outcomes_unknown.load(std::memory_order_relaxed);
    now.polls_sent = counters_.polls_sent.load(std::memory_order_relaxed);
    now.tasks_finished = counters_.tasks_finished.load(std::memory_order_relaxed);
    now.bytes_downloaded = counters_.bytes_downloaded.load(std::memory_order_relaxed);
    now.connections_opened = counters_.connections_opened.load(std::memory_order_relaxed);
    now.tasks_waiting = counters_.tasks_waiting.load(std::memory_order_relaxed);
    return now;
}

// Work on the caller's executor, so that it does not run out while the operation is elsewhere.
inline auto keep_working(boost::asio::any_completion_executor const& executor)
{
    return boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked);
}

template <class T>
void client_core::deliver(completion<T> handler, result<T> outcome) const
{
    // Off the strand first: a handler must not hold up everybody else's operations. Then to where it belongs,
    // which must not run out of work on the way.
    auto where = keep_working(
        boost::asio::get_associated_executor(handler, boost::asio::any_completion_executor(executor_)));
    boost::asio::post(executor_, [where = std::move(where), handler = std::move(handler),
                                  outcome = std::move(outcome)]() mutable {
        boost::asio::dispatch(where, [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
            boost::asio::get_associated_cancellation_slot(handler).clear();
            std::move(handler)(std::move(outcome));
        });
    });
}

template <class T, class Body>
void client_core::launch(completion<T> handler, bool is_submit, Body body)
{
    namespace asio = boost::asio;
    auto const self = shared_from_this();
    auto const op = std::make_shared<operation>();
    op->is_submit = is_submit;
    auto work =
        keep_working(asio::get_associated_executor(handler, asio::any_completion_executor(executor_)));

    // The caller's slot is emitted on the caller's thread; the operation lives on the strand.
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
        // It must not keep a strand: the slot can outlive the context.
        slot.assign(
            [core = weak_from_this(), weak = std::weak_ptr<operation>(op)](asio::cancellation_type type) {
                auto const still = core.lock();
                if (!still || !still->strand_)
                    return;
                asio::post(*still->strand_, [weak, type] {
                    if (auto const found = weak.lock())
                        found->stop(type, asio::error::operation_aborted);
                });
            });
    }

    asio::post(*strand_, [self, op, work, handler = std::move(handler), body = std::move(body)]() mutable {
        if (self->shutting_down_) {
            failure why(errc::shutting_down);
            if (op->is_submit)
                why.proof(proof_level::not_sent);
            self->deliver(std::move(handler), result<T>(std::move(why)));
            return;
        }
        self->operations_.push_back(op);
        auto const place = std::prev(self->operations_.end());
        asio::co_spawn(
            *self->strand_, body(*self, op),
            asio::bind_cancellation_slot(
                op->signal.slot(), [self, op, place, work, handler = std::move(handler)](
                                       std::exception_ptr thrown, result<T> outcome) mutable {
                    self->operations_.erase(place);
                    if (thrown) {
                        // Only exhaustion gets here; expected failures are values.
                        failure why(
                            boost::system::errc::make_error_code(boost::system::errc::not_enough_memory));
                        if (op->is_submit)
                            why.proof(op->may_be_accepted() ? proof_level::unknown : proof_level::not_sent);
                        outcome = std::move(why);
                    }
                    if (!outcome && outcome.error().code() == errc::outcome_unknown)
                        ++self->unknown_;
                    if (!outcome && op->stop_reason == errc::shutting_down)
                        ++self->stopped_;
                    self->deliver(std::move(handler), std::move(outcome));
                    if (self->operations_.empty())
                        self->idle_.wake_all();
                }));
    });
}

APIMART_INLINE error_code client_core::stop_code(operation const& op, error_code otherwise) const
{
    return op.stop_reason ? op.stop_reason : otherwise;
}

APIMART_INLINE boost::asio::awaitable<error_code> client_core::pause(std::chrono::milliseconds delay)
{
    namespace asio = boost::asio;
    asio::steady_timer timer(co_await asio::this_coro::executor, delay);
    auto const [code] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return code;
}

APIMART_INLINE boost::asio::awaitable<error_code> client_core::enter(gate& g)
{
    namespace asio = boost::asio;
    if (g.try_enter())
        co_return error_code();
    auto const [code] = co_await g.waiting.async_wait(*strand_, asio::as_tuple(asio::use_awaitable));
    co_return code;
}

APIMART_INLINE std::string client_core::request_head(std::string_view method, std::string_view path) const
{
    std::string head;
    head.reserve(512);
    head.append(method).append(" ").append(base_.target).append(path).append(" HTTP/1.1\r\nHost: ");
    head.append(base_.origin.authority())
        .append("\r\nUser-Agent: apimart-cpp\r\nAccept: application/json\r\n");
    authorization_.append_header(head);
    return head;
}

} // namespace apimart::detail

#endif
