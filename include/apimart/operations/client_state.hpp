// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_CLIENT_STATE_HPP
#define APIMART_OPERATIONS_CLIENT_STATE_HPP

#include <apimart/client_config.hpp>
#include <apimart/http/connection_pool.hpp>
#include <apimart/http/connector.hpp>
#include <apimart/http/exchange.hpp>
#include <apimart/operation_options.hpp>
#include <apimart/operations/operation.hpp>
#include <apimart/operations/poll_fleet.hpp>
#include <apimart/operations/upload_cache.hpp>
#include <apimart/policy/rate_limiter.hpp>
#include <apimart/policy/retry.hpp>
#include <apimart/policy/retry_budget.hpp>
#include <apimart/policy/wait_end.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/protocol/user_agent.hpp>
#include <apimart/runtime/authorization.hpp>
#include <apimart/runtime/client_runtime.hpp>
#include <apimart/runtime/context_service.hpp>
#include <apimart/runtime/idempotency_key.hpp>
#include <apimart/runtime/initiation.hpp>
#include <apimart/text/printable.hpp>
#include <apimart/text/secret_string.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/intrusive/list.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace apimart::detail {

// "For ever", without an overflow when it is added to a time.
inline std::chrono::milliseconds bounded(std::chrono::milliseconds given)
{
    constexpr std::chrono::milliseconds years = std::chrono::hours(24 * 365 * 10);
    return std::clamp(given, -years, years);
}

inline std::uint64_t fresh_seed()
{
    std::uint64_t seed = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed) != 1)
        seed = std::random_device{}();
    return seed;
}

// One of the addresses of the service, with the parts of its requests that never change.
class api_endpoint
{
public:
    api_endpoint(request_url const& address, authorization const& credentials)
        : origin(address.origin), base(address.target)
    {
        secret_string fields;
        fields.append("Host: ").append(origin.authority()).append("\r\nUser-Agent: ").append(user_agent);
        fields += "\r\nAccept: application/json\r\n";
        credentials.append_header(fields);
        post.append("POST ").append(base).append("/v1/videos/generations HTTP/1.1\r\n").append(fields);
        post += "Content-Type: application/json\r\nIdempotency-Key: ";
        get = "GET " + base + "/v1/tasks/";
        tail.append(" HTTP/1.1\r\n").append(fields);
    }

    detail::origin origin;
    std::string base;   // what every path begins with
    secret_string post; // up to the idempotency key
    std::string get;    // up to the task's id
    secret_string tail; // what follows any path, without the empty line at the end of a head
};

// Which endpoint a request goes to, and how many it has tried.
class endpoint_cursor
{
public:
    std::size_t index = 0;
    std::size_t tried = 1;
};

// What all copies of a client share. Everything in it happens on the strand, but for `launch`.
class client_state : public std::enable_shared_from_this<client_state>
{
public:
    using clock = std::chrono::steady_clock;

    client_state(boost::asio::any_io_executor const& on, client_config settings,
                 std::vector<request_url> const& bases, proxy_rules proxy, tls_context tls)
        : runtime(on, settings), connector(runtime, std::move(proxy), std::move(tls), settings.resolver),
          pool(runtime,
               [this](connection& c, connection_event::type type) { return connector.describe(c, type); }),
          config(std::move(settings)), credentials(std::move(config.key)), budget(config.retry),
          submit_rate(config.limits.submits_per_second, config.limits.max_concurrent_submits),
          submit_slots(config.limits.max_concurrent_submits), submit_turn(1),
          download_slots(config.limits.max_concurrent_downloads),
          upload_slots(config.limits.max_concurrent_uploads),
          fleet(runtime, config, fresh_seed(), [this] { pump_polls(); }),
          shutdown_deadline([this] { cancel_all(make_error_code(errc::shutting_down)); }),
          drain_end([this] { begin_shutdown(); }), drain_rest([this] { begin_shutdown(); }),
          seed_(fresh_seed()), executor_(on)
    {
        for (request_url const& each : bases)
            endpoints_.emplace_back(each, credentials);
        hooks_ = std::make_shared<context_hooks>();
        hooks_->on_shutdown = [this] { destroy(); };
        hooks_->on_fork_child = [this] { disown(); };
        auto& context = boost::asio::query(on, boost::asio::execution::context);
        boost::asio::use_service<context_service>(context).add(hooks_);
    }
    client_state(client_state const&) = delete;
    client_state& operator=(client_state const&) = delete;
    ~client_state()
    {
        hooks_->on_shutdown = [] {};
        hooks_->on_fork_child = [] {};
    }

