// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_CONNECTION_POOL_HPP
#define APIMART_HTTP_CONNECTION_POOL_HPP

#include <apimart/http/connection.hpp>
#include <apimart/policy/connect_backoff.hpp>
#include <apimart/protocol/origin.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <vector>

namespace apimart::detail {

// Who wants a connection. Where they are scarce, the smaller value goes first.
enum class lane
{
    poll,
    submit,
    download
};
inline constexpr std::size_t lane_count = 3;

// Somebody in line for a connection.
class connection_seeker
{
public:
    // A kept connection, or a fresh one that is not connected yet.
    virtual void granted(std::shared_ptr<connection> lent) = 0;

protected:
    connection_seeker() = default;
    connection_seeker(connection_seeker const&) = default;
    connection_seeker& operator=(connection_seeker const&) = default;
    ~connection_seeker() = default;

private:
    friend class connection_pool;
    friend class seeker_line;
    connection_seeker* before_ = nullptr;
    connection_seeker* after_ = nullptr;
    bool queued_ = false;
    bool public_only_ = false;
};

// First come, first served; linked through those in it.
class seeker_line
{
public:
    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t size() const noexcept { return size_; }
    connection_seeker& front() const noexcept { return *first_; }
    void push(connection_seeker& who) noexcept
    {
        who.before_ = last_;
        who.after_ = nullptr;
        who.queued_ = true;
        (last_ != nullptr ? last_->after_ : first_) = &who;
        last_ = &who;
        ++size_;
    }
    void remove(connection_seeker& who) noexcept
    {
        (who.before_ != nullptr ? who.before_->after_ : first_) = who.after_;
        (who.after_ != nullptr ? who.after_->before_ : last_) = who.before_;
        who.queued_ = false;
        --size_;
    }

private:
    connection_seeker* first_ = nullptr;
    connection_seeker* last_ = nullptr;
    std::size_t size_ = 0;
};

// Keep-alive connections by origin: how many, who gets the next one, and how fast new ones may be begun.
class connection_pool
{
public:
    using clock = std::chrono::steady_clock;

    explicit connection_pool(transport& home);
    connection_pool(connection_pool const&) = delete;
    connection_pool& operator=(connection_pool const&) = delete;

    // Answers perhaps in this call.
    void seek(connection_seeker& who, origin const& to, lane which, bool public_addresses_only);
    void give_up_seeking(connection_seeker& who, origin const& to, lane which);
    // Takes back what was granted. Kept only if it is at rest.
    void give_back(std::shared_ptr<connection> lent);
    void drop(std::shared_ptr<connection> lent);
    // How connecting it went, for the rate at which others are tried.
    void connect_succeeded(connection const& which);
    void connect_failed(connection const& which, error_code const& why);

    void close_idle();
    // The kept connections stop watching for their end.
    void let_idle_rest();
    // Nobody has a connection or seeks one any more; see `transport::break_off`.
    void break_off() noexcept;
    // The context is going away: no I/O object may survive this.
    void abandon();

private:
    class group
    {
    public:
        group(connection_pool& owner, limits const& most)
            : pool(owner), gate(most.connects_per_second, most.connections), places(most.connections),
              retry(&alarm_of<&group::on_retry>::ring, this)
        {}
        void on_retry() { pool.serve(*this); }

        connection_pool& pool;
        std::vector<std::shared_ptr<connection>> idle; // the most recently used last
        std::array<seeker_line, lane_count> waiting;
        connect_backoff gate;
        int open = 0;
        int places; // fewer than the limit while this machine has no more to give
        clock::time_point places_lowered{};
        alarm retry;
        origin to;
        bool serving = false;
        bool stalled = false; // for want of places, and the observer knows
    };

    group& group_of(origin const& to);
    std::shared_ptr<connection> take_idle(group& from, lane which);
    void serve(group& g);
    void closed(group& g);
    void on_purge();
    void tell(connection const& about, connection_event::what happened);
    void tell_stall(group const& g, char const* where, std::chrono::milliseconds delay);
    void close_kept(group& g, connection& which);
    clock::duration keep_time(connection const& which) const;

    transport& home_;
    std::map<origin, group> groups_;
    group* recent_ = nullptr; // mostly the only one that is asked for
    alarm purge_;
    clock::time_point purge_at_ = clock::time_point::max();
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/http/connection_pool.ipp>
#endif

#endif
