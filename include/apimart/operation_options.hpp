// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATION_OPTIONS_HPP
#define APIMART_OPERATION_OPTIONS_HPP

#include <apimart/operation_tag.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace apimart {

class task;

/// A text in the options of one call, which copies it.
///
/// Refers to the text until then, and therefore takes no `std::string` that would be gone by then.
class option_text
{
public:
    constexpr option_text() noexcept = default;
    constexpr option_text(char const* text) noexcept : text_(text) {}
    constexpr option_text(std::string_view text) noexcept : text_(text) {}
    option_text(std::string const& text) noexcept : text_(text) {}
    option_text(std::string&&) = delete;

    constexpr std::string_view view() const noexcept { return text_; }

private:
    std::string_view text_;
};

/// A function in the options of one call, which copies it.
///
/// Refers to the function object until then, and therefore takes one that has a name, or a function pointer.
template <class Argument>
class option_function
{
public:
    using function_type = std::function<void(Argument)>;
    using pointer = void (*)(Argument);

    constexpr option_function() noexcept = default;

    template <std::convertible_to<pointer> Function>
    constexpr option_function(Function const& function) noexcept : pointer_(function)
    {}

    template <class Function>
        requires(std::invocable<Function&, Argument> && !std::convertible_to<Function&, pointer> &&
                 !std::same_as<std::remove_const_t<Function>, option_function>)
    option_function(Function& function)
    noexcept
        : object_(&function),
          copy_([](void const* object) { return function_type(*static_cast<Function const*>(object)); })
    {}

    template <class Function>
        requires(std::invocable<Function&, Argument> && !std::convertible_to<Function&, pointer> &&
                 !std::same_as<Function, option_function> && !std::is_reference_v<Function>)
    option_function(Function&&)
    = delete;

    /// The function, copied; empty without one.
    function_type function() const
    {
        if (pointer_ != nullptr)
            return pointer_;
        return copy_ != nullptr ? copy_(object_) : function_type();
    }

private:
    pointer pointer_ = nullptr;
    void const* object_ = nullptr;
    function_type (*copy_)(void const*) = nullptr;
};

/// Called with a task that the service has accepted.
using accepted_handler = option_function<task const&>;

/// How far a transfer is.
struct transfer_progress
{
    std::uint64_t bytes = 0;
    /// Of the whole, where it is known.
    std::optional<std::uint64_t> total{};
};

/// Called as a download or an upload goes on.
using progress_handler = option_function<transfer_progress>;

// All options are trivially copyable aggregates: GCC 12 destroys a temporary aggregate that owns something twice where it
// stands in a `co_await` expression.

/// How one submit is made: `submit(request, {.timeout = 60s})`. Trivially copyable.
struct submit_options
{
    /// The key to send instead of a fresh random one; for callers who keep their own record of intents.
    /// Visible ASCII; a submit that reuses a key must have the same body.
    option_text idempotency_key{};
    /// For all tries and pauses together. A submit that the service may have whole by then still has its answer read,
    /// for `timeouts::abandoned_response` at most, because the task may be bought.
    std::optional<std::chrono::milliseconds> timeout{};
    /// Instead of `retry_policy::max_retries`; other repetitions are no more than this either.
    std::optional<int> max_retries{};
    /// Called as soon as the service has accepted the task, also where the submit was cancelled, ran out of time or lost a
    /// race such as `submit || timer` by then, and its own result goes nowhere. It runs on the client's strand, never inside
    /// a call of the caller's, and may neither throw nor block.
    accepted_handler on_accepted{};
    /// Comes back in this call's events and failure.
    operation_tag tag{};
};

/// How one `generate` is made. Trivially copyable.
struct generate_options
{
    /// As in `submit_options`.
    option_text idempotency_key{};
    /// For the submit and the wait together, each of which ends as with its own `timeout`.
    std::optional<std::chrono::milliseconds> timeout{};
    /// As in `submit_options`.
    std::optional<int> max_retries{};
    /// As in `submit_options`.
    accepted_handler on_accepted{};
    /// As in `submit_options`; of the wait, too.
    operation_tag tag{};
};

/// How one request for a task's state is made. Trivially copyable.
struct status_options
{
    /// For all tries and pauses together.
    std::optional<std::chrono::milliseconds> timeout{};
    /// Instead of `retry_policy::max_retries`.
    std::optional<int> max_retries{};
    /// As in `submit_options`.
    operation_tag tag{};
};

