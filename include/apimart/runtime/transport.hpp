// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_TRANSPORT_HPP
#define APIMART_RUNTIME_TRANSPORT_HPP

#include <apimart/client_config.hpp>
#include <apimart/http/proxy.hpp>
#include <apimart/http/listener_resolver.hpp>
#include <apimart/http/tls_context.hpp>
#include <apimart/metrics.hpp>
#include <apimart/observer.hpp>
#include <apimart/runtime/event_dispatcher.hpp>
#include <apimart/runtime/fork_watch.hpp>
#include <apimart/runtime/monitor.hpp>
#include <apimart/runtime/timer_queue.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/errc.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace apimart::detail {

// An operation whose outcome is ready for its caller.
class deliverable
{
public:
    // `here`: the caller's handler may run in this call. Otherwise it has to be posted. What it throws is the
    // handler's; or there was no memory, in which case it is not `delivered` and can be tried again.
    virtual void deliver(bool here) = 0;
    virtual bool delivered() const noexcept = 0;

protected:
    deliverable() = default;
    deliverable(deliverable const&) = delete;
    deliverable& operator=(deliverable const&) = delete;
    ~deliverable() = default;

private:
    friend class deliverable_chain;
    std::shared_ptr<deliverable> next_;
};

// Those whose outcome is ready, in order; they are linked, so that being ready needs no memory.
class deliverable_chain
{
public:
    bool empty() const noexcept { return first_ == nullptr; }
    void push(std::shared_ptr<deliverable> what)
    {
        deliverable* const added = what.get();
        (last_ != nullptr ? last_->next_ : first_) = std::move(what);
        last_ = added;
    }
    std::shared_ptr<deliverable> pop()
    {
        auto what = std::move(first_);
        first_ = std::move(what->next_);
        if (!first_)
            last_ = nullptr;
        return what;
    }
    // Takes all of another, behind its own.
    void take(deliverable_chain& from)
    {
        if (from.empty())
            return;
        (last_ != nullptr ? last_->next_ : first_) = std::move(from.first_);
        last_ = std::exchange(from.last_, nullptr);
    }
    void clear()
    {
        while (!empty())
            pop();
    }

private:
    std::shared_ptr<deliverable> first_;
    deliverable* last_ = nullptr;
};

// What the parts of one client's transport share: the executor, the right to touch any of it (`enter`), time,
// settings, counters, and the observer's queue. The client's core derives from it.
class transport : public std::enable_shared_from_this<transport>
{
public:
    using executor_type = boost::asio::any_io_executor;
    using clock = std::chrono::steady_clock;

    transport(executor_type on, client_config const& settings, proxy_rules through, tls_context secure);
    transport(transport const&) = delete;
    transport& operator=(transport const&) = delete;
    virtual ~transport() = default;

    // Runs `function` with nobody else inside, now or soon. From a handler of the execution context: what
    // became ready meanwhile is delivered before this returns.
    template <class Function>
    void enter(Function function)
    {
        enter_and_deliver(std::move(function), true);
    }
    // The same from a caller's thread, where nothing may complete inside the call.
    template <class Function>
    void enter_from_call(Function function)
    {
        enter_and_deliver(std::move(function), false);
    }

    // Inside: the outcome goes to its caller when everybody is out.
    void ready(std::shared_ptr<deliverable> done) { ready_.push(std::move(done)); }

    // Inside: the observer is told when everybody is out.
    template <class Event>
    void tell(std::function<void(Event const&)> const& callback, Event event)
    {
        if (!callback)
            return;
        try {
            events_.add<Event>() = std::move(event);
        } catch (std::bad_alloc const&) { // nothing depends on an event
        }
    }
    // The same for an event that is written in its place by `write`, which sets all of its fields.
    template <class Event, class Write>
    void tell_written(Write write)
    {
        try {
            write(events_.add<Event>());
        } catch (std::bad_alloc const&) { // nothing depends on an event
            events_.drop_last();
        }
    }

    // Inside: the time at which this step began. It is read once, because a step takes microseconds and limits
    // are milliseconds.
    clock::time_point now() noexcept
    {
        if (now_ == clock::time_point::min())
            now_ = clock::now();
        return now_;
    }

    // How often the handlers that a step made ready have run. As long as it stays, those of the last step may be
    // running.
    std::uint64_t handlers_over() const noexcept { return handlers_over_.load(std::memory_order_relaxed); }

    bool gone() const noexcept { return gone_; }
    executor_type const& executor() const noexcept { return executor_; }
    boost::asio::any_completion_executor const& completion_executor() const noexcept
    {
        return completion_executor_;
    }
    // A kept connection watches for its end, as long as something is under way.
    void restless() noexcept { restless_ = true; }

