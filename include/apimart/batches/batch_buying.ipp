// SPDX-License-Identifier: BSL-1.0
//
// From an item to its task.
#ifndef APIMART_BATCHES_BATCH_BUYING_IPP
#define APIMART_BATCHES_BATCH_BUYING_IPP

#include <apimart/batches/batch_run.hpp>
#include <apimart/separate_compilation.hpp>

#include <ctime>

namespace apimart::detail {

inline std::string utc_words(std::chrono::sys_seconds at)
{
    std::time_t const seconds = at.time_since_epoch().count();
    std::tm parts{};
    char text[32];
    ::gmtime_r(&seconds, &parts);
    return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts));
}

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
        bool const is_called_back = why.code() == boost::asio::error::operation_aborted ||
                                    why.underlying() == boost::asio::error::operation_aborted;
        if (is_called_back && why.attempts().empty())
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

} // namespace apimart::detail

#endif
