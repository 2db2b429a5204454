// SPDX-License-Identifier: BSL-1.0
//
// How a batch begins, and what of it may begin.
#ifndef APIMART_BATCHES_BATCH_BEGIN_IPP
#define APIMART_BATCHES_BATCH_BEGIN_IPP

#include <apimart/batches/batch_run.hpp>
#include <apimart/separate_compilation.hpp>

#include <cerrno>
#include <fstream>

namespace apimart::detail {

inline purchase_gate::options gate_options(client_config const& config, batch_options const& chosen)
{
    purchase_gate::options out;
    out.one_ahead = chosen.one_ahead;
    // What would only wait in the client stays here, where it can be kept back.
    out.concurrent = static_cast<std::size_t>(config.limits.max_concurrent_submits);
    out.patience = bounded(chosen.patience);
    out.seed = fresh_seed();
    return out;
}

inline recovery_rules recovery_of(client_config const& config, batch_options const& chosen)
{
    recovery_rules out;
    out.contract = config.idempotency;
    out.key_window = config.retry.idempotency_key_ttl;
    out.retry_failed = chosen.retry_failed;
    out.unknown = chosen.on_unknown;
    out.fetches = !chosen.folder.empty();
    return out;
}

APIMART_INLINE batch_run::batch_run(client const& by, std::shared_ptr<journal_port> journal,
                                    batch_options options)
    : client_(by), journal_(std::move(journal)), options_(std::move(options)), executor_(by.get_executor()),
      strand_(boost::asio::make_strand(executor_)), wake_(std::in_place, *strand_),
      hooks_(std::make_shared<context_hooks>()),
      recovery_(recovery_of(handle_of(by)->state->config, options_)),
      gate_(gate_options(handle_of(by)->state->config, options_)),
      money_(options_.spend_limit ? std::optional(in_micro_usd(*options_.spend_limit)) : std::nullopt),
      rules_(options_.max_unknown_in_a_row, options_.max_failures_in_a_row)
{
    if (options_.max_in_flight < 1 || options_.max_outcomes < 1)
        throw error(error_info(errc::invalid_configuration,
                               "batch_options: max_in_flight and max_outcomes must be at least one"));
    hooks_->on_shutdown = [this] { destroy(); };
    hooks_->on_fork_child = [] {};
    auto& context = boost::asio::query(executor_, boost::asio::execution::context);
    boost::asio::use_service<context_service>(context).add(hooks_);
}

// The execution context goes away: what would outlive it is dropped.
APIMART_INLINE void batch_run::destroy()
{
    auto const self = weak_from_this().lock();
    if (dead_.exchange(true))
        return;
    calls_.clear();
    wake_.reset();
    ready_.clear();
    entries_.clear();
    source_ = {};
    strand_.reset();
    executor_ = {};
}

APIMART_INLINE void batch_run::start(item_source source)
{
    if (taken_.exchange(true))
        throw error(error_info(errc::invalid_configuration, "this batch was started before"));
    post([self = shared_from_this(), source = std::move(source)]() mutable {
        auto const now = clock::now();
        self->source_ = std::move(source);
        self->started_ = true;
        if (self->options_.timeout) {
            self->end_ = now + bounded(*self->options_.timeout);
            self->gate_.end_at(*self->end_);
        }
        {
            std::lock_guard const lock(self->mutex_);
            self->counts_.total = self->source_.size;
            self->begun_ = now;
        }
        self->prepare_folder();
        self->pump();
    });
}

// Nothing is bought that cannot be kept.
APIMART_INLINE void batch_run::prepare_folder()
{
    if (options_.folder.empty())
        return;
    std::error_code code;
    std::filesystem::path const folder(options_.folder);
    std::filesystem::create_directories(folder, code);
    if (!code) {
        auto const trial = folder / (".apimart-" + keys_.next());
        errno = 0;
        std::ofstream file(trial);
        file << "trial" << std::flush;
        if (!file)
            code.assign(errno != 0 ? errno : EIO, std::generic_category());
        file.close();
        std::error_code ignored;
        std::filesystem::remove(trial, ignored);
    }
    if (code)
        stop_because(stop_cause::disk_failed,
                     "nothing can be written into the folder " + quote(options_.folder, 256) + ": " +
                         code.message(),
                     nullptr, error_info(errc::file_error, code.message()));
}

// ---- What may begin, begins.

APIMART_INLINE void batch_run::pump()
{
    if (!started_ || dead_)
        return;
    pump_again_ = true;
    if (std::exchange(pumping_, true))
        return;
    while (std::exchange(pump_again_, false)) {
        auto const now = clock::now();
        if (end_ && now >= *end_)
            stop_because(stop_cause::timeout, "the time limit of the batch has passed");
        while (may_buy() && !ready_.empty() && gate_.open(now)) {
            entry const one = ready_.begin()->second;
            auto const answer = money_.ask(one->most);
            if (answer == spending::answer::later)
                break;
            if (answer == spending::answer::never) {
                stop_because(stop_cause::spend_limit,
                             "the next item could go beyond the spend limit of " +
                                 in_usd(*options_.spend_limit),
                             one.get());
                break;
            }
            ready_.erase(ready_.begin());
            if (answer == spending::answer::unpriced) {
                give(one, batch_end::not_sent,
                     error_info(errc::invalid_configuration,
                                "its price is not known, and the batch has a spend limit"));
                continue;
            }
            money_.hold(one->most);
            one->ticket = gate_.begin(now);
            spawn(buy(one), one);
        }
        while (stopped_ && !ready_.empty()) {
            entry const one = ready_.begin()->second;
            ready_.erase(ready_.begin());
            give(one, one->first_sent ? batch_end::unknown : batch_end::not_sent, not_sent_reason(*one));
        }
        if (!reading_ && wants_more()) {
            reading_ = true;
            // Of each reading its own: the next one begins before the last one is quite over.
            auto signal = std::make_shared<boost::asio::cancellation_signal>();
            reading_on_ = signal;
            auto const slot = signal->slot();
            boost::asio::co_spawn(
                *strand_, read(),
                boost::asio::bind_cancellation_slot(
                    slot, [self = shared_from_this(), signal = std::move(signal)](std::exception_ptr thrown) {
                        if (thrown)
                            self->broken(nullptr, thrown);
                    }));
        }
    }
    pumping_ = false;
    show_money();
    std::optional<clock::time_point> next;
    if (may_buy() && !ready_.empty())
        next = gate_.quiet(clock::now());
    {
        std::lock_guard const lock(mutex_);
        quiet_until_ = next;
    }
    if (end_ && !stopped_ && !is_over())
        next = std::min(next.value_or(*end_), *end_);
    if (next != wakes_at_ && wake_) {
        wakes_at_ = next;
        wake_->cancel();
        if (next) {
            wake_->expires_at(*next);
            wake_->async_wait([self = weak_from_this()](boost::system::error_code code) {
                auto const run = self.lock();
                if (code || !run)
                    return;
                run->wakes_at_.reset();
                run->pump();
            });
        }
    }
    serve();
}

APIMART_INLINE void batch_run::serve()
{
    while (!calls_.empty() && (!outcomes_.empty() || is_over())) {
        auto one = std::move(calls_.front());
        calls_.pop_front();
        if (outcomes_.empty()) {
            one->outcome.emplace(std::optional<batch_outcome>());
        } else {
            one->give(shared_from_this(), std::move(outcomes_.front()));
            outcomes_.pop_front();
        }
        deliver(std::move(one));
    }
    count([&](batch_progress& counts) { counts.outcomes_waiting = outcomes_.size(); });
}

APIMART_INLINE void batch_run::spawn(awaitable<void> work, entry one)
{
    boost::asio::co_spawn(*strand_, std::move(work),
                          [self = shared_from_this(), one = std::move(one)](std::exception_ptr thrown) {
                              if (thrown)
                                  self->broken(one, thrown);
                          });
}

// An exception inside, such as the lack of memory: the item has an outcome all the same, and nothing more is bought.
APIMART_INLINE void batch_run::broken(entry const& one, std::exception_ptr const& thrown)
{
    error_info const why = failure_of(thrown, errc::resource_exhausted);
    stop_because(stop_cause::client_ended, "an exception inside the batch: " + why.describe(), one.get(),
                 why);
    if (!one) {
        reading_ = false;
        source_ended_ = true;
        pump();
        return;
    }
    bool const on_the_way = one->at == batch_entry::stage::submitting || one->intended;
    give(one,
         !one->told.task_id.empty() ? batch_end::goes_on
         : on_the_way               ? batch_end::unknown
                                    : batch_end::not_sent,
         why);
}

} // namespace apimart::detail

#endif
