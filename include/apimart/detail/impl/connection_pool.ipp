// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_CONNECTION_POOL_IPP
#define APIMART_DETAIL_IMPL_CONNECTION_POOL_IPP

#include <apimart/detail/config.hpp>
#include <apimart/detail/transport/connection_pool.hpp>
#include <apimart/detail/transport/tls_context.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace apimart::detail {

APIMART_INLINE connection_lease::connection_lease(connection_pool* pool, std::unique_ptr<connection> lent)
    : pool_(pool), lent_(std::move(lent))
{}

APIMART_INLINE connection_lease::connection_lease(connection_lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), lent_(std::move(other.lent_))
{}

APIMART_INLINE connection_lease& connection_lease::operator=(connection_lease&& other) noexcept
{
    if (this != &other) {
        drop();
        pool_ = std::exchange(other.pool_, nullptr);
        lent_ = std::move(other.lent_);
    }
    return *this;
}

APIMART_INLINE connection_lease::~connection_lease()
{
    drop();
}

APIMART_INLINE void connection_lease::give_back()
{
    if (lent_)
        pool_->returned(std::move(lent_), true);
}

APIMART_INLINE void connection_lease::drop()
{
    if (lent_)
        pool_->returned(std::move(lent_), false);
}

APIMART_INLINE connection_pool::connection_pool(boost::asio::any_io_executor executor,
                                                boost::asio::ssl::context context, limits const& most,
                                                timeouts const& times)
    : executor_(executor), context_(std::move(context)), limits_(most), timeouts_(times),
      timer_(std::in_place, executor)
{}

APIMART_INLINE std::unique_ptr<connection> connection_pool::take_idle(group& from, lane who)
{
    auto const now = clock::now();
    while (!from.idle.empty()) {
        auto const unused = now - from.idle.back()->last_used;
        // Good enough for a question that can be asked again, but not for a request that costs money.
        if (who == lane::submit && unused >= timeouts_.idle_for_submit && unused < timeouts_.idle)
            break;
        std::unique_ptr<connection> candidate = std::move(from.idle.back());
        from.idle.pop_back();
        if (unused < timeouts_.idle && candidate->quiet())
            return candidate;
        --from.open;
    }
    if (from.open >= limits_.connections && !from.idle.empty()) {
        // The one unused for longest makes room for a fresh one.
        from.idle.erase(from.idle.begin());
        --from.open;
    }
    return nullptr;
}

APIMART_INLINE boost::asio::awaitable<result<connection_lease>> connection_pool::acquire(origin to, lane who)
{
    using namespace boost::asio;
    group& g = groups_[to];
    for (;;) {
        std::unique_ptr<connection> lent = take_idle(g, who);
        if (!lent && g.open < limits_.connections) {
            ++g.open;
            lent =
                std::make_unique<connection>(to, to.tls ? stream(executor_, *context_) : stream(executor_));
            // One byte more than the limit lets the parser see that it was passed.
            lent->buffer.max_size(limits_.response_bytes + limits_.header_bytes);
        }
        if (lent) {
            active_.push_back(lent.get());
            co_return connection_lease(this, std::move(lent));
        }
        auto const [code] =
            co_await g.waiting[static_cast<std::size_t>(who)].async_wait(executor_, as_tuple(use_awaitable));
        if (code)
            co_return failure(code);
    }
}

APIMART_INLINE void connection_pool::wake_next(group& g)
{
    for (waiter_queue& queue : g.waiting) {
        if (queue.wake_one())
            return;
    }
}

APIMART_INLINE void connection_pool::returned(std::unique_ptr<connection> lent, bool reusable)
{
    if (!*alive_)
        return;
    std::erase(active_, lent.get());
    group& g = groups_[lent->origin];
    unlimit(*lent);
    if (reusable && lent->connected && lent->buffer.size() == 0) {
        lent->last_used = clock::now();
        g.idle.push_back(std::move(lent));
    } else {
        --g.open;
        lent.reset();
    }
    wake_next(g);
    // A timer nobody needs would keep the caller's context from running out of work.
    if (active_.empty() && timer_) {
        timer_->cancel();
        watching_until_ = clock::time_point::max();
    }
}

APIMART_INLINE void connection_pool::limit(connection& active, clock::time_point deadline)
{
    active.deadline = deadline;
    watch(deadline);
}

APIMART_INLINE void connection_pool::watch(clock::time_point until)
{
    if (until >= watching_until_ || !timer_)
        return;
    watching_until_ = until;
    timer_->expires_at(until);
    timer_->async_wait([this, alive = alive_](boost::system::error_code code) {
        if (*alive && code != boost::asio::error::operation_aborted)
            on_watch();
    });
}

