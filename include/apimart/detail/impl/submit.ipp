// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_SUBMIT_IPP
#define APIMART_DETAIL_IMPL_SUBMIT_IPP

#include <apimart/detail/impl/client_core.ipp>

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <new>

namespace apimart::detail {

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

} // namespace apimart::detail

#endif
