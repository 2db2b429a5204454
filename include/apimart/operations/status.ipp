// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_STATUS_IPP
#define APIMART_OPERATIONS_STATUS_IPP

#include <apimart/operations/question.hpp>
#include <apimart/protocol/task_id.hpp>
#include <apimart/protocol/task_response.hpp>
#include <apimart/runtime/client_core.ipp>

namespace apimart::detail {

APIMART_INLINE void question::ask(std::string const& id, std::uint64_t number, int attempt)
{
    id_ = id;
    number_ = number;
    attempt_ = attempt;
    again_ = false;
    stopped_ = {};
    base_ = core_.begin_walk();
    send();
}

APIMART_INLINE void question::send()
{
    exchange_.start(core_.base(base_).origin, lane::poll, false, core_.most.response_bytes, false);
}

APIMART_INLINE void question::write_request(std::string& to)
{
    api_base const& base = core_.base(base_);
    to.append(base.get);
    append_percent_encoded(to, id_);
    to.append(base.get_tail);
}

APIMART_INLINE void question::exchange_done()
{
    http_result const& outcome = exchange_.outcome;
    if (core_.observer.on_attempt)
        core_.tell_attempt(kind_, number_, attempt_, id_, {}, core_.base(base_).origin.host, exchange_);
    if (!stopped_) {
        if (core_.walk_on(base_, outcome)) {
            send();
            return;
        }
        bool const stale =
            outcome.reused && outcome.error == errc::connection_lost && !outcome.session_refused;
        if (outcome.phase != request_phase::answered && stale && !std::exchange(again_, true)) {
            transport::count(core_.counters.stale_connections);
            send();
            return;
        }
    }
    owner_.answered(core_.judge_task_answer(outcome, id_));
}

APIMART_INLINE result<task_state> client_core::judge_task_answer(http_result const& outcome,
                                                                 std::string const& id) const
{
    if (outcome.phase != request_phase::answered)
        return credentials.redacted(failure(outcome.error, outcome.detail)
                                        .underlying(outcome.underlying)
                                        .http_status(outcome.http_status)
                                        .task_id(id));
    auto const wall = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    result<task_state> answer = read_task_response(outcome.response, id, wall);
    if (!answer)
        return credentials.redacted(answer.error());
    task_failure const& reason = answer->reason();
    if (!reason.text().empty() || !reason.code().empty() || !reason.type().empty())
        answer->reason(task_failure(credentials.redacted(reason.code()), credentials.redacted(reason.type()),
                                    credentials.redacted(reason.text())));
    if (credentials.may_occur_in(answer->word()))
        answer->word(credentials.redacted(answer->word()));
    return answer;
}

// What a call of `client::status` is.
class status_operation final : public typed_operation<task_state>, private question::owner
{
public:
    status_operation(client_core& core, std::uint64_t serial, task&& which, status_options const& options,
                     completion<task_state>&& handler)
        : typed_operation(core, request_kind::status, serial, std::move(handler)), core_(core),
          id_(which.id()), options_(options), question_(core, *this, request_kind::status), random_(serial),
          pause_(&alarm_of<&status_operation::ask>::ring, this),
          limit_(&alarm_of<&status_operation::on_limit>::ring, this)
    {}

    void begin() override
    {
        if (!is_task_id(id_)) {
            finish(failure(errc::task_not_found, "this is not a task id"));
            return;
        }
        random_ = jitter(core_.seed());
        if (options_.time_limit) {
            deadline_ = core_.now() + bounded(*options_.time_limit);
            limit_.set(core_.alarms, deadline_);
        }
        ask();
    }
    void stop(boost::asio::cancellation_type, error_code why) override { cut(why); }
    void cut(error_code why) override
    {
        if (has_outcome())
            return;
        stop_reason_ = why;
        if (question_.busy())
            question_.stop(why);
        else
            finish(failure(why));
    }
    void refuse(failure why) override { finish(std::move(why)); }
    void drop() noexcept override
    {
        question_.abandon();
        pause_.clear();
        limit_.clear();
    }

private:
    failure last_words() noexcept override { return with_task_id(core_.broken_off, id_); }
    void ask() { question_.ask(id_, number, ++attempt_); }
    void on_limit() { cut(make_error_code(errc::deadline_exceeded)); }

    void answered(result<task_state>&& answer) override
    {
        if (answer) {
            core_.budget.succeeded();
            finish(std::move(answer));
            return;
        }
        failure const& why = answer.error();
        if (stop_reason_) {
            finish(failure(stop_reason_));
            return;
        }
        auto const asked = why.retry_after();
        int const done = attempt_ - 1;
        if (why.code() != cause::retryable || done >= core_.config.retry.max_retries ||
            (asked && *asked > core_.config.retry.longest_retry_after)) {
            finish(std::move(answer));
            return;
        }
        bool const throttled = why.code() == cause::rate_limited;
        if (throttled)
            transport::count(core_.counters.throttled);
        if (!(throttled ? core_.budget.take_throttle() : core_.budget.take_retry())) {
            transport::count(core_.counters.retries_refused);
            finish(failure(errc::retry_budget_exhausted, why.describe())
                       .underlying(why.code())
                       .http_status(why.http_status())
                       .service(why.service())
                       .retry_after(asked));
            return;
        }
        auto const wait =
            asked ? std::chrono::milliseconds(*asked) : backoff_delay(core_.config.retry, done, random_);
        if (options_.time_limit && core_.now() + wait >= deadline_) {
            finish(failure(errc::deadline_exceeded, why.describe()).underlying(why.code()));
            return;
        }
        transport::count(core_.counters.retries);
        if (core_.observer.on_retry)
            core_.tell_retry(request_kind::status, number, attempt_ + 1, wait, why, false);
        pause_.set(core_.alarms, core_.now() + wait);
    }

    void finish(result<task_state>&& outcome)
    {
        pause_.clear();
        limit_.clear();
        error_code code;
        if (!outcome) {
            failure why = outcome.error();
            code = why.code();
            outcome = std::move(why.task_id(id_));
        }
        set_outcome(std::move(outcome));
        core_.conclude(*this, code, proof_level::none, id_, attempt_);
    }

    client_core& core_;
    std::string const id_;
    status_options const options_;
    question question_;
    jitter random_;
    clock::time_point deadline_{};
    error_code stop_reason_;
    int attempt_ = 0;
    alarm pause_;
    alarm limit_;
};

APIMART_INLINE void client_core::start_status(task&& which, status_options const& options,
                                              completion<task_state>&& handler)
{
    launch(std::allocate_shared<status_operation>(cached_allocator<status_operation>(*status_memory_), *this,
                                                  ++next_number_, std::move(which), options,
                                                  std::move(handler)));
}

} // namespace apimart::detail

#endif
