// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_SHUTDOWN_HPP
#define APIMART_OPERATIONS_SHUTDOWN_HPP

#include <apimart/operations/client_state.hpp>

#include <chrono>
#include <utility>

namespace apimart::detail {

// The step before: nothing more is bought, and what is under way goes on to its end.
inline void client_state::begin_drain(std::chrono::milliseconds within)
{
    auto const end = runtime.now() + bounded(within);
    if (!shutting_down_ && (!drain_end.is_set() || end < drain_end.when()))
        runtime.timers.set(drain_end, end);
    update_activity();
}

// The first step: nothing new begins, and what has bought nothing ends.
inline void client_state::begin_shutdown()
{
    if (std::exchange(shutting_down_, true))
        return;
    drain_end.clear();
    drain_rest.clear();
    auto const why = make_error_code(errc::shutting_down);
    fleet.wake.clear();
    report.cancelled_waits = fleet.end_all(why);
    for (auto next = operations_.begin(); next != operations_.end();)
        (next++)->stop(boost::asio::cancellation_type::terminal, why, runtime.timeouts.abandoned_response);
    if (!operations_.empty())
        runtime.timers.set(shutdown_deadline, runtime.now() + runtime.timeouts.shutdown_grace);
    pool.close_idle();
    update_activity();
    finish_shutdowns();
}

// The second step: what is still under way ends now.
inline void client_state::cancel_all(error_code why)
{
    shutdown_deadline.clear();
    for (auto next = operations_.begin(); next != operations_.end();)
        (next++)->cancel(why);
    if (forked_)
        fleet.end_all(why);
    else
        pool.close_idle();
}

inline void client_state::finish_shutdowns()
{
    if (!shutting_down_ || !operations_.empty() || fleet.polls_under_way > 0)
        return;
    shutdown_deadline.clear();
    pool.close_idle();
    for (auto& each : std::exchange(shutdowns, {})) {
        each->outcome.emplace(report);
        deliver(std::move(each));
    }
}

// While nothing is under way, no timer keeps the context busy, and connections to where results were fetched from are not
// kept. A caller who does one thing after the other does not pay for a timer that ends and begins each time.
inline void client_state::update_activity()
{
    active_ = !operations_.empty() || !fleet.empty() || fleet.polls_under_way > 0;
    if (drain_end.is_set()) {
        // Whoever has just been told of an end may go on with a call for what came of it.
        constexpr std::chrono::milliseconds pause(100);
        if (active_)
            drain_rest.clear();
        else if (!drain_rest.is_set())
            runtime.timers.set(drain_rest, runtime.now() + pause);
        active_ = true;
    }
    if (active_) {
        runtime.timers.resume();
        return;
    }
    post([self = shared_from_this(), begun = next_number_.load(std::memory_order_relaxed)] {
        if (self->active_ || self->next_number_.load(std::memory_order_relaxed) != begun)
            return;
        self->pool.close_idle_but([&self](origin const& to) { return self->is_api_origin(to); });
        self->runtime.timers.pause();
    });
}

// What a call of `client::shutdown` is. A second one is the next step, at once.
inline void start_shutdown(client_state& client, shutdown_options options,
                           completion<shutdown_report> handler)
{
    client.post([self = client.shared_from_this(), options, handler = std::move(handler)]() mutable {
        bool const again = self->shutting_down() && !self->shutdowns.empty();
        self->shutdowns.push_back(std::make_shared<pending<shutdown_report>>(std::move(handler)));
        if (options.finish_within)
            self->begin_drain(*options.finish_within);
        else
            self->begin_shutdown();
        if (again)
            self->cancel_all(make_error_code(errc::shutting_down));
        self->finish_shutdowns();
    });
}

} // namespace apimart::detail

#endif
