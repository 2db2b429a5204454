// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_CONNECTION_POOL_HPP
#define APIMART_HTTP_CONNECTION_POOL_HPP

#include <apimart/policy/connect_backoff.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/protocol/origin.hpp>
#include <apimart/runtime/client_runtime.hpp>
#include <apimart/text/secret_string.hpp>

#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace apimart::detail {

// What a connection is wanted for. Where connections are scarce, these take turns, so that no kind waits for the end of
// another.
enum class lane
{
    poll,
    submit,
    download
};
inline constexpr std::size_t lane_count = 3;

// What an exchange needs memory for.
struct exchange_texts
{
    http_result result;
    secret_string head; // of the request
};

// Keep-alive connections by origin: how many, which coroutine gets the next one, and how fast new ones may be begun.
// `Connection` is a parameter so that a test can step the pool with scripted ones.
template <class Connection>
class basic_connection_pool
{
public:
    using clock = std::chrono::steady_clock;
    using pointer = std::shared_ptr<Connection>;

    // A coroutine in line for a connection. It waits on the timer, which is cancelled when a connection is granted or
    // when the wait is to end.
    class waiter
        : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
    {
    public:
        explicit waiter(bool public_addresses_only) : public_only(public_addresses_only) {}

        std::optional<detail::timer> timer; // once it is in line
        bool const public_only;
        pointer granted;
    };

    // Makes what an observer is told of a connection.
    using describer = std::function<connection_event(Connection&, connection_event::type)>;

    basic_connection_pool(client_runtime& runtime, describer describe)
        : runtime_(runtime), describe_(std::move(describe)), purge_([this] { purge(); })
    {}
    basic_connection_pool(basic_connection_pool const&) = delete;
    basic_connection_pool& operator=(basic_connection_pool const&) = delete;

    // A kept connection, or one that is still to be connected; or none, and then `pending` is in line for
    // one.
    pointer acquire(waiter& pending, origin const& to, lane kind)
    {
        group& g = group_of(to);
        g.waiting[static_cast<std::size_t>(kind)].push_back(pending);
        serve(g);
        if (!pending.granted)
            pending.timer.emplace(runtime_.strand(), detail::timer::time_point::max());
        return std::move(pending.granted);
    }

    // Takes back what was granted, to be used again.
    void release(pointer connection)
    {
        group& g = group_of(connection->origin);
        connection->rest();
        auto const now = runtime_.now();
        auto const kept_for = idle_timeout(*connection);
        if (kept_for > clock::duration::zero()) {
            connection->last_used = now;
            connection->idle_until = now + kept_for;
            if (!purge_.is_set() || connection->idle_until < purge_.when())
                runtime_.timers.set(purge_, connection->idle_until);
            g.idle.push_back(std::move(connection));
        } else {
            retire(g, *connection);
        }
        serve(g);
    }
    // The same for one that cannot be used again.
    void discard(pointer const& connection)
    {
        bool const was_open = connection->is_open();
        if (was_open)
            emit(*connection, connection_event::type::closed);
        connection->close();
        group& g = group_of(connection->origin);
        closed(g);
        serve(g);
        forget_unused(g);
    }

    void connect_succeeded(Connection const& connection)
    {
        group_of(connection.origin).backoff.succeeded(runtime_.now());
    }
    void connect_failed(Connection const& connection, error_code const& why)
    {
        group& g = group_of(connection.origin);
        if (why != errc::resource_exhausted) {
            g.backoff.failed(runtime_.now());
            return;
        }
        // This machine has no more to give; the host has nothing to do with it.
        close_idle();
        g.places = std::max(1, g.open - 1);
        g.places_lowered = runtime_.now();
    }

