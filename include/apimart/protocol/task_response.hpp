// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_TASK_RESPONSE_HPP
#define APIMART_PROTOCOL_TASK_RESPONSE_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/error_response.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/json_fields.hpp>
#include <apimart/protocol/result_links.hpp>
#include <apimart/task.hpp>
#include <apimart/text/printable.hpp>

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// The class of a status word; words that are not documented count as running.
inline task_status classify_status(std::string_view word)
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
    // The words of the service, and of the providers behind it, which come through unchanged.
    if (is("completed", "success", "succeeded", "finished", "succeed", "done", "complete", "ready"))
        return task_status::succeeded;
    if (is("failed", "failure", "error", "fail", "expired", "timeout", "rejected", "aborted"))
        return task_status::failed;
    if (is("cancelled", "canceled"))
        return task_status::cancelled;
    if (is("submitted", "pending", "queued"))
        return task_status::queued;
    return task_status::running;
}

// The documented fields of an answer about a task, which is the member `data` or the document itself.
class task_fields : public json_fields<task_fields>
{
public:
    enum field : std::size_t
    {
        id,
        status,
        progress,
        created,
        completed,
        estimated_time,
        actual_time,
        cost,
        credits_cost,
        field_count
    };
    struct link
    {
        std::string_view url;
        std::optional<std::int64_t> expires_at;
    };

    using link_list = boost::container::small_vector<link, 2>;

    json_field const& code() const noexcept { return code_; }
    json_field const& inner_code() const noexcept { return inner_code_; }
    bool has_data() const noexcept { return data_.type == json_field::kind::object; }
    json_field const& operator[](field name) const noexcept { return task().fields[name]; }
    link_list const& links() const noexcept { return task().links; }
    // Whether a reason for a failure is given.
    bool has_reason() const noexcept { return task().has_reason; }

    // Why a success tells no state of the task; empty if it does.
    std::string problem(std::string_view asked_for) const
    {
        if (!is_object_)
            return "not an object";
        if (!has_data() && data_.type > json_field::kind::null)
            return "field data: not an object";
        json_field const& word = (*this)[status];
        if (word.text.empty())
            return word.type == json_field::kind::absent ? "no status" : "field status: not a word";
        std::string_view const told = (*this)[id].text;
        if (!told.empty() && told != asked_for)
            return "about another task";
        return {};
    }

    int member(int parent, std::string_view name)
    {
        int const side = parent & inside_data;
        switch (parent - side) {
        case document:
            if (std::size_t const at = side == 0 ? place_of<outer_names>(name) : outer_names.size();
                at < outer_names.size())
                return outer_places[at];
            if (std::size_t const at = place_of<names>(name); at < names.size())
                return side + first_field + static_cast<int>(at);
            if (std::size_t const at = place_of<inner_names>(name); at < inner_names.size())
                return side + inner_places[at];
            return nowhere;
        case error:
            return name == "code" ? envelope_code : nowhere;
        case result_place:
            if (std::size_t const at = place_of<link_names>(name); at < link_names.size())
                return side + first_link + static_cast<int>(at);
            return nowhere;
        default:
            if (!is_link(parent - side))
                return nowhere;
            return name == "url" ? parent : name == "expires_at" ? side + expiry : nowhere;
        }
    }
    void value(int place, json_field const& found)
    {
        int const side = place & inside_data;
        part& to = parts_[side != 0];
        if (place == document)
            is_object_ = found.type == json_field::kind::object;
        else if (place == code_place)
            code_ = found;
        else if (place == envelope_code)
            inner_code_ = found;
        else if (place == error || place - side == reason)
            to.has_reason = to.has_reason || found.type == json_field::kind::object || !found.text.empty();
        else if (place == inside_data)
            data_ = in_array() ? data_ : found;
        else if (place - side == expiry)
            to.expires_at = found.lenient_integer();
        else if (place - side == result_place)
            to.add(link_names.size(), found);
        else if (is_link(place - side))
            to.add(static_cast<std::size_t>(place - side - first_link), found);
        else if (place - side >= first_field && !in_array())
            to.fields[static_cast<std::size_t>(place - side - first_field)] = found;
    }
    void close(int place)
    {
        if (is_link(place & ~inside_data))
            parts_[(place & inside_data) != 0].expire();
    }
    // The last member of a name counts.
    void repeated(int parent, int place)
    {
        part& in = parts_[(place & inside_data) != 0];
        if (is_link(place & ~inside_data))
            in.links.resize(is_link(parent & ~inside_data) ? std::min(in.first_of_object, in.links.size())
                                                           : 0);
    }

private:
    enum : int
    {
        code_place = 1,
        error,
        envelope_code,
        reason,
        result_place,
        expiry,
        first_link, // as many as `link_names`
        first_field = first_link + 4,
        inside_data = 64, // added to a place within the member `data`
    };
    static constexpr std::array<std::string_view, field_count> names{
        "id",          "status", "progress",    "created", "completed", "estimated_time",
        "actual_time", "cost",   "credits_cost"};
    // Only of the document itself.
    static constexpr std::array<std::string_view, 3> outer_names{"code", "error", "data"};
    static constexpr std::array<int, 3> outer_places{code_place, error, inside_data};
    static constexpr std::array<std::string_view, 3> inner_names{"error", "fail_reason", "result"};
    static constexpr std::array<int, 3> inner_places{reason, reason, result_place};
    // The first is documented, and wins; the others are older and compatible forms.
    static constexpr std::array<std::string_view, 4> link_names{"videos", "video", "video_url", "url"};

