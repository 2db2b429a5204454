// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BATCH_IPP
#define APIMART_BATCH_IPP

#include <apimart/batch.hpp>
#include <apimart/operations/batch_run.hpp>
#include <apimart/separate_compilation.hpp>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <fstream>

namespace apimart::detail {

inline std::string in_usd(double amount)
{
    char text[64];
    return std::string(text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%.2f USD",
                                                                    std::clamp(amount, -1e15, 1e15))));
}

// What was thrown, as an `error_info`.
inline error_info failure_of(std::exception_ptr const& thrown, errc otherwise)
{
    try {
        std::rethrow_exception(thrown);
    } catch (error const& e) {
        return e.info();
    } catch (boost::system::system_error const& e) {
        return error_info(otherwise, e.what()).underlying(e.code());
    } catch (std::exception const& e) {
        return error_info(otherwise, e.what());
    } catch (...) {
        return error_info(otherwise, "an exception of an unknown type");
    }
}

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

inline std::string utc_words(std::chrono::sys_seconds at)
{
    std::time_t const seconds = at.time_since_epoch().count();
    std::tm parts{};
    char text[32];
    ::gmtime_r(&seconds, &parts);
    return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts));
}

inline std::int64_t in_micro_usd(double usd)
{
    constexpr double most = 9e12; // dollars, far from the end of the type
    return std::llround(std::clamp(usd, -most / 1e6, most / 1e6) * 1e6);
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

// ---- Reading.

APIMART_INLINE batch_run::awaitable<void> batch_run::read()
{
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    if (journal_ && !journal_is_open_)
        co_await open_journal();
    while (wants_more()) {
        if (!input_ended_) {
            std::optional<batch_item> item = co_await read_one();
            if (item)
                enter(std::move(*item));
            input_ended_ = !item;
            continue;
        }
        std::optional<journal_record> left = co_await read_abandoned();
        if (!left)
            break;
        batch_item item;
        item.index = left->index;
        item.reference = left->reference;
        if (auto parsed = any_request::parse(left->request, unknown_fields::preserve))
            item.request = std::move(*parsed);
        entry one = enter(std::move(item));
        if (one)
            spawn(admit(one, std::move(left)), one);
    }
    reading_ = false;
    pump();
}

// A batch does not go on at another service than it began at.
APIMART_INLINE batch_run::awaitable<void> batch_run::open_journal()
{
    std::string service = handle_of(client_)->state->config.base_url;
    while (service.ends_with('/'))
        service.pop_back();
    std::exception_ptr thrown;
    try {
        co_await journal_->bind(std::move(service));
        journal_counts const before = co_await journal_->counts();
        money_.charged(std::nullopt, before.cost_micro_usd);
        journal_is_open_ = true;
    } catch (...) {
        thrown = std::current_exception();
    }
    if (!thrown)
        co_return;
    error_info const why = failure_of(thrown, errc::journal_failed);
    stop_because(stop_cause::journal_failed, why.describe(), nullptr, why);
    source_ended_ = true;
}

APIMART_INLINE batch_run::awaitable<std::optional<batch_item>> batch_run::read_one()
{
    std::optional<batch_item> item;
    std::exception_ptr thrown;
    try {
        if (source_.take)
            item = source_.take();
        else
            item = co_await source_.wait();
    } catch (...) {
        thrown = std::current_exception();
    }
    // A wait that was cancelled because the batch has stopped is no failure.
    if (thrown && !stopped_) {
        error_info const why = failure_of(thrown, errc::invalid_request);
        stop_because(stop_cause::source_failed, "the source of items failed: " + why.describe(), nullptr,
                     why);
    }
    co_return item;
}

// What other processes have left behind, when there is nothing more of one's own; waits while they have something in hand.
APIMART_INLINE batch_run::awaitable<std::optional<journal_record>> batch_run::read_abandoned()
{
    std::optional<journal_record> left;
    std::exception_ptr thrown;
    if (journal_) {
        try {
            while (!left && !stopped_ && !cancelled_ && !gate_.paused()) {
                left = co_await journal_->next_abandoned();
                if (left)
                    break;
                journal_counts const now = co_await journal_->counts();
                if (now.held_by_others == 0)
                    break;
                boost::asio::steady_timer nap(*strand_, std::chrono::seconds(1));
                co_await nap.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
            }
        } catch (...) {
            thrown = std::current_exception();
        }
    }
    if (thrown && !stopped_) {
        error_info const why = failure_of(thrown, errc::journal_failed);
        stop_because(stop_cause::journal_failed, why.describe(), nullptr, why);
    }
    source_ended_ = !left && (!gate_.paused() || !journal_);
    co_return left;
}

// One more item is in hand, and what can be said without anybody else is said.
APIMART_INLINE batch_run::entry batch_run::enter(batch_item item)
{
    auto one = std::make_shared<batch_entry>();
    one->told.index = item.index ? *item.index : next_index_++;
    one->told.reference = std::move(item.reference);
    one->told.model = item.request.model();
    one->request = std::move(item.request);
    bool const is_new = entries_.emplace(one->told.index, one).second;
    count([](batch_progress& counts) { ++counts.read, ++counts.waiting; });
    std::optional<error_info> why;
    if (!is_new)
        why = error_info(errc::invalid_request,
                         "another item has the index " + std::to_string(one->told.index));
    else if (validation_result found = one->request.check(); !found.ok())
        why = error_info(errc::invalid_request).validation(std::move(found));
    else if (!options_.upload_local_images)
        why = refuse_local_images(one->request);
    if (why) {
        give(one, batch_end::invalid, why->acceptance(acceptance::not_sent));
        return nullptr;
    }
    if (auto const estimate = estimate_cost(one->request))
        one->most = estimate->high_micro_usd();
    if (input_ended_)
        return one;
    if (journal_)
        spawn(admit(one, std::nullopt), one);
    else
        make_ready(one);
    return one;
}

APIMART_INLINE void batch_run::make_ready(entry const& one)
{
    move(*one, stage::waiting);
    if (one->told.idempotency_key.empty())
        one->told.idempotency_key = keys_.next();
    ready_.emplace(one->told.index, one);
    pump();
}

// What the journal knows of it decides what is done about it.
APIMART_INLINE batch_run::awaitable<void> batch_run::admit(entry one, std::optional<journal_record> known)
{
    std::uint64_t const index = one->told.index;
    auto step = recovery_step::submit;
    bool elsewhere = false;
    std::exception_ptr thrown;
    try {
        if (!known) {
            journal_item item(index, one->told.reference, one->told.model, one->request.serialize());
            known = co_await journal_->claim(std::move(item));
        }
        elsewhere = !known;
        if (known) {
            step = recover(*known, recovery_, std::chrono::system_clock::now());
            if (step == recovery_step::resubmit && !stopped_)
                known = co_await journal_->resubmit(index, known->generation);
        }
    } catch (...) {
        thrown = std::current_exception();
    }
    if (thrown) {
        error_info const why = failure_of(thrown, errc::journal_failed);
        bool const is_mixed_up = why.code() == errc::journal_conflict;
        if (!is_mixed_up)
            stop_because(stop_cause::journal_failed, why.describe(), one.get(), why);
        give(one, is_mixed_up ? batch_end::invalid : batch_end::not_sent, why);
        co_return;
    }
    if (elsewhere) {
        count([](batch_progress& counts) { ++counts.elsewhere; });
        leave(one);
        co_return;
    }
    batch_outcome& told = one->told;
    one->journalled = true;
    told.idempotency_key = known->idempotency_key;
    told.task_id = known->task_id;
    one->paid = known->cost_micro_usd.has_value();
    if (one->paid)
        told.cost = static_cast<double>(*known->cost_micro_usd) / 1e6;
    if (!known->file.empty())
        told.files.push_back(known->file);
    told.from_journal =
        step == recovery_step::list || step == recovery_step::done || step == recovery_step::doubt;
    switch (step) {
    case recovery_step::resend:
        one->first_sent = known->intended;
        one->intended = true;
        [[fallthrough]];
    case recovery_step::submit:
    case recovery_step::resubmit:
        make_ready(one);
        co_return;
    case recovery_step::wait:
        if (!one->paid)
            money_.hold(one->most);
        gate_.adopted();
        one->begun = clock::now();
        one->duration_class = profile_of(one->request);
        wait_for(one);
        co_return;
    case recovery_step::doubt:
        one->intended = true;
        co_await settle(one, journal_outcome(journal_state::unknown));
        [[fallthrough]];
    case recovery_step::list:
        money_.hold(one->most);
        money_.doubt(one->most);
        give(one, batch_end::unknown,
             error_info(errc::outcome_unknown,
                        known->detail.empty()
                            ? "an earlier process may have sent it; its journal knows no answer"
                            : known->detail)
                 .acceptance(acceptance::unknown)
                 .idempotency_key(known->idempotency_key));
        co_return;
    case recovery_step::done:
        break;
    }
    if (known->state == journal_state::succeeded || known->state == journal_state::stored) {
        if (!one->paid)
            money_.charged(std::nullopt, one->most);
        give(one, batch_end::succeeded);
        co_return;
    }
    bool const rejected = known->state == journal_state::rejected;
    give(one, rejected ? batch_end::rejected : batch_end::failed,
         error_info(rejected ? make_error_code(api_errc::other) : make_error_code(errc::no_result),
                    known->detail));
}

// ---- Buying.

APIMART_INLINE batch_run::awaitable<void> batch_run::buy(entry one)
{
    if (!one->begun)
        one->begun = clock::now();
    error_info const called_back =
        error_info(boost::asio::error::operation_aborted).acceptance(acceptance::not_sent);
    std::vector<local_image> const pictures = one->request.local_images();
    if (!pictures.empty()) {
        std::optional<error_info> why = co_await upload(one);
        if (!why && !may_buy())
            why = called_back;
        if (why) {
            co_await not_bought(one, std::move(*why));
            co_return;
        }
    }
    if (journal_) {
        std::optional<error_info> why =
            co_await write_down(journal_change(journal_step::intend, one->told.index, {}, 0));
        if (why) {
            // Whether the intent is there or not: nothing was sent.
            gate_.ended(one->ticket);
            money_.release(one->most);
            give(one, one->first_sent ? batch_end::unknown : batch_end::not_sent, std::move(*why));
            co_return;
        }
        one->intended = true;
        if (!may_buy()) {
            co_await not_bought(one, called_back);
            co_return;
        }
    }
    move(*one, stage::submitting);
    submit_settings settings;
    settings.idempotency_key = one->told.idempotency_key;
    settings.timeout = time_left();
    settings.first_sent = one->first_sent;
    settings.leaves_rate_limits = !one->first_sent;
    result<task> outcome =
        co_await initiate<task>(operation_start<task, any_request, submit_settings>(
                                    handle_of(client_), &begin_submit, one->request, std::move(settings)),
                                token_of(*one));
    if (outcome)
        co_await bought(one, std::move(*outcome));
    else
        co_await not_bought(one, outcome.error());
}

APIMART_INLINE batch_run::awaitable<std::optional<error_info>> batch_run::upload(entry one)
{
    move(*one, stage::uploading);
    upload_options options;
    options.timeout = time_left();
    result<any_request> linked = co_await client_.upload_files(one->request, options, token_of(*one));
    if (!linked)
        co_return linked.error();
    one->request = std::move(*linked);
    co_return std::nullopt;
}

APIMART_INLINE batch_run::awaitable<void> batch_run::bought(entry one, task accepted)
{
    gate_.accepted(one->ticket);
    rules_.accepted();
    any_accepted_ = true;
    one->told.task_id = accepted.id();
    one->told.submits += accepted.submit_attempts();
    one->duration_class = accepted.duration_class();
    one->accepted_at = accepted.accepted_at();
    one->request = any_request();
    move(*one, stage::generating);
    pump();
    journal_outcome known(journal_state::accepted);
    known.task_id = accepted.id();
    co_await settle(one, std::move(known));
    if (options_.on_accepted) {
        try {
            options_.on_accepted(one->told.index, accepted);
        } catch (...) { // a callback's trouble is not the batch's
        }
    }
    wait_for(one);
}

APIMART_INLINE batch_run::awaitable<void> batch_run::not_bought(entry one, error_info why)
{
    one->told.submits +=
        static_cast<int>(std::count_if(why.attempts().begin(), why.attempts().end(),
                                       [](attempt const& tried) { return tried.phase() != "connecting"; }));
    failure_verdict verdict = judge_failure(why, any_accepted_);
    // Of what an earlier process may have sent, nothing proves that it was not bought. It may have been called back, though.
    if (one->first_sent) {
        verdict.scope = failure_scope::item;
        if (why.attempts().empty() && why.underlying() == boost::asio::error::operation_aborted)
            verdict.scope = failure_scope::withdrawn;
        if (why.attempts().empty() && why.code() == boost::asio::error::operation_aborted)
            verdict.scope = failure_scope::withdrawn;
    }
    journal_outcome planned(journal_state::planned);
    planned.detail = why.describe();
    switch (verdict.scope) {
    case failure_scope::withdrawn:
        gate_.withdrawn(one->ticket);
        money_.release(one->most);
        if (!one->first_sent)
            co_await settle(one, std::move(planned));
        make_ready(one);
        co_return;
    case failure_scope::moment: {
        auto const what = gate_.refused(one->ticket, clock::now(), why.retry_after());
        money_.release(one->most);
        one->told.error = why;
        if (what == purchase_gate::verdict::give_up) {
            auto const until = std::chrono::floor<std::chrono::seconds>(
                std::chrono::system_clock::now() + why.retry_after().value_or(std::chrono::seconds(0)));
            stop_because(
                stop_cause::busy,
                why.retry_after()
                    ? "the service asks for silence for " + std::to_string(why.retry_after()->count()) +
                          " s, until " + utc_words(until) + ", and that is beyond the limit of the batch"
                    : "nothing was accepted for as long as the batch has patience: " + why.describe(),
                one.get(), why);
        } else {
            withdraw_unsent();
        }
        co_await settle(one, std::move(planned));
        make_ready(one);
        co_return;
    }
    case failure_scope::all: {
        gate_.ended(one->ticket);
        money_.release(one->most);
        stop_because(verdict.cause, {}, one.get(), why);
        co_await settle(one, std::move(planned));
        give(one, why.acceptance() == acceptance::rejected ? batch_end::rejected : batch_end::not_sent, why);
        co_return;
    }
    case failure_scope::item:
        break;
    }
    gate_.ended(one->ticket);
    std::optional<stop_cause> in_a_row;
    journal_outcome known(journal_state::rejected);
    known.detail = why.describe();
    batch_end end = batch_end::rejected;
    if (why.acceptance() == acceptance::unknown || one->first_sent) {
        end = batch_end::unknown;
        known.state = journal_state::unknown;
        money_.doubt(one->most);
        in_a_row = rules_.unknown();
    } else if (why.acceptance() != acceptance::rejected) {
        end = batch_end::invalid;
        known.state = journal_state::planned;
        money_.release(one->most);
    } else {
        money_.release(one->most);
        in_a_row = rules_.failed();
    }
    if (in_a_row)
        stop_because(*in_a_row, {}, one.get(), why);
    co_await settle(one, std::move(known));
    give(one, end, std::move(why));
}

// ---- Waiting and collecting.

APIMART_INLINE void batch_run::wait_for(entry one)
{
    move(*one, stage::generating);
    wait_options patience;
    patience.timeout = options_.wait_timeout;
    if (auto const left = time_left())
        patience.timeout = std::min(patience.timeout.value_or(*left), *left);
    task known(one->told.task_id);
    known.duration_class(one->duration_class);
    if (one->accepted_at)
        known.accepted_at(*one->accepted_at);
    if (cancelled_) {
        spawn(collect(one, error_info(boost::asio::error::operation_aborted)), one);
        return;
    }
    auto seen = [self = shared_from_this(), one](result<task_result> outcome) {
        self->spawn(self->collect(one, std::move(outcome)), one);
    };
    client_.wait(known, patience,
                 as_result(boost::asio::bind_cancellation_slot(
                     one->cancelling.slot(), boost::asio::bind_executor(*strand_, std::move(seen)))));
}

APIMART_INLINE batch_run::awaitable<void> batch_run::collect(entry one, result<task_result> seen)
{
    gate_.task_ended();
    batch_outcome& told = one->told;
    std::optional<std::int64_t> const held = one->paid ? std::nullopt : one->most;
    if (!seen) {
        money_.doubt(held);
        if (seen.error().code() == errc::shutting_down || seen.error().code() == errc::used_after_fork)
            stop_because(stop_cause::client_ended, {}, one.get(), seen.error());
        give(one, batch_end::goes_on, seen.error());
        co_return;
    }
    told.polls = seen->poll_count();
    told.cost = seen->cost();
    told.result = std::move(*seen);
    journal_outcome known(journal_state::succeeded);
    if (told.cost)
        known.cost_micro_usd = in_micro_usd(*told.cost);
    if (!told.result->succeeded()) {
        money_.release(held);
        known.state = journal_state::failed;
        known.detail = told.result->error().text();
        if (auto const in_a_row = rules_.failed())
            stop_because(*in_a_row, {}, one.get());
        co_await finish(one, std::move(known));
        give(one, told.result->status() == task_status::cancelled ? batch_end::cancelled : batch_end::failed);
        co_return;
    }
    rules_.succeeded();
    if (!one->paid)
        money_.charged(held, known.cost_micro_usd);
    pump(); // a place is free
    std::optional<error_info> why;
    if (!options_.folder.empty()) {
        move(*one, stage::downloading);
        why = co_await fetch(one);
        if (!why) {
            known.state = journal_state::stored;
            known.file = told.files.empty() ? std::string() : told.files.front();
        }
    }
    co_await finish(one, std::move(known));
    if (why)
        give(one, batch_end::not_stored, std::move(*why));
    else
        give(one, batch_end::succeeded);
}

inline bool is_disk_failure(error_code const& code)
{
    namespace e = boost::system::errc;
    for (auto const each : {e::no_space_on_device, e::read_only_file_system, e::permission_denied,
                            e::io_error, e::file_too_large, e::no_such_file_or_directory, e::not_a_directory})
        if (code == each)
            return true;
    return code == error_code(EDQUOT, boost::system::generic_category());
}

inline bool is_lack_of_descriptors(error_code const& code)
{
    return code == boost::system::errc::too_many_files_open ||
           code == boost::system::errc::too_many_files_open_in_system;
}

APIMART_INLINE std::filesystem::path batch_run::path_of(batch_entry const& one, std::size_t video,
                                                        std::size_t videos) const
{
    std::filesystem::path name = options_.file_name
                                     ? options_.file_name(one.told)
                                     : std::to_string(one.told.index + 1) + "-" + one.told.task_id + ".mp4";
    if (videos > 1)
        name.replace_filename(name.stem().string() + "-" + std::to_string(video + 1) +
                              name.extension().string());
    return std::filesystem::path(options_.folder) / name;
}

APIMART_INLINE batch_run::awaitable<std::optional<error_info>> batch_run::fetch(entry one)
{
    std::vector<video_file> const videos = one->told.result->videos();
    if (videos.empty())
        co_return error_info(errc::no_result);
    one->told.files.clear();
    auto const give_up = clock::now() + bounded(options_.patience);
    for (std::size_t i = 0; i < videos.size();) {
        if (cancelled_)
            co_return error_info(boost::asio::error::operation_aborted);
        std::string const path = path_of(*one, i, videos.size()).string();
        download_options options;
        options.overwrite = true; // the name belongs to this item alone
        result<std::uint64_t> const size =
            co_await client_.download(videos[i], path, options, token_of(*one));
        if (size) {
            one->told.files.push_back(path);
            ++i;
            continue;
        }
        error_info why = size.error();
        if (is_lack_of_descriptors(why.underlying()) && clock::now() < give_up && !cancelled_) {
            boost::asio::steady_timer pause(*strand_, std::chrono::seconds(1));
            co_await pause.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
            continue;
        }
        if (why.code() == errc::file_error && is_disk_failure(why.underlying()))
            stop_because(stop_cause::disk_failed, {}, one.get(), why);
        co_return why;
    }
    co_return std::nullopt;
}

// ---- The end of an item.

APIMART_INLINE void batch_run::give(entry const& one, batch_end end, error_info why)
{
    if (dead_)
        return;
    batch_outcome& told = one->told;
    told.end = end;
    if (end == batch_end::succeeded)
        told.error = error_info();
    else if (why.code())
        told.error = std::move(why);
    if (one->begun)
        told.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - *one->begun);
    count([&](batch_progress& counts) {
        ++counts.ended[static_cast<std::size_t>(end)];
        counts.from_journal += told.from_journal ? 1 : 0;
        if (told.task_id.empty() || told.from_journal)
            return;
        if (!told.cost && !one->most)
            ++counts.unpriced;
        constexpr std::size_t lately = 256;
        ends_.push_back(clock::now());
        if (ends_.size() > lately)
            ends_.pop_front();
    });
    if (one->journalled && !told.from_journal && (end == batch_end::not_sent || end == batch_end::goes_on)) {
        ++closing_;
        spawn(release(told.index));
    }
    outcomes_.push_back(std::move(told)); // its index stays
    leave(one);
}

