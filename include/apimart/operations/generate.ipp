// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_GENERATE_IPP
#define APIMART_OPERATIONS_GENERATE_IPP

#include <apimart/operations/submit.ipp>
#include <apimart/protocol/task_id.hpp>
#include <apimart/runtime/client_core.ipp>

namespace apimart::detail {

// What a call of `client::generate` is: a submit, then a wait.
class generate_operation final : public typed_operation<finished_task>,
                                 private submit_flow::owner,
                                 private task_waiter
{
public:
    generate_operation(client_core& core, std::uint64_t serial, any_request&& request,
                       submit_options&& submit_with, wait_options const& wait_with,
                       completion<finished_task>&& handler)
        : typed_operation(core, request_kind::submit, serial, std::move(handler)), core_(core),
          flow_(core, *this, serial, std::move(request), std::move(submit_with)),
          limit_(bounded(wait_with.time_limit.value_or(core.config.poll.max_wait)))
    {
        bought_.reserve(max_task_id);
        key_.reserve(longest_idempotency_key);
    }

    void prepare() { flow_.prepare(); }
    void begin() override { flow_.begin(); }
    void stop(boost::asio::cancellation_type type, error_code why) override
    {
        if (!stop_reason_)
            stop_reason_ = why;
        if (!task_)
            flow_.stop(type, why);
        else if (!has_outcome())
            core_.drop_waiter(task_->id(), *this, failure(why));
    }
    void cut(error_code why) override
    {
        if (!task_)
            flow_.cut(why);
        else
            stop(boost::asio::cancellation_type::terminal, why);
    }
    void refuse(failure why) override { finish(std::move(why.proof(proof_level::not_sent))); }
    void drop() noexcept override
    {
        if (!task_)
            flow_.drop();
    }

private:
    failure last_words() noexcept override
    {
        if (!task_)
            return flow_.last_words();
        failure const& why = core_.broken_off;
        reserved_.code(why.code()).underlying(why.underlying()).proof(proof_level::accepted);
        return reserved_.task_id(std::move(bought_)).idempotency_key(std::move(key_));
    }
    operation& who() noexcept override { return *this; }

    void submitted(result<task>&& outcome) override
    {
        if (!outcome) {
            finish(outcome.error());
            return;
        }
        task_ = std::move(*outcome);
        bought_ = task_->id();
        key_ = task_->idempotency_key();
        if (stop_reason_) {
            task_done(failure(stop_reason_));
            return;
        }
        deadline = core_.now() + limit_;
        core_.add_waiter(*task_, keep());
    }

    void task_done(result<finished_task>&& outcome) override
    {
        if (!outcome) {
            failure why = outcome.error();
            why.task_id(task_->id()).proof(proof_level::accepted).idempotency_key(task_->idempotency_key());
            outcome = std::move(why);
        }
        finish(std::move(outcome));
    }
    std::shared_ptr<task_waiter> keep() override
    {
        return {std::static_pointer_cast<generate_operation>(shared_from_this()), this};
    }

    void finish(result<finished_task>&& outcome)
    {
        error_code const code = outcome ? error_code() : outcome.error().code();
        proof_level const proof = outcome ? proof_level::accepted : outcome.error().proof();
        set_outcome(std::move(outcome));
        core_.conclude(*this, code, proof, task_ ? std::string_view(task_->id()) : std::string_view(),
                       flow_.attempts());
    }

    client_core& core_;
    submit_flow flow_;
    std::chrono::milliseconds limit_;
    std::optional<task> task_;
    // What was bought can be told without memory: what it is told with is there before the submit.
    failure reserved_{errc::local_resource};
    std::string bought_;
    std::string key_;
    error_code stop_reason_;
};

APIMART_INLINE void client_core::start_generate(any_request&& request, submit_options&& submit_with,
                                                wait_options const& wait_with,
                                                completion<finished_task>&& handler)
{
    auto op = std::make_shared<generate_operation>(*this, ++next_number_, std::move(request),
                                                   std::move(submit_with), wait_with, std::move(handler));
    op->prepare();
    launch(std::move(op));
}

} // namespace apimart::detail

#endif
