// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_WIRE_IPP
#define APIMART_DETAIL_IMPL_WIRE_IPP

#include <apimart/detail/config.hpp>
#include <apimart/detail/printable.hpp>
#include <apimart/detail/request/json_text.hpp>
#include <apimart/detail/request/utf8.hpp>
#include <apimart/detail/wire/plain_json.hpp>
#include <apimart/detail/wire/reply_json.hpp>
#include <apimart/detail/wire/submit_reply.hpp>
#include <apimart/detail/wire/task_reply.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/parser.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace apimart::detail {

inline constexpr std::size_t longest_excerpt = 512;
inline constexpr std::int64_t year_9999 = 253'402'300'799;

// Only looked for in bodies far larger than any that is documented: what would make a large tree or a long copy.
inline std::string oversized_part(std::string_view body)
{
    constexpr std::size_t suspicious = 64U << 10U;
    constexpr std::size_t most_entries = 4096;
    if (body.size() <= suspicious)
        return {};
    std::size_t entries = 0;
    for (std::size_t at = 0; at < body.size(); ++at) {
        if (body[at] == ',' && ++entries > most_entries)
            return "more than " + std::to_string(most_entries) + " entries";
        if (body[at] != '"')
            continue;
        std::size_t const begin = ++at;
        while (at < body.size() && body[at] != '"')
            at += body[at] == '\\' ? 2 : 1;
        if (at - begin > suspicious)
            return "a text of more than " + std::to_string(suspicious) + " bytes";
    }
    return {};
}

inline std::string json_problem(std::string_view body, error_code code, std::size_t place)
{
    std::string const at = " at byte " + std::to_string(place);
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return "empty";
    if (utf8_scan const text = scan_utf8(body); !text.valid())
        return "bad JSON: not UTF-8 at byte " + std::to_string(text.bad_byte);
    // Valid UTF-8 in form, but text in two bytes per character.
    if (std::size_t const zero = body.find('\0'); zero != std::string_view::npos)
        return "bad JSON: not UTF-8 at byte " + std::to_string(zero);
    if (code == boost::json::error::too_deep)
        return "bad JSON: nested more than " + std::to_string(deepest_nesting) + " levels deep";
    if (code == boost::json::error::incomplete)
        return "bad JSON: incomplete at byte " + std::to_string(body.size());
    if (code == boost::json::error::extra_data)
        return "bad JSON: other text" + at;
    return "bad JSON: " + code.message() + at;
}

APIMART_INLINE parsed_reply::parsed_reply(std::string_view body)
    : memory_(buffer_, sizeof buffer_), json_(&memory_)
{
    if (body.starts_with("\xEF\xBB\xBF"))
        body.remove_prefix(3);
    if (std::string const part = oversized_part(body); !part.empty()) {
        problem_ = "too large: " + part;
        return;
    }
    boost::json::parse_options options;
    options.max_depth = deepest_nesting;
    unsigned char scratch[2048];
    boost::json::parser parser({}, options, scratch);
    parser.reset(&memory_);
    error_code code;
    std::size_t const used = parser.write_some(body.data(), body.size(), code);
    if (!code && used != body.size())
        code = boost::json::error::extra_data;
    if (code)
        problem_ = json_problem(body, code, used);
    else
        json_ = parser.release();
}

