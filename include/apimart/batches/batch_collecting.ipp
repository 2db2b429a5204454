// SPDX-License-Identifier: BSL-1.0
//
// From a task to the outcome of its item, and what of it is written down.
#ifndef APIMART_BATCHES_BATCH_COLLECTING_IPP
#define APIMART_BATCHES_BATCH_COLLECTING_IPP

#include <apimart/batches/batch_run.hpp>
#include <apimart/separate_compilation.hpp>

#include <cerrno>

namespace apimart::detail {

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

} // namespace apimart::detail

#endif
