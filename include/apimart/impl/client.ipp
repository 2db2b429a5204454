// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_IMPL_CLIENT_IPP
#define APIMART_IMPL_CLIENT_IPP

#include <apimart/detail/client_core.hpp>
#include <apimart/detail/client_entry.hpp>
#include <apimart/detail/config.hpp>
#include <apimart/detail/transport/tls_context.hpp>
#include <apimart/detail/wire/reply_json.hpp>
#include <apimart/detail/wire/task_reply.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <new>
#include <random>

namespace apimart::detail {

// --- what the client's header names ---------------------------------------------------------------------

// Somebody's "for ever", without an overflow when it is added to a time.
inline std::chrono::milliseconds bounded(std::chrono::milliseconds given)
{
    constexpr std::chrono::milliseconds years = std::chrono::hours(24 * 365 * 10);
    return std::clamp(given, -years, years);
}

APIMART_INLINE std::shared_ptr<client_handle> make_client_handle(boost::asio::any_io_executor executor,
                                                                 client_config config)
{
    auto const unusable = [](std::string words) {
        return error(failure(errc::invalid_configuration, std::move(words)));
    };
    std::optional<request_url> base = parse_request_url(config.base_url);
    if (!base || base->target.find('?') != std::string::npos)
        throw unusable("base_url is not an absolute http or https URL without user information and query");
    if (!base->origin.tls && !config.allow_plain_http)
        throw unusable("base_url is not https, and allow_plain_http is not set");
    while (base->target.ends_with('/'))
        base->target.pop_back();
    if (config.limits.connections < 1 || config.limits.submits < 1 || config.limits.downloads < 1)
        throw unusable("limits must be at least one");
    if (config.poll.concurrent < 1 || config.poll.shortest.count() < 1)
        throw unusable("poll.concurrent and poll.shortest must be at least one");
    if (config.retry.max_retries < 0 || config.retry.max_resends < 0 ||
        config.retry.max_rate_limit_retries < 0)
        throw unusable("retry counts must not be negative");
    for (auto* const each :
         {&config.timeouts.connect, &config.timeouts.tls_handshake, &config.timeouts.response,
          &config.timeouts.detached_answer, &config.timeouts.idle, &config.timeouts.idle_for_submit,
          &config.timeouts.drain, &config.poll.first, &config.poll.shortest, &config.poll.longest,
          &config.poll.max_wait})
        *each = bounded(*each);
    auto tls = make_tls_context(config.tls);
    if (!tls)
        throw error(tls.error());
    return std::make_shared<client_handle>(std::make_shared<client_core>(
        std::move(executor), std::move(config), std::move(*base), std::move(*tls)));
}

APIMART_INLINE void start_submit(client_handle& handle, any_request request, submit_options options,
                                 completion<task> handler)
{
    handle.core->start_submit(std::move(request), std::move(options), std::move(handler));
}

APIMART_INLINE void start_wait(client_handle& handle, task which, wait_options options,
                               completion<finished_task> handler)
{
    handle.core->start_wait(std::move(which), options, std::move(handler));
}

APIMART_INLINE void start_status(client_handle& handle, task which, completion<task_state> handler)
{
    handle.core->start_status(std::move(which), std::move(handler));
}

APIMART_INLINE void start_generate(client_handle& handle, any_request request, submit_options submit,
                                   wait_options wait, completion<finished_task> handler)
{
    handle.core->start_generate(std::move(request), std::move(submit), wait, std::move(handler));
}

APIMART_INLINE void start_download(client_handle& handle, video_file file, std::filesystem::path to,
                                   download_options options, completion<std::uint64_t> handler)
{
    handle.core->start_download(std::move(file), std::move(to), options, std::move(handler));
}

APIMART_INLINE void start_shutdown(client_handle& handle, completion<shutdown_report> handler)
{
    handle.core->start_shutdown(std::move(handler));
}

APIMART_INLINE metrics read_metrics(client_handle const& handle)
{
    return handle.core->read_metrics();
}

APIMART_INLINE boost::asio::any_io_executor executor_of(client_handle const& handle)
{
    return handle.core->get_executor();
}

// --- life and death -------------------------------------------------------------------------------------

inline std::uint64_t fresh_seed()
{
    std::uint64_t seed = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed) != 1)
        seed = std::random_device{}();
    return seed;
}