    // Has the timers look again when a test pushes the clock forward.
    void follow_clock()
    {
        if (!config.clock)
            return;
        clock_changed_ = std::make_shared<std::function<void()>>([weak = weak_from_this()] {
            if (auto const self = weak.lock())
                self->post([self] { self->runtime.timers.clock_changed(); });
        });
        config.clock->follow(clock_changed_);
    }

    boost::asio::any_io_executor const& get_executor() const noexcept { return executor_; }
    bool is_dead() const noexcept { return dead_.load(std::memory_order_acquire); }

    // Runs `function` on the strand, never inside this call. From any thread.
    template <class Function>
    void post(Function&& function)
    {
        if (!is_dead())
            boost::asio::post(runtime.strand(), std::forward<Function>(function));
    }

    // Starts an operation. `body` makes its coroutine from the state and the operation, and is there until it ends.
    template <class T, class Body>
    void launch(completion<T> handler, request_kind kind, operation_tag const& tag, Body body)
    {
        auto started = std::make_shared<call<T, Body>>(kind, next_number(), tag, runtime.now(),
                                                       std::move(handler), std::move(body));
        connect_slot(started->handler, [weak = std::weak_ptr<operation>(started)](
                                           client_state& self, boost::asio::cancellation_type type) {
            if (auto const found = weak.lock())
                found->stop(type, boost::asio::error::operation_aborted,
                            self.runtime.timeouts.abandoned_response);
        });
        post([self = shared_from_this(), started = std::move(started)]() mutable {
            self->begin(std::move(started));
        });
    }

    // The same for an object that listens to the caller's cancellation in a way of its own.
    template <class T, class Stop>
    void connect_slot(completion<T>& handler, Stop stop)
    {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        if (!slot.is_connected())
            return;
        // It is emitted on the caller's thread, and may outlive the strand.
        slot.assign([weak = weak_from_this(), stop = std::move(stop)](boost::asio::cancellation_type type) {
            if (auto const self = weak.lock())
                self->post([self, stop, type] { stop(*self, type); });
        });
    }

    // Off the strand: a handler must not hold up the other operations. Until then the outcome stays where it is.
    template <class Call>
    void deliver(std::shared_ptr<Call> done) const
    {
        boost::asio::post(executor_, [done = std::move(done)]() mutable {
            auto handler = std::move(done->handler);
            std::move(handler)(std::move(done));
        });
    }

    std::uint64_t next_number() noexcept { return next_number_.fetch_add(1, std::memory_order_relaxed) + 1; }
    std::uint64_t seed() noexcept { return ++seed_; }

    // ---- For the coroutines of the operations.

    void set_limit(operation& op, std::optional<std::chrono::milliseconds> const& limit,
                   clock::time_point from)
    {
        if (!limit)
            return;
        op.limit.emplace([this, &op] {
            op.stop(boost::asio::cancellation_type::terminal, make_error_code(errc::deadline_exceeded),
                    runtime.timeouts.abandoned_response);
        });
        runtime.timers.set(*op.limit, from + bounded(*limit));
    }

    awaitable<void> sleep(operation& op, clock::duration delay)
    {
        if (op.stop_reason || delay <= clock::duration::zero())
            co_return;
        timer t(runtime.strand(), timer::time_point::max());
        deadline over([&t] { t.cancel(); });
        runtime.timers.set(over, runtime.now() + delay);
        op.sleeping = &t;
        co_await t.async_wait(use_tuple);
        op.sleeping = nullptr;
    }

    // After a read that failed: waits for the time of the next try, or tells why there is none.
    awaitable<std::optional<error_info>> wait_to_retry(operation& op, read_retry& again,
                                                       error_info const& why, int done,
                                                       bool has_progressed = false)
    {
        retry_decision const next = again.after(why, runtime.now(), done, has_progressed);
        if (next.rate_limited)
            runtime.counters.rate_limited.add();
        if (next.budget_refused)
            runtime.counters.retries_refused.add();
        if (!next.delay)
            co_return next.why;
        emit_retry(op, *next.delay, why, false);
        co_await sleep(op, *next.delay);
        if (op.stop_reason)
            co_return error_info(op.stop_reason);
        co_return std::nullopt;
    }

