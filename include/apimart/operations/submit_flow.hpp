// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_SUBMIT_FLOW_HPP
#define APIMART_OPERATIONS_SUBMIT_FLOW_HPP

#include <apimart/policy/submit_machine.hpp>
#include <apimart/runtime/client_core.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace apimart::detail {

// One logical submit: carries out what the machine decides, and tells it what happened.
class submit_flow final : public queued_submit, private exchange_owner
{
public:
    class owner
    {
    public:
        virtual void submitted(result<task>&& outcome) = 0;

    protected:
        owner() = default;
        owner(owner const&) = default;
        owner& operator=(owner const&) = default;
        ~owner() = default;
    };

    submit_flow(client_core& core, owner& who, std::uint64_t number, any_request&& request,
                submit_options&& options);

    // What needs neither the client's state nor the network; on the caller's thread.
    void prepare();
    // The owner is told, perhaps in this call.
    void begin();
    void stop(boost::asio::cancellation_type type, error_code why);
    void cut(error_code why);
    void drop() noexcept;
    // What it has come to when it was dropped.
    failure last_words() const noexcept { return last_words_ ? *last_words_ : core_.broken_off_unsent; }

    // For the core: it is this submit's turn to send, or there is no room for it.
    void go();
    void stop_with(failure why)
    {
        finish(std::move(why.proof(proof_level::not_sent).idempotency_key(machine_->key())));
    }
    bool has_place = false;
    int attempts() const noexcept { return attempt_; }

private:
    enum class state
    {
        idle,
        queued,
        sending,
        pausing,
        done
    };

    void write_request(std::string& to) override;
    void exchange_done() override;
    void act(submit_machine::action next);
    void finish(result<task>&& outcome);
    void on_pause();
    void on_limit();

    client_core& core_;
    owner& owner_;
    std::uint64_t const number_;
    any_request request_;
    submit_options options_;
    std::optional<failure> unusable_;
    std::optional<failure> last_words_;
    std::string body_;
    std::optional<submit_machine> machine_;
    std::unique_ptr<sending> sending_; // from its turn to its end
    base_walk base_;
    state state_ = state::idle;
    error_code stop_reason_;
    int attempt_ = 0;
    alarm pause_;
    alarm limit_;
};

} // namespace apimart::detail

#endif