APIMART_INLINE client_core::client_core(executor_type executor, client_config config, request_url base,
                                        boost::asio::ssl::context tls)
    : executor_(std::move(executor)), config_(std::move(config)), base_(std::move(base)),
      authorization_(std::move(config_.key)), strand_(boost::asio::make_strand(executor_)),
      pool_(*strand_, std::move(tls), config_.limits, config_.timeouts), submits_(config_.limits.submits),
      downloads_(config_.limits.downloads), schedule_(config_.poll, fresh_seed()),
      poll_timer_(std::in_place, *strand_), seed_(fresh_seed())
{
    auto& context = boost::asio::query(executor_, boost::asio::execution::context);
    boost::asio::use_service<context_watch>(context).add(this);
}

APIMART_INLINE client_core::~client_core()
{
    if (strand_) {
        auto& context = boost::asio::query(executor_, boost::asio::execution::context);
        boost::asio::use_service<context_watch>(context).remove(this);
    }
}

APIMART_INLINE void client_core::abandon()
{
    // Handlers may own the last copy of a client, and so this object.
    auto const self = weak_from_this().lock();
    pool_.abandon();
    poll_timer_.reset();
    auto watched = std::move(watched_);
    watched_.clear();
    for (auto& [id, which] : watched)
        schedule_.remove(*which);
    watched.clear();
    submits_.waiting.abandon();
    downloads_.waiting.abandon();
    idle_.abandon();
    operations_.clear(); // their signals refer to the strand
    strand_.reset();
    executor_ = {};
}

APIMART_INLINE metrics client_core::read_metrics() const
{
    metrics now;
    now.submits_sent = counters_.submits_sent.load(std::memory_order_relaxed);
    now.tasks_accepted = counters_.tasks_accepted.load(std::memory_order_relaxed);
    now.outcomes_unknown = counters_.outcomes_unknown.load(std::memory_order_relaxed);
    now.polls_sent = counters_.polls_sent.load(std::memory_order_relaxed);
    now.tasks_finished = counters_.tasks_finished.load(std::memory_order_relaxed);
    now.bytes_downloaded = counters_.bytes_downloaded.load(std::memory_order_relaxed);
    now.connections_opened = counters_.connections_opened.load(std::memory_order_relaxed);
    now.tasks_waiting = counters_.tasks_waiting.load(std::memory_order_relaxed);
    return now;
}

// --- from a caller's handler to the strand and back -----------------------------------------------------

// Work on the caller's executor, so that it does not run out while the operation is elsewhere.
inline auto keep_working(boost::asio::any_completion_executor const& executor)
{
    return boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked);
}

template <class T>
void client_core::deliver(completion<T> handler, result<T> outcome) const
{
    // Off the strand first: a handler must not hold up everybody else's operations. Then to where it belongs,
    // which must not run out of work on the way.
    auto where = keep_working(
        boost::asio::get_associated_executor(handler, boost::asio::any_completion_executor(executor_)));
    boost::asio::post(executor_, [where = std::move(where), handler = std::move(handler),
                                  outcome = std::move(outcome)]() mutable {
        boost::asio::dispatch(where, [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
            boost::asio::get_associated_cancellation_slot(handler).clear();
            std::move(handler)(std::move(outcome));
        });
    });
}

