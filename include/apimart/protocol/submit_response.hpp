// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_SUBMIT_RESPONSE_HPP
#define APIMART_PROTOCOL_SUBMIT_RESPONSE_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/json_fields.hpp>
#include <apimart/protocol/task_id.hpp>
#include <apimart/text/printable.hpp>

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::detail {

enum class submit_classification
{
    accepted,      // a task id was found
    refused,       // an answer that proves that no task was made
    rate_limited,  // the same, and asking again later may help
    not_executed,  // the service did nothing, by its idempotency contract
    still_running, // the first request under this key has not ended
    indeterminate, // anything else
};

class submit_response
{
public:
    submit_response() {}

    submit_classification classification = submit_classification::indeterminate;
    std::string task_id;
    // Of an indeterminate answer: the service has spoken, and the same request gets the same answer.
    bool is_final = false;
    error_info why;
};

// The documented fields of an answer to a submit.
class submit_fields : public json_fields<submit_fields>
{
public:
    json_field const& code() const noexcept { return code_; }
    json_field const& inner_code() const noexcept { return inner_code_; }

    // The id of the one task that was made, or empty. An id under its own name counts before one that may
    // mean something else; the document's own `id` may be the request's, and counts only in a success without an error.
    std::string_view task_id(bool of_success) const
    {
        for (int const place : {data_task_id, data_id, own_task_id, own_id}) {
            if (place == own_id && (!of_success || has_error_))
                continue;
            for (std::size_t i = ids_.size(); i-- > 0;)
                if (ids_[i].place == place && is_task_id(ids_[i].field.text))
                    return ids_[i].field.text;
        }
        return {};
    }

    // Why a success does not tell the id of exactly one task; empty if it does, and then it is `id`.
    std::string problem(std::string_view id) const
    {
        if (!is_object_)
            return "not an object";
        if (tasks_ > 1)
            return "expected 1 task, got " + std::to_string(tasks_) + ':' + listed_ids();
        if (id.empty())
            return missing_id();
        // Which of two ids was meant cannot be known.
        if (repeated_) {
            std::string others;
            for (found_id const& other : ids_)
                if (other.field.text != id)
                    others += ", " + printable(other.field.text, 64);
            if (!others.empty())
                return "duplicate key: " + std::string(id) + others;
        }
        if (success_.type == json_field::kind::boolean && !success_.flag)
            return "not a success, yet with a task: " + std::string(id);
        return {};
    }

    int member(int parent, std::string_view name)
    {
        switch (parent) {
        case document:
            return name == "code"      ? code_place
                   : name == "data"    ? data
                   : name == "error"   ? error
                   : name == "success" ? success
                   : name == "task_id" ? own_task_id
                   : name == "id"      ? own_id
                                       : nowhere;
        case error:
            return name == "code" ? envelope_code : nowhere;
        case data:
            return name == "task_id" ? data_task_id : name == "id" ? data_id : nowhere;
        default:
            return nowhere;
        }
    }
    void value(int place, json_field const& found)
    {
        switch (place) {
        case document:
            is_object_ = found.type == json_field::kind::object;
            break;
        case code_place:
            code_ = found;
            break;
        case error:
            has_error_ = has_error_ || found.type > json_field::kind::null;
            break;
        case envelope_code:
            inner_code_ = found;
            break;
        case success:
            success_ = found;
            break;
        case data:
            tasks_ += in_array() || found.type == json_field::kind::object ? 1U : 0U;
            break;
        case data_task_id:
        case data_id:
        case own_task_id:
        case own_id:
            ids_.push_back({place, tasks_, found});
            if (!found.digits.empty())
                ids_.back().field.text = found.digits;
            break;
        default:
            break;
        }
    }
    void close(int) {}
    void repeated(int, int place)
    {
        repeated_ = repeated_ || place == data || place >= data_task_id;
        if (place == data)
            tasks_ = 0;
    }

private:
    enum : int
    {
        code_place = 1,
        success,
        error,
        envelope_code,
        data,
        data_task_id,
        data_id,
        own_task_id,
        own_id,
    };
    struct found_id
    {
        int place;
        std::size_t task; // counts from one
        json_field field;
    };

    std::string listed_ids() const
    {
        std::string list;
        for (std::size_t task = 1; task <= tasks_ && list.size() < 4 * max_excerpt; ++task) {
            std::string_view id;
            for (found_id const& one : ids_)
                if (one.task == task && is_task_id(one.field.text) &&
                    (one.place == data_task_id || (one.place == data_id && id.empty())))
                    id = one.field.text;
            list.append(1, ' ').append(id);
        }
        return list;
    }
    std::string missing_id() const
    {
        for (found_id const& one : ids_)
            if (one.place == data_task_id)
                return "field task_id: " + (one.field.type == json_field::kind::text
                                                ? "not an id: " + printable(one.field.text, 64)
                                                : std::string("not a text"));
        return "no task id";
    }

    json_field code_;
    json_field inner_code_;
    json_field success_;
    bool is_object_ = false;
    bool has_error_ = false;
    bool repeated_ = false;
    std::size_t tasks_ = 0;
    boost::container::small_vector<found_id, 2> ids_;
};

// The id of a task in whatever place of a text: as the value of such a field, which can have any form, or in one of the
// forms that the service gives to ids. Words such as `task_limit_15` have not as many characters around their digits.
inline std::string_view find_task_id(std::string_view text)
{
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    constexpr std::size_t telling = 10;
    bool is_named = false;
    std::size_t end = 0;
    for (std::size_t at = 0; (at = text.find_first_of(letters, end)) != std::string_view::npos;) {
        is_named = is_named && text.substr(end, at - end).find_first_of(":=") != std::string_view::npos;
        end = std::min(text.find_first_not_of(letters, at), text.size());
        std::string_view const word = text.substr(at, end - at);
        std::size_t const digit = word.find_first_of("0123456789");
        if (digit != std::string_view::npos) {
            std::size_t const begin = word.find_last_of("_-", digit) + 1;
            if (is_named || (begin > 4 && mentions(word.substr(0, 4), "task") &&
                             std::min(word.find_first_of("_-", digit), word.size()) - begin >= telling))
                return word;
        }
        is_named = mentions(word, "task_id") || mentions(word, "task-id") || mentions(word, "taskid");
    }
    return {};
}

// What a status, and where one is named the code in the envelope, proves about a submit. What is not listed
// is indeterminate.
struct submit_rule
{
    int status;
    std::string_view code;
    submit_classification means;
};

inline constexpr std::array submit_rules{
    // Redirects are never followed: the key and the bill go to one origin. These process nothing.
    submit_rule{301, "", submit_classification::refused},
    submit_rule{302, "", submit_classification::refused},
    submit_rule{307, "", submit_classification::refused},
    submit_rule{308, "", submit_classification::refused},
    submit_rule{400, "", submit_classification::refused},
    submit_rule{401, "", submit_classification::refused},
    submit_rule{402, "", submit_classification::refused},
    submit_rule{403, "", submit_classification::refused},
    submit_rule{404, "", submit_classification::refused},
    submit_rule{405, "", submit_classification::refused},
    submit_rule{406, "", submit_classification::refused},
    submit_rule{409, "idempotency_in_progress", submit_classification::still_running},
    submit_rule{409, "idempotency_key_reused", submit_classification::refused},
    submit_rule{411, "", submit_classification::refused},
    submit_rule{413, "", submit_classification::refused},
    submit_rule{414, "", submit_classification::refused},
    submit_rule{415, "", submit_classification::refused},
    submit_rule{422, "", submit_classification::refused},
    submit_rule{429, "", submit_classification::rate_limited},
    submit_rule{503, "idempotency_unavailable", submit_classification::not_executed},
};

inline submit_classification classify_submit(int status, std::string_view code)
{
    auto const found = std::find_if(submit_rules.begin(), submit_rules.end(), [&](submit_rule const& rule) {
        return rule.status == status && (rule.code.empty() || rule.code == code);
    });
    return found == submit_rules.end() ? submit_classification::indeterminate : found->means;
}

// A gateway that fails, or whose page stands in the service's place, may have the answer another time.
constexpr bool is_passing(int status) noexcept
{
    return status == 408 || is_server_error(status);
}

inline submit_response explain_unreadable_ticket(std::string const& problem, bool is_final,
                                                 http_response const& response, std::chrono::sys_seconds now)
{
    submit_response out;
    out.is_final = is_final;
    out.why = error_info(errc::outcome_unknown, "unreadable success: " + problem);
    out.why.http_status(response.status).underlying(make_error_code(errc::bad_response));
    describe_response(out.why, response, error_document(response), now);
    return out;
}

// `status` is the HTTP status or the inner code, `id` of the task that is named all the same. One that was `sent` is an echo.
inline submit_response explain_refusal(int status, std::string_view id, http_response const& response,
                                       std::chrono::sys_seconds now, std::string_view sent)
{
    for (std::string_view const place :
         {std::string_view(response.body), std::string_view(response.location)})
        id = id.empty() ? find_task_id(place) : id;
    if (!id.empty() && sent.find(id) != std::string_view::npos)
        id = {};
    submit_response out;
    error_info& why = out.why;
    why = read_error_response(status, response, error_document(response), now);
    out.classification = classify_submit(status, why.server_message().code());
    if (out.classification == submit_classification::rate_limited && why.code() != api_errc::rate_limited)
        out.classification = submit_classification::refused; // for another reason than the rate
    // An error that names a task contradicts itself, and of two answers nobody knows which was meant: the same request
    // again could buy a second one. Only the first request under a key, while it still runs, may have a task already.
    std::string const doubt = !id.empty()         ? ", yet with a task: " + std::string(id)
                              : response.followed ? ", and more came behind it"
                                                  : "";
    if (!doubt.empty() && out.classification != submit_classification::still_running) {
        out.classification = submit_classification::indeterminate;
        why.client_message((why.client_message().empty() ? "an error" : why.client_message()) + doubt);
    }
    if (out.classification == submit_classification::indeterminate) {
        out.is_final = !is_passing(status);
        why.underlying(why.code()).code(make_error_code(errc::outcome_unknown)).http_status(response.status);
        if (why.client_message().empty())
            why.client_message("the answer does not prove that no task was made");
    }
    return out;
}

// Judges a complete answer to a submit of which the body `sent` is known. Source: API reference, sections 2.1, 2.3, 8.
inline submit_response read_submit_response(http_response const& response, std::chrono::sys_seconds now,
                                            std::string_view sent = {})
{
    json_answer<submit_fields> const answer(response.body);
    submit_fields const& fields = answer.fields();
    bool const is_json = answer.problem().empty();
    int const status =
        is_json ? effective_status(response.status, fields.code(), fields.inner_code()) : response.status;
    std::string_view const id = is_json ? fields.task_id(is_success(response.status)) : std::string_view();
    if (!is_success(status))
        return explain_refusal(status, id, response, now, sent);
    if (std::string const problem = is_json ? fields.problem(id) : answer.problem(); !problem.empty())
        return explain_unreadable_ticket(problem, is_json, response, now);
    submit_response out;
    out.classification = submit_classification::accepted;
    out.task_id = id;
    return out;
}

} // namespace apimart::detail

#endif
