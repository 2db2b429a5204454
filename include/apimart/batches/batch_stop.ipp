// SPDX-License-Identifier: BSL-1.0
//
// The end of buying, and how far it is.
#ifndef APIMART_BATCHES_BATCH_STOP_IPP
#define APIMART_BATCHES_BATCH_STOP_IPP

#include <apimart/batches/batch_run.hpp>
#include <apimart/separate_compilation.hpp>

namespace apimart::detail {

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
        if (auto const reading = self->reading_on_.lock())
            reading->emit(cancellation_type::terminal);
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

} // namespace apimart::detail

#endif