template <class T, class Body>
void client_core::launch(completion<T> handler, bool is_submit, Body body)
{
    namespace asio = boost::asio;
    auto const self = shared_from_this();
    auto const op = std::make_shared<operation>();
    op->is_submit = is_submit;
    auto work =
        keep_working(asio::get_associated_executor(handler, asio::any_completion_executor(executor_)));

    // The caller's slot is emitted on the caller's thread; the operation lives on the strand.
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
        // It must not keep a strand: the slot can outlive the context.
        slot.assign(
            [core = weak_from_this(), weak = std::weak_ptr<operation>(op)](asio::cancellation_type type) {
                auto const still = core.lock();
                if (!still || !still->strand_)
                    return;
                asio::post(*still->strand_, [weak, type] {
                    if (auto const found = weak.lock())
                        found->stop(type, asio::error::operation_aborted);
                });
            });
    }

    asio::post(*strand_, [self, op, work, handler = std::move(handler), body = std::move(body)]() mutable {
        if (self->shutting_down_) {
            failure why(errc::shutting_down);
            if (op->is_submit)
                why.proof(proof_level::not_sent);
            self->deliver(std::move(handler), result<T>(std::move(why)));
            return;
        }
        self->operations_.push_back(op);
        auto const place = std::prev(self->operations_.end());
        asio::co_spawn(
            *self->strand_, body(*self, op),
            asio::bind_cancellation_slot(
                op->signal.slot(), [self, op, place, work, handler = std::move(handler)](
                                       std::exception_ptr thrown, result<T> outcome) mutable {
                    self->operations_.erase(place);
                    if (thrown) {
                        // Only exhaustion gets here; expected failures are values.
                        failure why(
                            boost::system::errc::make_error_code(boost::system::errc::not_enough_memory));
                        if (op->is_submit)
                            why.proof(op->may_be_accepted() ? proof_level::unknown : proof_level::not_sent);
                        outcome = std::move(why);
                    }
                    if (!outcome && outcome.error().code() == errc::outcome_unknown)
                        ++self->unknown_;
                    if (!outcome && op->stop_reason == errc::shutting_down)
                        ++self->stopped_;
                    self->deliver(std::move(handler), std::move(outcome));
                    if (self->operations_.empty())
                        self->idle_.wake_all();
                }));
    });
}

APIMART_INLINE error_code client_core::stop_code(operation const& op, error_code otherwise) const
{
    return op.stop_reason ? op.stop_reason : otherwise;
}

APIMART_INLINE boost::asio::awaitable<error_code> client_core::pause(std::chrono::milliseconds delay)
{
    namespace asio = boost::asio;
    asio::steady_timer timer(co_await asio::this_coro::executor, delay);
    auto const [code] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return code;
}

APIMART_INLINE boost::asio::awaitable<error_code> client_core::enter(gate& g)
{
    namespace asio = boost::asio;
    if (g.try_enter())
        co_return error_code();
    auto const [code] = co_await g.waiting.async_wait(*strand_, asio::as_tuple(asio::use_awaitable));
    co_return code;
}

// --- requests -------------------------------------------------------------------------------------------

APIMART_INLINE std::string client_core::request_head(std::string_view method, std::string_view path) const
{
    std::string head;
    head.reserve(512);
    head.append(method).append(" ").append(base_.target).append(path).append(" HTTP/1.1\r\nHost: ");
    head.append(base_.origin.authority())
        .append("\r\nUser-Agent: apimart-cpp\r\nAccept: application/json\r\n");
    authorization_.append_header(head);
    return head;
}

APIMART_INLINE std::string client_core::mint_key()
{
    // A random UUID: nobody else's key is ever hit by chance.
    static constexpr char digits[] = "0123456789abcdef";
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::bad_alloc();
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += digits[bytes[i] >> 4U];
        text += digits[bytes[i] & 0xFU];
    }
    return text;
}

inline bool is_idempotency_key(std::string_view key)
{
    return !key.empty() && key.size() <= 191 &&
           std::all_of(key.begin(), key.end(), [](char c) { return c >= '!' && c <= '~'; });
}

