// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_BATCH_OUTCOME_IPP
#define APIMART_BATCH_OUTCOME_IPP

#include <apimart/batch_outcome.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/escape.hpp>

namespace apimart {

APIMART_INLINE std::string_view to_string(stop_cause cause) noexcept
{
    switch (cause) {
    case stop_cause::caller:
        return "stopped by the caller";
    case stop_cause::no_credit:
        return "no credit";
    case stop_cause::bad_key:
        return "bad key";
    case stop_cause::blocked:
        return "blocked";
    case stop_cause::wrong_address:
        return "wrong address";
    case stop_cause::unreachable:
        return "unreachable";
    case stop_cause::spend_limit:
        return "spend limit";
    case stop_cause::unknown_in_row:
        return "unknown outcomes in a row";
    case stop_cause::failed_in_row:
        return "failures in a row";
    case stop_cause::busy:
        return "busy";
    case stop_cause::timeout:
        return "timeout";
    case stop_cause::journal_failed:
        return "journal failed";
    case stop_cause::disk_failed:
        return "disk failed";
    case stop_cause::source_failed:
        return "source failed";
    case stop_cause::client_ended:
        return "client ended";
    }
    return "stopped";
}

APIMART_INLINE std::string batch_outcome::describe() const
{
    if (succeeded())
        return {};
    if (error.code()) {
        error_info shown = error; // equal failures read the same
        return shown.task_id({}).describe();
    }
    if (result && !result->succeeded())
        return "the service ended the task: " + detail::escape(result->error().text(), 512);
    return std::string(to_string(end));
}

} // namespace apimart

#endif