APIMART_INLINE void batch_run::leave(entry const& one)
{
    count([&](batch_progress& counts) { --counter_of(counts, one->at); });
    auto const found = entries_.find(one->told.index);
    if (found != entries_.end() && found->second == one)
        entries_.erase(found);
    pump();
}

APIMART_INLINE error_info batch_run::not_sent_reason(batch_entry const& one) const
{
    if (one.first_sent)
        return error_info(errc::outcome_unknown,
                          "an earlier process may have sent it, and it is not sent again: " + stopped_->words)
            .acceptance(acceptance::unknown)
            .idempotency_key(one.told.idempotency_key);
    if (one.told.error.code())
        return one.told.error;
    error_code code = stopped_->error.code();
    if (!code)
        code = boost::asio::error::operation_aborted;
    return error_info(code, "not sent: " + stopped_->words).acceptance(acceptance::not_sent);
}

// ---- The journal.

APIMART_INLINE batch_run::awaitable<std::optional<error_info>> batch_run::write_down(journal_change change)
{
    std::exception_ptr thrown;
    try {
        switch (change.step) {
        case journal_step::intend:
            co_await journal_->intend(change.index);
            break;
        case journal_step::settle:
            co_await journal_->settle(change.index, std::move(change.outcome));
            break;
        case journal_step::finish:
            co_await journal_->finish(change.index, std::move(change.outcome));
            break;
        default:
            co_await journal_->release(change.index);
        }
    } catch (...) {
        thrown = std::current_exception();
    }
    if (!thrown)
        co_return std::nullopt;
    error_info why = failure_of(thrown, errc::journal_failed);
    if (why.code() != errc::journal_conflict)
        stop_because(stop_cause::journal_failed, why.describe(), nullptr, why);
    co_return why;
}