// Tasks that ask for the same amount of work of the same model are expected to take equally long.
inline std::string profile_of(any_request const& request)
{
    std::string text(request.model());
    text.append("/").append(request.kind());
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

APIMART_INLINE void client_core::start_submit(any_request request, submit_options options,
                                              completion<task> handler)
{
    launch<task>(std::move(handler), true,
                 [request = std::move(request), options = std::move(options)](client_core& core,
                                                                              operation_ptr op) mutable {
                     return core.submit(std::move(op), std::move(request), std::move(options));
                 });
}

APIMART_INLINE boost::asio::awaitable<result<task>> client_core::submit(operation_ptr op, any_request request,
                                                                        submit_options options)
{
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);

    if (diagnostics found = request.check(); !found.accepted())
        co_return failure(errc::invalid_request).violations(std::move(found)).proof(proof_level::not_sent);
    std::string key = options.idempotency_key().empty() ? mint_key() : options.idempotency_key();
    if (!is_idempotency_key(key))
        co_return failure(errc::invalid_configuration,
                          "an idempotency key is 1 to 191 characters of visible ASCII")
            .proof(proof_level::not_sent);

    submit_machine::options chosen;
    chosen.retry = config_.retry;
    chosen.contract = config_.idempotency;
    chosen.seed = ++seed_;
    if (options.time_limit())
        chosen.deadline = clock::now() + bounded(*options.time_limit());
    submit_machine machine(chosen, std::move(key));
    // The machine looks at the limit between requests; while one is under way, it is like a cancellation.
    asio::steady_timer limit(*strand_);
    if (chosen.deadline) {
        limit.expires_at(*chosen.deadline);
        limit.async_wait([op](error_code code) {
            if (!code && op->is_submit)
                op->stop(asio::cancellation_type::terminal, make_error_code(errc::deadline_exceeded));
        });
    }

    // The request is complete before anything is connected: what is sent does not depend on what happens.
    std::string const body = request.serialize();
    std::string text = request_head("POST", "/v1/videos/generations");
    text += "Content-Type: application/json\r\nIdempotency-Key: ";
    text += machine.key();
    text += "\r\nContent-Length: ";
    text += std::to_string(body.size());
    text += "\r\n\r\n";
    text += body;

    if (error_code const code = co_await enter(submits_)) {
        machine.stopped(stop_code(*op, code));
        co_return machine.outcome().error();
    }
    gate_place const place(submits_);

    submit_machine::action next = machine.start(clock::now());
    while (next != submit_machine::action::finish) {
        if (op->stop_reason) {
            next = machine.stopped(op->stop_reason);
        } else if (next == submit_machine::action::pause) {
            if (error_code const code = co_await pause(machine.delay()))
                next = machine.stopped(stop_code(*op, code));
            else
                next = machine.resume(clock::now());
        } else if (auto const now = clock::now(); now < submit_not_before_) {
            // Another submit was told to slow down; that concerns this one as well.
            if (error_code const code = co_await pause(
                    std::chrono::duration_cast<std::chrono::milliseconds>(submit_not_before_ - now) +
                    std::chrono::milliseconds(1)))
                next = machine.stopped(stop_code(*op, code));
        } else {
            exchange_outcome outcome = co_await exchange(pool_, base_.origin, lane::submit, text,
                                                         config_.limits, config_.timeouts, *op);
            counters_.connections_opened.store(pool_.opened(), std::memory_order_relaxed);
            if (outcome.phase >= exchange_phase::committed)
                counters_.submits_sent.fetch_add(1, std::memory_order_relaxed);
            if (op->stop_reason && outcome.phase != exchange_phase::answered) {
                next = machine.stopped(outcome, op->stop_reason);
            } else {
                auto const wall = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
                next = machine.answered(outcome, clock::now(), wall);
                if (next == submit_machine::action::pause && outcome.reply.status == 429)
                    submit_not_before_ = std::max(submit_not_before_, clock::now() + machine.delay());
            }
        }
    }

    if (!machine.outcome()) {
        if (machine.outcome().error().code() == errc::outcome_unknown)
            counters_.outcomes_unknown.fetch_add(1, std::memory_order_relaxed);
        co_return authorization_.redacted(machine.outcome().error());
    }
    counters_.tasks_accepted.fetch_add(1, std::memory_order_relaxed);
    task accepted(*machine.outcome());
    accepted.model(std::string(request.model())).profile(profile_of(request));
    accepted.idempotency_key(machine.key()).submit_attempts(machine.requests()).accepted_at(clock::now());
    co_return accepted;
}

