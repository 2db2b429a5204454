// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATION_OPTIONS_HPP
#define APIMART_OPERATION_OPTIONS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace apimart {

class task;

/// How one submit is made.
class submit_options
{
public:
    submit_options() {}

    /// The key to send instead of a fresh random one; for callers who keep their own record of intents.
    /// Visible ASCII; a submit that reuses a key must have the same body.
    submit_options& idempotency_key(std::string key) { return key_ = std::move(key), *this; }
    /// For all tries and pauses together. A submit that the service may have whole by then still has its answer read,
    /// for `timeouts::abandoned_response` at most, because the task may be bought.
    submit_options& timeout(std::chrono::milliseconds limit) { return timeout_ = limit, *this; }

    /// Called as soon as the service has accepted the task, also where the submit was cancelled, ran out of time or lost a
    /// race such as `submit || timer` by then, and its own result goes nowhere. It runs on the client's strand, never inside
    /// a call of the caller's, and may neither throw nor block.
    submit_options& on_accepted(std::function<void(task const&)> callback)
    {
        return on_accepted_ = std::move(callback), *this;
    }

    std::string const& idempotency_key() const& noexcept { return key_; }
    std::string idempotency_key() && { return std::move(key_); }
    std::optional<std::chrono::milliseconds> timeout() const noexcept { return timeout_; }
    std::function<void(task const&)> const& on_accepted() const& noexcept { return on_accepted_; }
    std::function<void(task const&)> on_accepted() && { return std::move(on_accepted_); }

private:
    std::string key_;
    std::optional<std::chrono::milliseconds> timeout_;
    std::function<void(task const&)> on_accepted_;
};

/// How one request for a task's state is made. Trivially copyable.
struct status_options
{
    /// For all tries and pauses together.
    std::optional<std::chrono::milliseconds> timeout{};
};

/// How one wait is made. Trivially copyable.
struct wait_options
{
    /// Instead of `poll_policy::max_wait`.
    std::optional<std::chrono::milliseconds> timeout{};
};

/// How one file is fetched. Trivially copyable.
struct download_options
{
    bool overwrite = false;
    /// In bytes.
    std::uint64_t max_size = std::uint64_t{8} << 30U;
    /// Tries in a row that bring no byte more than those before them. A transfer that makes progress is not given up.
    int max_retries = 5;
    /// How long a link that is refused before it expires is asked again: a storage may have the file some minutes
    /// later.
    std::chrono::milliseconds link_patience{180'000};
    /// For all tries and pauses together; none unless given.
    std::optional<std::chrono::milliseconds> timeout{};
};

/// What `client::shutdown` ended.
class shutdown_report
{
public:
    shutdown_report() {}

    /// Tasks that were being waited for; they go on at the service.
    std::vector<std::string> cancelled_waits;
    /// Submits, downloads and status requests that were stopped before they were done.
    std::size_t cancelled_operations = 0;
    /// Of those, submits whose outcome is not known.
    std::size_t unknown_submits = 0;
};

} // namespace apimart

#endif