    // Waits for a place; whether there is one then is in `granted`.
    awaitable<void> wait_for_slot(operation& op, slots& from, slots::waiter& line, bool in_front = false)
    {
        if (op.stop_reason)
            co_return;
        in_front ? from.wait_in_front(line) : from.wait(line);
        op.sleeping = &line.timer;
        co_await line.timer.async_wait(use_tuple);
        op.sleeping = nullptr;
    }

    endpoint_cursor first_endpoint() const noexcept { return {current_endpoint_, 1}; }
    api_endpoint const& endpoint(endpoint_cursor const& at) const noexcept { return endpoints_[at.index]; }

    // A failure before anything was connected says nothing about the service, only about the way to it.
    bool failover(endpoint_cursor& at, http_result const& outcome)
    {
        if (outcome.phase != request_phase::connecting) {
            if (at.index != current_endpoint_) {
                current_endpoint_ = at.index;
                runtime.counters.failovers.add();
            }
            return false;
        }
        static constexpr std::array on_the_way{errc::host_not_found,  errc::host_not_found_try_again,
                                               errc::resolve_timeout, errc::connect_failed,
                                               errc::connect_timeout, errc::proxy_failed};
        bool const way = std::any_of(on_the_way.begin(), on_the_way.end(),
                                     [&](errc each) { return outcome.error == each; });
        if (!way || at.tried >= endpoints_.size())
            return false;
        ++at.tried;
        at.index = (at.index + 1) % endpoints_.size();
        return true;
    }

    // The addresses that the user configured as the service are trusted to be where they are.
    bool is_api_origin(origin const& to) const
    {
        return std::any_of(endpoints_.begin(), endpoints_.end(),
                           [&](api_endpoint const& each) { return each.origin == to; });
    }

    void emit_attempt(request_kind kind, std::uint64_t number, operation_tag const& tag, int attempt,
                      std::string_view task_id, std::string_view key, std::string const& host,
                      exchange const& done) const
    {
        if (!runtime.observer.on_attempt)
            return;
        http_result const& outcome = done.result;
        attempt_event& event = attempt_;
        event.kind = kind;
        event.operation = number;
        event.tag = tag;
        event.attempt = attempt;
        event.task_id = task_id;
        event.idempotency_key = key;
        event.host = host;
        event.reused_connection = outcome.reused;
        event.phase = to_string(outcome.phase);
        event.code = outcome.error;
        bool const answered = outcome.phase == request_phase::answered;
        event.http_status = answered ? outcome.response.status : outcome.http_status;
        event.detail.clear();
        if (!outcome.detail.empty())
            event.detail = credentials.redacted(outcome.detail);
        event.request_id.clear();
        if (!outcome.response.request_id.empty())
            event.request_id = credentials.redacted(printable(outcome.response.request_id, 128));
        event.bytes_sent = outcome.bytes_sent;
        event.bytes_received = outcome.bytes_received;
        event.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(runtime.now() - done.begun);
        runtime.emit(runtime.observer.on_attempt, event);
    }

    void emit_retry(operation const& op, std::chrono::milliseconds delay, error_info const& why,
                    bool is_resend) const
    {
        runtime.counters.retries.add();
        if (!runtime.observer.on_retry)
            return;
        retry_event event;
        event.kind = op.kind;
        event.operation = op.number;
        event.tag = op.tag;
        event.next_attempt = op.attempts + 1;
        event.delay = delay;
        event.why = why.code();
        event.server_requested = why.retry_after().has_value();
        event.is_resend = is_resend;
        runtime.emit(runtime.observer.on_retry, event);
    }

