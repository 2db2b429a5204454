// SPDX-License-Identifier: BSL-1.0
//
// From the source, and what the journal knows of it, to what is done about each item.
#ifndef APIMART_BATCHES_BATCH_READING_IPP
#define APIMART_BATCHES_BATCH_READING_IPP

#include <apimart/batches/batch_run.hpp>
#include <apimart/separate_compilation.hpp>

namespace apimart::detail {

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

} // namespace apimart::detail

#endif
