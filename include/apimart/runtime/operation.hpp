// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_OPERATION_HPP
#define APIMART_RUNTIME_OPERATION_HPP

#include <apimart/as_result.hpp>
#include <apimart/error.hpp>
#include <apimart/observer.hpp>
#include <apimart/runtime/transport.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
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
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace apimart::detail {

class client_core;

inline failure with_task_id(failure why, std::string const& id) noexcept
{
    try {
        return why.task_id(id);
    } catch (std::bad_alloc const&) {
        return why;
    }
}

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
    // Lets go of everything, for want of memory; what its caller is told was reserved before.
    virtual void drop() noexcept = 0;

    request_kind const kind;
    std::uint64_t const number; // for the observer
    clock::time_point const begun;
    std::shared_ptr<operation> kept; // by itself, while it is among those under way
    bool ended = false;              // its outcome is on the way
};

// The part that knows the caller's handler.
template <class T>
class typed_operation : public operation
{
public:
    typed_operation(transport& home, request_kind what, std::uint64_t serial, completion<T>&& given)
        : operation(what, serial), home_(home), handler_(std::move(given.handler))
    {
        if (given.knows_executor && (!given.executor || given.executor == home.executor()))
            work_at_home();
        else if (given.knows_executor)
            work_at(given.executor);
        else if (auto const where =
                     boost::asio::get_associated_executor(handler_, home.completion_executor());
                 where == home.completion_executor())
            work_at_home();
        else
            work_at(where);
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
        if (at_home_) {
            auto where = std::move(at_home_);
            if (here) {
                complete();
                return;
            }
            try {
                boost::asio::post(where, [home = home_.shared_from_this(), self = shared_from_this(), this] {
                    complete();
                });
            } catch (std::bad_alloc const&) {
                at_home_ = std::move(where);
                throw;
            }
            return;
        }
        auto home = home_.shared_from_this();
        auto self = std::static_pointer_cast<typed_operation>(shared_from_this());
        if (here) {
            dispatch(std::move(home), std::move(self));
            return;
        }
        // The handler's executor may be one that runs things at once, hence the detour.
        boost::asio::post(home_.executor(), [home = std::move(home), self = std::move(self)] {
            try {
                self->dispatch(home, self);
            } catch (std::bad_alloc const&) {
                if (self->delivered_)
                    throw;
                home->enter([home, self] { home->ready(self); });
            }
        });
    }
    bool delivered() const noexcept final { return delivered_; }

protected:
    void set_outcome(result<T>&& outcome) { outcome_.emplace(std::move(outcome)); }
    bool has_outcome() const noexcept { return outcome_.has_value() || ended; }
    result<T> const& outcome() const noexcept { return *outcome_; }
    // In place of an outcome that there was no memory for.
    virtual failure last_words() noexcept { return home_.broken_off; }

    transport& home_;

private:
    // Work on the caller's executor, so that it does not run out while the operation is elsewhere.
    void work_at_home()
    {
        at_home_ =
            boost::asio::prefer(home_.executor(), boost::asio::execution::outstanding_work_t::tracked_t());
    }
    void work_at(boost::asio::any_completion_executor const& where)
    {
        elsewhere_ = std::make_unique<boost::asio::any_completion_executor>(
            boost::asio::prefer(where, boost::asio::execution::outstanding_work_t::tracked_t()));
    }

    // What travels is the operation itself, so that nothing is lost where there is no memory for the way.
    void dispatch(std::shared_ptr<transport> home, std::shared_ptr<typed_operation> self)
    {
        auto where = std::move(*elsewhere_);
        try {
            boost::asio::dispatch(where,
                                  [home = std::move(home), self = std::move(self)] { self->complete(); });
        } catch (std::bad_alloc const&) {
            if (!delivered_)
                *elsewhere_ = std::move(where);
            throw;
        }
    }

    void complete()
    {
        delivered_ = true;
        auto handler = std::move(handler_);
        boost::asio::get_associated_cancellation_slot(handler).clear();
        if (outcome_)
            std::move(handler)(std::move(*outcome_));
        else
            std::move(handler)(result<T>(last_words()));
    }

    bool delivered_ = false;
    boost::asio::any_completion_handler<void(result<T>)> handler_;
    // The executor for the handler. The client's own mostly, which takes less to be reached.
    boost::asio::any_io_executor at_home_;
    std::unique_ptr<boost::asio::any_completion_executor> elsewhere_;
    std::optional<result<T>> outcome_;
};

} // namespace apimart::detail

#endif
