// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_WEBHOOK_HPP
#define APIMART_WEBHOOK_HPP

#include <apimart/error.hpp>
#include <apimart/task.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace apimart {

/// The address that the service calls with POST when a task with this `webhook` ends: a program listens there.
///
/// Errors: `errc::invalid_request` with a violation of `/webhook` where the service would drop it without a word:
/// it calls public http and https addresses on ports 80 and 443 only, and none of its own.
/// Source: API reference, section 5.
result<std::string> callback_url(std::string_view webhook);

/// That a task has ended, as somebody said who called the address given as `webhook`. The service signs nothing, so anybody
/// may have sent it: it holds no links and no reasons, and `client::notify` believes only what the service answers
/// then. Source: API reference, section 5.
class task_callback
{
public:
    /// A larger body is refused; a server does not read on beyond it.
    static constexpr std::size_t max_body = std::size_t{64} << 10U;

    task_callback() noexcept {}

    /// Reads the body of a call.
    /// Errors: `errc::bad_callback`, whose text says what is wrong. Answer HTTP 400: the service does not repeat a
    /// call after that.
    static result<task_callback> parse(std::string_view body);

    std::string const& task_id() const& noexcept { return task_id_; }
    std::string task_id() && { return std::move(task_id_); }
    /// What is claimed. Words that are not known count as running, as in `task_state`.
    task_status status() const noexcept { return status_; }
    std::string const& raw_status() const& noexcept { return raw_status_; }
    std::string raw_status() && { return std::move(raw_status_); }

private:
    std::string task_id_;
    task_status status_ = task_status::running;
    std::string raw_status_;
};

/// What a callback led to.
enum class callback_effect
{
    not_awaited, ///< nobody waits for the task; nothing was done
    confirming,  ///< the task is asked for at once
    deferred,    ///< it is asked for as soon as the pace of `client::notify` allows
    repeated,    ///< an earlier callback for it is still to be confirmed
};

std::string_view to_string(callback_effect effect) noexcept;

} // namespace apimart

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/webhook.ipp>
#endif

#endif