APIMART_INLINE boost::asio::awaitable<exchange_outcome> client_core::ask_for_task(operation& op,
                                                                                  std::string id)
{
    std::string text = request_head("GET", "/v1/tasks/" + percent_encode_segment(id));
    text += "\r\n";
    exchange_outcome outcome;
    // A kept connection that turns out to be dead says nothing about the service; asking again is free.
    for (int turn = 0; turn < 2; ++turn) {
        outcome =
            co_await exchange(pool_, base_.origin, lane::poll, text, config_.limits, config_.timeouts, op);
        if (outcome.phase == exchange_phase::answered || !outcome.reused ||
            outcome.error != errc::connection_lost || op.stop_reason)
            break;
    }
    counters_.connections_opened.store(pool_.opened(), std::memory_order_relaxed);
    counters_.polls_sent.fetch_add(1, std::memory_order_relaxed);
    co_return outcome;
}

// Whether a wait goes on after a poll that gave no state. A task can be invisible for a moment after it was
// accepted; after that an unknown id stays unknown.
inline bool worth_another_poll(failure const& why, int failures_in_a_row)
{
    if (why.code() == errc::task_not_found)
        return failures_in_a_row < 3;
    return why.code() == cause::retryable || why.code() == errc::protocol_error;
}

APIMART_INLINE result<task_state> client_core::judge_task_answer(exchange_outcome const& outcome,
                                                                 std::string const& id) const
{
    if (outcome.phase != exchange_phase::answered)
        return failure(outcome.error, outcome.detail).underlying(outcome.underlying).task_id(id);
    auto const wall = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    result<task_state> answer = read_task_reply(outcome.reply, id, wall);
    if (!answer)
        return authorization_.redacted(answer.error());
    task_failure const& reason = answer->reason();
    if (!reason.text().empty())
        answer->reason(task_failure(reason.code(), reason.type(), authorization_.redacted(reason.text())));
    return answer;
}

APIMART_INLINE void client_core::start_status(task which, completion<task_state> handler)
{
    launch<task_state>(std::move(handler), false,
                       [which = std::move(which)](client_core& core, operation_ptr op) mutable {
                           return core.status(std::move(op), std::move(which));
                       });
}

APIMART_INLINE boost::asio::awaitable<result<task_state>> client_core::status(operation_ptr op, task which)
{
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);

    if (!is_task_id(which.id()))
        co_return failure(errc::task_not_found, "this is not a task id");
    jitter random(++seed_);
    for (int retry = 0;; ++retry) {
        exchange_outcome const outcome = co_await ask_for_task(*op, which.id());
        result<task_state> answer = judge_task_answer(outcome, which.id());
        if (answer)
            co_return answer;
        if (op->stop_reason)
            co_return failure(op->stop_reason).task_id(which.id());
        bool const again = answer.error().code() == cause::retryable && retry < config_.retry.max_retries;
        auto const asked = answer.error().retry_after();
        if (!again || (asked && *asked > config_.retry.longest_retry_after))
            co_return answer;
        auto const wait =
            asked ? std::chrono::milliseconds(*asked) : backoff_delay(config_.retry, retry, random);
        if (error_code const code = co_await pause(wait))
            co_return failure(stop_code(*op, code)).task_id(which.id());
    }
}

// --- waiting --------------------------------------------------------------------------------------------

