// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_SUBMIT_HPP
#define APIMART_OPERATIONS_SUBMIT_HPP

#include <apimart/any_request.hpp>
#include <apimart/operations/client_state.hpp>
#include <apimart/policy/submit_machine.hpp>
#include <apimart/task.hpp>
#include <apimart/validation/excerpt.hpp>

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::detail {

// A submit is one request. Uploads before it would have a cancellation, a time and failures of their own, which
// `acceptance` does not tell apart; who wants both asks for both.
inline std::optional<error_info> refuse_local_images(any_request const& request)
{
    std::vector<local_image> const local = request.local_images();
    if (local.empty())
        return std::nullopt;
    validation_result found;
    for (local_image const& each : local)
        found.add_error(
            each.pointer(),
            "must be uploaded first: by `client::upload_files`, or by `client::generate` as a whole",
            excerpt(std::string_view(each.file().path())));
    return error_info(errc::invalid_request).validation(std::move(found));
}

inline std::optional<error_info> refuse_submit(any_request const& request, submit_settings const& settings)
{
    if (validation_result found = request.check(); !found.ok())
        return error_info(errc::invalid_request)
            .validation(std::move(found))
            .acceptance(acceptance::not_sent);
    if (std::optional<error_info> local = refuse_local_images(request))
        return local->acceptance(acceptance::not_sent);
    if (!settings.idempotency_key.empty() && !is_idempotency_key(settings.idempotency_key))
        return error_info(errc::invalid_configuration,
                          "an idempotency key is 1 to 191 characters of visible ASCII")
            .acceptance(acceptance::not_sent);
    return std::nullopt;
}

inline submit_machine::options machine_options(client_state& client, operation const& op,
                                               submit_settings const& settings, std::string const& body)
{
    client_runtime& runtime = client.runtime;
    submit_machine::options chosen;
    chosen.retry = client.config.retry;
    if (settings.max_retries) {
        chosen.retry.max_retries = *settings.max_retries;
        for (int* const others : {&chosen.retry.max_rate_limit_retries, &chosen.retry.max_resends})
            *others = std::min(*others, *settings.max_retries);
    }
    if (settings.leaves_rate_limits)
        chosen.retry.max_rate_limit_retries = 0;
    if (settings.first_sent) {
        chosen.first_sent_wall = std::chrono::floor<std::chrono::seconds>(*settings.first_sent);
        chosen.first_sent =
            runtime.now() - std::max<std::chrono::seconds>(runtime.wall_clock() - chosen.first_sent_wall,
                                                           std::chrono::seconds(0));
    }
    chosen.contract = client.config.idempotency;
    chosen.seed = client.seed();
    chosen.budget = &client.budget;
    if (op.limit)
        chosen.deadline = op.limit->when();
    chosen.body = body;
    return chosen;
}

// Waits for a place among the submits that are under way, in the order of asking; or tells why there is none.
inline awaitable<std::optional<error_info>> enter_submits(client_state& client, operation& op)
{
    client_runtime& runtime = client.runtime;
    if (client.queued_submits >= runtime.limits.queued_submits) {
        runtime.counters.overloaded.add();
        co_return error_info(errc::queue_full, std::to_string(client.queued_submits) +
                                                   " submits are waiting, " +
                                                   std::to_string(runtime.limits.queued_submits) + " may");
    }
    ++client.queued_submits;
    runtime.counters.submits_queued.add();
    if (runtime.observer.on_backpressure && !std::exchange(client.submit_queue_stalled, true)) {
        backpressure_event event;
        event.where = backpressure_event::place::submit_queue;
        event.tag = op.tag;
        event.waiting = client.queued_submits;
        runtime.emit(runtime.observer.on_backpressure, event);
    }
    slots::waiter line(runtime.strand());
    co_await client.wait_for_slot(op, client.submit_slots, line);
    --client.queued_submits;
    runtime.counters.submits_queued.subtract();
    if (line.granted && op.stop_reason)
        client.submit_slots.release();
    if (op.stop_reason)
        co_return error_info(op.stop_reason);
    co_return std::nullopt;
}

// Waits for a turn at the rate that the service takes. Repetitions have waited already and go first.
inline awaitable<void> wait_for_turn(client_state& client, operation& op, bool is_repetition)
{
    client_runtime& runtime = client.runtime;
    slots::waiter line(runtime.strand());
    bool const granted = client.submit_turn.try_acquire();
    if (!granted) {
        ++client.queued_submits;
        runtime.counters.submits_queued.add();
        co_await client.wait_for_slot(op, client.submit_turn, line, is_repetition);
        --client.queued_submits;
        runtime.counters.submits_queued.subtract();
        if (!line.granted)
            co_return;
    }
    slot_guard const turn(client.submit_turn);
    while (!op.stop_reason) {
        auto const delay = client.submit_rate.take(runtime.now());
        if (delay <= client_state::clock::duration::zero())
            co_return;
        if (runtime.observer.on_backpressure) {
            backpressure_event event;
            event.where = backpressure_event::place::submit_rate;
            event.tag = op.tag;
            event.waiting = client.queued_submits + 1;
            event.delay = std::chrono::ceil<std::chrono::milliseconds>(delay);
            runtime.emit(runtime.observer.on_backpressure, event);
        }
        co_await client.sleep(op, delay);
    }
}

inline http_request make_post(client_state& client, operation& op, exchange& x, api_endpoint const& endpoint,
                              submit_machine const& machine, std::string const& body)
{
    http_request request = x.request_to(endpoint.origin, lane::submit);
    request.head.append(endpoint.post).append(machine.key()).append("\r\nContent-Length: ");
    request.head.append(std::to_string(body.size())).append("\r\n\r\n");
    request.body = body;
    request.response_limit = client.runtime.limits.body_limit;
    request.counted = &client.runtime.counters.submits_sent;
    // From then on an exception means doubt; see `client_state::broken`.
    request.committed = &op.may_be_accepted;
    request.not_after = machine.key_expiry();
    return request;
}

// What an answer says about the rate at which submits may be sent.
inline void report_rate(client_state& client, submit_machine const& machine, submit_machine::action next,
                        bool is_answered)
{
    auto const now = client.runtime.now();
    if (next == submit_machine::action::finish && machine.outcome().has_value()) {
        client.submit_rate.succeeded(now);
        return;
    }
    error_info const& why =
        next == submit_machine::action::pause ? machine.pending() : machine.outcome().error();
    // Asking for fewer requests can be said in several ways, and not every 429 says it.
    if (is_answered &&
        (why.code() == condition::rate_limited || why.underlying() == condition::rate_limited)) {
        client.runtime.counters.rate_limited.add();
        auto const asked = why.retry_after();
        // What is too long for this submit to wait for is not for the others to wait for either.
        client.submit_rate.rate_limited(
            now, asked && *asked <= client.config.retry.max_retry_after ? asked : std::nullopt);
    } else {
        client.submit_rate.ended();
    }
}

// What comes after a POST that has ended.
inline submit_machine::action after_post(client_state& client, operation& op, http_result const& outcome,
                                         submit_machine& machine)
{
    bool const is_answered = outcome.phase == request_phase::answered;
    if (op.stop_reason && !is_answered) {
        client.submit_rate.ended();
        return machine.stopped(outcome, op.stop_reason);
    }
    auto const next = machine.on_response(outcome, client.runtime.now(), client.runtime.wall_clock());
    op.may_be_accepted =
        machine.in_doubt() || (next == submit_machine::action::finish && machine.outcome().has_value());
    report_rate(client, machine, next, is_answered);
    if (next == submit_machine::action::pause && !op.stop_reason)
        client.emit_retry(op, machine.delay(), machine.pending(), machine.in_doubt());
    return next;
}

// Tasks that ask for the same amount of work of the same model are expected to take equally long.
inline std::string profile_of(any_request const& request)
{
    std::string text;
    text.reserve(64);
    text.append(request.model()).append("/").append(request.kind());
    for (std::string_view const name : {"mode", "resolution", "duration", "audio", "generate_audio"}) {
        boost::json::value const* const value = request.body().if_contains(name);
        text += '/';
        if (value == nullptr)
            continue;
        if (boost::json::string const* const word = value->if_string())
            text.append(word->data(), std::min<std::size_t>(word->size(), 16));
        else if (value->is_int64())
            text += std::to_string(value->get_int64());
        else if (value->is_bool())
            text += value->get_bool() ? "1" : "0";
    }
    return text;
}

// Leaves the key with the operation, for what an exception means; see `client_state::broken`.
class key_keeper
{
public:
    key_keeper(operation& op, submit_machine& machine) : op_(op), machine_(machine) {}
    key_keeper(key_keeper const&) = delete;
    key_keeper& operator=(key_keeper const&) = delete;
    ~key_keeper() { op_.idempotency_key = machine_.take_key(); }

private:
    operation& op_;
    submit_machine& machine_;
};

// `described` has all that a task has but its id.
inline result<task> finish_submit(client_state& client, submit_settings const& settings,
                                  submit_machine& machine, task described)
{
    if (!machine.outcome()) {
        error_info why = client.credentials.redacted(machine.outcome().error());
        if (why.code() == errc::outcome_unknown)
            client.runtime.counters.outcomes_unknown.add();
        if (why.code() == errc::retry_budget_exhausted)
            client.runtime.counters.retries_refused.add();
        return why;
    }
    client.runtime.counters.tasks_accepted.add();
    task accepted(*machine.take_outcome());
    accepted.model(std::move(described).model()).duration_class(std::move(described).duration_class());
    accepted.idempotency_key(machine.take_key()).submit_attempts(machine.requests());
    accepted.accepted_at(client.runtime.now());
    client.runtime.emit(settings.on_accepted, accepted);
    return accepted;
}

// What a call of `client::submit` is; `client_state::launch` starts it on the client's strand. Its requests have one key.
inline awaitable<result<task>> submit(client_state& client, operation& op, any_request const& request,
                                      submit_settings const& settings)
{
    client_runtime& runtime = client.runtime;
    if (std::optional<error_info> bad = refuse_submit(request, settings))
        co_return *std::move(bad);
    client.set_limit(op, settings.timeout, runtime.now());
    // The request is complete before anything is connected: what is sent does not depend on what happens.
    std::string const body = boost::json::serialize(request.body());
    // Once the task is bought, its id is only moved: the lack of memory does not lose it.
    task described;
    described.model(std::string(request.model())).duration_class(profile_of(request));
    submit_machine machine(machine_options(client, op, settings, body),
                           settings.idempotency_key.empty() ? client.keys.next() : settings.idempotency_key);
    key_keeper const keeper(op, machine);
    op.may_be_accepted = machine.in_doubt();

    // Mostly there is nothing to wait for, here and below, and then no coroutine is made for it.
    if (client.submit_slots.try_acquire())
        client.submit_queue_stalled = false;
    else if (std::optional<error_info> full = co_await enter_submits(client, op))
        co_return full->acceptance(machine.in_doubt() ? acceptance::unknown : acceptance::not_sent)
            .idempotency_key(machine.key());
    slot_guard const place(client.submit_slots);
    exchange x(runtime, client.pool, client.connector);
    endpoint_cursor at;
    for (auto next = machine.start(runtime.now()); next != submit_machine::action::finish;) {
        if (op.stop_reason) {
            next = machine.stopped(op.stop_reason);
        } else if (next == submit_machine::action::pause) {
            co_await client.sleep(op, machine.delay());
            if (!op.stop_reason)
                next = machine.resume(runtime.now(), runtime.wall_clock());
        } else {
            bool const at_once = !client.submit_turn.full() && client.submit_rate.take(runtime.now()) <=
                                                                   client_state::clock::duration::zero();
            if (!at_once)
                co_await wait_for_turn(client, op, op.attempts > 0);
            if (op.stop_reason)
                continue;
            // While it waited, a key can have grown too old to be sent again.
            if ((op.attempts > 0 || machine.in_doubt()) &&
                (next = machine.resume(runtime.now(), runtime.wall_clock())) !=
                    submit_machine::action::send) {
                client.submit_rate.ended();
                continue;
            }
            ++op.attempts;
            // What the service may have already goes where it went.
            if (!machine.in_doubt())
                at = client.first_endpoint();
            do {
                http_request post = make_post(client, op, x, client.endpoint(at), machine, body);
                op.active = &x;
                co_await x.send(std::move(post));
                op.active = nullptr;
                if (!op.stop_reason)
                    op.stop_reason = x.stopped_by();
                client.emit_attempt(request_kind::submit, op.number, op.tag, op.attempts, {}, machine.key(),
                                    client.endpoint(at).origin.host, x);
            } while (!op.stop_reason && !machine.in_doubt() && client.failover(at, x.result));
            next = after_post(client, op, x.result, machine);
        }
    }
    co_return finish_submit(client, settings, machine, std::move(described));
}

} // namespace apimart::detail

#endif