APIMART_INLINE batch_run::awaitable<void> batch_run::settle(entry one, journal_outcome outcome)
{
    if (!journal_ || !one->intended)
        co_return;
    bool const is_open = outcome.state == journal_state::planned;
    std::optional<error_info> const why =
        co_await write_down(journal_change(journal_step::settle, one->told.index, std::move(outcome), 0));
    one->intended = why && is_open;
}

APIMART_INLINE batch_run::awaitable<void> batch_run::finish(entry one, journal_outcome outcome)
{
    if (journal_)
        co_await write_down(journal_change(journal_step::finish, one->told.index, std::move(outcome), 0));
}

APIMART_INLINE batch_run::awaitable<void> batch_run::release(std::uint64_t index)
{
    co_await write_down(journal_change(journal_step::release, index, {}, 0));
    --closing_;
    serve();
}

// ---- The end of buying.

inline std::string words_for(stop_cause cause)
{
    switch (cause) {
    case stop_cause::no_credit:
        return "the account has no credit for another task";
    case stop_cause::bad_key:
        return "the service refuses the API key";
    case stop_cause::blocked:
        return "something in front of the service refuses all requests";
    case stop_cause::wrong_address:
        return "the base URL does not lead to the service";
    case stop_cause::unreachable:
        return "the service cannot be reached";
    case stop_cause::unknown_in_row:
        return "the outcomes of the last submits are not known";
    case stop_cause::failed_in_row:
        return "the last items all failed";
    case stop_cause::timeout:
        return "the time limit of the batch has passed";
    case stop_cause::disk_failed:
        return "the folder cannot be written";
    case stop_cause::client_ended:
        return "the client has ended";
    default:
        return std::string(to_string(cause));
    }
}