    void emit_operation(request_kind kind, std::uint64_t number, operation_tag const& tag,
                        clock::time_point begun, int attempts, std::string_view task_id, std::string_view key,
                        error_code const& code, acceptance proof) const
    {
        if (!runtime.observer.on_operation)
            return;
        operation_event& event = ended_;
        event.kind = kind;
        event.operation = number;
        event.tag = tag;
        event.task_id = task_id;
        event.idempotency_key = key;
        event.code = code;
        event.acceptance = proof;
        event.attempts = attempts;
        event.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(runtime.now() - begun);
        runtime.emit(runtime.observer.on_operation, event);
    }

    // Starts the polls that are due; see wait.hpp.
    void pump_polls();

    // ---- The end; see shutdown.hpp.

    bool shutting_down() const noexcept { return shutting_down_; }
    // Why nothing new of this kind begins; not set where it does.
    error_code refuses(request_kind kind) const noexcept
    {
        bool const ends = shutting_down_ || (drain_end.is_set() && kind != request_kind::poll &&
                                             kind != request_kind::status && kind != request_kind::download);
        return forked_ ? make_error_code(errc::used_after_fork)
               : ends  ? make_error_code(errc::shutting_down)
                       : error_code();
    }
    void begin_drain(std::chrono::milliseconds within);
    void begin_shutdown();
    void cancel_all(error_code why);
    void finish_shutdowns();
    // Something that is under way has ended, or something has begun.
    void update_activity();

    mutable client_runtime runtime;
    detail::connector connector;
    connection_pool pool;
    client_config const config;
    authorization const credentials;
    retry_budget budget;
    idempotency_keys keys;
    rate_limiter submit_rate;
    slots submit_slots;
    slots submit_turn; // at the rate
    std::size_t queued_submits = 0;
    bool submit_queue_stalled = false; // and the observer knows
    slots download_slots;
    std::size_t queued_downloads = 0;
    slots upload_slots;
    upload_cache uploads;
    poll_fleet fleet;

    std::vector<std::shared_ptr<pending<shutdown_report>>> shutdowns;
    shutdown_report report;
    deadline shutdown_deadline;
    deadline drain_end;  // set while what is under way ends by itself
    deadline drain_rest; // set besides while nothing is under way

private:
    // One call of the client, from its initiation to its handler.
    template <class T, class Body>
    class call final : public operation, public pending<T>
    {
    public:
        using result_type = result<T>;

        call(request_kind type, std::uint64_t serial, operation_tag const& given, clock::time_point now,
             completion<T>&& told, Body&& coroutine)
            : operation(type, serial, given, now), pending<T>(std::move(told)), body(std::move(coroutine))
        {}

        Body const body;
    };

    // The idempotency key of a call that succeeded.
    template <class Call>
    static std::string const& key_of(Call const& op)
    {
        if constexpr (std::is_same_v<typename Call::result_type, result<task>>)
            return (**op.outcome).idempotency_key();
        else
            return op.idempotency_key;
    }

    // The task of a call, where one is known.
    template <class Call>
    static std::string const& task_id_of(Call const& op)
    {
        if constexpr (std::is_same_v<typename Call::result_type, result<task>>)
            if (*op.outcome)
                return (**op.outcome).id();
        return op.task_id;
    }

    // Why a call did not begin. A submit that did not has bought nothing.
    static error_info refusal(request_kind kind, error_info why)
    {
        return kind == request_kind::submit ? why.acceptance(acceptance::not_sent) : why;
    }

    template <class Call>
    void begin(std::shared_ptr<Call>&& started)
    {
        using result_type = typename Call::result_type;
        Call& each = *started;
        if (error_code const why = refuses(each.kind)) {
            error_info refused = refusal(each.kind, error_info(why).tag(each.tag));
            emit_operation(each.kind, each.number, each.tag, each.begun, 0, {}, {}, why,
                           refused.acceptance());
            each.outcome.emplace(std::move(refused));
            deliver(std::move(started));
            update_activity();
            return;
        }
        operations_.push_back(each);
        update_activity();
        boost::asio::co_spawn(runtime.strand(), each.body(*this, each),
                              [self = shared_from_this(), started = std::move(started)](
                                  std::exception_ptr thrown, result_type&& outcome) mutable {
                                  started->active = nullptr;
                                  started->sleeping = nullptr;
                                  if (thrown)
                                      outcome = self->broken(*started, thrown);
                                  started->outcome.emplace(std::move(outcome));
                                  self->complete(std::move(started));
                              });
    }