APIMART_INLINE void client_core::start_wait(task which, wait_options options,
                                            completion<finished_task> handler)
{
    namespace asio = boost::asio;
    auto const self = shared_from_this();
    std::uint64_t const serial = next_serial_.fetch_add(1, std::memory_order_relaxed);
    auto work =
        keep_working(asio::get_associated_executor(handler, asio::any_completion_executor(executor_)));
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
        slot.assign([core = weak_from_this(), id = which.id(), serial](asio::cancellation_type) {
            auto const still = core.lock();
            if (!still || !still->strand_)
                return;
            asio::post(*still->strand_, [core, id, serial] {
                if (auto const found = core.lock())
                    found->drop_waiter(id, serial, asio::error::operation_aborted);
            });
        });
    }
    auto const limit = bounded(options.time_limit.value_or(config_.poll.max_wait));
    asio::post(*strand_, [self, which = std::move(which),
                          entry = watched_task::waiter(serial, clock::now() + limit, std::move(handler),
                                                       std::move(work))]() mutable {
        self->add_waiter(which, std::move(entry));
    });
}

APIMART_INLINE void client_core::add_waiter(task const& which, watched_task::waiter entry)
{
    failure why;
    if (shutting_down_)
        why = failure(errc::shutting_down);
    else if (!is_task_id(which.id()))
        why = failure(errc::task_not_found, "this is not a task id");
    if (why.code()) {
        deliver(std::move(entry.handler), result<finished_task>(std::move(why.task_id(which.id()))));
        return;
    }
    auto& place = watched_[which.id()];
    bool const fresh = !place;
    if (fresh) {
        auto const begun = which.accepted_at().value_or(clock::now());
        place = std::make_unique<watched_task>(which.id(), which.profile(), begun);
        counters_.tasks_waiting.store(watched_.size(), std::memory_order_relaxed);
    }
    place->waiters.push_back(std::move(entry));
    set_deadline(*place);
    if (fresh)
        schedule_.add(*place, clock::now());
    pump_polls();
}

APIMART_INLINE void client_core::set_deadline(watched_task& which)
{
    auto earliest = clock::time_point::max();
    for (auto const& entry : which.waiters)
        earliest = std::min(earliest, entry.deadline);
    schedule_.set_deadline(which, earliest);
}

APIMART_INLINE void client_core::drop_waiter(std::string const& id, std::uint64_t serial, error_code why)
{
    auto const place = watched_.find(id);
    if (place == watched_.end())
        return;
    watched_task& which = *place->second;
    auto const entry = std::find_if(which.waiters.begin(), which.waiters.end(),
                                    [serial](auto const& candidate) { return candidate.serial == serial; });
    if (entry == which.waiters.end())
        return;
    deliver(std::move(entry->handler), result<finished_task>(failure(why).task_id(id)));
    which.waiters.erase(entry);
    if (which.waiters.empty())
        forget(which);
    else
        set_deadline(which);
    pump_polls();
}

// Nobody waits for it any more. While its poll is under way it stays, because the poll refers to it.
APIMART_INLINE void client_core::forget(watched_task& which)
{
    if (!which.queued && which.polling)
        return;
    schedule_.remove(which);
    watched_.erase(watched_.find(which.id));
    counters_.tasks_waiting.store(watched_.size(), std::memory_order_relaxed);
}