/// How one wait is made. Trivially copyable.
struct wait_options
{
    /// Instead of `poll_policy::max_wait`.
    std::optional<std::chrono::milliseconds> timeout{};
    /// As in `submit_options`. Polls and states have that of the wait that was the first to wait for their task.
    operation_tag tag{};
};

/// How one task is watched. Trivially copyable.
struct watch_options
{
    /// Instead of `poll_policy::max_wait`.
    std::optional<std::chrono::milliseconds> timeout{};
    /// The longest time between two requests for the task while the service answers, also where it is expected to go on for
    /// long; the shortest time of all watchers counts, and `poll_policy::min_interval` is kept.
    std::optional<std::chrono::milliseconds> at_least_every{};
    /// As in `wait_options`.
    operation_tag tag{};
};

/// How one picture is uploaded. Trivially copyable.
struct upload_options
{
    /// Whether the link of an earlier upload of the same content by this client will do, while the service keeps it.
    bool reuse = true;
    /// For all steps together; none unless given. Every step has a limit of its own in `timeouts`.
    std::optional<std::chrono::milliseconds> timeout{};
    /// Called as pieces of the picture have left, also at its end. It runs on the client's strand, never inside a call of
    /// the caller's, and may neither throw nor block.
    progress_handler on_progress{};
    /// As in `submit_options`.
    operation_tag tag{};
};

/// How a result is fetched. Trivially copyable.
struct download_options
{
    /// Of an existing file.
    bool overwrite = false;
    /// In bytes; of each file.
    std::uint64_t max_size = std::uint64_t{8} << 30U;
    /// Tries in a row that bring no byte more than those before them. A transfer that makes progress is not given up.
    int max_retries = 5;
    /// How long a link that is refused before it expires is asked again, because a storage may have the file some
    /// minutes later; three minutes unless given.
    std::optional<std::chrono::milliseconds> link_patience{};
    /// For all tries and pauses together; none unless given.
    std::optional<std::chrono::milliseconds> timeout{};
    /// Called after each part that has arrived, with all there is by then; what an earlier call left counts, and a file that
    /// begins again goes back. It runs on the client's strand, never inside a call of the caller's, and may neither throw
    /// nor block.
    progress_handler on_progress{};
    /// As in `submit_options`.
    operation_tag tag{};
};

namespace detail {

// What an upload keeps of its options.
class upload_settings
{
public:
    upload_settings() {}
    explicit upload_settings(upload_options const& given)
        : reuse(given.reuse), timeout(given.timeout), on_progress(given.on_progress.function()),
          tag(given.tag)
    {}

    bool reuse = true;
    std::optional<std::chrono::milliseconds> timeout;
    progress_handler::function_type on_progress;
    operation_tag tag;
};

// What a submit keeps of its options.
class submit_settings
{
public:
    submit_settings() {}
    explicit submit_settings(submit_options const& given)
        : idempotency_key(given.idempotency_key.view()), timeout(given.timeout),
          max_retries(given.max_retries), on_accepted(given.on_accepted.function()), tag(given.tag)
    {}
    explicit submit_settings(generate_options const& given)
        : idempotency_key(given.idempotency_key.view()), timeout(given.timeout),
          max_retries(given.max_retries), on_accepted(given.on_accepted.function()), tag(given.tag)
    {}

    std::string idempotency_key;
    std::optional<std::chrono::milliseconds> timeout;
    std::optional<int> max_retries;
    std::function<void(task const&)> on_accepted;
    operation_tag tag;
    // Whether the first answer that asks for fewer requests is the end: a batch knows more about when to try again.
    bool leaves_rate_limits = false;
    // When an earlier process may have sent the same request under the same key.
    std::optional<std::chrono::system_clock::time_point> first_sent;
};

// What a download keeps of its options.
class download_settings
{
public:
    download_settings() {}
    explicit download_settings(download_options const& given)
        : options(given), on_progress(given.on_progress.function())
    {
        options.on_progress = {};
    }

    download_options options;
    std::function<void(transfer_progress)> on_progress;
};

} // namespace detail

/// How a client is ended. Trivially copyable.
struct shutdown_options
{
    /// How long waits, downloads and submits that are under way may go on by themselves.
    std::optional<std::chrono::milliseconds> finish_within{};
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
