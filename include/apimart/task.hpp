// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TASK_HPP
#define APIMART_TASK_HPP

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart {

/// A task at the service, known by its id. A value: copy it, keep it, write its id to a file and make it
/// again from there in another process. Destroying it does nothing to the remote task.
///
/// Thread safety: distinct objects safe, shared objects as any value.
class task
{
public:
    /// No task; `valid()` is false.
    task() noexcept {}
    /// A task known only by its id, from an earlier process for instance.
    explicit task(std::string id) : id_(std::move(id)) {}

    bool valid() const noexcept { return !id_.empty(); }
    std::string const& id() const& noexcept { return id_; }
    std::string id() && { return std::move(id_); }
    /// The model, where the task was submitted by this process; else empty.
    std::string const& model() const& noexcept { return model_; }
    std::string model() && { return std::move(model_); }
    /// Tasks of one class (model, kind, quality, seconds) are expected to take equally long.
    std::string const& duration_class() const& noexcept { return duration_class_; }
    std::string duration_class() && { return std::move(duration_class_); }
    /// The key under which it was submitted; empty where unknown.
    std::string const& idempotency_key() const& noexcept { return idempotency_key_; }
    std::string idempotency_key() && { return std::move(idempotency_key_); }
    /// How many requests the submit took.
    int submit_attempts() const noexcept { return submit_attempts_; }
    /// When the service accepted it, by this process's clock.
    std::optional<std::chrono::steady_clock::time_point> accepted_at() const noexcept { return accepted_at_; }

    task& model(std::string name) { return model_ = std::move(name), *this; }
    task& duration_class(std::string name) { return duration_class_ = std::move(name), *this; }
    task& idempotency_key(std::string key) { return idempotency_key_ = std::move(key), *this; }
    task& submit_attempts(int count) { return submit_attempts_ = count, *this; }
    task& accepted_at(std::chrono::steady_clock::time_point when) { return accepted_at_ = when, *this; }

    friend bool operator==(task const& a, task const& b) noexcept { return a.id() == b.id(); }

private:
    std::string id_;
    std::string model_;
    std::string duration_class_;
    std::string idempotency_key_;
    int submit_attempts_ = 0;
    std::optional<std::chrono::steady_clock::time_point> accepted_at_;
};

/// Where a task stands. Source: API reference, section 4.2.
enum class task_status
{
    queued,    ///< accepted, not begun
    running,   ///< begun; also any word the service may add later
    succeeded, ///< final: has results
    failed,    ///< final: has a reason
    cancelled, ///< final: ended by the service
};

constexpr bool is_final(task_status s) noexcept
{
    return s == task_status::succeeded || s == task_status::failed || s == task_status::cancelled;
}

constexpr std::string_view to_string(task_status s) noexcept
{
    switch (s) {
    case task_status::queued:
        return "queued";
    case task_status::running:
        return "running";
    case task_status::succeeded:
        return "succeeded";
    case task_status::failed:
        return "failed";
    case task_status::cancelled:
        return "cancelled";
    }
    return "running";
}

/// A link to a result. Whoever has it can fetch the file until it expires, so it is kept from logs: it cannot
/// be streamed, and the text is had only by `expose()`.
class result_url
{
public:
    result_url() {}
    explicit result_url(std::string url) : url_(std::move(url)) {}

    bool empty() const noexcept { return url_.empty(); }
    /// The link itself, signature included.
    std::string const& expose() const& noexcept { return url_; }
    std::string expose() && { return std::move(url_); }

    friend bool operator==(result_url const&, result_url const&) = default;

    template <class Stream>
    friend Stream& operator<<(Stream&, result_url const&) = delete;

private:
    std::string url_;
};

/// One generated file, as the service describes it.
class video_file
{
public:
    video_file() {}
    video_file(std::string task_id, std::size_t index, result_url url,
               std::optional<std::chrono::sys_seconds> expires_at)
        : task_id_(std::move(task_id)), index_(index), url_(std::move(url)), expires_at_(expires_at)
    {}

    /// The task it came from; a download asks it for a fresh link when this one has expired.
    std::string const& task_id() const& noexcept { return task_id_; }
    std::string task_id() && { return std::move(task_id_); }
    /// Its place among the task's files, from zero.
    std::size_t index() const noexcept { return index_; }
    result_url const& url() const& noexcept { return url_; }
    result_url url() && { return std::move(url_); }
    /// A hint by the service's clock; the link may end earlier or later.
    std::optional<std::chrono::sys_seconds> expires_at() const noexcept { return expires_at_; }

private:
    std::string task_id_;
    std::size_t index_ = 0;
    result_url url_;
    std::optional<std::chrono::sys_seconds> expires_at_;
};

/// Why the service ended a task without a result, in the service's words.
class task_error
{
public:
    task_error() {}
    task_error(std::string code, std::string type, std::string text)
        : code_(std::move(code)), type_(std::move(type)), text_(std::move(text))
    {}

    std::string const& code() const& noexcept { return code_; }
    std::string code() && { return std::move(code_); }
    std::string const& type() const& noexcept { return type_; }
    std::string type() && { return std::move(type_); }
    std::string const& text() const& noexcept { return text_; }
    std::string text() && { return std::move(text_); }

private:
    std::string code_;
    std::string type_;
    std::string text_;
};

/// What the service says about a task at one moment. Source: API reference, section 4.
class task_state
{
public:
    task_state() noexcept {}
    task_state(std::string id, task_status status, std::string raw_status)
        : id_(std::move(id)), status_(status), raw_status_(std::move(raw_status))
    {}

    std::string const& id() const& noexcept { return id_; }
    std::string id() && { return std::move(id_); }
    task_status status() const noexcept { return status_; }
    /// The service's own status word.
    std::string const& raw_status() const& noexcept { return raw_status_; }
    std::string raw_status() && { return std::move(raw_status_); }
    /// Percent, where given.
    std::optional<int> progress() const noexcept { return progress_; }
    /// The service's estimate of the whole duration, where given.
    std::optional<std::chrono::seconds> estimated_time() const noexcept { return estimated_time_; }
    /// How long it took, by the service's clock.
    std::optional<std::chrono::seconds> actual_time() const noexcept { return actual_time_; }
    std::optional<std::chrono::sys_seconds> created_at() const noexcept { return created_at_; }
    std::optional<std::chrono::sys_seconds> completed_at() const noexcept { return completed_at_; }
    /// The charge in US dollars, where given.
    std::optional<double> cost() const noexcept { return cost_; }
    std::optional<double> credits_cost() const noexcept { return credits_cost_; }
    std::vector<video_file> const& videos() const& noexcept { return videos_; }
    std::vector<video_file> videos() && { return std::move(videos_); }
    /// Why it failed; or a reason that the service gives beside a status that is not final.
    task_error const& error() const& noexcept { return error_; }
    task_error error() && { return std::move(error_); }

    task_state& status(task_status s) { return status_ = s, *this; }
    task_state& raw_status(std::string text) { return raw_status_ = std::move(text), *this; }
    task_state& progress(int percent) { return progress_ = percent, *this; }
    task_state& estimated_time(std::chrono::seconds d) { return estimated_time_ = d, *this; }
    task_state& actual_time(std::chrono::seconds d) { return actual_time_ = d, *this; }
    task_state& created_at(std::chrono::sys_seconds t) { return created_at_ = t, *this; }
    task_state& completed_at(std::chrono::sys_seconds t) { return completed_at_ = t, *this; }
    task_state& cost(double usd) { return cost_ = usd, *this; }
    task_state& credits_cost(double credits) { return credits_cost_ = credits, *this; }
    task_state& videos(std::vector<video_file> files) { return videos_ = std::move(files), *this; }
    task_state& error(task_error why) { return error_ = std::move(why), *this; }

private:
    std::string id_;
    task_status status_ = task_status::queued;
    std::string raw_status_;
    std::optional<int> progress_;
    std::optional<std::chrono::seconds> estimated_time_;
    std::optional<std::chrono::seconds> actual_time_;
    std::optional<std::chrono::sys_seconds> created_at_;
    std::optional<std::chrono::sys_seconds> completed_at_;
    std::optional<double> cost_;
    std::optional<double> credits_cost_;
    std::vector<video_file> videos_;
    task_error error_;
};

/// A task in a final state. A failed task is a value, not an error: look at `succeeded()`.
class task_result : public task_state
{
public:
    task_result() {}
    task_result(task_state state, int poll_count) : task_state(std::move(state)), poll_count_(poll_count) {}

    bool succeeded() const noexcept { return status() == task_status::succeeded; }
    /// The first video; one without a link where there is none, which `download` reports as `no_result`.
    video_file video() const { return videos().empty() ? video_file(id(), 0, {}, {}) : videos().front(); }
    /// How many status requests this wait took part in.
    int poll_count() const noexcept { return poll_count_; }

private:
    int poll_count_ = 0;
};

} // namespace apimart

#endif
