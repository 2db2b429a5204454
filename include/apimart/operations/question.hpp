// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_QUESTION_HPP
#define APIMART_OPERATIONS_QUESTION_HPP

#include <apimart/runtime/client_core.hpp>

#include <cstdint>
#include <string>

namespace apimart::detail {

// One question for a task's state. Asked again at once where a kept connection turned out to be dead, which
// says nothing about the service.
class question final : private exchange_owner
{
public:
    class owner
    {
    public:
        virtual void answered(result<task_state>&& answer) = 0;

    protected:
        owner() = default;
        owner(owner const&) = default;
        owner& operator=(owner const&) = default;
        ~owner() = default;
    };

    question(client_core& core, owner& who, request_kind kind)
        : core_(core), owner_(who), kind_(kind), exchange_(core, core.pool, *this)
    {}

    // The owner is told, perhaps in this call.
    void ask(std::string const& id, std::uint64_t number, int attempt);
    bool busy() const noexcept { return exchange_.busy(); }
    void abandon() { exchange_.abandon(); }
    void stop(error_code why)
    {
        stopped_ = why;
        exchange_.stop(why);
    }

private:
    void write_request(std::string& to) override;
    void exchange_done() override;
    void send();

    client_core& core_;
    owner& owner_;
    request_kind const kind_;
    exchange exchange_;
    base_walk base_;
    std::string id_;
    std::uint64_t number_ = 0;
    int attempt_ = 0;
    bool again_ = false;
    error_code stopped_;
};

} // namespace apimart::detail

#endif
