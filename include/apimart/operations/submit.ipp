// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_SUBMIT_IPP
#define APIMART_OPERATIONS_SUBMIT_IPP

#include <apimart/operations/submit_flow.hpp>
#include <apimart/runtime/client_core.ipp>

#include <algorithm>
#include <charconv>

namespace apimart::detail {

inline constexpr std::size_t longest_idempotency_key = 191;

inline bool is_idempotency_key(std::string_view key)
{
    return !key.empty() && key.size() <= longest_idempotency_key &&
           std::all_of(key.begin(), key.end(), [](char c) { return c >= '!' && c <= '~'; });
}

// Tasks that ask for the same amount of work of the same model are expected to take equally long.
inline std::string profile_of(any_request const& request)
{
    static constexpr std::array<std::string_view, 5> names{"mode", "resolution", "duration", "audio",
                                                           "generate_audio"};
    std::array<boost::json::value const*, names.size()> values{};
    for (boost::json::key_value_pair const& member : request.body()) {
        auto const name = std::find(names.begin(), names.end(), std::string_view(member.key()));
        if (name != names.end())
            values[static_cast<std::size_t>(name - names.begin())] = &member.value();
    }
    std::string text;
    text.reserve(64);
    text.append(request.model()).append("/").append(request.kind());
    for (boost::json::value const* const value : values) {
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

inline std::chrono::sys_seconds wall_clock()
{
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

APIMART_INLINE submit_flow::submit_flow(client_core& core, owner& who, std::uint64_t number,
                                        any_request&& request, submit_options&& options)
    : core_(core), owner_(who), number_(number), request_(std::move(request)), options_(std::move(options)),
      pause_(&alarm_of<&submit_flow::on_pause>::ring, this),
      limit_(&alarm_of<&submit_flow::on_limit>::ring, this)
{}

APIMART_INLINE void submit_flow::prepare()
{
    if (diagnostics found = request_.check(); !found.accepted()) {
        unusable_ = failure(errc::invalid_request).violations(std::move(found));
    } else if (!options_.idempotency_key().empty() && !is_idempotency_key(options_.idempotency_key())) {
        unusable_ = failure(errc::invalid_configuration,
                            "an idempotency key is 1 to 191 characters of visible ASCII");
    } else {
        // The request is complete before anything is connected: what is sent does not depend on what happens.
        body_ = request_.serialize();
    }
}

APIMART_INLINE void submit_flow::begin()
{
    auto const now = core_.now();
    if (unusable_) {
        finish(std::move(unusable_->proof(proof_level::not_sent)));
        return;
    }
    submit_machine::options chosen;
    chosen.retry = core_.config.retry;
    chosen.contract = core_.config.idempotency;
    chosen.seed = core_.seed();
    chosen.budget = &core_.budget;
    if (options_.time_limit()) {
        chosen.deadline = now + bounded(*options_.time_limit());
        limit_.set(core_.alarms, *chosen.deadline);
    }
    machine_.emplace(chosen,
                     options_.idempotency_key().empty() ? core_.keys.mint() : options_.idempotency_key());
    act(machine_->start(now));
}

APIMART_INLINE void submit_flow::act(submit_machine::action next)
{
    switch (next) {
    case submit_machine::action::send:
        state_ = state::queued;
        core_.enqueue_submit(*this);
        return;
    case submit_machine::action::pause:
        state_ = state::pausing;
        pause_.set(core_.alarms, core_.now() + machine_->delay());
        return;
    case submit_machine::action::finish:
        break;
    }
    if (!machine_->outcome()) {
        failure why = core_.credentials.redacted(machine_->outcome().error());
        if (why.code() == errc::outcome_unknown)
            transport::count(core_.counters.outcomes_unknown);
        if (why.code() == errc::retry_budget_exhausted)
            transport::count(core_.counters.retries_refused);
        finish(std::move(why));
        return;
    }
    transport::count(core_.counters.tasks_accepted);
    result<task> accepted(boost::system::in_place_value, *machine_->outcome());
    accepted->model(std::string(request_.model())).profile(profile_of(request_));
    accepted->idempotency_key(machine_->take_key()).submit_attempts(machine_->requests());
    accepted->accepted_at(core_.now());
    finish(std::move(accepted));
}

APIMART_INLINE void submit_flow::finish(result<task>&& outcome)
{
    state_ = state::done;
    pause_.clear();
    limit_.clear();
    if (sending_)
        core_.give_back(std::move(sending_));
    // Known before anything else is begun, for which there may be no memory.
    owner_.submitted(std::move(outcome));
    core_.dequeue_submit(*this);
}

APIMART_INLINE void submit_flow::go()
{
    // In the queue a key can have grown too old to be sent again.
    if (attempt_ > 0) {
        auto const next = machine_->resume(core_.now(), wall_clock());
        if (next != submit_machine::action::send) {
            core_.submit_rate.ended();
            act(next);
            return;
        }
    }
    state_ = state::sending;
    ++attempt_;
    base_ = core_.begin_walk();
    if (!sending_)
        sending_ = core_.lend_sending(*this);
    sending_->through.start(core_.base(base_).origin, lane::submit, false, core_.most.response_bytes, false);
}

APIMART_INLINE void submit_flow::write_request(std::string& to)
{
    to.append(core_.base(base_).post).append(machine_->key()).append("\r\nContent-Length: ");
    std::array<char, 24> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), body_.size()).ptr;
    to.append(digits.data(), end).append("\r\n\r\n").append(body_);
}

APIMART_INLINE void submit_flow::exchange_done()
{
    http_result const& outcome = sending_->through.outcome;
    if (core_.observer.on_attempt)
        core_.tell_attempt(request_kind::submit, number_, attempt_, {}, machine_->key(),
                           core_.base(base_).origin.host, sending_->through);
    if (!stop_reason_ && core_.walk_on(base_, outcome)) {
        sending_->through.start(core_.base(base_).origin, lane::submit, false, core_.most.response_bytes,
                                false);
        return;
    }
    auto const now = core_.now();
    bool const is_answered = outcome.phase == request_phase::answered;
    if (stop_reason_ && !is_answered) {
        core_.submit_rate.ended();
        act(machine_->stopped(outcome, stop_reason_));
        return;
    }
    auto const next = machine_->answered(outcome, now, wall_clock());
    bool const bought = next == submit_machine::action::finish && machine_->outcome().has_value();
    bool const pausing = next == submit_machine::action::pause;
    // Asking for fewer requests can be said in several ways, and not every 429 says it.
    failure const why = bought ? failure() : pausing ? machine_->pending() : machine_->outcome().error();
    if (bought) {
        core_.submit_rate.succeeded(now);
    } else if (is_answered &&
               (why.code() == cause::rate_limited || why.underlying() == cause::rate_limited)) {
        transport::count(core_.counters.throttled);
        auto const asked = why.retry_after();
        // What is too long for this submit to wait for is not for the others to wait for either.
        core_.submit_rate.throttled(
            now, asked && *asked <= core_.config.retry.longest_retry_after ? asked : std::nullopt);
    } else {
        core_.submit_rate.ended();
    }
    if (pausing && stop_reason_) {
        act(machine_->stopped(stop_reason_));
        return;
    }
    if (pausing) {
        transport::count(core_.counters.retries);
        if (core_.observer.on_retry)
            core_.tell_retry(request_kind::submit, number_, attempt_ + 1, machine_->delay(), why,
                             machine_->resending());
    }
    act(next);
}

APIMART_INLINE void submit_flow::stop(boost::asio::cancellation_type type, error_code why)
{
    using boost::asio::cancellation_type;
    if (state_ == state::done)
        return;
    if (state_ == state::sending && sending_->through.committed()) {
        // Total cancellation promises that nothing happened, which can no longer be promised.
        if ((type & (cancellation_type::terminal | cancellation_type::partial)) == cancellation_type::none)
            return;
        if (!stop_reason_) {
            stop_reason_ = why;
            sending_->through.hurry(core_.times.detached_answer);
        }
        return;
    }
    cut(why);
}

APIMART_INLINE void submit_flow::cut(error_code why)
{
    if (!stop_reason_)
        stop_reason_ = why;
    if (state_ == state::sending)
        sending_->through.stop(stop_reason_);
    else if (machine_ && state_ != state::done)
        act(machine_->stopped(stop_reason_));
}

// Nothing here may need memory.
APIMART_INLINE void submit_flow::drop() noexcept
{
    state const was = std::exchange(state_, state::done);
    pause_.clear();
    limit_.clear();
    has_place = false;
    if (!sending_)
        return; // has had no turn yet
    bool const committed = was == state::sending &&
                           sending_->through.outcome.phase >= request_phase::committed &&
                           !sending_->through.outcome.session_refused;
    auto proof = machine_->resending() || committed ? proof_level::unknown : proof_level::not_sent;
    if (was == state::sending)
        core_.submit_rate.ended();
    sending_->through.abandon();
    failure& words = last_words_.emplace(std::move(sending_->last_words));
    sending_.reset();
    auto proved = machine_->take_outcome();
    if (proved) {
        proof = proof_level::accepted;
        words.task_id(std::move(*proved));
    } else if (proved.error().code()) {
        proof = proved.error().proof();
    }
    failure const& why = core_.broken_off;
    words.proof(proof).code(why.code()).underlying(why.underlying());
    if (proof == proof_level::unknown) {
        words.code(errc::outcome_unknown).underlying(why.underlying() ? why.underlying() : why.code());
        transport::count(core_.counters.outcomes_unknown);
    }
    words.idempotency_key(machine_->take_key());
}

APIMART_INLINE void submit_flow::on_pause()
{
    act(machine_->resume(core_.now(), wall_clock()));
}

APIMART_INLINE void submit_flow::on_limit()
{
    stop(boost::asio::cancellation_type::terminal, make_error_code(errc::deadline_exceeded));
}

// What a call of `client::submit` is.
class submit_operation final : public typed_operation<task>, private submit_flow::owner
{
public:
    submit_operation(client_core& core, std::uint64_t serial, any_request&& request, submit_options&& options,
                     completion<task>&& handler)
        : typed_operation(core, request_kind::submit, serial, std::move(handler)), core_(core),
          flow_(core, *this, serial, std::move(request), std::move(options))
    {}

    void prepare() { flow_.prepare(); }
    void begin() override { flow_.begin(); }
    void stop(boost::asio::cancellation_type type, error_code why) override { flow_.stop(type, why); }
    void cut(error_code why) override { flow_.cut(why); }
    void refuse(failure why) override { submitted(std::move(why.proof(proof_level::not_sent))); }
    void drop() noexcept override { flow_.drop(); }

private:
    failure last_words() noexcept override { return flow_.last_words(); }
    void submitted(result<task>&& given) override
    {
        set_outcome(std::move(given));
        if (outcome())
            core_.conclude(*this, {}, proof_level::accepted, outcome()->id(), flow_.attempts());
        else
            core_.conclude(*this, outcome().error().code(), outcome().error().proof(), {}, flow_.attempts());
    }

    client_core& core_;
    submit_flow flow_;
};

APIMART_INLINE void client_core::start_submit(any_request&& request, submit_options&& options,
                                              completion<task>&& handler)
{
    auto op = std::allocate_shared<submit_operation>(cached_allocator<submit_operation>(*submit_memory_),
                                                     *this, ++next_number_, std::move(request),
                                                     std::move(options), std::move(handler));
    op->prepare();
    launch(std::move(op));
}

APIMART_INLINE std::unique_ptr<sending> client_core::lend_sending(exchange_owner& owner)
{
    if (spare_sendings_.empty()) {
        // Room for all that were ever made: giving one back must not fail.
        if (spare_sendings_.capacity() == sendings_made_)
            spare_sendings_.reserve(2 * sendings_made_ + 8);
        auto made = std::make_unique<sending>(*this, pool, owner);
        ++sendings_made_;
        return made;
    }
    std::unique_ptr<sending> lent = std::move(spare_sendings_.back());
    spare_sendings_.pop_back();
    lent->through.serve(owner);
    return lent;
}

APIMART_INLINE void client_core::give_back(std::unique_ptr<sending> lent)
{
    spare_sendings_.push_back(std::move(lent));
}

// First come, first served: a place among those being sent, and a turn at the rate the service takes. A
// repetition has its place already and goes first.
APIMART_INLINE void client_core::enqueue_submit(submit_flow& which)
{
    if (!which.has_place && submit_queue_.size() >= most.queued_submits &&
        !(submit_queue_.empty() && submit_places_ > 0)) {
        which.stop_with(failure(errc::overloaded, std::to_string(submit_queue_.size()) +
                                                      " submits are waiting, " +
                                                      std::to_string(most.queued_submits) + " may"));
        count(counters.overloaded);
        return;
    }
    (which.has_place ? resend_queue_ : submit_queue_).push_back(which);
    count(counters.submits_queued);
    pump_submits();
}

APIMART_INLINE void client_core::dequeue_submit(submit_flow& which)
{
    if (which.is_linked()) {
        auto& line = which.has_place ? resend_queue_ : submit_queue_;
        line.erase(line.iterator_to(which));
        uncount(counters.submits_queued);
    }
    if (which.has_place) {
        which.has_place = false;
        ++submit_places_;
        pump_submits();
    }
}

APIMART_INLINE void client_core::pump_submits()
{
    if (submit_queue_.empty())
        submit_queue_stalled_ = false;
    else if (submit_places_ == 0 && observer.on_stall && !std::exchange(submit_queue_stalled_, true)) {
        stall_event event;
        event.where = "submit queue";
        event.waiting = submit_queue_.size();
        tell(observer.on_stall, std::move(event));
    }
    while (!resend_queue_.empty() || (!submit_queue_.empty() && submit_places_ > 0)) {
        auto const now = this->now();
        if (auto const delay = submit_rate.take(now); delay > clock::duration::zero()) {
            submit_alarm_.set(alarms, now + delay);
            if (observer.on_stall) {
                stall_event event;
                event.where = "submit rate";
                event.waiting = submit_queue_.size() + resend_queue_.size();
                event.delay = std::chrono::ceil<std::chrono::milliseconds>(delay);
                tell(observer.on_stall, std::move(event));
            }
            return;
        }
        bool const again = !resend_queue_.empty();
        auto& line = again ? resend_queue_ : submit_queue_;
        auto& next = static_cast<submit_flow&>(line.front());
        line.pop_front();
        uncount(counters.submits_queued);
        if (!again) {
            --submit_places_;
            next.has_place = true;
        }
        next.go(); // perhaps its end
    }
}

} // namespace apimart::detail

#endif