APIMART_INLINE void batch_run::stop_because(stop_cause cause, std::string words, batch_entry const* shown_by,
                                            error_info why)
{
    if (stopped_ || dead_)
        return;
    batch_stop reason(cause, std::move(words));
    if (reason.words.empty())
        reason.words = words_for(cause) + (why.code() ? ": " + why.describe() : std::string());
    if (shown_by != nullptr)
        reason.index = shown_by->told.index;
    reason.error = std::move(why);
    stopped_ = reason;
    count([&](batch_progress& counts) { counts.stopped = std::move(reason); });
    withdraw_unsent();
    if (!options_.read_on_after_stop)
        end_reading();
    // What caused it is in the middle of something.
    post([self = shared_from_this()] { self->pump(); });
}

// Total cancellation: it has an effect only where nothing of the request has left.
APIMART_INLINE void batch_run::withdraw_unsent()
{
    std::vector<entry> all;
    for (auto const& [index, one] : entries_)
        if (one->at == stage::submitting || one->at == stage::uploading)
            all.push_back(one);
    for (entry const& one : all)
        one->cancelling.emit(one->at == stage::uploading ? cancellation_type::terminal
                                                         : cancellation_type::total);
}

// Not from within: the source may be what has stopped the batch.
APIMART_INLINE void batch_run::end_reading()
{
    post([self = shared_from_this()] {
        if (self->reading_)
            self->reading_on_->emit(cancellation_type::terminal);
    });
}

