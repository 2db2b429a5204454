// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_WATCH_HPP
#define APIMART_OPERATIONS_WATCH_HPP

#include <apimart/operations/client_state.hpp>
#include <apimart/operations/wait.hpp>
#include <apimart/task_watcher.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace apimart::detail {

class task_watch;

// A call of `task_watcher::next`. One that loses a race, such as `next() || timer`, is cancelled on its way back, and its
// state goes to the next call: it may be the last one.
class next_call final : public pending<std::optional<task_state>>
{
public:
    using pending::pending;

    void give(std::shared_ptr<task_watch> from, std::shared_ptr<task_state const> state)
    {
        outcome.emplace(*state);
        from_ = std::move(from);
        state_ = std::move(state);
    }
    void settle() override;

    std::atomic<bool> cancelled{false};

private:
    std::shared_ptr<task_watch> from_;
    std::shared_ptr<task_state const> state_;
};

// What a watcher has seen and not given yet, and the calls of `next` that wait for more. Everything in it happens on the
// client's strand.
class task_watch final : public state_waiter, public std::enable_shared_from_this<task_watch>
{
public:
    task_watch(std::shared_ptr<client_state> client, operation_tag const& given, time_point begun,
               time_point until, std::chrono::milliseconds at_least_every)
        : state_waiter(client->next_number(), given, until, at_least_every), client_(std::move(client)),
          begun_(begun)
    {}

    client_state& client() const noexcept { return *client_; }

    void start(std::shared_ptr<task_watch> self, std::string const& id, std::string const& duration_class,
               std::optional<time_point> accepted)
    {
        self_ = std::move(self);
        if (error_code const why = client_->refuses(request_kind::poll))
            done(id, error_info(why));
        else
            client_->fleet.watch(id, duration_class, accepted, *this);
    }

    void next(std::shared_ptr<next_call> one)
    {
        calls_.push_back(std::move(one));
        serve();
    }
    void cancel(std::shared_ptr<next_call> const& one)
    {
        if (std::erase(calls_, one) == 0)
            return;
        one->outcome.emplace(error_info(boost::asio::error::operation_aborted));
        client_->deliver(one);
    }
    // A state that was given and did not arrive.
    void take_back(std::shared_ptr<task_state const> state)
    {
        if (state.get() != newest_)
            return;
        unseen_ = std::move(state);
        serve();
    }

    void saw(std::shared_ptr<task_state const> const& state) override
    {
        unseen_ = state;
        newest_ = state.get();
        serve();
    }
    void done(std::string const& task_id, result<task_result>&& outcome) override
    {
        auto const self = std::move(self_);
        by_pace.unlink();
        error_code code;
        if (outcome) {
            unseen_ = std::make_shared<task_state>(std::move(*outcome));
            newest_ = unseen_.get();
            end_.emplace(std::nullopt);
        } else {
            error_info why = outcome.error();
            code = why.code();
            end_.emplace(std::move(why.task_id(task_id).tag(tag.get())));
        }
        client_->emit_operation(request_kind::poll, number, tag.get(), begun_, 0, task_id, {}, code,
                                acceptance::none);
        serve();
    }
    void destroy() noexcept override
    {
        auto const self = std::move(self_);
        by_pace.unlink();
        calls_.clear();
    }

private:
    void serve()
    {
        auto next = calls_.begin();
        for (; next != calls_.end() && (unseen_ || end_); ++next) {
            if (unseen_)
                (*next)->give(shared_from_this(), std::exchange(unseen_, nullptr));
            else
                (*next)->outcome.emplace(*end_);
            client_->deliver(std::move(*next));
        }
        calls_.erase(calls_.begin(), next);
    }

    std::shared_ptr<client_state> const client_;
    time_point const begun_;
    std::shared_ptr<task_watch> self_; // while it watches
    std::vector<std::shared_ptr<next_call>> calls_;
    std::shared_ptr<task_state const> unseen_;
    task_state const* newest_ = nullptr;                   // of those seen, whether it is there still or not
    std::optional<result<std::optional<task_state>>> end_; // what all calls get after the last state
};

inline void next_call::settle()
{
    auto const from = std::move(from_);
    if (!from || !cancelled.load())
        return;
    outcome.emplace(error_info(boost::asio::error::operation_aborted));
    from->client().post([from, state = std::move(state_)]() mutable { from->take_back(std::move(state)); });
}

// What a `task_watcher` holds. Its end is the watch's end, while calls of `next` keep the watch.
class watch_handle
{
public:
    explicit watch_handle(std::shared_ptr<task_watch> shared) : watch(std::move(shared)) {}
    watch_handle(watch_handle const&) = delete;
    watch_handle& operator=(watch_handle const&) = delete;
    ~watch_handle()
    {
        try {
            watch->client().post([held = watch] {
                client_state& client = held->client();
                client.fleet.end(*held, error_info(boost::asio::error::operation_aborted));
                client.pump_polls();
            });
        } catch (std::bad_alloc const&) { // it watches on until the task's end, then
        }
    }

    std::shared_ptr<task_watch> const watch;
};

inline std::shared_ptr<watch_handle> start_watch(client_state& client, std::string id,
                                                 std::string duration_class,
                                                 std::optional<client_state::clock::time_point> accepted,
                                                 watch_options const& options)
{
    auto const now = client.runtime.now();
    auto const limit = bounded(options.timeout.value_or(client.config.poll.max_wait));
    auto const pace = options.at_least_every.value_or(state_waiter::as_scheduled);
    auto watch = std::make_shared<task_watch>(client.shared_from_this(), options.tag, now, now + limit, pace);
    auto handle = std::make_shared<watch_handle>(watch);
    client.post(
        [watch = std::move(watch), id = std::move(id), duration_class = std::move(duration_class), accepted] {
            watch->start(watch, id, duration_class, accepted);
            watch->client().pump_polls();
        });
    return handle;
}

inline void start_next(std::shared_ptr<task_watch> const& watch,
                       completion<std::optional<task_state>> handler)
{
    auto one = std::make_shared<next_call>(std::move(handler));
    if (auto slot = boost::asio::get_associated_cancellation_slot(one->handler); slot.is_connected())
        slot.assign([of = std::weak_ptr(watch), weak = std::weak_ptr(one)](boost::asio::cancellation_type) {
            auto const in = of.lock();
            auto const found = weak.lock();
            if (!in || !found)
                return;
            found->cancelled = true;
            in->client().post([in, found] { in->cancel(found); });
        });
    watch->client().post([watch, one = std::move(one)]() mutable { watch->next(std::move(one)); });
}

} // namespace apimart::detail

#endif
