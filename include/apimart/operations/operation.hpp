// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_OPERATION_HPP
#define APIMART_OPERATIONS_OPERATION_HPP

#include <apimart/error.hpp>
#include <apimart/http/exchange.hpp>
#include <apimart/observer.hpp>
#include <apimart/operation_tag.hpp>
#include <apimart/runtime/executor.hpp>
#include <apimart/runtime/slots.hpp>
#include <apimart/runtime/timer_queue.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace apimart::detail {

// One call of the client under way: what its coroutine waits for, and why it is to end.
class operation
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
{
public:
    using clock = std::chrono::steady_clock;

    operation(request_kind type, std::uint64_t serial, operation_tag const& given, clock::time_point now)
        : kind(type), number(serial), tag(given), begun(now)
    {}
    operation(operation const&) = delete;
    operation& operator=(operation const&) = delete;

    // The caller's cancellation, a time limit, or the first step of a shutdown. Where the service may have accepted a
    // submit, its answer is still read for a while; total cancellation promises that nothing has happened, which can no
    // longer be promised then.
    void stop(boost::asio::cancellation_type type, error_code why, std::chrono::milliseconds grace)
    {
        using boost::asio::cancellation_type;
        bool const only_unsent =
            (type & (cancellation_type::terminal | cancellation_type::partial)) == cancellation_type::none;
        bool const buys = kind == request_kind::submit && !uploading;
        if (buys && only_unsent && may_be_accepted)
            return; // also while it waits to be sent again
        if (buys && active != nullptr && active->is_sending()) {
            active->stop_sending(why, grace, only_unsent);
        } else if (!buys || active == nullptr || !active->is_reading()) {
            cancel(why);
        } else if (!stop_reason && !only_unsent) {
            stop_reason = why;
            active->shorten_deadline(grace);
        }
    }

    // Ends it now.
    void cancel(error_code why)
    {
        if (!stop_reason)
            stop_reason = why;
        if (active != nullptr)
            active->cancel(stop_reason);
        else if (sleeping != nullptr)
            sleeping->cancel();
    }

    request_kind const kind;
    std::uint64_t const number; // for the observer
    operation_tag const tag;
    clock::time_point const begun;
    int attempts = 0;
    std::string task_id;          // of a submit, only where `generate` has bought it
    std::string idempotency_key;  // of a submit that is over
    bool may_be_accepted = false; // a submit that the service may have whole
    bool uploading = false;       // a submit whose pictures are not at the service yet
    error_code stop_reason;
    std::optional<deadline> limit;
    // What its coroutine awaits at present.
    exchange* active = nullptr;
    timer* sleeping = nullptr;
};

} // namespace apimart::detail

#endif
