// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_OPERATION_HPP
#define APIMART_DETAIL_OPERATION_HPP

#include <apimart/completion.hpp>
#include <apimart/detail/transport/transport.hpp>
#include <apimart/error.hpp>
#include <apimart/observer.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace apimart::detail {

class client_core;

// One call of the client under way. Everything but its creation happens inside the client.
class operation : public deliverable,
                  public std::enable_shared_from_this<operation>,
                  public boost::intrusive::list_base_hook<>
{
public:
    using clock = std::chrono::steady_clock;

    operation(request_kind what, std::uint64_t serial) : kind(what), number(serial), begun(clock::now()) {}
    virtual ~operation() = default;

    virtual void begin() = 0;
    // The caller's cancellation, its time limit, or shutdown.
    virtual void stop(boost::asio::cancellation_type type, error_code why) = 0;
    // Ends with this, whatever is under way; the last step of shutdown.
    virtual void cut(error_code why) = 0;
    // Never began, because of this.
    virtual void refuse(failure why) = 0;

    request_kind const kind;
    std::uint64_t const number; // for the observer
    clock::time_point const begun;
    std::shared_ptr<operation> kept; // by itself, while it is among those under way
};

// The part that knows the caller's handler.
template <class T>
class typed_operation : public operation
{
public:
    typed_operation(transport& home, request_kind what, std::uint64_t serial, completion<T> handler)
        : operation(what, serial), home_(home), handler_(std::move(handler))
    {
        // Work on the caller's executor, so that it does not run out while the operation is elsewhere.
        using boost::asio::execution::outstanding_work;
        auto const where = boost::asio::get_associated_executor(handler_, home.completion_executor());
        if (where == home.completion_executor())
            at_home_ = boost::asio::prefer(home.executor(), outstanding_work.tracked);
        else
            elsewhere_ = std::make_unique<boost::asio::any_completion_executor>(
                boost::asio::prefer(where, outstanding_work.tracked));
    }

    // The caller's slot is emitted on the caller's thread.
    void obey_caller()
    {
        auto slot = boost::asio::get_associated_cancellation_slot(handler_);
        if (!slot.is_connected())
            return;
        slot.assign(
            [weak = weak_from_this(), home = home_.weak_from_this()](boost::asio::cancellation_type type) {
                auto const still = home.lock();
                if (!still)
                    return;
                still->enter_from_call([weak, type] {
                    if (auto const self = weak.lock())
                        self->stop(type, boost::asio::error::operation_aborted);
                });
            });
    }

    void deliver(bool here) final
    {
        // Moved, not shared: its last owner should be the one that used it.
        if (auto const where = std::move(at_home_)) {
            if (here)
                call();
            else
                boost::asio::post(where, [self = shared_from_this(), this] { call(); });
            return;
        }
        auto run = [self = std::static_pointer_cast<typed_operation>(shared_from_this())] { self->call(); };
        auto where = std::move(*elsewhere_);
        if (here) {
            boost::asio::dispatch(where, std::move(run));
            return;
        }
        // The handler's executor may be one that runs things at once, hence the detour.
        boost::asio::post(home_.executor(), [where = std::move(where), run = std::move(run)]() mutable {
            boost::asio::dispatch(where, std::move(run));
        });
    }

protected:
    void set_outcome(result<T>&& outcome) { outcome_.emplace(std::move(outcome)); }
    bool has_outcome() const noexcept { return outcome_.has_value(); }
    result<T> const& outcome() const noexcept { return *outcome_; }

    transport& home_;

private:
    void call()
    {
        completion<T> handler = std::move(handler_);
        boost::asio::get_associated_cancellation_slot(handler).clear();
        std::move(handler)(std::move(*outcome_));
    }

    completion<T> handler_;
    // The executor for the handler. The client's own mostly, which takes less to be reached.
    boost::asio::any_io_executor at_home_;
    std::unique_ptr<boost::asio::any_completion_executor> elsewhere_;
    std::optional<result<T>> outcome_;
};

} // namespace apimart::detail

#endif