    // A list of one, whose texts use the memory of an earlier one.
    std::list<exchange_texts> take_texts()
    {
        std::list<exchange_texts> one;
        if (spare_texts_.empty())
            one.emplace_back();
        else
            one.splice(one.end(), spare_texts_, spare_texts_.begin());
        return one;
    }
    void give_back(std::list<exchange_texts>& one) noexcept
    {
        constexpr std::size_t kept = std::size_t{64} << 10U;
        auto const most = static_cast<std::size_t>(runtime_.limits.max_connections);
        exchange_texts& texts = one.front();
        if (spare_texts_.size() >= most || texts.result.response.body.capacity() > kept ||
            texts.head.capacity() > kept)
            return;
        texts.result.clear();
        spare_texts_.splice(spare_texts_.begin(), one);
    }

    void close_idle()
    {
        for (auto& [to, g] : groups_) {
            for (auto const& each : g.idle)
                retire(g, *each);
            g.idle.clear();
        }
    }
    // The same without a byte to the peers, whose connections these are not.
    void discard_idle()
    {
        for (auto& [to, g] : groups_) {
            for (auto const& each : g.idle) {
                each->close();
                closed(g);
            }
            g.idle.clear();
        }
    }
    // Connections to other origins than these hold nothing while nothing is under way.
    template <class Predicate>
    void close_idle_but(Predicate is_kept)
    {
        for (auto next = groups_.begin(); next != groups_.end();) {
            group& g = (next++)->second;
            if (is_kept(g.to))
                continue;
            for (auto const& each : g.idle)
                retire(g, *each);
            g.idle.clear();
            forget_unused(g);
        }
    }

    // The execution context goes away: no I/O object may survive this.
    void destroy()
    {
        purge_.clear();
        latest_ = nullptr;
        groups_.clear();
    }
    std::size_t origins() const noexcept { return groups_.size(); }

private:
    class group
    {
    public:
        group(basic_connection_pool& pool, origin const& origin)
            : backoff(pool.runtime_.limits.connects_per_second, pool.runtime_.limits.max_connections),
              places(pool.runtime_.limits.max_connections), retry([&pool, this] { pool.serve(*this); }),
              to(origin)
        {}

        std::vector<pointer> idle; // the most recently used last
        std::array<boost::intrusive::list<waiter, boost::intrusive::constant_time_size<false>>, lane_count>
            waiting;
        std::size_t served_last = lane_count - 1; // a lane
        connect_backoff backoff;
        int open = 0;
        int places; // fewer than the limit while this machine has no more to give
        clock::time_point places_lowered{};
        deadline retry;
        origin const to;
        bool stalled = false; // for want of places, and the observer knows
    };

    // Mostly the one that was asked for last.
    group& group_of(origin const& to)
    {
        if (latest_ == nullptr || latest_->to != to)
            latest_ = &groups_.try_emplace(to, *this, to).first->second;
        return *latest_;
    }

    // An origin with nothing open and nothing to remember is forgotten.
    void forget_unused(group& g)
    {
        bool const waited_for =
            std::any_of(g.waiting.begin(), g.waiting.end(), [](auto const& line) { return !line.empty(); });
        if (g.open != 0 || waited_for || !g.backoff.at_rest() || g.places != runtime_.limits.max_connections)
            return;
        latest_ = nullptr;
        groups_.erase(groups_.find(origin(g.to)));
    }

    void emit(Connection& connection, connection_event::type type)
    {
        if (runtime_.observer.on_connection)
            runtime_.emit(runtime_.observer.on_connection, describe_(connection, type));
    }
    void emit_backpressure(group const& g, backpressure_event::place where, std::chrono::milliseconds delay)
    {
        backpressure_event event;
        event.where = where;
        for (auto const& line : g.waiting)
            event.waiting += line.size();
        event.delay = delay;
        runtime_.emit(runtime_.observer.on_backpressure, event);
    }

    void closed(group& g)
    {
        --g.open;
        runtime_.counters.connections_open.subtract();
    }
    void retire(group& g, Connection& connection)
    {
        emit(connection, connection_event::type::closed);
        connection.close_politely();
        closed(g);
    }

    // A server that says how long it keeps an unused connection may end it just before a request arrives.
    clock::duration idle_timeout(Connection const& connection) const
    {
        auto const announced = connection.parser.keep_alive_timeout();
        if (!announced)
            return runtime_.timeouts.pool_idle;
        return std::min<clock::duration>(runtime_.timeouts.pool_idle, *announced - std::chrono::seconds(1));
    }