    // An exception inside an operation, such as the lack of memory, ends that operation and nothing else.
    error_info broken(operation& op, std::exception_ptr const& thrown)
    {
        std::string words = "an exception inside the client";
        error_code beneath;
        try {
            std::rethrow_exception(thrown);
        } catch (std::bad_alloc const&) {
            words = "out of memory";
            beneath = boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
        } catch (std::exception const& e) {
            words = e.what();
        } catch (...) {
        }
        error_info why(errc::resource_exhausted, std::move(words));
        why.underlying(beneath);
        if (op.kind != request_kind::submit)
            return why;
        // A `generate` that has bought its task.
        if (!op.task_id.empty())
            return after_purchase(std::move(why), task(op.task_id));
        if (!op.may_be_accepted)
            return why.acceptance(acceptance::not_sent);
        runtime.counters.outcomes_unknown.add();
        return why.code(errc::outcome_unknown)
            .acceptance(acceptance::unknown)
            .idempotency_key(op.idempotency_key);
    }

    template <class Call>
    void complete(std::shared_ptr<Call>&& done)
    {
        Call& op = *done;
        if (!*op.outcome && !op.tag.empty())
            op.outcome.emplace(error_info(op.outcome->error()).tag(op.tag));
        auto const& outcome = *op.outcome;
        error_info const why = outcome ? error_info() : outcome.error();
        error_code const code = why.code();
        acceptance const proof = op.kind != request_kind::submit ? acceptance::none
                                 : outcome                       ? acceptance::accepted
                                                                 : why.acceptance();
        if (runtime.observer.on_operation)
            emit_operation(op.kind, op.number, op.tag, op.begun, op.attempts, task_id_of(op),
                           outcome ? key_of(op) : why.idempotency_key(), code, proof);
        if (shutting_down_ && code) {
            ++report.cancelled_operations;
            if (code == errc::outcome_unknown)
                ++report.unknown_submits;
        }
        op.limit.reset();
        op.unlink();
        deliver(std::move(done));
        update_activity();
        finish_shutdowns();
    }

    // The execution context goes away. Handlers are dropped, not called, and may own the last copy of a client.
    void destroy()
    {
        auto const self = weak_from_this().lock();
        if (dead_.exchange(true))
            return;
        submit_slots.destroy();
        submit_turn.destroy();
        download_slots.destroy();
        upload_slots.destroy();
        uploads.destroy();
        fleet.destroy();
        shutdowns.clear();
        operations_.clear();
        for (deadline* const each : {&shutdown_deadline, &drain_end, &drain_rest})
            each->clear();
        connector.destroy();
        pool.destroy();
        runtime.destroy();
        executor_ = {};
    }

    // This process is a forked child, and the connections are its parent's: they are closed here without a byte.
    void disown()
    {
        if (is_dead())
            return;
        forked_ = true;
        pool.discard_idle();
        cancel_all(make_error_code(errc::used_after_fork));
    }

    std::vector<api_endpoint> endpoints_;
    std::size_t current_endpoint_ = 0;
    boost::intrusive::list<operation, boost::intrusive::constant_time_size<false>> operations_;
    std::shared_ptr<context_hooks> hooks_;
    std::shared_ptr<std::function<void()>> clock_changed_;
    bool active_ = false;
    bool shutting_down_ = false;
    bool forked_ = false;
    std::atomic<bool> dead_{false};
    std::atomic<std::uint64_t> next_number_{0};
    std::uint64_t seed_;
    boost::asio::any_io_executor executor_;
    // What an observer is told of most: their texts keep their room.
    mutable attempt_event attempt_;
    mutable operation_event ended_;
};

// What copies of a client hold. The last copy's end is the client's end, while operations keep the state.
class client_handle
{
public:
    explicit client_handle(std::shared_ptr<client_state> shared) : state(std::move(shared)) {}
    client_handle(client_handle const&) = delete;
    client_handle& operator=(client_handle const&) = delete;
    ~client_handle()
    {
        try {
            state->post([self = state] { self->begin_shutdown(); });
        } catch (std::bad_alloc const&) { // what is under way goes on to its end, then
        }
    }

    std::shared_ptr<client_state> state;
};

} // namespace apimart::detail

#endif
