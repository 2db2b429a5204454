// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_EXCHANGE_HPP
#define APIMART_HTTP_EXCHANGE_HPP

#include <apimart/http/connection_pool.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/origin.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace apimart::detail {

// Whoever sends a request by an exchange.
class exchange_owner
{
public:
    // Appends the complete request; asked for when there is a connection to send it on.
    virtual void write_request(std::string& to) = 0;
    // The exchange is over; its outcome says how far it got. May begin the next one.
    virtual void exchange_done() = 0;

    // For an answer whose body is taken in pieces. Not wanted any more: the outcome ends with the code given.
    virtual error_code head_arrived(response_parser const&) { return {}; }
    virtual error_code piece_arrived(std::string_view) { return {}; }

protected:
    exchange_owner() = default;
    exchange_owner(exchange_owner const&) = default;
    exchange_owner& operator=(exchange_owner const&) = default;
    ~exchange_owner() = default;
};

// One request on one connection, and its complete answer. Never repeats anything.
class exchange final : private connection_seeker, private connection_user
{
public:
    using clock = std::chrono::steady_clock;

    exchange(transport& home, connection_pool& pool, exchange_owner& owner)
        : home_(home), pool_(pool), owner_(&owner)
    {}
    exchange(exchange const&) = delete;
    exchange& operator=(exchange const&) = delete;
    ~exchange() { abandon(); }

    // The owner is told by `exchange_done`, perhaps in this call. `to` has to stay until then. `body_limit` is
    // in bytes.
    void start(origin const& to, lane which, bool public_addresses_only, std::uint64_t body_limit,
               bool in_pieces);
    // While it is not busy.
    void serve(exchange_owner& owner) noexcept { owner_ = &owner; }
    bool busy() const noexcept { return state_ != state::idle; }
    // Whether the request may have reached the service whole, so that only its answer can tell.
    bool committed() const noexcept { return state_ == state::reading; }
    // Ends it now.
    void stop(error_code why);
    // The answer has to come within this time.
    void hurry(std::chrono::milliseconds patience);
    // Ends it without telling anybody.
    void abandon();

    exchange_outcome outcome;
    clock::time_point begun{};

private:
    enum class state
    {
        idle,
        seeking,
        connecting,
        sending,
        reading
    };

    void granted(std::shared_ptr<connection> lent) override;
    void connected(result<void> const& result) override;
    void writable() override { send(); }
    void received() override;
    void ended(std::optional<failure> const& why, bool session_refused) override;
    void expired() override;

    void begin_request();
    void send();
    void answered();
    void fail(failure const& why);
    void finish(bool reusable);
    void set_limit(clock::time_point now);

    transport& home_;
    connection_pool& pool_;
    exchange_owner* owner_;
    state state_ = state::idle;
    origin const* to_ = nullptr;
    lane lane_ = lane::poll;
    std::uint64_t body_limit_ = 0;
    bool in_pieces_ = false;
    bool head_seen_ = false;
    std::shared_ptr<connection> on_;
    std::string_view rest_; // of the request
    clock::time_point answer_until_{};
    clock::time_point piece_until_{};
    std::size_t piece_bytes_ = 0;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/http/exchange.ipp>
#endif

#endif