APIMART_INLINE void batch_run::pause(bool paused)
{
    if (gate_.paused() == paused)
        return;
    gate_.pause(paused);
    count([&](batch_progress& counts) { counts.paused = paused; });
    if (paused)
        withdraw_unsent();
    pump();
}

APIMART_INLINE void batch_run::cancel_all()
{
    stop_because(stop_cause::caller, "cancelled by the caller");
    if (std::exchange(cancelled_, true))
        return;
    std::vector<entry> all;
    for (auto const& [index, one] : entries_)
        if (one->at == stage::generating || one->at == stage::downloading)
            all.push_back(one);
    for (entry const& one : all)
        one->cancelling.emit(cancellation_type::terminal);
    end_reading();
    pump();
}

// ---- How far it is.

APIMART_INLINE std::optional<std::chrono::milliseconds> batch_run::time_left() const
{
    if (!end_)
        return std::nullopt;
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::duration_cast<std::chrono::milliseconds>(*end_ - clock::now()));
}

APIMART_INLINE void batch_run::show_money()
{
    count([&](batch_progress& counts) {
        counts.spent_micro_usd = money_.spent();
        counts.expected_micro_usd = money_.expected();
    });
}

APIMART_INLINE batch_progress batch_run::progress() const
{
    using std::chrono::milliseconds;
    std::lock_guard const lock(mutex_);
    batch_progress out = counts_;
    auto const now = clock::now();
    if (!begun_)
        return out;
    out.elapsed = std::chrono::duration_cast<milliseconds>(now - *begun_);
    if (quiet_until_ && *quiet_until_ > now)
        out.quiet_for = std::chrono::duration_cast<milliseconds>(*quiet_until_ - now);
    if (ends_.size() < 2)
        return out;
    std::chrono::duration<double> const over = now - ends_.front();
    out.per_minute = 60.0 * static_cast<double>(ends_.size() - 1) / std::max(over.count(), 1e-3);
    std::uint64_t const done = out.done() + out.elsewhere;
    if (out.total && *out.total >= done)
        out.remaining = milliseconds(
            static_cast<std::int64_t>(static_cast<double>(*out.total - done) * 60'000.0 / out.per_minute));
    return out;
}

// ---- What batch.hpp asks for.

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
    auto one = std::allocate_shared<outcome_call>(boost::asio::recycling_allocator<outcome_call>(),
                                                  std::move(handler));
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
