// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNAL_RECORD_HPP
#define APIMART_JOURNAL_RECORD_HPP

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apimart {

/// Where an item of a batch stands. The words of `to_string` stand in the journals, too.
enum class journal_state
{
    planned,   ///< not sent; also after a submit that provably did not leave
    intended,  ///< a submit may be under way; after a crash nobody knows whether it was accepted
    accepted,  ///< bought: the task's id is known
    unknown,   ///< may have been bought; left alone until somebody says more
    rejected,  ///< the service refused it
    succeeded, ///< the task succeeded; nothing was stored of it
    failed,    ///< the task failed
    stored,    ///< the task succeeded, and its result is in `journal_record::file`
};

inline constexpr std::size_t journal_state_count = 8;

std::string_view to_string(journal_state state) noexcept;
/// Empty for a word that is none.
std::optional<journal_state> parse_journal_state(std::string_view word) noexcept;

/// One request of a batch, as a journal is told of it.
class journal_item
{
public:
    journal_item() {}
    /// `request` is the request's JSON, from which the hash is made.
    journal_item(std::uint64_t index, std::string reference, std::string model, std::string request);

    std::uint64_t index = 0; ///< its place in the input; at most 2^63 - 1
    std::string reference;   ///< the caller's own name for it
    std::string model;
    std::string request;      ///< kept by journals only that other machines share
    std::string request_hash; ///< SHA-256 of `request`, in hexadecimal digits
};

/// What became of an item.
class journal_outcome
{
public:
    journal_outcome() {}
    explicit journal_outcome(journal_state reached) : state(reached) {}

    journal_state state = journal_state::planned;
    std::string task_id; ///< empty leaves the one that is known
    std::string detail;  ///< why, without secrets; URLs lose their query in any case
    std::string file;
    std::optional<std::int64_t> cost_micro_usd; ///< in millionths of a US dollar
};

/// What a journal holds of an item.
class journal_record
{
public:
    journal_record() {}

    std::uint64_t index = 0;
    std::string reference;
    std::string model;
    std::string request_hash;
    journal_state state = journal_state::planned;
    /// Of the idempotency key; raised by `resubmit` only.
    int generation = 0;
    /// The same after any crash, another one for another batch or generation.
    std::string idempotency_key;
    /// When the first intent under this key was written that was not taken back, in milliseconds.
    std::optional<std::chrono::system_clock::time_point> intended;
    std::string task_id;
    std::string detail;
    std::string file;
    std::optional<std::int64_t> cost_micro_usd;
    /// The request's JSON, from `next_abandoned` only.
    std::string request;
};

/// How many items stand where.
class journal_counts
{
public:
    journal_counts() {}

    std::uint64_t operator[](journal_state state) const { return items.at(static_cast<std::size_t>(state)); }
    std::uint64_t& operator[](journal_state state) { return items.at(static_cast<std::size_t>(state)); }
    std::uint64_t total() const noexcept;

    std::array<std::uint64_t, journal_state_count> items{};
    /// Planned, intended or accepted, and in the hands of another process; in journals only that several share.
    std::uint64_t held_by_others = 0;
    std::int64_t cost_micro_usd = 0; ///< the sum of those that are known
};

/// The items that `list` gives.
class journal_query
{
public:
    journal_query() {}

    std::uint64_t from = 0;                 ///< the first index that is wanted
    std::size_t limit = 1000;               ///< of records in one answer
    std::optional<journal_state> only = {}; ///< in this state
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/journal_record.ipp>
#endif

#endif
