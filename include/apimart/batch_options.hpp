// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BATCH_OPTIONS_HPP
#define APIMART_BATCH_OPTIONS_HPP

#include <apimart/batch_outcome.hpp>
#include <apimart/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace apimart {

/// What becomes of an item of which a journal says that it may have been bought.
enum class on_unknown : std::uint8_t
{
    list, ///< it has an outcome that says so, and is left alone
    /// It is sent again under a new key. Where the first request did arrive, it is paid for twice.
    resubmit_may_double_charge,
};

/// How a batch is run.
class batch_options
{
public:
    batch_options() {}

    /// Items that were read and have no outcome yet: the most tasks at the service at one time.
    std::size_t max_in_flight = 64;
    /// Outcomes that nobody has taken. Where there are as many, nothing more is read; what is in flight may add its own.
    std::size_t max_outcomes = 64;
    /// Whether one item goes ahead alone, until it is accepted or has its outcome, so that a wrong key, an unknown
    /// certificate or a wrong address is found out once.
    bool one_ahead = true;

    /// For the whole batch, from its start. What is not sent by then is not sent, and what is bought goes on at the service.
    std::optional<std::chrono::milliseconds> timeout{};
    /// For the wait for one task; `poll_policy::max_wait` unless given.
    std::optional<std::chrono::milliseconds> wait_timeout{};
    /// How long nothing may be accepted, while no task of the batch runs, because the service asks for fewer requests or
    /// cannot be reached. A `Retry-After` beyond it ends the buying at once.
    std::chrono::milliseconds patience{std::chrono::hours(1)};

    /// In US dollars, for the whole batch, what a journal knows of earlier runs included. Nothing is sent that could go
    /// beyond it by `estimate_cost`; what has no known price is not sent at all, then.
    std::optional<double> spend_limit{};
    /// Submits in a row whose outcome is not known; 0 for no limit.
    int max_unknown_in_a_row = 3;
    /// Items in a row that the service rejects or ends without a result; 0 for no limit.
    int max_failures_in_a_row = 0;
    /// Whether the rest of the source is read after a stop, so that every item has an outcome: `batch_end::not_sent`, or
    /// what a journal knows of it. Without it, the source is left alone from then on.
    bool read_on_after_stop = false;

    /// Whether a task that failed according to a journal is bought anew.
    bool retry_failed = false;
    /// Items whose outcome is not known according to a journal.
    apimart::on_unknown on_unknown = on_unknown::list;

    /// Whether pictures in local files are uploaded before a request is sent; otherwise such a request is refused.
    bool upload_local_images = true;
    /// Where videos are put; they are not fetched unless it is given. It is made if it is not there.
    std::string folder;
    /// The name of an item's video in that folder, called on the batch's strand: instead of `INDEX-TASK.mp4`, index from
    /// one. Several videos of one task have their number, from one, before the extension.
    std::function<std::string(batch_outcome const&)> file_name;
    /// Called on the batch's strand with an item's index as soon as its task is bought, and in the journal where there is
    /// one. It may neither throw nor block.
    std::function<void(std::uint64_t index, task const&)> on_accepted;
};

} // namespace apimart

#endif
