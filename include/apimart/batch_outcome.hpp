// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BATCH_OUTCOME_HPP
#define APIMART_BATCH_OUTCOME_HPP

#include <apimart/error.hpp>
#include <apimart/task.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace apimart {

/// What has become of one item of a batch.
enum class batch_end : std::uint8_t
{
    succeeded,  ///< its task has a result; with a folder, the videos are there
    failed,     ///< its task was ended by the service without a result; nothing is charged
    cancelled,  ///< the same, under the name of a cancellation
    rejected,   ///< the service did not take it: nothing was bought
    invalid,    ///< it breaks a rule of its model, or a picture of it cannot be uploaded: nothing was sent
    not_sent,   ///< proved: the service never had it, because the batch was stopped before
    unknown,    ///< it may have been bought; see `error_info::idempotency_key`
    goes_on,    ///< it was bought, and its end was not seen: the task goes on at the service
    not_stored, ///< its task has a result, but the videos could not be fetched
};

inline constexpr std::size_t batch_end_count = 9;

constexpr std::string_view to_string(batch_end end) noexcept
{
    switch (end) {
    case batch_end::succeeded:
        return "succeeded";
    case batch_end::failed:
        return "failed";
    case batch_end::cancelled:
        return "cancelled";
    case batch_end::rejected:
        return "rejected";
    case batch_end::invalid:
        return "invalid";
    case batch_end::not_sent:
        return "not sent";
    case batch_end::unknown:
        return "unknown";
    case batch_end::goes_on:
        return "goes on";
    case batch_end::not_stored:
        return "not stored";
    }
    return "unknown";
}

/// The outcome of one item of a batch.
///
/// Thread safety: distinct objects safe, shared objects unsafe.
class batch_outcome
{
public:
    batch_outcome() {}

    bool succeeded() const noexcept { return end == batch_end::succeeded; }
    /// Why it did not succeed, in one line, with the service's words quoted; empty where it did.
    std::string describe() const;

    /// The item's own index, or its place among all items, from zero.
    std::uint64_t index = 0;
    std::string reference;
    std::string model;
    batch_end end = batch_end::not_sent;
    /// Known before: nothing was done for it in this run, and what is not in the journal is not here.
    bool from_journal = false;
    /// Empty unless it was bought.
    std::string task_id;
    /// The key under which it was sent, or would be.
    std::string idempotency_key;
    /// The task's last state; without one where this run has not seen its end.
    std::optional<task_result> result;
    /// Where its videos are.
    std::vector<std::string> files;
    /// Why it did not succeed, unless the task's own error says it.
    error_info error;
    /// In US dollars, where the service told it.
    std::optional<double> cost;
    /// Requests that were sent for it: the submit's, and the polls its wait took part in.
    int submits = 0;
    int polls = 0;
    /// Since its turn came.
    std::chrono::milliseconds elapsed{0};
};

/// Why a batch stopped buying.
enum class stop_cause : std::uint8_t
{
    caller,         ///< `batch::stop` or `batch::cancel`
    no_credit,      ///< the account's balance does not cover the next task
    bad_key,        ///< the service refuses the API key
    blocked,        ///< something in front of the service refuses all requests, with a page of its own
    wrong_address,  ///< the address has no such route, or leads elsewhere
    unreachable,    ///< no connection could be made, before anything was accepted
    spend_limit,    ///< the next item could go beyond `batch_options::spend_limit`
    unknown_in_row, ///< the outcomes of the last submits are not known
    failed_in_row,  ///< the last items all failed
    busy,    ///< the service asked for silence beyond `batch_options::patience` or `timeout`, or for too long
    timeout, ///< `batch_options::timeout` passed
    journal_failed, ///< the journal cannot be written
    disk_failed,    ///< the folder cannot be written
    source_failed,  ///< the source of items threw
    client_ended,   ///< the client is shutting down, or unusable
};

std::string_view to_string(stop_cause cause) noexcept;

/// The one reason why a batch stopped buying.
class batch_stop
{
public:
    batch_stop() {}
    batch_stop(stop_cause of, std::string text) : cause(of), words(std::move(text)) {}

    stop_cause cause = stop_cause::caller;
    /// In one sentence, without a key and without a link.
    std::string words;
    /// The item that showed it, where one did, and the failure that it met.
    std::optional<std::uint64_t> index;
    error_info error;
};

/// How far a batch is: a snapshot.
class batch_progress
{
public:
    batch_progress() {}

    std::uint64_t count(batch_end end) const noexcept { return ended[static_cast<std::size_t>(end)]; }
    /// Items that have their outcome.
    std::uint64_t done() const noexcept
    {
        std::uint64_t sum = 0;
        for (std::uint64_t const each : ended)
            sum += each;
        return sum;
    }

    /// Of the source, where its size is known.
    std::optional<std::uint64_t> total;
    /// Items that were read from the source.
    std::uint64_t read = 0;
    /// Read, and not yet begun: waiting for a turn, for a place at the service, or for the end of a pause.
    std::uint64_t waiting = 0;
    std::uint64_t uploading = 0;
    std::uint64_t submitting = 0;
    /// Bought, and not at its end.
    std::uint64_t generating = 0;
    std::uint64_t downloading = 0;
    /// By `batch_end`.
    std::uint64_t ended[batch_end_count] = {};
    /// Of those that ended, how many were known from the journal.
    std::uint64_t from_journal = 0;
    /// Items that another process has in hand, by the journal.
    std::uint64_t elsewhere = 0;
    /// Outcomes that nobody has taken.
    std::uint64_t outcomes_waiting = 0;

    std::chrono::milliseconds elapsed{0};
    /// Tasks that ended, per minute, lately.
    double per_minute = 0;
    /// Where size and rate are known.
    std::optional<std::chrono::milliseconds> remaining;

    /// In millionths of a US dollar: what the service said it charged; and what the tasks that are bought and have not
    /// ended, and those that may have been bought, will cost at most by `estimate_cost`.
    std::int64_t spent_micro_usd = 0;
    std::int64_t expected_micro_usd = 0;
    /// Tasks of which neither is known.
    std::uint64_t unpriced = 0;

    bool paused = false;
    /// Where the service asked for silence, or has no place: when the next item is tried at the latest.
    std::optional<std::chrono::milliseconds> quiet_for;
    /// Why nothing more is bought, once it is so.
    std::optional<batch_stop> stopped;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/batch_outcome.ipp>
#endif

#endif