    struct part
    {
        // Remembers a link, if it stands in no worse a place than those that were found before.
        void add(std::size_t place, json_field const& found)
        {
            if (found.type == json_field::kind::object) {
                first_of_object = place < links_place ? 0 : links.size();
                expires_at.reset();
            }
            // JSON that was written once more as a text is no link.
            if (found.text.empty() || found.text[0] == '[' || found.text[0] == '{' || place > links_place)
                return;
            if (place < links_place)
                links.clear();
            links_place = place;
            links.push_back({found.text, std::nullopt});
        }
        void expire()
        {
            for (std::size_t i = first_of_object; i < links.size(); ++i)
                links[i].expires_at = links[i].expires_at ? links[i].expires_at : expires_at;
        }

        std::array<json_field, field_count> fields;
        link_list links;
        std::size_t links_place = link_names.size();
        std::size_t first_of_object = 0;
        std::optional<std::int64_t> expires_at;
        bool has_reason = false;
    };

    static constexpr bool is_link(int place) noexcept { return place >= first_link && place < first_field; }
    part const& task() const noexcept { return parts_[has_data()]; }

    json_field code_;
    json_field inner_code_;
    json_field data_;
    bool is_object_ = false;
    std::array<part, 2> parts_; // of the document itself, and of `data`
};

inline constexpr std::int64_t year_9999 = 253'402'300'799;

// Figures outside any plausible range are dropped rather than believed.
inline std::optional<std::chrono::seconds> plausible_seconds(std::optional<std::int64_t> count,
                                                             std::int64_t limit)
{
    if (!count || *count < 0 || *count > limit)
        return std::nullopt;
    return std::chrono::seconds(*count);
}

inline task_state to_state(task_fields const& fields, std::string_view asked_for)
{
    constexpr std::int64_t month = 31 * 86'400;
    std::string_view const word = fields[task_fields::status].text;
    task_state state(std::string(asked_for), classify_status(word), printable(word, 64));
    if (auto const percent = fields[task_fields::progress].lenient_integer())
        state.progress(static_cast<int>(std::clamp<std::int64_t>(*percent, 0, 100)));
    auto const seconds = [&](task_fields::field name, std::int64_t limit) {
        return plausible_seconds(fields[name].lenient_integer(), limit);
    };
    if (auto const value = seconds(task_fields::estimated_time, month))
        state.estimated_time(*value);
    if (auto const value = seconds(task_fields::actual_time, month))
        state.actual_time(*value);
    if (auto const value = seconds(task_fields::created, year_9999))
        state.created_at(std::chrono::sys_seconds(*value));
    if (auto const value = seconds(task_fields::completed, year_9999))
        state.completed_at(std::chrono::sys_seconds(*value));
    if (auto const value = fields[task_fields::cost].lenient_number(); value && *value >= 0)
        state.cost(*value);
    if (auto const value = fields[task_fields::credits_cost].lenient_number(); value && *value >= 0)
        state.credits_cost(*value);
    return state;
}