APIMART_INLINE boost::json::value const* member(boost::json::value const* value, std::string_view name)
{
    if (value == nullptr)
        return nullptr;
    boost::json::object const* const object = value->if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

inline std::string_view text_of(boost::json::value const* value)
{
    boost::json::string const* const text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string_view{} : std::string_view(*text);
}

APIMART_INLINE std::string_view text_member(boost::json::value const* value, std::string_view name)
{
    return text_of(member(value, name));
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
    static constexpr auto allowed = [] {
        std::array<bool, 256> table{};
        for (char const c :
             std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:~-"))
            table[static_cast<unsigned char>(c)] = true;
        return table;
    }();
    return std::all_of(id.begin(), id.end(), [](char c) { return allowed[static_cast<unsigned char>(c)]; });
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

// The sentence in a text, in the first of a list of complaints, or in the member that usually has it.
inline std::string message_in(boost::json::value const* value)
{
    if (value == nullptr)
        return {};
    if (boost::json::array const* const list = value->if_array())
        return list->empty() ? std::string() : message_in(&list->front());
    if (!value->is_object())
        return scalar_text(value);
    for (std::string_view const name :
         {"message", "msg", "detail", "fail_reason", "error", "errors", "error_description", "title"}) {
        if (std::string text = message_in(member(value, name)); !text.empty())
            return text;
    }
    return {};
}

APIMART_INLINE service_message service_words(boost::json::value const* document)
{
    boost::json::value const* const envelope = member(document, "error");
    boost::json::value const* const named =
        envelope != nullptr && envelope->is_object() ? envelope : document;
    std::string text = message_in(envelope);
    if (text.empty())
        text = message_in(document);
    return service_message(printable(scalar_text(member(named, "code")), 64),
                           printable(text_member(named, "type"), 64), printable(text, longest_excerpt));
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
    service_message words = service_words(document);
    failure why(make_error_code(classify(status, words)));
    why.http_status(status).request_id(printable(text_member(document, "request_id"), 128));
    why.service(std::move(words));
    return why;
}

APIMART_INLINE failure service_failure_text(int status, std::string_view body)
{
    service_message words({}, {}, printable(body, longest_excerpt));
    failure why(make_error_code(classify(status, words)));
    why.http_status(status).service(std::move(words));
    return why;
}

// An answer that says 200 outside can fail inside: the code that counts is the inner one.
inline int effective_status(int status, boost::json::value const* document)
{
    if (status < 200 || status > 299)
        return status;
    for (boost::json::value const* const place : {document, member(document, "error")}) {
        auto const inner = lenient_integer(member(place, "code"));
        if (inner && *inner >= 300 && *inner <= 599)
            return static_cast<int>(*inner);
    }
    return status;
}

inline bool is_success(int status) noexcept
{
    return status >= 200 && status <= 299;
}

inline bool is_redirect(int status) noexcept
{
    return status >= 300 && status <= 399;
}

// An answer whose status is no success, in the service's words where they can be read.
inline failure refusal(int status, http_reply const& reply, boost::json::value const* document)
{
    if (is_redirect(status))
        return failure(errc::unexpected_response, "redirect").http_status(status);
    failure why =
        document != nullptr ? service_failure(status, document) : service_failure_text(status, reply.body);
    if (status > 599) {
        why = failure(errc::unexpected_response, "unexpected status").service(why.service());
        why.http_status(status);
    }
    return why;
}

inline void describe_reply(failure& why, http_reply const& reply, boost::json::value const* document,
                           std::chrono::sys_seconds now)
{
    if (why.request_id().empty())
        why.request_id(printable(reply.request_id, 128));
    auto asked = parse_retry_after(reply.retry_after, now);
    if (!asked) {
        // Some gateways write it into the body instead.
        for (boost::json::value const* const place : {document, member(document, "error")}) {
            auto const seconds = lenient_integer(member(place, "retry_after"));
            if (!asked && seconds && *seconds > 0)
                asked = std::chrono::seconds(std::min(*seconds, std::int64_t{1} << 40U));
        }
    }
    why.retry_after(asked);
}

// A success that cannot be read: what there is of it, for whoever looks into the case.
inline void keep_excerpt(failure& why, http_reply const& reply, boost::json::value const* document)
{
    service_message words = service_words(document);
    if (words.empty())
        words = service_message({}, {}, printable(reply.body, longest_excerpt));
    why.service(std::move(words));
}

inline std::string_view task_id_in(boost::json::value const* place)
{
    for (std::string_view const name : {"task_id", "id"}) {
        std::string_view const id = text_member(place, name);
        if (is_task_id(id))
            return id;
    }
    return {};
}

// Boost.JSON keeps the last of several members of one name. Which of two ids was meant cannot be known.
inline std::string duplicate_ids(boost::json::value const& document, std::string_view body,
                                 std::string_view id)
{
    json_census census;
    census.take(document);
    if (written_member_count(body) == census.members)
        return {};
    std::string others;
    for (std::string_view const name : {"\"task_id\"", "\"id\""}) {
        for (std::size_t at = body.find(name); at != std::string_view::npos; at = body.find(name, at)) {
            at = std::min(body.find_first_not_of(" \t\r\n:", at + name.size()), body.size());
            if (at == body.size() || body[at] != '"')
                continue;
            std::string_view const other = body.substr(at + 1, body.find('"', at + 1) - at - 1);
            if (other != id)
                others += ", " + printable(other, 64);
        }
    }
    // A name or an id can also be spelt with escapes.
    if (others.empty() && body.find('\\') == std::string_view::npos)
        return {};
    return "duplicate key: " + std::string(id) + others;
}

// Finds the id of the one task that a success tells of, or says why there is no such id.
inline std::string find_task_id(boost::json::value const& document, std::string_view body, std::string& found)
{
    if (!document.is_object())
        return "not an object";
    boost::json::value const* const data = member(&document, "data");
    boost::json::array const* const list = data == nullptr ? nullptr : data->if_array();
    if (list != nullptr && list->size() > 1) {
        std::string ids = "expected 1 task, got " + std::to_string(list->size()) + ':';
        for (boost::json::value const& entry : *list) {
            if (ids.size() < 4 * longest_excerpt)
                ids += ' ' + std::string(task_id_in(&entry));
        }
        return ids;
    }
    boost::json::value const* const first = list != nullptr && !list->empty() ? &list->front() : nullptr;
    for (boost::json::value const* const place :
         {first, data, static_cast<boost::json::value const*>(&document)}) {
        std::string_view const id = task_id_in(place);
        if (id.empty())
            continue;
        if (std::string problem = duplicate_ids(document, body, id); !problem.empty())
            return problem;
        if (boost::json::value const* const success = member(&document, "success");
            success != nullptr && success->is_bool() && !success->get_bool())
            return "not a success, yet with a task: " + std::string(id);
        found = id;
        return {};
    }
    for (boost::json::value const* const place : {first, data}) {
        if (boost::json::value const* const id = member(place, "task_id"))
            return "field task_id: " +
                   (id->is_string() ? "not an id: " + printable(text_of(id), 64) : std::string("not a text"));
    }
    return "no task id";
}

// Whether this value of an answer's `code` says what HTTP's status says already.
inline bool is_plain_success(std::int64_t code) noexcept
{
    return code >= 200 && code <= 299;
}

// The id in a success as it is documented, or empty: then it may still be one. Whatever could make the tree's
// reader find another id, or doubt this one, is left to that reader.
inline std::string_view plain_task_id(std::string_view body)
{
    plain_json json(body);
    std::string_view id;
    bool has_code = false;
    bool has_data = false;
    bool has_id = false;
    json.object([&](std::string_view name) {
        if (is_word(name, "code")) {
            if (std::exchange(has_code, true) || !is_plain_success(json.integer()))
                json.give_up();
        } else if (is_word(name, "data")) {
            if (std::exchange(has_data, true))
                json.give_up();
            bool has_entry = false;
            json.array([&] {
                if (std::exchange(has_entry, true))
                    json.give_up();
                json.object([&](std::string_view inner) {
                    if (is_word(inner, "id") || (is_word(inner, "task_id") && std::exchange(has_id, true)))
                        json.give_up();
                    else if (is_word(inner, "task_id"))
                        id = json.text();
                    else
                        json.skip_scalar();
                });
            });
        } else if (is_word(name, "error") || is_word(name, "success") || is_word(name, "id") ||
                   is_word(name, "task_id")) {
            json.give_up();
        } else {
            json.skip_scalar();
        }
    });
    return json.ended() && is_task_id(id) ? id : std::string_view();
}

APIMART_INLINE submit_reply read_submit_reply(http_reply const& reply, std::chrono::sys_seconds now)
{
    // Statuses that a service gives instead of doing what was asked; 409 and 5xx are judged by their code.
    static constexpr std::array refusals{400, 401, 402, 403, 404, 405, 406, 411, 413, 414, 415, 422};
    submit_reply out;
    if (is_success(reply.status)) {
        if (std::string_view const id = plain_task_id(reply.body); !id.empty()) {
            out.verdict = submit_verdict::accepted;
            out.task_id = id;
            return out;
        }
    }
    parsed_reply const document(reply.body);
    boost::json::value const* const json = document.get();
    int const status = effective_status(reply.status, json);

    // A gateway that fails, or whose page stands in the service's place, may have the answer another time.
    bool const passing = status == 408 || (status >= 500 && status <= 599);
    auto const doubt = [&](std::string words) {
        out.verdict = submit_verdict::indeterminate;
        out.last_word = json != nullptr && !passing;
        out.why = failure(errc::outcome_unknown, std::move(words));
        out.why.http_status(reply.status).underlying(make_error_code(errc::unexpected_response));
        keep_excerpt(out.why, reply, json);
        out.why.request_id(printable(text_member(json, "request_id"), 128));
        describe_reply(out.why, reply, json, now);
    };
    if (is_success(status)) {
        std::string problem =
            json == nullptr ? document.problem() : find_task_id(*json, reply.body, out.task_id);
        if (problem.empty())
            out.verdict = submit_verdict::accepted;
        else
            doubt("unreadable success: " + problem);
        return out;
    }
    if (status != reply.status) {
        std::string id;
        find_task_id(*json, reply.body, id);
        if (!id.empty()) {
            doubt("an error, yet with a task: " + id);
            return out;
        }
    }

    failure why = refusal(status, reply, json);
    describe_reply(why, reply, json, now);
    std::string const& code = why.service().code();
    if (status == 429 && why.code() == api_errc::rate_limited) {
        out.verdict = submit_verdict::rate_limited;
    } else if (status == 429 || std::find(refusals.begin(), refusals.end(), status) != refusals.end()) {
        out.verdict = submit_verdict::refused;
    } else if (status == 301 || status == 302 || status == 307 || status == 308) {
        // Redirects are never followed: the key and the bill go to one origin. These process nothing.
        out.verdict = submit_verdict::refused;
    } else if (status == 409 && code == "idempotency_in_progress") {
        out.verdict = submit_verdict::still_running;
    } else if (status == 409 && code == "idempotency_key_reused") {
        out.verdict = submit_verdict::refused;
    } else if (status == 503 && code == "idempotency_unavailable") {
        out.verdict = submit_verdict::not_executed;
    } else {
        out.last_word = !passing;
        failure unknown(errc::outcome_unknown, why.detail().empty()
                                                   ? "the answer does not prove that no task was made"
                                                   : why.detail());
        unknown.underlying(why.code()).http_status(why.http_status()).service(why.service());
        unknown.request_id(why.request_id()).retry_after(why.retry_after());
        why = std::move(unknown);
    }
    out.why = std::move(why);
    return out;
}

APIMART_INLINE task_status classify_status(std::string_view word)
{
    // None of the words is longer; a longer one is none of them.
    std::array<char, 16> lower;
    if (word.size() > lower.size())
        return task_status::running;
    std::transform(word.begin(), word.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    auto const is = [text = std::string_view(lower.data(), word.size())](auto... names) {
        return ((text == names) || ...);
    };
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

inline constexpr std::int64_t seconds_of_a_month = 31 * 86'400;

inline std::optional<std::chrono::seconds> plausible_seconds(std::optional<std::int64_t> count,
                                                             std::int64_t limit)
{
    // Figures outside any plausible range are dropped rather than believed.
    if (!count || *count < 0 || *count > limit)
        return std::nullopt;
    return std::chrono::seconds(*count);
}

inline std::optional<std::chrono::seconds> seconds_in(boost::json::value const* value, std::int64_t limit)
{
    return plausible_seconds(lenient_integer(value), limit);
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
        if (auto const when = seconds_in(member(place, "expires_at"), year_9999))
            expires = std::chrono::sys_seconds(*when);
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

// What an answer about a task has that is looked at, collected in one walk.
struct task_fields
{
    boost::json::value const* id = nullptr;
    boost::json::value const* status = nullptr;
    boost::json::value const* progress = nullptr;
    boost::json::value const* result = nullptr;
    boost::json::value const* created = nullptr;
    boost::json::value const* completed = nullptr;
    boost::json::value const* estimated_time = nullptr;
    boost::json::value const* actual_time = nullptr;
    boost::json::value const* cost = nullptr;
    boost::json::value const* credits_cost = nullptr;

    explicit task_fields(boost::json::object const& task)
    {
        for (boost::json::key_value_pair const& entry : task) {
            std::string_view const name = entry.key();
            boost::json::value const* const value = &entry.value();
            if (name == "id")
                id = value;
            else if (name == "status")
                status = value;
            else if (name == "progress")
                progress = value;
            else if (name == "result")
                result = value;
            else if (name == "created")
                created = value;
            else if (name == "completed")
                completed = value;
            else if (name == "estimated_time")
                estimated_time = value;
            else if (name == "actual_time")
                actual_time = value;
            else if (name == "cost")
                cost = value;
            else if (name == "credits_cost")
                credits_cost = value;
        }
    }
};

// The state in an answer as it is documented, of a task that has not failed; or nothing, where only a tree
// shows what the answer means.
class plain_task_reader
{
public:
    explicit plain_task_reader(std::string_view body) : json_(body) {}

    std::optional<task_state> read(std::string_view asked_for)
    {
        json_.object([&](std::string_view name) {
            if (is_word(name, "code")) {
                if (!is_plain_success(json_.integer()))
                    json_.give_up();
                once(key::code);
            } else if (is_word(name, "data")) {
                once(key::data);
                json_.object([&](std::string_view inner) { field(inner); });
            } else if (is_word(name, "error")) {
                json_.give_up();
            } else {
                json_.skip();
            }
        });
        if (!json_.ended() || id_ != asked_for || word_.empty())
            return std::nullopt;
        task_status const status = classify_status(word_);
        bool const succeeded = status == task_status::succeeded;
        if ((is_final(status) && !succeeded) || (succeeded && video_count_ == 0))
            return std::nullopt;

        task_state state(std::string(asked_for), status, printable(word_, 64));
        if (progress_)
            state.progress(static_cast<int>(std::clamp<std::int64_t>(*progress_, 0, 100)));
        if (auto const value = plausible_seconds(estimated_time_, seconds_of_a_month))
            state.estimated_time(*value);
        if (auto const value = plausible_seconds(actual_time_, seconds_of_a_month))
            state.actual_time(*value);
        if (auto const value = plausible_seconds(created_, year_9999))
            state.created(std::chrono::sys_seconds(*value));
        if (auto const value = plausible_seconds(completed_, year_9999))
            state.completed(std::chrono::sys_seconds(*value));
        if (cost_ && *cost_ >= 0)
            state.cost(*cost_);
        if (credits_cost_ && *credits_cost_ >= 0)
            state.credits_cost(*credits_cost_);
        if (succeeded) {
            std::vector<video_file> files;
            files.reserve(video_count_);
            for (std::size_t i = 0; i < video_count_; ++i)
                files.emplace_back(std::string(asked_for), i, result_url(std::string(videos_[i].url)),
                                   videos_[i].expires);
            state.videos(std::move(files));
        }
        return state;
    }

private:
    // Those of which the tree keeps the last when they come twice.
    enum class key : unsigned
    {
        code,
        data,
        id,
        status,
        progress,
        result,
        created,
        completed,
        estimated_time,
        actual_time,
        cost,
        credits_cost,
        videos
    };
    struct link
    {
        std::string_view url;
        std::optional<std::chrono::sys_seconds> expires;
    };

    void once(key which)
    {
        unsigned const bit = 1U << static_cast<unsigned>(which);
        if ((seen_ & bit) != 0)
            json_.give_up();
        seen_ |= bit;
    }
    std::optional<std::int64_t> integer(key which)
    {
        once(which);
        if (!has_number())
            return std::nullopt;
        return json_.integer();
    }
    std::optional<double> fraction(key which)
    {
        once(which);
        if (!has_number())
            return std::nullopt;
        return json_.fraction();
    }
    bool has_number()
    {
        if (json_.next() != 'n')
            return true;
        json_.skip(); // null
        return false;
    }

    void field(std::string_view name)
    {
        if (is_word(name, "id")) {
            once(key::id);
            id_ = json_.text();
        } else if (is_word(name, "status")) {
            once(key::status);
            word_ = json_.text();
        } else if (is_word(name, "progress")) {
            progress_ = integer(key::progress);
        } else if (is_word(name, "result")) {
            once(key::result);
            if (json_.next() == '{')
                json_.object([&](std::string_view inner) { part_of_result(inner); });
            else
                json_.skip();
        } else if (is_word(name, "created")) {
            created_ = integer(key::created);
        } else if (is_word(name, "completed")) {
            completed_ = integer(key::completed);
        } else if (is_word(name, "estimated_time")) {
            estimated_time_ = integer(key::estimated_time);
        } else if (is_word(name, "actual_time")) {
            actual_time_ = integer(key::actual_time);
        } else if (is_word(name, "cost")) {
            cost_ = fraction(key::cost);
        } else if (is_word(name, "credits_cost")) {
            credits_cost_ = fraction(key::credits_cost);
        } else {
            json_.skip();
        }
    }

    void part_of_result(std::string_view name)
    {
        if (!is_word(name, "videos")) {
            json_.skip();
            return;
        }
        once(key::videos);
        json_.array([&] {
            std::size_t const first = video_count_;
            bool has_url = false;
            bool has_expiry = false;
            std::optional<std::chrono::sys_seconds> expires;
            json_.object([&](std::string_view inner) {
                if (is_word(inner, "url")) {
                    if (std::exchange(has_url, true))
                        json_.give_up();
                    if (json_.next() == '[')
                        json_.array([&] { add(json_.text()); });
                    else
                        add(json_.text());
                } else if (is_word(inner, "expires_at")) {
                    if (std::exchange(has_expiry, true))
                        json_.give_up();
                    if (has_number())
                        if (auto const when = plausible_seconds(json_.integer(), year_9999))
                            expires = std::chrono::sys_seconds(*when);
                } else {
                    json_.skip();
                }
            });
            for (std::size_t i = first; i < video_count_; ++i)
                videos_[i].expires = expires;
        });
    }
    void add(std::string_view url)
    {
        if (url.empty())
            return;
        if (video_count_ == videos_.size())
            json_.give_up();
        else
            videos_[video_count_++].url = url;
    }

    plain_json json_;
    unsigned seen_ = 0;
    std::string_view id_;
    std::string_view word_;
    std::optional<std::int64_t> progress_;
    std::optional<std::int64_t> created_;
    std::optional<std::int64_t> completed_;
    std::optional<std::int64_t> estimated_time_;
    std::optional<std::int64_t> actual_time_;
    std::optional<double> cost_;
    std::optional<double> credits_cost_;
    std::array<link, 8> videos_;
    std::size_t video_count_ = 0;
};

APIMART_INLINE result<task_state> read_task_reply(http_reply const& reply, std::string_view asked_for,
                                                  std::chrono::sys_seconds now)
{
    if (is_success(reply.status)) {
        if (auto state = plain_task_reader(reply.body).read(asked_for))
            return std::move(*state);
    }
    parsed_reply const document(reply.body);
    boost::json::value const* const json = document.get();
    int const status = effective_status(reply.status, json);
    if (!is_success(status)) {
        failure why = refusal(status, reply, json);
        // For this call, a 400 and a 404 mean the id; 408 is the gateway's word for a slow service, and a conflict
        // passes.
        if (status == 404 || (status == 400 && why.code() == api_errc::invalid_request))
            why = failure(errc::task_not_found)
                      .http_status(status)
                      .service(why.service())
                      .request_id(why.request_id());
        else if (status == 408 || status == 409)
            why = failure(make_error_code(api_errc::unavailable)).http_status(status).service(why.service());
        describe_reply(why, reply, json, now);
        why.task_id(std::string(asked_for));
        return why;
    }
    auto const unreadable = [&](std::string words) {
        // A success that cannot be read is worth asking again; gateways answer so in passing.
        failure why(make_error_code(api_errc::unavailable), "unreadable answer: " + std::move(words));
        why.underlying(make_error_code(errc::unexpected_response)).http_status(reply.status);
        keep_excerpt(why, reply, json);
        describe_reply(why, reply, json, now);
        why.task_id(std::string(asked_for));
        return why;
    };
    if (json == nullptr)
        return unreadable(document.problem());
    if (!json->is_object())
        return unreadable("not an object");
    boost::json::value const* data = member(json, "data");
    if (data == nullptr || data->is_null())
        data = json;
    if (!data->is_object())
        return unreadable("field data: not an object");
    task_fields const fields(data->get_object());
    std::string_view const word = text_of(fields.status);
    if (word.empty())
        return unreadable(fields.status == nullptr ? "no status" : "field status: not a word");
    std::string_view const id = text_of(fields.id);
    if (!id.empty() && id != asked_for)
        return unreadable("about another task");

    task_state state(std::string(asked_for), classify_status(word), printable(word, 64));
    if (auto const percent = lenient_integer(fields.progress))
        state.progress(static_cast<int>(std::clamp<std::int64_t>(*percent, 0, 100)));
    if (auto const value = seconds_in(fields.estimated_time, seconds_of_a_month))
        state.estimated_time(*value);
    if (auto const value = seconds_in(fields.actual_time, seconds_of_a_month))
        state.actual_time(*value);
    if (auto const value = seconds_in(fields.created, year_9999))
        state.created(std::chrono::sys_seconds(*value));
    if (auto const value = seconds_in(fields.completed, year_9999))
        state.completed(std::chrono::sys_seconds(*value));
    if (auto const value = lenient_number(fields.cost); value && *value >= 0)
        state.cost(*value);
    if (auto const value = lenient_number(fields.credits_cost); value && *value >= 0)
        state.credits_cost(*value);
    if (state.status() == task_status::succeeded) {
        state.videos(find_videos(asked_for, fields.result));
        // Success counts once there is something to fetch; the link can come a moment after the word.
        if (state.videos().empty())
            return unreadable("completed without a result");
    }
    if (state.status() == task_status::failed || state.status() == task_status::cancelled) {
        service_message const words = service_words(data);
        state.reason(task_failure(words.code(), words.type(), words.text()));
    }
    return state;
}

} // namespace apimart::detail

#endif
