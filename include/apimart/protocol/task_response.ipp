// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_TASK_RESPONSE_IPP
#define APIMART_PROTOCOL_TASK_RESPONSE_IPP

#include <apimart/protocol/error_response.ipp>
#include <apimart/protocol/plain_json.hpp>
#include <apimart/protocol/task_response.hpp>
#include <apimart/separate_compilation.hpp>
#include <apimart/text/printable.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace apimart::detail {

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
inline constexpr std::int64_t year_9999 = 253'402'300'799;

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
