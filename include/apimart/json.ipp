// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_JSON_IPP
#define APIMART_JSON_IPP

#include <apimart/json.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/redact.hpp>

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart {

namespace detail {

inline boost::json::string json_text(std::string_view text)
{
    return boost::json::string(text.data(), text.size());
}

inline void add_text(boost::json::object& to, std::string_view name, std::string_view text)
{
    if (!text.empty())
        to.emplace(std::string(name), json_text(text));
}

// A number, or a time or a moment in seconds, where it is known.
template <class T>
void add_known(boost::json::object& to, std::string_view name, std::optional<T> const& value)
{
    if constexpr (requires { value->time_since_epoch(); })
        add_known(to, name, value ? std::optional(value->time_since_epoch()) : std::nullopt);
    else if constexpr (requires { value->count(); })
        add_known(to, name, value ? std::optional(std::int64_t{value->count()}) : std::nullopt);
    else if (value)
        to.emplace(std::string(name), *value);
}

// What the service says can hold the caller's own links.
template <class Words>
boost::json::object service_words(Words const& words)
{
    boost::json::object out;
    add_text(out, "code", words.code());
    add_text(out, "type", words.type());
    add_text(out, "text", redact_urls(words.text()));
    return out;
}

} // namespace detail

APIMART_INLINE boost::json::object to_json(task_state const& state, result_links links)
{
    boost::json::object out;
    detail::add_text(out, "id", state.id());
    out["status"] = detail::json_text(to_string(state.status()));
    detail::add_text(out, "raw_status", state.raw_status());
    detail::add_known(out, "progress", state.progress());
    detail::add_known(out, "estimated_time", state.estimated_time());
    detail::add_known(out, "actual_time", state.actual_time());
    detail::add_known(out, "created_at", state.created_at());
    detail::add_known(out, "completed_at", state.completed_at());
    detail::add_known(out, "cost", state.cost());
    detail::add_known(out, "credits_cost", state.credits_cost());
    boost::json::array videos;
    for (video_file const& each : state.videos()) {
        boost::json::object video;
        video["index"] = each.index();
        std::string const& link = each.url().expose();
        detail::add_text(video, "url", links == result_links::exposed ? link : detail::redact_url(link));
        detail::add_known(video, "expires_at", each.expires_at());
        videos.push_back(std::move(video));
    }
    if (!videos.empty())
        out["videos"] = std::move(videos);
    if (boost::json::object error = detail::service_words(state.error()); !error.empty())
        out["error"] = std::move(error);
    return out;
}

APIMART_INLINE boost::json::object to_json(task_result const& result, result_links links)
{
    boost::json::object out = to_json(static_cast<task_state const&>(result), links);
    out["poll_count"] = result.poll_count();
    return out;
}

APIMART_INLINE boost::json::object to_json(error_info const& why)
{
    boost::json::object out;
    out["code"] = detail::json_text(code_name(why.code()));
    out["category"] = why.code().category().name();
    out["message"] = detail::json_text(why.describe());
    out["acceptance"] = detail::json_text(to_string(why.acceptance()));
    out["retryable"] = why.code() == condition::retryable;
    if (why.underlying())
        out["underlying"] = detail::json_text(code_name(why.underlying()));
    if (why.http_status() != 0)
        out["http_status"] = why.http_status();
    if (boost::json::object words = detail::service_words(why.server_message()); !words.empty())
        out["server_message"] = std::move(words);
    detail::add_text(out, "client_message", why.client_message());
    detail::add_text(out, "request_id", why.request_id());
    detail::add_text(out, "task_id", why.task_id());
    detail::add_text(out, "idempotency_key", why.idempotency_key());
    operation_tag const tag = why.tag();
    detail::add_known(out, "tag", tag.number());
    detail::add_text(out, "tag", tag.text());
    detail::add_known(out, "retry_after", why.retry_after());
    boost::json::array attempts;
    for (attempt const& each : why.attempts()) {
        boost::json::object one;
        if (each.code())
            one["code"] = detail::json_text(code_name(each.code()));
        if (each.http_status() != 0)
            one["http_status"] = each.http_status();
        detail::add_text(one, "phase", each.phase());
        attempts.push_back(std::move(one));
    }
    if (!attempts.empty())
        out["attempts"] = std::move(attempts);
    if (!why.validation().entries().empty())
        out["validation"] = to_json(why.validation());
    return out;
}

APIMART_INLINE boost::json::object to_json(validation_result const& found)
{
    boost::json::array violations;
    for (violation const& each : found.entries()) {
        boost::json::object one;
        one["severity"] = each.severity() == severity::error ? "error" : "warning";
        one["pointer"] = detail::json_text(each.pointer());
        one["message"] = detail::json_text(each.message());
        detail::add_text(one, "value", each.value());
        violations.push_back(std::move(one));
    }
    boost::json::object out;
    out["ok"] = found.ok();
    out["violations"] = std::move(violations);
    out["omitted"] = found.omitted();
    return out;
}

APIMART_INLINE boost::json::object to_json(metrics const& counters)
{
    boost::json::object out;
#define APIMART_METRIC(name) out[#name] = counters.name;
#include <apimart/metrics_table.inc>
    return out;
}

} // namespace apimart

#endif