APIMART_INLINE void connection_pool::on_watch()
{
    watching_until_ = clock::time_point::max();
    auto const now = clock::now();
    auto next = clock::time_point::max();
    for (connection* const c : active_) {
        if (c->deadline <= now) {
            c->expired = true;
            c->deadline = clock::time_point::max();
            c->cut();
        } else {
            next = std::min(next, c->deadline);
        }
    }
    for (auto& [to, g] : groups_) {
        auto const stale = [&](std::unique_ptr<connection> const& c) {
            return c->last_used + timeouts_.idle <= now;
        };
        auto const closed = std::erase_if(g.idle, stale);
        g.open -= static_cast<int>(closed);
    }
    if (next != clock::time_point::max())
        watch(next);
}

inline failure connect_failure(connection const& c, errc what, error_code code)
{
    if (code == boost::asio::error::operation_aborted && !c.expired)
        return failure(code);
    std::string const where = c.origin.host + ":" + c.origin.port;
    if (c.expired)
        return failure(errc::connect_timeout, "no connection to " + where + " in time").underlying(code);
    return failure(what, "no connection to " + where + ": " + code.message()).underlying(code);
}

APIMART_INLINE boost::asio::awaitable<result<void>>
connection_pool::connect(connection& fresh, bool public_only, error_code const& stopped)
{
    using namespace boost::asio;
    namespace ip = boost::asio::ip;
    constexpr auto token = as_tuple(use_awaitable);
    ++opened_;
    limit(fresh, clock::now() + timeouts_.connect);
    std::vector<ip::tcp::endpoint> endpoints;
    error_code code;
    if (ip::address const literal = ip::make_address(fresh.origin.host, code); !code) {
        endpoints.emplace_back(literal, static_cast<ip::port_type>(std::stoul(fresh.origin.port)));
    } else {
        ip::tcp::resolver resolver(executor_);
        auto const [resolve_code, found] =
            co_await resolver.async_resolve(fresh.origin.host, fresh.origin.port, token);
        if (resolve_code) {
            bool const unknown = resolve_code == boost::asio::error::host_not_found ||
                                 resolve_code == boost::asio::error::no_data;
            co_return connect_failure(fresh, unknown ? errc::resolve_failed : errc::connect_failed,
                                      resolve_code);
        }
        for (auto const& entry : found)
            endpoints.push_back(entry.endpoint());
    }
    if (fresh.expired)
        co_return connect_failure(fresh, errc::connect_failed, boost::asio::error::timed_out);
    if (stopped)
        co_return failure(stopped);
    if (public_only) {
        std::erase_if(endpoints,
                      [](ip::tcp::endpoint const& e) { return is_private_address(e.address().to_string()); });
        if (endpoints.empty())
            co_return failure(errc::url_not_allowed, fresh.origin.host + " is a private address");
    }

    error_code last = boost::asio::error::host_not_found;
    bool reached = false;
    for (ip::tcp::endpoint const& endpoint : endpoints) {
        error_code ignored;
        fresh.bytes.socket().close(ignored);
        auto const [connect_code] = co_await fresh.bytes.socket().async_connect(endpoint, token);
        last = connect_code;
        reached = !connect_code;
        if (reached || fresh.expired || stopped || connect_code == boost::asio::error::operation_aborted)
            break;
    }
    if (!reached || fresh.expired)
        co_return connect_failure(fresh, errc::connect_failed, last);
    if (stopped)
        co_return failure(stopped);
    fresh.bytes.socket().set_option(ip::tcp::no_delay(true), code);

    if (auto* const tls = fresh.bytes.tls()) {
        limit(fresh, clock::now() + timeouts_.tls_handshake);
        if (error_code const prepared =
                prepare_tls_session(tls->native_handle(), fresh.origin.host, fresh.origin.is_address()))
            co_return failure(errc::tls_failed,
                              "the TLS session for " + fresh.origin.host + " cannot be prepared")
                .underlying(prepared);
        auto const [tls_code] = co_await tls->async_handshake(ssl::stream_base::client, token);
        if (tls_code) {
            if (tls_code == boost::asio::error::operation_aborted || fresh.expired)
                co_return connect_failure(fresh, errc::tls_failed, tls_code);
            co_return tls_failure(tls->native_handle(), fresh.origin.host, tls_code);
        }
        if (SSL_get_verify_result(tls->native_handle()) != X509_V_OK)
            co_return tls_failure(tls->native_handle(), fresh.origin.host, boost::asio::error::no_permission);
    }
    fresh.connected = true;
    unlimit(fresh);
    co_return result<void>();
}

APIMART_INLINE void connection_pool::cut_all()
{
    for (connection* const c : active_)
        c->cut();
    for (auto& [to, g] : groups_) {
        g.open -= static_cast<int>(g.idle.size());
        g.idle.clear();
    }
    if (timer_)
        timer_->cancel();
    watching_until_ = clock::time_point::max();
}

APIMART_INLINE void connection_pool::abandon()
{
    *alive_ = false;
    timer_.reset();
    for (auto& [to, g] : groups_) {
        g.idle.clear();
        for (waiter_queue& queue : g.waiting)
            queue.abandon();
    }
    executor_ = {};
}

} // namespace apimart::detail

#endif
