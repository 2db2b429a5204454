// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_WIRE_IPP
#define APIMART_DETAIL_IMPL_WIRE_IPP

#include <apimart/detail/config.hpp>
#include <apimart/detail/printable.hpp>
#include <apimart/detail/wire/reply_json.hpp>
#include <apimart/detail/wire/submit_reply.hpp>
#include <apimart/detail/wire/task_reply.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/stream_parser.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace apimart::detail {

APIMART_INLINE parsed_reply parse_reply(std::string_view body)
{
    if (body.starts_with("\xEF\xBB\xBF"))
        body.remove_prefix(3);
    boost::json::parse_options options;
    options.max_depth = 32;
    boost::json::stream_parser parser(boost::json::storage_ptr(), options);
    error_code code;
    std::size_t const used = parser.write_some(body.data(), body.size(), code);
    if (!code && used != body.size() &&
        !std::all_of(body.begin() + static_cast<std::ptrdiff_t>(used), body.end(),
                     [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }))
        return parsed_reply("followed by other text at byte " + std::to_string(used));
    if (!code)
        parser.finish(code);
    if (code)
        return parsed_reply("not JSON at byte " + std::to_string(used) + " (" + code.message() + ")");
    return parsed_reply(parser.release());
}

APIMART_INLINE boost::json::value const* member(boost::json::value const* value, std::string_view name)
{
    if (value == nullptr)
        return nullptr;
    boost::json::object const* const object = value->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

APIMART_INLINE std::string_view text_member(boost::json::value const* value, std::string_view name)
{
    boost::json::value const* const found = member(value, name);
    boost::json::string const* const text = found == nullptr ? nullptr : found->if_string();
    return text == nullptr ? std::string_view{} : std::string_view(*text);
}

APIMART_INLINE std::optional<double> lenient_number(boost::json::value const* value)
{
    if (value == nullptr)
        return std::nullopt;
    double number = 0;
    if (value->is_int64()) {
        number = static_cast<double>(value->get_int64());
    } else if (value->is_uint64()) {
        number = static_cast<double>(value->get_uint64());
    } else if (value->is_double()) {
        number = value->get_double();
    } else if (boost::json::string const* const text = value->if_string()) {
        auto const [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
        bool const percent = end + 1 == text->data() + text->size() && *end == '%';
        if (code != std::errc() || (end != text->data() + text->size() && !percent))
            return std::nullopt;
    } else {
        return std::nullopt;
    }
    if (!std::isfinite(number))
        return std::nullopt;
    return number;
}

APIMART_INLINE std::optional<std::int64_t> lenient_integer(boost::json::value const* value)
{
    auto const number = lenient_number(value);
    // Beyond this a double no longer holds every integer; no field of the service comes near it.
    if (!number || std::abs(*number) > 9e15 || std::floor(*number) != *number)
        return std::nullopt;
    return static_cast<std::int64_t>(*number);
}

APIMART_INLINE bool is_task_id(std::string_view id)
{
    if (id.empty() || id.size() > 256 || id == "." || id == "..")
        return false;
    return std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == ':' || c == '~' || c == '-';
    });
}

inline std::string scalar_text(boost::json::value const* value)
{
    if (value == nullptr)
        return {};
    if (boost::json::string const* const text = value->if_string())
        return std::string(*text);
    if (value->is_int64())
        return std::to_string(value->get_int64());
    if (value->is_uint64())
        return std::to_string(value->get_uint64());
    return {};
}

inline bool mentions(std::string_view text, std::string_view word)
{
    return std::search(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
               return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
           }) != text.end();
}

inline api_errc classify(int status, service_message const& words)
{
    // An empty account is told in several ways; none of them is a reason to slow down and try again.
    for (std::string_view const field : {std::string_view(words.type()), std::string_view(words.code())}) {
        if (mentions(field, "payment_required") || mentions(field, "insufficient"))
            return api_errc::no_credit;
        if (mentions(field, "content_policy") || mentions(field, "moderation") || mentions(field, "nsfw"))
            return api_errc::content_rejected;
    }
    switch (status) {
    case 400:
    case 405:
    case 406:
    case 411:
    case 415:
    case 422:
        return api_errc::invalid_request;
    case 401:
        return api_errc::unauthorized;
    case 402:
        return api_errc::no_credit;
    case 403:
        return api_errc::forbidden;
    case 404:
        return api_errc::not_found;
    case 409:
        return api_errc::conflict;
    case 413:
    case 414:
        return api_errc::too_large;
    case 429:
        return api_errc::rate_limited;
    default:
        break;
    }
    return status >= 500 && status <= 599 ? api_errc::unavailable : api_errc::other;
}

APIMART_INLINE failure service_failure(int status, boost::json::value const* document)
{
    boost::json::value const* const envelope = member(document, "error");
    std::string code;
    std::string type;
    std::string text;
    if (envelope != nullptr && envelope->is_object()) {
        code = scalar_text(member(envelope, "code"));
        type = std::string(text_member(envelope, "type"));
        text = std::string(text_member(envelope, "message"));
    } else {
        text = scalar_text(envelope);
        code = scalar_text(member(document, "code"));
    }
    for (std::string_view const name : {"message", "detail", "fail_reason", "msg"}) {
        if (text.empty())
            text = scalar_text(member(document, name));
    }
    service_message words(printable(code, 64), printable(type, 64), printable(text, 512));
    failure why(make_error_code(classify(status, words)));
    why.http_status(status).request_id(printable(text_member(document, "request_id"), 128));
    why.service(std::move(words));
    return why;
}

