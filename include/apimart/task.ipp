// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TASK_IPP
#define APIMART_TASK_IPP

#include <apimart/separate_compilation.hpp>
#include <apimart/task.hpp>

namespace apimart {

struct task::data
{
    std::string id;
    std::string model;
    std::string profile;
    std::string idempotency_key;
    int submit_attempts = 0;
    std::optional<std::chrono::steady_clock::time_point> accepted_at;
};

APIMART_INLINE task::task() noexcept = default;

APIMART_INLINE task::task(task const&) noexcept = default;

APIMART_INLINE task::task(task&&) noexcept = default;

APIMART_INLINE task& task::operator=(task const&) noexcept = default;

APIMART_INLINE task& task::operator=(task&&) noexcept = default;

APIMART_INLINE task::~task() = default;

APIMART_INLINE task::task(std::string id)
{
    data_.own().id = std::move(id);
}

APIMART_INLINE std::string const& task::id() const noexcept
{
    return data_->id;
}

APIMART_INLINE std::string const& task::model() const noexcept
{
    return data_->model;
}

APIMART_INLINE std::string const& task::profile() const noexcept
{
    return data_->profile;
}

APIMART_INLINE std::string const& task::idempotency_key() const noexcept
{
    return data_->idempotency_key;
}

APIMART_INLINE int task::submit_attempts() const noexcept
{
    return data_->submit_attempts;
}

APIMART_INLINE std::optional<std::chrono::steady_clock::time_point> task::accepted_at() const noexcept
{
    return data_->accepted_at;
}

APIMART_INLINE task& task::model(std::string name)
{
    data_.own().model = std::move(name);
    return *this;
}

APIMART_INLINE task& task::profile(std::string name)
{
    data_.own().profile = std::move(name);
    return *this;
}

APIMART_INLINE task& task::idempotency_key(std::string key)
{
    data_.own().idempotency_key = std::move(key);
    return *this;
}

APIMART_INLINE task& task::submit_attempts(int count)
{
    data_.own().submit_attempts = count;
    return *this;
}

APIMART_INLINE task& task::accepted_at(std::chrono::steady_clock::time_point when)
{
    data_.own().accepted_at = when;
    return *this;
}

struct task_state::data
{
    std::string id;
    task_status status = task_status::queued;
    std::string word;
    std::optional<int> progress;
    std::optional<std::chrono::seconds> estimated_time;
    std::optional<std::chrono::seconds> actual_time;
    std::optional<std::chrono::sys_seconds> created;
    std::optional<std::chrono::sys_seconds> completed;
    std::optional<double> cost;
    std::optional<double> credits_cost;
    std::vector<video_file> videos;
    task_failure reason;
};

APIMART_INLINE task_state::task_state() noexcept = default;

APIMART_INLINE task_state::task_state(task_state const&) noexcept = default;

APIMART_INLINE task_state::task_state(task_state&&) noexcept = default;

APIMART_INLINE task_state& task_state::operator=(task_state const&) noexcept = default;

APIMART_INLINE task_state& task_state::operator=(task_state&&) noexcept = default;

APIMART_INLINE task_state::~task_state() = default;

APIMART_INLINE task_state::task_state(std::string id, task_status status, std::string word)
{
    data& fresh = data_.own();
    fresh.id = std::move(id);
    fresh.status = status;
    fresh.word = std::move(word);
}

APIMART_INLINE std::string const& task_state::id() const noexcept
{
    return data_->id;
}

APIMART_INLINE task_status task_state::status() const noexcept
{
    return data_->status;
}

APIMART_INLINE std::string const& task_state::word() const noexcept
{
    return data_->word;
}

APIMART_INLINE task_state& task_state::word(std::string text)
{
    data_.own().word = std::move(text);
    return *this;
}

APIMART_INLINE std::optional<int> task_state::progress() const noexcept
{
    return data_->progress;
}

APIMART_INLINE std::optional<std::chrono::seconds> task_state::estimated_time() const noexcept
{
    return data_->estimated_time;
}

APIMART_INLINE std::optional<std::chrono::seconds> task_state::actual_time() const noexcept
{
    return data_->actual_time;
}

APIMART_INLINE std::optional<std::chrono::sys_seconds> task_state::created() const noexcept
{
    return data_->created;
}

APIMART_INLINE std::optional<std::chrono::sys_seconds> task_state::completed() const noexcept
{
    return data_->completed;
}

APIMART_INLINE std::optional<double> task_state::cost() const noexcept
{
    return data_->cost;
}

APIMART_INLINE std::optional<double> task_state::credits_cost() const noexcept
{
    return data_->credits_cost;
}

APIMART_INLINE std::span<video_file const> task_state::videos() const noexcept
{
    return data_->videos;
}

APIMART_INLINE task_failure const& task_state::reason() const noexcept
{
    return data_->reason;
}

APIMART_INLINE task_state& task_state::progress(int percent)
{
    data_.own().progress = percent;
    return *this;
}

APIMART_INLINE task_state& task_state::estimated_time(std::chrono::seconds d)
{
    data_.own().estimated_time = d;
    return *this;
}

APIMART_INLINE task_state& task_state::actual_time(std::chrono::seconds d)
{
    data_.own().actual_time = d;
    return *this;
}

APIMART_INLINE task_state& task_state::created(std::chrono::sys_seconds t)
{
    data_.own().created = t;
    return *this;
}

APIMART_INLINE task_state& task_state::completed(std::chrono::sys_seconds t)
{
    data_.own().completed = t;
    return *this;
}

APIMART_INLINE task_state& task_state::cost(double usd)
{
    data_.own().cost = usd;
    return *this;
}

APIMART_INLINE task_state& task_state::credits_cost(double credits)
{
    data_.own().credits_cost = credits;
    return *this;
}

APIMART_INLINE task_state& task_state::videos(std::vector<video_file> files)
{
    data_.own().videos = std::move(files);
    return *this;
}

APIMART_INLINE task_state& task_state::reason(task_failure why)
{
    data_.own().reason = std::move(why);
    return *this;
}

APIMART_INLINE video_file finished_task::video() const
{
    return videos().empty() ? video_file(id(), 0, {}, {}) : videos().front();
}

} // namespace apimart

#endif
