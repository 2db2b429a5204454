// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_CONNECTION_POOL_IPP
#define APIMART_HTTP_CONNECTION_POOL_IPP

#include <apimart/http/connection_pool.hpp>
#include <apimart/separate_compilation.hpp>

#include <algorithm>

namespace apimart::detail {

APIMART_INLINE connection_pool::connection_pool(transport& home)
    : home_(home), purge_(&alarm_of<&connection_pool::on_purge>::ring, this)
{}

APIMART_INLINE connection_pool::group& connection_pool::group_of(origin const& to)
{
    if (recent_ != nullptr && recent_->to == to)
        return *recent_;
    auto const [place, fresh] = groups_.try_emplace(to, *this, home_.most);
    recent_ = &place->second;
    if (fresh)
        recent_->to = to;
    return *recent_;
}

APIMART_INLINE void connection_pool::tell(connection const& about, connection_event::what happened)
{
    if (home_.observer.on_connection)
        home_.tell(home_.observer.on_connection, about.event(happened));
}

APIMART_INLINE void connection_pool::closed(group& g)
{
    --g.open;
    transport::uncount(home_.counters.connections_open);
}

APIMART_INLINE void connection_pool::close_kept(group& g, connection& which)
{
    tell(which, connection_event::what::closed); // while it still knows what it was
    which.close();
    closed(g);
}

APIMART_INLINE std::shared_ptr<connection> connection_pool::take_idle(group& from, lane which)
{
    auto const now = home_.now();
    while (!from.idle.empty()) {
        connection const& latest = *from.idle.back();
        auto const unused = now - latest.last_used;
        // Good enough for a question that can be asked again, but not for a request that costs money.
        if (which == lane::submit && unused >= home_.times.idle_for_submit && now < latest.idle_until)
            break;
        std::shared_ptr<connection> candidate = std::move(from.idle.back());
        from.idle.pop_back();
        if (now < candidate->idle_until) {
            // It has been watched since its last answer. What arrived just now is seen by looking; right
            // behind an answer there is nothing to see yet.
            auto const found = candidate->look(now);
            if (found == connection::probe::quiet)
                return candidate;
            bool const ended = found == connection::probe::ended;
            transport::count(ended ? home_.counters.stale_connections : home_.counters.unsolicited_bytes);
            tell(*candidate, ended ? connection_event::what::stale : connection_event::what::unsolicited);
            candidate->close();
            closed(from);
        } else {
            close_kept(from, *candidate);
        }
    }
    if (from.open >= from.places && !from.idle.empty()) {
        // The one unused for longest makes room for a fresh one.
        close_kept(from, *from.idle.front());
        from.idle.erase(from.idle.begin());
    }
    return nullptr;
}

APIMART_INLINE void connection_pool::tell_stall(group const& g, char const* where,
                                                std::chrono::milliseconds delay)
{
    stall_event event;
    event.where = where;
    for (auto const& line : g.waiting)
        event.waiting += line.size();
    event.delay = delay;
    home_.tell(home_.observer.on_stall, std::move(event));
}

APIMART_INLINE void connection_pool::seek(connection_seeker& who, origin const& to, lane which,
                                          bool public_addresses_only)
{
    group& g = group_of(to);
    who.public_only_ = public_addresses_only;
    g.waiting[static_cast<std::size_t>(which)].push(who);
    serve(g);
}

APIMART_INLINE void connection_pool::give_up_seeking(connection_seeker& who, origin const& to, lane which)
{
    if (who.queued_)
        group_of(to).waiting[static_cast<std::size_t>(which)].remove(who);
}

// Gives connections to those in line as long as there are any to give.
APIMART_INLINE void connection_pool::serve(group& g)
{
    if (g.serving)
        return; // the loop below is further up in this call
    g.serving = true;
    g.retry.clear();
    for (;;) {
        std::size_t which = 0;
        while (which < lane_count && g.waiting[which].empty())
            ++which;
        if (which == lane_count) {
            g.stalled = false;
            break;
        }
        std::shared_ptr<connection> found = take_idle(g, static_cast<lane>(which));
        connection_seeker& next = g.waiting[which].front();
        if (!found) {
            auto const now = home_.now();
            if (g.places < home_.most.connections && now - g.places_lowered > std::chrono::seconds(10)) {
                ++g.places;
                g.places_lowered = now;
            }
            if (g.open >= g.places) {
                if (home_.observer.on_stall && !std::exchange(g.stalled, true))
                    tell_stall(g, "connections", {});
                break;
            }
            if (auto const delay = g.gate.take(now); delay > clock::duration::zero()) {
                g.retry.set(home_.alarms, now + delay);
                if (home_.observer.on_stall)
                    tell_stall(g, "connect rate", std::chrono::ceil<std::chrono::milliseconds>(delay));
                break;
            }
            ++g.open;
            transport::count(home_.counters.connections_open);
            found = std::make_shared<connection>(home_, g.to, next.public_only_);
        }
        g.waiting[which].remove(next);
        next.granted(std::move(found));
    }
    g.serving = false;
}

// A server that says how long it keeps an unused connection may end it just before a request arrives.
APIMART_INLINE connection_pool::clock::duration connection_pool::keep_time(connection const& which) const
{
    auto const announced = which.parser.keep_alive_timeout();
    if (!announced)
        return home_.times.idle;
    return std::min<clock::duration>(home_.times.idle, *announced - std::chrono::seconds(1));
}

APIMART_INLINE void connection_pool::give_back(std::shared_ptr<connection> lent)
{
    lent->unlimit();
    lent->use(nullptr);
    group& g = group_of(lent->origin);
    auto const now = home_.now();
    auto const kept_for = keep_time(*lent);
    if (kept_for > clock::duration::zero() && lent->at_rest()) {
        // Owned before anything else, so that whatever happens it can be closed.
        connection& kept = *g.idle.emplace_back(std::move(lent));
        kept.last_used = now;
        kept.handlers_over = home_.handlers_over();
        kept.idle_until = now + kept_for;
        home_.restless();
        // Most are kept for equally long, so that an earlier one is seldom.
        if (!purge_.is_set() || kept.idle_until < purge_at_) {
            purge_at_ = kept.idle_until;
            purge_.set(home_.alarms, purge_at_);
        }
        kept.receive();
    } else {
        close_kept(g, *lent);
    }
    serve(g);
}

APIMART_INLINE void connection_pool::drop(std::shared_ptr<connection> lent)
{
    bool const was_ready = lent->ready();
    lent->close();
    if (was_ready)
        tell(*lent, connection_event::what::closed);
    group& g = group_of(lent->origin);
    closed(g);
    serve(g);
}

APIMART_INLINE void connection_pool::connect_succeeded(connection const& which)
{
    group_of(which.origin).gate.succeeded(home_.now());
}

APIMART_INLINE void connection_pool::connect_failed(connection const& which, error_code const& why)
{
    group& g = group_of(which.origin);
    if (why != errc::local_resource) {
        g.gate.failed(home_.now());
        return;
    }
    // The host has nothing to do with it.
    close_idle();
    g.places = std::max(1, g.open - 1);
    g.places_lowered = home_.now();
}

APIMART_INLINE void connection_pool::on_purge()
{
    auto const now = home_.now();
    auto next = clock::time_point::max();
    for (auto& [to, g] : groups_) {
        std::erase_if(g.idle, [&, &g = g](auto const& each) {
            if (each->idle_until > now) {
                next = std::min(next, each->idle_until);
                return false;
            }
            close_kept(g, *each);
            return true;
        });
    }
    purge_at_ = next;
    if (next != clock::time_point::max())
        purge_.set(home_.alarms, next);
}

APIMART_INLINE void connection_pool::close_idle()
{
    for (auto& [to, g] : groups_) {
        for (auto const& each : g.idle)
            close_kept(g, *each);
        g.idle.clear();
    }
}

APIMART_INLINE void connection_pool::let_idle_rest()
{
    for (auto& [to, g] : groups_) {
        for (auto const& each : g.idle)
            each->stop_watching();
    }
}

APIMART_INLINE void connection_pool::break_off() noexcept
{
    for (auto& [to, g] : groups_) {
        for (auto const& each : g.idle)
            each->close();
        g.idle.clear();
        g.open = 0;
        g.serving = false;
        g.retry.clear();
    }
    purge_.clear();
    home_.counters.connections_open.store(0, std::memory_order_relaxed);
}

APIMART_INLINE void connection_pool::abandon()
{
    purge_.clear();
    recent_ = nullptr;
    groups_.clear();
}

} // namespace apimart::detail

#endif