APIMART_INLINE failure service_failure_text(int status, std::string_view body)
{
    service_message words({}, {}, printable(body, 200));
    failure why(make_error_code(classify(status, words)));
    why.http_status(status).service(std::move(words));
    return why;
}

// An answer that says 200 outside can fail inside: the code that counts is the inner one.
inline int effective_status(int status, boost::json::value const* document)
{
    if (status < 200 || status > 299)
        return status;
    auto const inner = lenient_integer(member(document, "code"));
    if (inner && *inner >= 300 && *inner <= 599)
        return static_cast<int>(*inner);
    boost::json::value const* const envelope = member(document, "error");
    auto const nested = lenient_integer(member(envelope, "code"));
    if (nested && *nested >= 300 && *nested <= 599)
        return static_cast<int>(*nested);
    return status;
}

inline void describe_reply(failure& why, http_reply const& reply, std::chrono::sys_seconds now)
{
    if (why.request_id().empty())
        why.request_id(printable(reply.request_id, 128));
    why.retry_after(parse_retry_after(reply.retry_after, now));
}

inline std::string_view find_task_id(boost::json::value const& document)
{
    boost::json::value const* const data = member(&document, "data");
    boost::json::value const* first = nullptr;
    if (data != nullptr) {
        if (boost::json::array const* const list = data->if_array(); list != nullptr && !list->empty())
            first = &list->front();
    }
    for (boost::json::value const* const place : {first, data, &document}) {
        for (std::string_view const name : {"task_id", "id"}) {
            std::string_view const id = text_member(place, name);
            if (is_task_id(id))
                return id;
        }
    }
    return {};
}

APIMART_INLINE submit_reply read_submit_reply(http_reply const& reply, std::chrono::sys_seconds now)
{
    // Statuses that a service gives instead of doing what was asked; 409 and 5xx are judged by their code.
    static constexpr std::array refusals{400, 401, 402, 403, 404, 405, 406, 411, 413, 414, 415, 422};
    submit_reply out;
    auto const document = parse_reply(reply.body);
    boost::json::value const* const json = document.get();
    int const status = effective_status(reply.status, json);

    if (status >= 200 && status <= 299) {
        if (json != nullptr) {
            boost::json::value const* const data = member(json, "data");
            boost::json::array const* const list = data == nullptr ? nullptr : data->if_array();
            if (list == nullptr || list->size() <= 1) {
                if (std::string_view const id = find_task_id(*json); !id.empty()) {
                    out.verdict = submit_verdict::accepted;
                    out.task_id = std::string(id);
                    return out;
                }
            }
        }
        out.why = failure(errc::outcome_unknown, json != nullptr
                                                     ? "the answer is a success without one readable task id"
                                                     : "the answer is a success that is " + document.problem);
        out.why.http_status(reply.status).underlying(make_error_code(errc::unexpected_response));
        if (json != nullptr && member(json, "error") != nullptr)
            out.why.service(service_failure(status, json).service());
        describe_reply(out.why, reply, now);
        return out;
    }

    failure why = json != nullptr ? service_failure(status, json) : service_failure_text(status, reply.body);
    describe_reply(why, reply, now);
    std::string const& code = why.service().code();
    if (status == 429 && why.code() == api_errc::rate_limited) {
        out.verdict = submit_verdict::rate_limited;
    } else if (status == 429 || std::find(refusals.begin(), refusals.end(), status) != refusals.end()) {
        out.verdict = submit_verdict::refused;
    } else if (status == 301 || status == 302 || status == 307 || status == 308) {
        // Redirects are never followed: the key and the bill go to one origin. They process nothing.
        out.verdict = submit_verdict::refused;
        why = failure(errc::unexpected_response, "the service answered with a redirect").http_status(status);
    } else if (status == 409 && code == "idempotency_in_progress") {
        out.verdict = submit_verdict::still_running;
    } else if (status == 409 && code == "idempotency_key_reused") {
        out.verdict = submit_verdict::refused;
    } else if (status == 503 && code == "idempotency_unavailable") {
        out.verdict = submit_verdict::not_executed;
    } else {
        out.verdict = submit_verdict::indeterminate;
        failure unknown(errc::outcome_unknown, "the answer does not prove that no task was made");
        unknown.underlying(why.code()).http_status(why.http_status()).service(why.service());
        unknown.request_id(why.request_id()).retry_after(why.retry_after());
        why = std::move(unknown);
    }
    out.why = std::move(why);
    return out;
}

APIMART_INLINE task_status classify_status(std::string_view word)
{
    std::string lower(word);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    auto const is = [&](auto... names) { return ((lower == names) || ...); };
    if (is("completed", "success", "succeeded", "finished"))
        return task_status::succeeded;
    if (is("failed", "failure", "error"))
        return task_status::failed;
    if (is("cancelled", "canceled"))
        return task_status::cancelled;
    if (is("submitted", "pending", "queued"))
        return task_status::queued;
    return task_status::running;
}