    pointer pop_idle(group& g, bool is_submit)
    {
        auto const now = runtime_.now();
        while (!g.idle.empty()) {
            // Good enough for a question that can be asked again, but not for a request that costs money.
            if (is_submit && now - g.idle.back()->last_used >= runtime_.timeouts.idle_for_submit &&
                now < g.idle.back()->idle_until)
                break;
            pointer candidate = std::move(g.idle.back());
            g.idle.pop_back();
            if (now >= candidate->idle_until) {
                retire(g, *candidate);
                continue;
            }
            auto const found = candidate->check_alive();
            if (found == Connection::liveness::ok)
                return candidate;
            bool const ended = found == Connection::liveness::ended;
            (ended ? runtime_.counters.stale_connections : runtime_.counters.unsolicited_bytes).add();
            emit(*candidate,
                 ended ? connection_event::type::peer_closed : connection_event::type::unexpected_data);
            candidate->close();
            closed(g);
        }
        if (g.open >= g.places && !g.idle.empty()) {
            // The one unused for longest makes room for a fresh one.
            retire(g, *g.idle.front());
            g.idle.erase(g.idle.begin());
        }
        return nullptr;
    }

    pointer open_fresh(group& g, bool public_only)
    {
        auto const now = runtime_.now();
        if (g.places < runtime_.limits.max_connections && now - g.places_lowered > std::chrono::seconds(10)) {
            ++g.places;
            g.places_lowered = now;
        }
        if (g.open >= g.places) {
            if (runtime_.observer.on_backpressure && !std::exchange(g.stalled, true))
                emit_backpressure(g, backpressure_event::place::connections, {});
            return nullptr;
        }
        if (auto const delay = g.backoff.take(now); delay > clock::duration::zero()) {
            runtime_.timers.set(g.retry, now + delay);
            if (runtime_.observer.on_backpressure)
                emit_backpressure(g, backpressure_event::place::connect_rate,
                                  std::chrono::ceil<std::chrono::milliseconds>(delay));
            return nullptr;
        }
        ++g.open;
        runtime_.counters.connections_open.add();
        return std::make_shared<Connection>(runtime_, g.to, public_only);
    }

    // Gives connections to those in line as long as there are any to give.
    void serve(group& g)
    {
        g.retry.clear();
        bool can_open = true;
        for (std::size_t skipped = 0; skipped < lane_count;) {
            std::size_t const turn = (g.served_last + 1 + skipped) % lane_count;
            if (g.waiting[turn].empty()) {
                ++skipped;
                continue;
            }
            waiter& next = g.waiting[turn].front();
            pointer found = pop_idle(g, turn == static_cast<std::size_t>(lane::submit));
            if (!found && can_open) {
                found = open_fresh(g, next.public_only);
                can_open = found != nullptr;
            }
            if (!found) {
                ++skipped;
                continue;
            }
            g.waiting[turn].pop_front();
            g.served_last = turn;
            skipped = 0;
            next.granted = std::move(found);
            if (next.timer)
                next.timer->cancel();
        }
        if (can_open)
            g.stalled = false;
    }

    void purge()
    {
        auto const now = runtime_.now();
        auto next = clock::time_point::max();
        for (auto place = groups_.begin(); place != groups_.end();) {
            group& g = (place++)->second;
            std::erase_if(g.idle, [&](pointer const& each) {
                if (each->idle_until > now) {
                    next = std::min(next, each->idle_until);
                    return false;
                }
                retire(g, *each);
                return true;
            });
            forget_unused(g);
        }
        if (next != clock::time_point::max())
            runtime_.timers.set(purge_, next);
    }

    client_runtime& runtime_;
    describer describe_;
    std::map<origin, group> groups_;
    group* latest_ = nullptr;
    std::list<exchange_texts> spare_texts_;
    deadline purge_;
};

} // namespace apimart::detail

#endif
