// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_WAIT_HPP
#define APIMART_OPERATIONS_WAIT_HPP

#include <apimart/operations/batch_query.hpp>
#include <apimart/operations/client_state.hpp>
#include <apimart/operations/status.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace apimart::detail {

// Asks for the state of one task, for all that wait for it.
inline awaitable<void> poll(client_state& client, watched_task& task)
{
    using std::chrono::seconds;
    client_runtime& runtime = client.runtime;
    exchange x(runtime, client.pool, client.connector);
    // The last check of a wait must not stretch it by as long as an answer may take. It can begin up to a second late, or
    // later where the user's context was busy.
    deadline poll_timeout([&x] { x.cancel(make_error_code(errc::response_timeout)); });
    auto const limit_poll = [&] {
        if (task.deadline == deadline::time_point::max())
            poll_timeout.clear();
        else
            runtime.timers.set(poll_timeout,
                               std::max(task.deadline + seconds(2), runtime.now() + seconds(1)));
    };
    running_poll self;
    self.cancel = [&x](error_code why) { x.cancel(why); };
    self.deadline_changed = std::cref(limit_poll);
    task.poll = &self;
    self.deadline_changed();
    status_question question(client, x, task.id, request_kind::poll, task.number, task.tag.get(), task.polls);
    do {
        http_request request = question.make();
        co_await x.send(std::move(request));
    } while (question.again());
    poll_timeout.clear();
    client.fleet.on_answer(task, read_status(client, x.result, task.id));
}

inline void poll_ended(client_state& client)
{
    --client.fleet.polls_under_way;
    client.pump_polls();
    client.finish_shutdowns();
}

inline void start_poll(client_state& client, watched_task& task)
{
    ++client.fleet.polls_under_way;
    boost::asio::co_spawn(client.runtime.strand(), poll(client, task),
                          [self = client.shared_from_this(), &task](std::exception_ptr thrown) {
                              if (thrown)
                                  self->fleet.on_answer(task, error_info(errc::resource_exhausted));
                              poll_ended(*self);
                          });
}

inline void start_poll_of_many(client_state& client, task_batch tasks)
{
    auto batch = std::make_shared<task_batch>(std::move(tasks));
    ++client.fleet.polls_under_way;
    boost::asio::co_spawn(client.runtime.strand(), poll_many(client, *batch),
                          [self = client.shared_from_this(), batch](std::exception_ptr thrown) {
                              if (thrown)
                                  for (scheduled_poll* const each : *batch)
                                      self->fleet.on_answer(static_cast<watched_task&>(*each),
                                                            error_info(errc::resource_exhausted));
                              poll_ended(*self);
                          });
}

// Starts the polls that are due, and sets the time for the next.
inline void start_due_polls(client_state& client)
{
    poll_fleet& fleet = client.fleet;
    poll_scheduler& scheduler = fleet.scheduler;
    while (!client.shutting_down()) {
        auto const now = client.runtime.now();
        if (fleet.polls_under_way >= client.config.poll.max_concurrent) {
            // The next answer comes back here; but a time limit does not wait for it for long.
            fleet.note_backlog(poll_scheduler::limit::concurrency, now);
            while (auto* const late = static_cast<watched_task*>(scheduler.take_overdue(now)))
                fleet.expire_unasked(*late, error_info(errc::queue_full, "all polls are under way"));
            if (auto const next = scheduler.overdue_at())
                client.runtime.timers.set(fleet.wake, *next);
            return;
        }
        auto* const due = static_cast<watched_task*>(scheduler.take_due(now));
        if (due == nullptr) {
            fleet.note_backlog(poll_scheduler::limit::rate, now);
            break;
        }
        if (scheduler.silent(now)) {
            fleet.expire_unasked(*due, error_info(scheduler.slowed_by()));
            continue;
        }
        fleet.note_delay(*due, now);
        if (fleet.batch_query_size > 1 && !due->alone) {
            task_batch batch{due};
            scheduler.take_along(batch, fleet.batch_query_size - 1, now);
            if (batch.size() > 1) {
                start_poll_of_many(client, std::move(batch));
                continue;
            }
        }
        start_poll(client, *due);
    }
    if (auto const wake = scheduler.wake_at(); wake && !client.shutting_down())
        client.runtime.timers.set(fleet.wake, *wake);
    else
        fleet.wake.clear();
}

inline void client_state::pump_polls()
{
    start_due_polls(*this);
    update_activity();
}

// What a call of `client::wait` is. There can be very many, so that a wait is an entry in the fleet and no coroutine.
class wait_call final : public task_waiter
{
public:
    wait_call(client_state& client, std::uint64_t serial, operation_tag const& given, time_point begun,
              time_point until, completion<task_result>&& told)
        : task_waiter(serial, given, until), handler(std::move(told)), client_(client), begun_(begun)
    {}

    void start(std::shared_ptr<wait_call> self, std::string id, std::string const& duration_class,
               std::optional<time_point> accepted)
    {
        self_ = std::move(self);
        if (error_code const why = client_.refuses(request_kind::poll)) {
            done(id, error_info(why));
            return;
        }
        client_.fleet.add(std::move(id), duration_class, accepted, *this);
    }

    void done(std::string const& task_id, result<task_result>&& given) override
    {
        auto const self = std::move(self_);
        // Not before the end: there can be very many that wait.
        auto end = std::make_shared<pending<task_result>>(std::move(handler));
        error_code code;
        if (given) {
            end->outcome.emplace(std::move(given));
        } else {
            error_info why = given.error();
            code = why.code();
            end->outcome.emplace(std::move(why.task_id(task_id).tag(tag.get())));
        }
        client_.emit_operation(request_kind::poll, number, tag.get(), begun_, 0, task_id, {}, code,
                               acceptance::none);
        client_.deliver(std::move(end));
    }
    void destroy() noexcept override { auto const self = std::move(self_); }

    completion<task_result> handler;

private:
    client_state& client_;
    time_point const begun_;
    std::shared_ptr<wait_call> self_; // while it waits
};

inline void start_wait(client_state& client, std::string id, std::string duration_class,
                       std::optional<client_state::clock::time_point> accepted, wait_options const& options,
                       completion<task_result> handler)
{
    auto const now = client.runtime.now();
    auto const limit = bounded(options.timeout.value_or(client.config.poll.max_wait));
    auto call = std::make_shared<wait_call>(client, client.next_number(), options.tag, now, now + limit,
                                            std::move(handler));
    client.connect_slot(call->handler, [weak = std::weak_ptr<wait_call>(call)](
                                           client_state& self, boost::asio::cancellation_type) {
        if (auto const found = weak.lock()) {
            self.fleet.end(*found, error_info(boost::asio::error::operation_aborted));
            self.pump_polls();
        }
    });
    client.post([self = client.shared_from_this(), call = std::move(call), id = std::move(id),
                 duration_class = std::move(duration_class), accepted]() mutable {
        wait_call& waiter = *call;
        waiter.start(std::move(call), std::move(id), duration_class, accepted);
        self->pump_polls();
    });
}

} // namespace apimart::detail

#endif