// `links` is a list of `url` and `expires_at`.
template <class Links>
void set_videos(task_state& state, Links const& links)
{
    std::vector<video_file> files;
    files.reserve(links.size());
    for (auto const& one : links) {
        std::optional<std::chrono::sys_seconds> expires;
        if (auto const value = plausible_seconds(one.expires_at, year_9999))
            expires = std::chrono::sys_seconds(*value);
        files.emplace_back(state.id(), files.size(), result_url(std::string(one.url)), expires);
    }
    state.videos(std::move(files));
}

// For a query, a 400 and a 404 mean the id; 408 is the gateway's word for a slow service, and a conflict passes.
inline error_info explain_refused_query(int status, http_response const& response,
                                        error_document const& document, std::chrono::sys_seconds now)
{
    error_info why = read_error_response(status, response, document, now);
    if (status == 404 || (status == 400 && why.code() == api_errc::invalid_request))
        why.code(make_error_code(errc::task_not_found));
    else if (status == 408 || status == 409)
        why.code(make_error_code(api_errc::unavailable));
    return why;
}

// A success that cannot be read is worth asking again; gateways answer so in passing.
inline error_info explain_unreadable_state(std::string const& problem, http_response const& response,
                                           error_document const& document, std::chrono::sys_seconds now)
{
    error_info why(make_error_code(api_errc::unavailable), "unreadable answer: " + problem);
    describe_response(why, response, document, now);
    why.underlying(make_error_code(errc::bad_response)).http_status(response.status);
    return why;
}

// Judges a complete answer to a query of one task's state. A failure that meets `condition::retryable` is
// worth another poll; any other ends the wait. Source: API reference, section 4.
inline result<task_state> read_task_response(http_response const& response, std::string_view asked_for,
                                             std::chrono::sys_seconds now)
{
    json_answer<task_fields> const answer(response.body);
    task_fields const& fields = answer.fields();
    bool const is_json = answer.problem().empty();
    int const status =
        is_json ? effective_status(response.status, fields.code(), fields.inner_code()) : response.status;
    if (!is_success(status)) {
        error_info why = explain_refused_query(status, response, error_document(response), now);
        return std::move(why.task_id(std::string(asked_for)));
    }
    std::string const problem = is_json ? fields.problem(asked_for) : answer.problem();
    if (!problem.empty()) {
        error_info why = explain_unreadable_state(problem, response, error_document(response), now);
        return std::move(why.task_id(std::string(asked_for)));
    }
    task_state state = to_state(fields, asked_for);
    bool const succeeded = state.status() == task_status::succeeded;
    if (succeeded && !fields.links().empty()) {
        set_videos(state, fields.links());
        return state;
    }
    bool const has_failed = state.status() == task_status::failed || state.status() == task_status::cancelled;
    if (!succeeded && !has_failed && !fields.has_reason())
        return state;
    error_document const document(response);
    boost::json::value const* const task =
        fields.has_data() ? member_of(document.json(), "data") : document.json();
    if (succeeded && task != nullptr)
        set_videos(state, result_links(*task).found());
    if (succeeded && !state.videos().empty())
        return state;
    bool const has_reason =
        !message_in(member_of(task, "error")).empty() || !message_in(member_of(task, "fail_reason")).empty();
    if (!has_failed && !succeeded && !has_reason)
        return state;
    // Success counts once there is something to fetch; the link can come a moment after the word.
    if (succeeded && !has_reason) {
        error_info why = explain_unreadable_state("completed without a result", response, document, now);
        return std::move(why.underlying(make_error_code(errc::no_result)).task_id(std::string(asked_for)));
    }
    if (succeeded)
        state.status(task_status::failed);
    server_message const words = message_of(task);
    state.error(task_error(words.code(), words.type(), words.text()));
    return state;
}

} // namespace apimart::detail

#endif
