// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_POLICY_STOP_RULES_HPP
#define APIMART_POLICY_STOP_RULES_HPP

#include <apimart/batch_outcome.hpp>
#include <apimart/error.hpp>
#include <apimart/protocol/error_response.hpp>

#include <boost/asio/error.hpp>

#include <array>
#include <optional>

namespace apimart::detail {

// What a purchase that failed says about the others.
enum class failure_scope
{
    item,      // nothing: another one may well be bought
    moment,    // it was not bought, and may be a little later, as the others
    withdrawn, // it was called back before anything of it was sent
    all        // no other would be bought either
};

class failure_verdict
{
public:
    failure_scope scope = failure_scope::item;
    stop_cause cause = stop_cause::caller;
};

// A page of something in front of the service, not an answer of its own.
inline bool has_envelope(error_info const& why)
{
    return !why.server_message().code().empty() || !why.server_message().type().empty();
}

// The API's own words for a model that it does not have, rather than a route.
inline bool is_about_the_model(error_info const& why)
{
    return mentions(why.server_message().code(), "model") || mentions(why.server_message().type(), "model");
}

inline failure_verdict judge_failure(error_info const& why, bool any_accepted)
{
    using scope = failure_scope;
    bool const unsent = why.acceptance() == acceptance::not_sent || why.acceptance() == acceptance::none;
    if (why.acceptance() == acceptance::unknown)
        return {scope::item};
    if (why.code() == boost::asio::error::operation_aborted && unsent)
        return {scope::withdrawn};
    if (why.code() == errc::shutting_down || why.code() == errc::used_after_fork)
        return {scope::all, stop_cause::client_ended};
    if (why.code() == errc::deadline_exceeded)
        return {scope::all, stop_cause::timeout};
    if (why.code() == api_errc::payment_required)
        return {scope::all, stop_cause::no_credit};
    if (why.code() == api_errc::unauthorized)
        return {scope::all, stop_cause::bad_key};
    if (why.code() == api_errc::forbidden)
        return has_envelope(why) ? failure_verdict{scope::item}
                                 : failure_verdict{scope::all, stop_cause::blocked};
    if ((why.code() == api_errc::not_found && !is_about_the_model(why)) || is_redirect(why.http_status()) ||
        why.http_status() == 405)
        return {scope::all, stop_cause::wrong_address};
    if (why.code() == condition::rate_limited || why.underlying() == condition::rate_limited)
        return {scope::moment};
    if (why.code() == errc::queue_full || why.code() == errc::resource_exhausted)
        return {scope::moment};
    bool const is_upload = why.acceptance() == acceptance::none;
    // Of an upload, that nobody knows what became of it does no harm.
    bool const passing =
        why.code() == condition::retryable || (is_upload && why.code() == condition::outcome_unknown);
    if (is_upload && !passing && why.code() != condition::transport)
        return {scope::item};
    if (unsent && why.code() != errc::invalid_request)
        return any_accepted && passing ? failure_verdict{scope::moment}
                                       : failure_verdict{scope::all, stop_cause::unreachable};
    return {scope::item};
}

// Counts what says something only where it comes several times in a row.
class stop_rules
{
public:
    stop_rules(int max_unknown, int max_failures) : max_unknown_(max_unknown), max_failures_(max_failures) {}

    void accepted() noexcept { unknown_ = 0; }
    void succeeded() noexcept { failures_ = 0; }
    std::optional<stop_cause> unknown() noexcept
    {
        return ++unknown_ == max_unknown_ ? std::optional(stop_cause::unknown_in_row) : std::nullopt;
    }
    // Rejected, or ended by the service without a result.
    std::optional<stop_cause> failed() noexcept
    {
        unknown_ = 0;
        return ++failures_ == max_failures_ ? std::optional(stop_cause::failed_in_row) : std::nullopt;
    }

private:
    int const max_unknown_;
    int const max_failures_;
    int unknown_ = 0;
    int failures_ = 0;
};

} // namespace apimart::detail

#endif
