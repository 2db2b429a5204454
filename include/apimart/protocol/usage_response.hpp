// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_USAGE_RESPONSE_HPP
#define APIMART_PROTOCOL_USAGE_RESPONSE_HPP

#include <apimart/protocol/json_document.hpp>
#include <apimart/usage.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// Nothing where the amount is missing or none; counts that are missing are none.
inline std::optional<usage_entry> read_usage_entry(boost::json::value const& json)
{
    auto const field = [&](std::string_view name) { return field_of(member_of(&json, name)); };
    auto const count = [&](std::string_view name) {
        return static_cast<std::uint64_t>(
            std::max<std::int64_t>(0, field(name).lenient_integer().value_or(0)));
    };
    std::optional<std::int64_t> const usd = millionths(field("amount_usd"));
    if (!usd)
        return std::nullopt;
    usage_entry entry;
    entry.model(label_of(member_of(&json, "model")))
        .date(label_of(member_of(&json, "date")))
        .amounts(*usd, millionths(field("credits")).value_or(0))
        .counts(count("requests"), count("prompt_tokens"), count("completion_tokens"));
    return entry;
}

// Judges a complete answer about usage. Source: API reference, section 7.2.
inline result<usage_report> read_usage_response(http_response const& response, std::chrono::sys_seconds now)
{
    result<boost::json::value> const document = read_json_document(response, now);
    if (!document)
        return document.error();
    boost::json::value const* const data = member_of(&*document, "data");
    boost::json::value const* const total_json = member_of(data, "total");
    std::optional<usage_entry> total = total_json == nullptr ? std::nullopt : read_usage_entry(*total_json);
    if (!total)
        return explain_unreadable("field data.total: no amount", response, now);
    std::vector<usage_entry> items;
    boost::json::value const* const list = member_of(data, "items");
    if (list != nullptr && list->is_array())
        for (boost::json::value const& each : list->get_array()) {
            std::optional<usage_entry> entry = read_usage_entry(each);
            if (!entry)
                return explain_unreadable("field data.items[" + std::to_string(items.size()) + "]: no amount",
                                          response, now);
            items.push_back(std::move(*entry));
        }
    return usage_report(std::move(*total), std::move(items));
}

} // namespace apimart::detail

#endif
