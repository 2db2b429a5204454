// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TASK_HPP
#define APIMART_TASK_HPP

#include <apimart/runtime/chrono.hpp>
#include <apimart/runtime/shared_value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
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
    task() noexcept;
    /// A task known only by its id, from an earlier process for instance.
    explicit task(std::string id);
    task(task const& other) noexcept;
    task(task&& other) noexcept;
    task& operator=(task const& other) noexcept;
    task& operator=(task&& other) noexcept;
    ~task();

    bool valid() const noexcept { return !id().empty(); }
    std::string const& id() const noexcept;

    /// The model, where the task was submitted by this process; else empty.
    std::string const& model() const noexcept;
    /// Tasks with one profile (model, kind, quality, seconds) are expected to take equally long.
    std::string const& profile() const noexcept;
    /// The key under which it was submitted; empty where unknown.
    std::string const& idempotency_key() const noexcept;
    /// How many requests the submit took.
    int submit_attempts() const noexcept;
    /// When the service accepted it, by this process's clock.
    std::optional<std::chrono::steady_clock::time_point> accepted_at() const noexcept;

    task& model(std::string name);
    task& profile(std::string name);
    task& idempotency_key(std::string key);
    task& submit_attempts(int count);
    task& accepted_at(std::chrono::steady_clock::time_point when);

    friend bool operator==(task const& a, task const& b) noexcept { return a.id() == b.id(); }

private:
    struct data;

    detail::shared_value<data> data_;
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
/// be streamed, and the text is had only by `reveal()`.
class result_url
{
public:
    result_url() {}
    explicit result_url(std::string url) : url_(std::move(url)) {}

    bool empty() const noexcept { return url_.empty(); }
    /// The link itself, signature included.
    std::string const& reveal() const noexcept { return url_; }

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
    std::string const& task_id() const noexcept { return task_id_; }
    /// Its place among the task's files, from zero.
    std::size_t index() const noexcept { return index_; }
    result_url const& url() const noexcept { return url_; }
    /// A hint by the service's clock; the link may end earlier or later.
    std::optional<std::chrono::sys_seconds> expires_at() const noexcept { return expires_at_; }

private:
    std::string task_id_;
    std::size_t index_ = 0;
    result_url url_;
    std::optional<std::chrono::sys_seconds> expires_at_;
};

/// Why the service ended a task without a result, in the service's words.
class task_failure
{
public:
    task_failure() {}
    task_failure(std::string code, std::string type, std::string text)
        : code_(std::move(code)), type_(std::move(type)), text_(std::move(text))
    {}

    std::string const& code() const noexcept { return code_; }
    std::string const& type() const noexcept { return type_; }
    std::string const& text() const noexcept { return text_; }

private:
    std::string code_;
    std::string type_;
    std::string text_;
};

/// What the service says about a task at one moment. Source: API reference, section 4.
class task_state
{
public:
    task_state() noexcept;
    task_state(std::string id, task_status status, std::string word);
    task_state(task_state const& other) noexcept;
    task_state(task_state&& other) noexcept;
    task_state& operator=(task_state const& other) noexcept;
    task_state& operator=(task_state&& other) noexcept;
    ~task_state();

    std::string const& id() const noexcept;
    task_status status() const noexcept;
    /// The service's own status word.
    std::string const& word() const noexcept;
    task_state& word(std::string text);
    /// Percent, where given.
    std::optional<int> progress() const noexcept;
    /// The service's estimate of the whole duration, where given.
    std::optional<std::chrono::seconds> estimated_time() const noexcept;
    /// How long it took, by the service's clock.
    std::optional<std::chrono::seconds> actual_time() const noexcept;
    std::optional<std::chrono::sys_seconds> created() const noexcept;
    std::optional<std::chrono::sys_seconds> completed() const noexcept;
    /// The charge in US dollars, where given.
    std::optional<double> cost() const noexcept;
    std::optional<double> credits_cost() const noexcept;
    std::span<video_file const> videos() const noexcept;
    task_failure const& reason() const noexcept;

    task_state& progress(int percent);
    task_state& estimated_time(std::chrono::seconds d);
    task_state& actual_time(std::chrono::seconds d);
    task_state& created(std::chrono::sys_seconds t);
    task_state& completed(std::chrono::sys_seconds t);
    task_state& cost(double usd);
    task_state& credits_cost(double credits);
    task_state& videos(std::vector<video_file> files);
    task_state& reason(task_failure why);

private:
    struct data;

    detail::shared_value<data> data_;
};

/// A task in a final state. A failed task is a value, not an error: look at `succeeded()`.
class finished_task : public task_state
{
public:
    finished_task() {}
    finished_task(task_state state, int polls) : task_state(std::move(state)), polls_(polls) {}

    bool succeeded() const noexcept { return status() == task_status::succeeded; }
    /// The first video; one without a link where there is none, which `download` reports as `no_result`.
    video_file video() const;
    /// How many status requests this wait took part in.
    int polls() const noexcept { return polls_; }

private:
    int polls_ = 0;
};

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/task.ipp>
#endif

#endif