    limits most;
    timeouts times;
    apimart::observer observer;
    proxy_rules proxy;
    tls_context tls;
    bool private_results = false;
    alarm_clock alarms;
    listener_resolver names;
    fork_watch const process;
    // Made before it is needed, because then there may be no memory for it.
    failure const of_the_parent{errc::forked};
    failure const of_the_parent_unsent = failure(of_the_parent).proof(proof_level::not_sent);
    failure broken_off =
        failure(errc::local_resource, "out of memory")
            .underlying(boost::system::errc::make_error_code(boost::system::errc::not_enough_memory));
    // The same of a submit that had no turn to send.
    failure broken_off_unsent = failure(broken_off).proof(proof_level::not_sent);

    struct counters_type
    {
        std::atomic<std::uint64_t> submits_sent{0};
        std::atomic<std::uint64_t> tasks_accepted{0};
        std::atomic<std::uint64_t> outcomes_unknown{0};
        std::atomic<std::uint64_t> polls_sent{0};
        std::atomic<std::uint64_t> tasks_finished{0};
        std::atomic<std::uint64_t> bytes_downloaded{0};
        std::atomic<std::uint64_t> connections_opened{0};
        std::atomic<std::uint64_t> connections_failed{0};
        std::atomic<std::uint64_t> connect_fallbacks{0};
        std::atomic<std::uint64_t> stale_connections{0};
        std::atomic<std::uint64_t> unsolicited_bytes{0};
        std::atomic<std::uint64_t> retries{0};
        std::atomic<std::uint64_t> retries_refused{0};
        std::atomic<std::uint64_t> throttled{0};
        std::atomic<std::uint64_t> overloaded{0};
        std::atomic<std::uint64_t> base_url_switches{0};
        std::atomic<std::uint64_t> tasks_waiting{0};
        std::atomic<std::uint64_t> submits_queued{0};
        std::atomic<std::uint64_t> requests_in_flight{0};
        std::atomic<std::uint64_t> connections_open{0};
    };
    counters_type counters;

    static void count(std::atomic<std::uint64_t>& which, std::uint64_t by = 1) noexcept
    {
        // Written inside only, so that no read-modify-write is needed; read from anywhere.
        which.store(which.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }
    static void uncount(std::atomic<std::uint64_t>& which, std::uint64_t by = 1) noexcept
    {
        which.store(which.load(std::memory_order_relaxed) - by, std::memory_order_relaxed);
    }

protected:
    // Whether nothing is under way: no timer may keep the caller's context from running out of work then.
    virtual bool quiet() const noexcept = 0;
    // Nothing is under way any more: what is kept for later must not keep the context busy.
    virtual void calmed() = 0;
    // There was no memory to end a step that was begun, and nobody knows how far it got; or all of it belongs to
    // the process that this one was forked from. Everything under way ends with `broken_off`, by means that need
    // no memory, and what is kept for later goes back to its beginning.
    virtual void break_off() noexcept = 0;
    // The execution context is going away: no I/O object and no handler may survive the second of these, and
    // between them nobody enters.
    void begin_to_drop() noexcept { gone_ = true; }
    void drop_rest();

private:
    template <class Function>
    void enter_and_deliver(Function function, bool here)
    {
        departure out;
        monitor_.enter(
            [this, function = std::move(function)]() mutable {
                if (gone_)
                    return;
                now_ = clock::time_point::min();
                ready_.take(undelivered_);
                if (process.forked()) {
                    broken_off = of_the_parent;
                    broken_off_unsent = of_the_parent_unsent;
                    break_off();
                }
                try {
                    function();
                } catch (std::bad_alloc const&) {
                    break_off();
                }
            },
            [&] { leave(out, here); }, [this] { hand_over(); });
        if (!out.empty())
            depart(out, here);
    }

    // What whoever leaves takes out.
    class departure
    {
    public:
        bool empty() const noexcept { return done.empty() && !events; }

        deliverable_chain done;
        bool events = false;
        bool calm = false; // nothing is under way, unless the handlers begin something
    };

    void leave(departure& out, bool here) noexcept;
    void hand_over();
    void depart(departure& out, bool here);
    void deliver(departure& out, bool here);
    void drive_timer();
    void calm_down();

    executor_type executor_;
    boost::asio::any_completion_executor completion_executor_;
    monitor monitor_;
    deliverable_chain ready_;
    deliverable_chain undelivered_; // for want of memory; tried again with the next event
    bool gone_ = false;
    bool restless_ = false;
    std::atomic<std::uint64_t> handlers_over_{0};
    std::optional<boost::asio::steady_timer> timer_;
    clock::time_point timer_at_ = clock::time_point::max();
    clock::time_point now_ = clock::time_point::min();
    event_list events_;
    std::shared_ptr<event_queue> told_ = std::make_shared<event_queue>(observer);
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/runtime/transport.ipp>
#endif

#endif
