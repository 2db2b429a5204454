// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_CLIENT_CORE_IPP
#define APIMART_RUNTIME_CLIENT_CORE_IPP

#include <apimart/protocol/user_agent.hpp>
#include <apimart/runtime/client_core.hpp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/query.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <random>

namespace apimart::detail {

// Somebody's "for ever", without an overflow when it is added to a time.
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

APIMART_INLINE client_core::client_core(executor_type executor, client_config settings,
                                        std::vector<request_url> bases, proxy_rules through,
                                        tls_context secure)
    : transport(std::move(executor), settings, std::move(through), std::move(secure)), pool(*this),
      budget(settings.retry), submit_rate(settings.limits.submits_per_second, settings.limits.submits),
      config(std::move(settings)), credentials(std::move(config.key)), submit_places_(config.limits.submits),
      submit_alarm_(&alarm_of<&client_core::pump_submits>::ring, this),
      download_places_(config.limits.downloads), schedule_(config.poll, fresh_seed()),
      poll_alarm_(&alarm_of<&client_core::pump_polls>::ring, this),
      drain_alarm_(&alarm_of<&client_core::cut>::ring, this), seed_(fresh_seed())
{
    for (request_url const& each : bases) {
        api_base made;
        made.origin = each.origin;
        std::string fields = "Host: " + each.origin.authority() + "\r\nUser-Agent: ";
        fields.append(user_agent).append("\r\nAccept: application/json\r\n");
        credentials.append_header(fields);
        made.post = "POST " + each.target + "/v1/videos/generations HTTP/1.1\r\n" + fields +
                    "Content-Type: application/json\r\nIdempotency-Key: ";
        made.get = "GET " + each.target + "/v1/tasks/";
        made.get_tail = " HTTP/1.1\r\n" + fields + "\r\n";
        bases_.push_back(std::move(made));
    }
    auto& context = boost::asio::query(this->executor(), boost::asio::execution::context);
    boost::asio::use_service<context_watch>(context).add(this);
}

APIMART_INLINE client_core::~client_core()
{
    if (!gone()) {
        auto& context = boost::asio::query(executor(), boost::asio::execution::context);
        boost::asio::use_service<context_watch>(context).remove(this);
    }
    drop_all();
}

// What they do in their end, they do to the pool and the schedule.
APIMART_INLINE void client_core::drop_all()
{
    submit_queue_.clear();
    resend_queue_.clear();
    std::vector<std::shared_ptr<operation>> const operations = under_way();
    operations_.clear_and_dispose([](operation* which) { which->kept.reset(); });
    std::vector<std::unique_ptr<watched_task>> watched;
    while (!watched_.empty())
        watched.push_back(take_out(*watched_.begin()));
}

APIMART_INLINE void client_core::abandon()
{
    // Handlers may own the last copy of a client, and so this object.
    auto const me = weak_from_this().lock();
    begin_to_drop();
    drop_all();
    free_slots_.clear();
    poll_slots_.clear();
    spare_sendings_.clear();
    shutdowns_.clear();
    pool.abandon();
    drop_rest();
}

APIMART_INLINE bool client_core::quiet() const noexcept
{
    return operations_.empty() && watched_.empty();
}

APIMART_INLINE metrics client_core::read_metrics() const
{
    auto const read = [](std::atomic<std::uint64_t> const& from) {
        return from.load(std::memory_order_relaxed);
    };
    metrics now;
    now.submits_sent = read(counters.submits_sent);
    now.tasks_accepted = read(counters.tasks_accepted);
    now.outcomes_unknown = read(counters.outcomes_unknown);
    now.polls_sent = read(counters.polls_sent);
    now.tasks_finished = read(counters.tasks_finished);
    now.bytes_downloaded = read(counters.bytes_downloaded);
    now.connections_opened = read(counters.connections_opened);
    now.connections_failed = read(counters.connections_failed);
    now.connect_fallbacks = read(counters.connect_fallbacks);
    now.stale_connections = read(counters.stale_connections);
    now.unsolicited_bytes = read(counters.unsolicited_bytes);
    now.retries = read(counters.retries);
    now.retries_refused = read(counters.retries_refused);
    now.throttled = read(counters.throttled);
    now.overloaded = read(counters.overloaded);
    now.base_url_switches = read(counters.base_url_switches);
    now.tasks_waiting = read(counters.tasks_waiting);
    now.submits_queued = read(counters.submits_queued);
    now.requests_in_flight = read(counters.requests_in_flight);
    now.connections_open = read(counters.connections_open);
    return now;
}

template <class Operation>
void client_core::launch(std::shared_ptr<Operation> op)
{
    op->obey_caller();
    enter_from_call([me = self(), op = std::move(op)]() mutable { me->admit(std::move(op)); });
}

APIMART_INLINE void client_core::admit(std::shared_ptr<operation> op)
{
    if (shutting_down_ || process.forked()) {
        try {
            op->refuse(process.forked() ? of_the_parent : failure(errc::shutting_down));
        } catch (std::bad_alloc const&) {
            end_now(*op);
        }
        return;
    }
    // From here on it is known, so that it cannot get lost.
    op->kept = op;
    operations_.push_back(*op);
    op->begin();
}

APIMART_INLINE void client_core::end_now(operation& which) noexcept
{
    if (std::exchange(which.ended, true))
        return;
    which.drop();
    bool const under_way = which.is_linked();
    if (under_way)
        operations_.erase(operations_.iterator_to(which));
    ready(under_way ? std::move(which.kept) : which.shared_from_this());
}

APIMART_INLINE std::vector<std::shared_ptr<operation>> client_core::under_way()
{
    std::vector<std::shared_ptr<operation>> all;
    for (operation& each : operations_)
        all.push_back(each.kept);
    return all;
}

APIMART_INLINE void client_core::conclude(operation& which, error_code why, proof_level proof,
                                          std::string_view task_id, int attempts)
{
    if (observer.on_operation)
        tell_written<operation_event>([&](operation_event& event) {
            event.kind = which.kind;
            event.operation = which.number;
            event.task_id = task_id;
            event.code = why;
            event.proof = proof;
            event.attempts = attempts;
            event.took = std::chrono::duration_cast<std::chrono::microseconds>(now() - which.begun);
        });
    which.ended = true;
    bool const under_way = which.is_linked();
    ready(under_way ? std::move(which.kept) : which.shared_from_this());
    if (!under_way)
        return;
    if (shutting_down_ && why) {
        ++stopped_;
        if (why == errc::outcome_unknown)
            ++unknown_;
    }
    operations_.erase(operations_.iterator_to(which));
    finish_shutdowns();
}

// A failure before anything was connected says nothing about the service, only about the way to it.
APIMART_INLINE bool client_core::walk_on(base_walk& at, exchange_outcome const& outcome)
{
    if (outcome.phase != exchange_phase::connecting) {
        if (at.index != current_base_) {
            current_base_ = at.index;
            count(counters.base_url_switches);
        }
        return false;
    }
    static constexpr std::array on_the_way{errc::resolve_failed,  errc::resolve_unavailable,
                                           errc::resolve_timeout, errc::connect_failed,
                                           errc::connect_timeout, errc::proxy_failed};
    bool const way =
        std::any_of(on_the_way.begin(), on_the_way.end(), [&](errc each) { return outcome.error == each; });
    if (!way || at.tried >= bases_.size())
        return false;
    ++at.tried;
    at.index = (at.index + 1) % bases_.size();
    return true;
}

// What the caller configured as the service is trusted to be where it is; every other place is not.
APIMART_INLINE bool client_core::is_home(origin const& to) const
{
    return std::any_of(bases_.begin(), bases_.end(), [&](api_base const& each) { return each.origin == to; });
}

APIMART_INLINE void client_core::tell_attempt(request_kind kind, std::uint64_t number, int attempt,
                                              std::string_view task_id, std::string_view key,
                                              std::string const& host, exchange const& done)
{
    exchange_outcome const& outcome = done.outcome;
    tell_written<attempt_event>([&](attempt_event& event) {
        event.kind = kind;
        event.operation = number;
        event.attempt = attempt;
        event.task_id = task_id;
        event.idempotency_key = key;
        event.host = host;
        event.reused_connection = outcome.reused;
        event.phase = to_string(outcome.phase);
        event.code = outcome.error;
        event.http_status =
            outcome.phase == exchange_phase::answered ? outcome.reply.status : outcome.http_status;
        event.detail.clear();
        if (!outcome.detail.empty())
            event.detail = credentials.redacted(outcome.detail);
        event.request_id.clear();
        if (!outcome.reply.request_id.empty())
            event.request_id = credentials.redacted(printable(outcome.reply.request_id, 128));
        event.bytes_sent = outcome.bytes_sent;
        event.bytes_received = outcome.bytes_received;
        event.took = std::chrono::duration_cast<std::chrono::microseconds>(now() - done.begun);
    });
}

APIMART_INLINE void client_core::tell_retry(request_kind kind, std::uint64_t number, int next,
                                            std::chrono::milliseconds delay, failure const& why,
                                            bool same_key)
{
    retry_event event;
    event.kind = kind;
    event.operation = number;
    event.next_attempt = next;
    event.delay = delay;
    event.why = why.code();
    event.asked_by_service = why.retry_after().has_value();
    event.same_key = same_key;
    tell(observer.on_retry, std::move(event));
}

} // namespace apimart::detail

#endif