APIMART_INLINE void client_core::pump_polls()
{
    namespace asio = boost::asio;
    while (polls_under_way_ < config_.poll.concurrent && !shutting_down_) {
        auto* const due = static_cast<watched_task*>(schedule_.take_due(clock::now()));
        if (due == nullptr)
            break;
        if (schedule_.silent(clock::now())) {
            // Its time limit came while nothing may be asked: it ends without a last check.
            auto const now = clock::now();
            if (expire(*due, failure(make_error_code(api_errc::rate_limited)), now))
                schedule_.postpone(*due, now);
            continue;
        }
        ++polls_under_way_;
        due->polling = true;
        auto const op = std::make_shared<operation>();
        operations_.push_back(op);
        auto const place = std::prev(operations_.end());
        asio::co_spawn(*strand_, poll(op, due->id),
                       asio::bind_cancellation_slot(
                           op->signal.slot(), [self = shared_from_this(), op, place,
                                               due](std::exception_ptr thrown, exchange_outcome outcome) {
                               if (thrown)
                                   outcome = exchange_outcome(exchange_phase::connecting,
                                                              make_error_code(errc::connect_failed));
                               self->operations_.erase(place);
                               --self->polls_under_way_;
                               due->polling = false;
                               self->polled(*due, self->judge_task_answer(outcome, due->id));
                               self->pump_polls();
                               if (self->operations_.empty())
                                   self->idle_.wake_all();
                           }));
    }
    if (polls_under_way_ >= config_.poll.concurrent || !poll_timer_)
        return; // the next answer comes back here
    auto const wake = schedule_.wake_at();
    if (!wake) {
        poll_timer_->cancel();
        poll_timer_at_ = clock::time_point::max();
        return;
    }
    if (*wake == poll_timer_at_)
        return;
    poll_timer_at_ = *wake;
    poll_timer_->expires_at(*wake);
    poll_timer_->async_wait([weak = weak_from_this()](error_code code) {
        auto const self = weak.lock();
        if (!self || code == asio::error::operation_aborted)
            return;
        self->poll_timer_at_ = clock::time_point::max();
        self->pump_polls();
    });
}

APIMART_INLINE boost::asio::awaitable<exchange_outcome> client_core::poll(operation_ptr op, std::string id)
{
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return co_await ask_for_task(*op, std::move(id));
}

APIMART_INLINE void client_core::polled(watched_task& which, result<task_state> const& answer)
{
    if (which.waiters.empty()) {
        forget(which);
        return;
    }
    auto const now = clock::now();
    if (answer && is_final(answer->status())) {
        schedule_.finished(which, *answer, now);
        counters_.tasks_finished.fetch_add(1, std::memory_order_relaxed);
        for (auto& entry : which.waiters)
            deliver(std::move(entry.handler), result<finished_task>(finished_task(*answer, which.polls)));
        which.waiters.clear();
        forget(which);
        return;
    }
    if (!answer && !worth_another_poll(answer.error(), which.failures)) {
        for (auto& entry : which.waiters)
            deliver(std::move(entry.handler), result<finished_task>(answer.error()));
        which.waiters.clear();
        forget(which);
        return;
    }
    // After this, `which` may be gone.
    if (!expire(which, answer, now))
        return;
    if (answer)
        schedule_.still_running(which, *answer, now);
    else
        schedule_.poll_failed(which, answer.error(), now);
}

// This answer was the last check of those whose time is up. Returns whether others go on waiting.
APIMART_INLINE bool client_core::expire(watched_task& which, result<task_state> const& answer,
                                        clock::time_point now)
{
    for (auto& entry : which.waiters) {
        if (entry.deadline > now)
            continue;
        failure late(errc::wait_expired);
        late.task_id(which.id);
        if (answer)
            late.detail("last seen " + answer->word());
        else
            late.underlying(answer.error().code())
                .detail("the last question failed: " + answer.error().describe());
        deliver(std::move(entry.handler), result<finished_task>(std::move(late)));
    }
    std::erase_if(which.waiters, [now](auto const& entry) { return entry.deadline <= now; });
    if (which.waiters.empty()) {
        forget(which);
        return false;
    }
    set_deadline(which);
    return true;
}

// --- submit and wait in one -----------------------------------------------------------------------------

APIMART_INLINE void client_core::start_generate(any_request request, submit_options submit_with,
                                                wait_options wait_with, completion<finished_task> handler)
{
    launch<finished_task>(std::move(handler), true,
                          [request = std::move(request), submit_with = std::move(submit_with),
                           wait_with](client_core& core, operation_ptr op) mutable {
                              return core.generate(std::move(op), std::move(request), std::move(submit_with),
                                                   wait_with);
                          });
}

