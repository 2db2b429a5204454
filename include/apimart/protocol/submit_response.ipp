// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_SUBMIT_RESPONSE_IPP
#define APIMART_PROTOCOL_SUBMIT_RESPONSE_IPP

#include <apimart/protocol/error_response.ipp>
#include <apimart/protocol/plain_json.hpp>
#include <apimart/protocol/submit_response.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>
#include <apimart/validation/json_reader.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <utility>

namespace apimart::detail {

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

} // namespace apimart::detail

#endif
