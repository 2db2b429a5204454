// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JOURNALS_RULES_HPP
#define APIMART_JOURNALS_RULES_HPP

#include <apimart/error.hpp>
#include <apimart/journal_record.hpp>
#include <apimart/journals/store.hpp>
#include <apimart/text/escape.hpp>
#include <apimart/text/redact.hpp>

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What may become of an item, in one place for all journals; without I/O and without a clock.
namespace apimart::detail {

class journal_states
{
public:
    constexpr journal_states(std::initializer_list<journal_state> states) noexcept
    {
        for (journal_state const each : states)
            bits_ |= bit_of(each);
    }

    constexpr bool contain(journal_state state) const noexcept { return (bits_ & bit_of(state)) != 0; }

private:
    static constexpr unsigned bit_of(journal_state state) noexcept
    {
        return 1U << static_cast<unsigned>(state);
    }

    unsigned bits_ = 0;
};

// Something is still to be done, so that it matters who does it.
inline constexpr journal_states unfinished{journal_state::planned, journal_state::intended,
                                           journal_state::accepted};

// The states that a step may find, besides the one that it leads to: a step whose answer was lost is made again.
constexpr journal_states found_by(journal_step step, journal_state to) noexcept
{
    using enum journal_state;
    switch (step) {
    case journal_step::intend:
        return {planned, intended};
    case journal_step::settle:
        return to == rejected ? journal_states{planned, intended} : journal_states{intended};
    case journal_step::finish:
        return {accepted, succeeded};
    case journal_step::resubmit:
        return {intended, unknown, rejected, failed};
    case journal_step::resolve:
        return {intended, unknown};
    case journal_step::release:
        break;
    }
    return {planned, intended, accepted, unknown, rejected, succeeded, failed, stored};
}

constexpr journal_states reached_by(journal_step step) noexcept
{
    using enum journal_state;
    switch (step) {
    case journal_step::settle:
        return {planned, accepted, unknown, rejected};
    case journal_step::finish:
        return {succeeded, failed, stored};
    default:
        return {planned, intended, accepted, unknown, rejected, succeeded, failed, stored};
    }
}

constexpr std::string_view to_string(journal_step step) noexcept
{
    switch (step) {
    case journal_step::intend:
        return "intend";
    case journal_step::settle:
        return "settle";
    case journal_step::finish:
        return "finish";
    case journal_step::release:
        return "release";
    case journal_step::resubmit:
        return "resubmit";
    case journal_step::resolve:
        return "resolve";
    }
    return {};
}

// A caller's mistake that no journal has to be asked about.
inline std::optional<error_info> refused(journal_change const& change)
{
    journal_state const to = change.outcome.state;
    std::string const step(to_string(change.step));
    if (!reached_by(change.step).contain(to))
        return error_info(errc::journal_conflict, step + " does not lead to " + std::string(to_string(to)));
    if (change.step != journal_step::finish && to == journal_state::accepted &&
        change.outcome.task_id.empty())
        return error_info(errc::journal_conflict, step + " as accepted needs the task's id");
    return std::nullopt;
}

inline std::string name_of_item(journal_record const& item)
{
    std::string name = "item " + std::to_string(item.index);
    if (!item.reference.empty())
        name += " (" + escape(item.reference, 64) + ")";
    return name;
}

inline error_info no_such_item(std::uint64_t index)
{
    return error_info(errc::journal_conflict, "item " + std::to_string(index) + " was never claimed");
}

inline error_info other_request(journal_record const& known, journal_item const& given)
{
    return error_info(errc::journal_conflict, name_of_item(known) + " has SHA-256 " + known.request_hash +
                                                  " in the journal, and the request given has " +
                                                  given.request_hash);
}

inline error_info does_not_fit(journal_record const& known, journal_change const& change)
{
    std::string words = name_of_item(known) + " is " + std::string(to_string(known.state));
    if (change.step == journal_step::resubmit)
        words += " in generation " + std::to_string(known.generation);
    if (!known.task_id.empty())
        words += " as " + escape(known.task_id, 128);
    return error_info(errc::journal_conflict,
                      words + ": " + std::string(to_string(change.step)) + " does not fit")
        .task_id(known.task_id)
        .idempotency_key(known.idempotency_key);
}

inline error_info other_service(std::string const& known, std::string const& given)
{
    return error_info(errc::journal_conflict,
                      "the batch belongs to " + escape(known, 128) + ", and not to " + escape(given, 128));
}

// Makes the step, where it fits.
inline std::optional<error_info> apply(journal_record& item, journal_change const& change,
                                       std::chrono::system_clock::time_point now)
{
    if (auto why = refused(change))
        return why;
    journal_outcome const& outcome = change.outcome;
    bool const done_before =
        change.step == journal_step::resubmit
            ? item.state == journal_state::planned && item.generation == change.generation + 1
            : item.state == outcome.state && (outcome.task_id.empty() || outcome.task_id == item.task_id);
    bool const fits = found_by(change.step, outcome.state).contain(item.state) &&
                      (change.step != journal_step::resubmit || item.generation == change.generation);
    if (!fits && !done_before)
        return does_not_fit(item, change);
    switch (change.step) {
    case journal_step::release:
        return std::nullopt;
    case journal_step::intend:
        // Since when the service may know the key: whoever comes after a second end has to count from the first.
        if (item.state != journal_state::intended)
            item.intended = std::chrono::floor<std::chrono::milliseconds>(now);
        item.state = journal_state::intended;
        return std::nullopt;
    case journal_step::resubmit:
        item.state = journal_state::planned;
        item.generation = change.generation + 1;
        item.task_id.clear();
        item.detail.clear();
        return std::nullopt;
    case journal_step::settle:
    case journal_step::finish:
    case journal_step::resolve:
        break;
    }
    item.state = outcome.state;
    if (!outcome.task_id.empty())
        item.task_id = outcome.task_id;
    item.detail = redact_urls(outcome.detail);
    if (!outcome.file.empty())
        item.file = outcome.file;
    if (outcome.cost_micro_usd)
        item.cost_micro_usd = outcome.cost_micro_usd;
    return std::nullopt;
}

} // namespace apimart::detail

#endif