// Lets a coroutine of the core wait like any caller does.
class wait_for
{
public:
    wait_for(std::shared_ptr<client_core> core, task which, wait_options options)
        : core_(std::move(core)), task_(std::move(which)), options_(options)
    {}
    void operator()(completion<finished_task> handler)
    {
        core_->start_wait(std::move(task_), options_, std::move(handler));
    }

private:
    std::shared_ptr<client_core> core_;
    task task_;
    wait_options options_;
};

APIMART_INLINE boost::asio::awaitable<result<finished_task>> client_core::generate(operation_ptr op,
                                                                                   any_request request,
                                                                                   submit_options submit_with,
                                                                                   wait_options wait_with)
{
    namespace asio = boost::asio;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);

    result<task> accepted = co_await submit(op, std::move(request), std::move(submit_with));
    if (!accepted)
        co_return accepted.error();
    op->is_submit = false;
    if (op->stop_reason)
        co_return failure(op->stop_reason).task_id(accepted->id()).proof(proof_level::accepted);
    auto done =
        co_await initiate<finished_task>(wait_for(shared_from_this(), *accepted, wait_with), as_result());
    if (done)
        co_return done;
    failure why = done.error();
    if (op->stop_reason)
        why = failure(op->stop_reason).task_id(accepted->id());
    why.proof(proof_level::accepted).idempotency_key(accepted->idempotency_key());
    co_return why;
}

// --- the end --------------------------------------------------------------------------------------------

APIMART_INLINE void client_core::begin_shutdown()
{
    shutting_down_ = true;
    if (poll_timer_)
        poll_timer_->cancel();
    poll_timer_at_ = clock::time_point::max();
    for (auto place = watched_.begin(); place != watched_.end();) {
        watched_task& which = *(place++)->second;
        if (!which.waiters.empty())
            interrupted_.push_back(which.id);
        for (auto& entry : which.waiters)
            deliver(std::move(entry.handler),
                    result<finished_task>(failure(errc::shutting_down).task_id(which.id)));
        which.waiters.clear();
        forget(which);
    }
    // Stopping one can end another; each is looked at once.
    std::vector<operation_ptr> const all(operations_.begin(), operations_.end());
    for (operation_ptr const& op : all)
        op->stop(boost::asio::cancellation_type::terminal, make_error_code(errc::shutting_down));
}

APIMART_INLINE void client_core::start_farewell()
{
    // Without a strand the context is gone, and everything with it.
    if (strand_)
        boost::asio::post(*strand_, [self = shared_from_this()] { self->begin_shutdown(); });
}

APIMART_INLINE void client_core::start_shutdown(completion<shutdown_report> handler)
{
    namespace asio = boost::asio;
    auto work =
        keep_working(asio::get_associated_executor(handler, asio::any_completion_executor(executor_)));
    asio::co_spawn(*strand_, shutdown(),
                   [self = shared_from_this(), work,
                    handler = std::move(handler)](std::exception_ptr thrown, shutdown_report report) mutable {
                       if (thrown)
                           self->deliver(std::move(handler),
                                         result<shutdown_report>(failure(boost::system::errc::make_error_code(
                                             boost::system::errc::not_enough_memory))));
                       else
                           self->deliver(std::move(handler), result<shutdown_report>(std::move(report)));
                   });
}

APIMART_INLINE boost::asio::awaitable<shutdown_report> client_core::shutdown()
{
    namespace asio = boost::asio;
    co_await asio::dispatch(*strand_, asio::use_awaitable);
    begin_shutdown();
    asio::steady_timer drain(*strand_, config_.timeouts.drain);
    drain.async_wait([self = shared_from_this()](error_code code) {
        if (!code)
            self->pool_.cut_all();
    });
    while (!operations_.empty())
        co_await idle_.async_wait(*strand_, asio::as_tuple(asio::use_awaitable));
    drain.cancel();
    pool_.cut_all();
    shutdown_report report;
    report.waiting = interrupted_;
    report.stopped = stopped_;
    report.unknown = unknown_;
    co_return report;
}

} // namespace apimart::detail

#include <apimart/impl/download.ipp>

#endif