inline void add_videos(std::vector<video_file>& files, std::string_view id, boost::json::value const* place,
                       std::optional<std::chrono::sys_seconds> expires)
{
    if (place == nullptr)
        return;
    if (boost::json::string const* const text = place->if_string()) {
        if (!text->empty())
            files.emplace_back(std::string(id), files.size(), result_url(std::string(*text)), expires);
    } else if (boost::json::array const* const list = place->if_array()) {
        for (boost::json::value const& entry : *list)
            add_videos(files, id, &entry, expires);
    } else if (place->is_object()) {
        if (auto const when = lenient_integer(member(place, "expires_at")))
            expires = std::chrono::sys_seconds(std::chrono::seconds(*when));
        add_videos(files, id, member(place, "url"), expires);
    }
}

inline std::vector<video_file> find_videos(std::string_view id, boost::json::value const* result)
{
    std::vector<video_file> files;
    add_videos(files, id, member(result, "videos"), std::nullopt);
    // Older and compatible forms; the documented one wins.
    for (std::string_view const name : {"video", "video_url", "url"}) {
        if (files.empty())
            add_videos(files, id, member(result, name), std::nullopt);
    }
    if (files.empty() && result != nullptr && result->is_string())
        add_videos(files, id, result, std::nullopt);
    return files;
}

APIMART_INLINE result<task_state> read_task_reply(http_reply const& reply, std::string_view asked_for,
                                                  std::chrono::sys_seconds now)
{
    auto const document = parse_reply(reply.body);
    boost::json::value const* const json = document.get();
    int const status = effective_status(reply.status, json);
    if (status < 200 || status > 299) {
        failure why =
            json != nullptr ? service_failure(status, json) : service_failure_text(status, reply.body);
        // For this call, a 400 and a 404 mean the id; 408 is the gateway's word for a slow service.
        if (status == 404 || (status == 400 && why.code() == api_errc::invalid_request))
            why = failure(errc::task_not_found)
                      .http_status(status)
                      .service(why.service())
                      .request_id(why.request_id());
        else if (status == 408)
            why = failure(make_error_code(api_errc::unavailable)).http_status(status).service(why.service());
        describe_reply(why, reply, now);
        why.task_id(std::string(asked_for));
        return why;
    }
    auto const unreadable = [&](std::string words) {
        // A success that cannot be read is worth asking again; gateways answer so in passing.
        failure why(make_error_code(api_errc::unavailable), std::move(words));
        why.underlying(make_error_code(errc::unexpected_response)).http_status(reply.status);
        why.task_id(std::string(asked_for));
        return why;
    };
    if (json == nullptr)
        return unreadable("the answer is " + document.problem);
    boost::json::value const* data = member(json, "data");
    if (data == nullptr || !data->is_object())
        data = json;
    std::string_view const word = text_member(data, "status");
    if (word.empty())
        return unreadable("the answer has no status");
    std::string_view const id = text_member(data, "id");
    if (!id.empty() && id != asked_for)
        return unreadable("the answer is about another task");

    task_state state(std::string(asked_for), classify_status(word), printable(word, 64));
    if (auto const percent = lenient_integer(member(data, "progress")))
        state.progress(static_cast<int>(std::clamp<std::int64_t>(*percent, 0, 100)));
    // Figures outside any plausible range are dropped rather than believed.
    auto const seconds_of = [&](std::string_view name,
                                std::int64_t limit) -> std::optional<std::chrono::seconds> {
        auto const value = lenient_integer(member(data, name));
        if (!value || *value < 0 || *value > limit)
            return std::nullopt;
        return std::chrono::seconds(*value);
    };
    constexpr std::int64_t month = 31 * 86'400;
    constexpr std::int64_t year_9999 = 253'402'300'799;
    if (auto const value = seconds_of("estimated_time", month))
        state.estimated_time(*value);
    if (auto const value = seconds_of("actual_time", month))
        state.actual_time(*value);
    if (auto const value = seconds_of("created", year_9999))
        state.created(std::chrono::sys_seconds(*value));
    if (auto const value = seconds_of("completed", year_9999))
        state.completed(std::chrono::sys_seconds(*value));
    if (auto const value = lenient_number(member(data, "cost")); value && *value >= 0)
        state.cost(*value);
    if (auto const value = lenient_number(member(data, "credits_cost")); value && *value >= 0)
        state.credits_cost(*value);
    if (state.status() == task_status::succeeded) {
        state.videos(find_videos(asked_for, member(data, "result")));
        // Success counts once there is something to fetch; the link can come a moment after the word.
        if (state.videos().empty())
            return unreadable("the task is completed without a result");
    }
    if (state.status() == task_status::failed || state.status() == task_status::cancelled) {
        failure const words = service_failure(0, data);
        state.reason(task_failure(words.service().code(), words.service().type(), words.service().text()));
    }
    return state;
}

} // namespace apimart::detail

#endif
