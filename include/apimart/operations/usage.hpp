// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_USAGE_HPP
#define APIMART_OPERATIONS_USAGE_HPP

#include <apimart/operations/request.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/protocol/usage_response.hpp>
#include <apimart/usage.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace apimart::detail {

// The limits are documented, so that nothing beyond them is sent.
inline std::optional<error_info> check_usage(usage_settings const& asked)
{
    auto const wrong = [](std::string const& words) { return error_info(errc::invalid_request, words); };
    if (asked.start && asked.end && *asked.end < *asked.start)
        return wrong("usage_options::end must not be before the start");
    if (asked.start && asked.end && *asked.end - *asked.start > std::chrono::days(31))
        return wrong("usage_options::end must be at most 31 days after the start (got " +
                     std::to_string((*asked.end - *asked.start).count()) + " s)");
    auto const models = std::count(asked.models.begin(), asked.models.end(), ',') + 1;
    if (models > 50)
        return wrong("usage_options::models must have at most 50 entries (got " + std::to_string(models) +
                     ')');
    return std::nullopt;
}

inline std::string usage_path(usage_settings const& asked)
{
    std::string path = "/v1/usage";
    auto const add = [&](std::string_view name, std::string_view value) {
        path.append(path.find('?') == std::string::npos ? "?" : "&").append(name).append("=");
        append_percent_encoded(path, value);
    };
    if (asked.start)
        add("start", std::to_string(asked.start->time_since_epoch().count()));
    if (asked.end)
        add("end", std::to_string(asked.end->time_since_epoch().count()));
    if (!asked.models.empty())
        add("model", asked.models);
    if (asked.group_by != usage_group::none)
        add("group_by", asked.group_by == usage_group::model  ? "model"
                        : asked.group_by == usage_group::date ? "date"
                                                              : "model,date");
    if (!asked.time_zone.empty())
        add("tz", asked.time_zone);
    if (asked.scope)
        add("scope", *asked.scope == usage_scope::key ? "key" : "account");
    return path;
}

// What a call of `client::usage` is.
inline awaitable<result<usage_report>> get_usage(client_state& client, operation& op,
                                                 usage_settings const& asked)
{
    if (std::optional<error_info> bad = check_usage(asked))
        co_return *bad;
    api_request const wanted(usage_path(asked));
    co_return co_await get_value(client, op, wanted, asked.limits, &read_usage_response);
}

} // namespace apimart::detail

#endif
