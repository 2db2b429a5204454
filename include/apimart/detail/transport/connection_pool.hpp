// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_TRANSPORT_CONNECTION_POOL_HPP
#define APIMART_DETAIL_TRANSPORT_CONNECTION_POOL_HPP

#include <apimart/detail/transport/connection.hpp>
#include <apimart/detail/transport/origin.hpp>
#include <apimart/detail/waiter_queue.hpp>
#include <apimart/error.hpp>
#include <apimart/limits.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace apimart::detail {

// Who wants a connection. Where they are scarce, the smaller value goes first.
enum class lane
{
    poll,
    submit,
    download
};

class connection_pool;

// A connection lent to one request. Unless it is given back, it is closed.
class connection_lease
{
public:
    connection_lease() = default;
    connection_lease(connection_pool* pool, std::unique_ptr<connection> lent);
    connection_lease(connection_lease&& other) noexcept;
    connection_lease& operator=(connection_lease&& other) noexcept;
    ~connection_lease();

    connection* operator->() const noexcept { return lent_.get(); }
    connection& operator*() const noexcept { return *lent_; }

    // The connection is at the start of a message again and can serve the next request.
    void give_back();

private:
    void drop();

    connection_pool* pool_ = nullptr;
    std::unique_ptr<connection> lent_;
};

// Keep-alive connections by origin, with one timer for the time limits of all of them: a connection's
// deadline is a plain member, and the timer is only set anew when it has run out or an earlier deadline
// appears. Lives on one strand.
class connection_pool
{
public:
    using clock = std::chrono::steady_clock;

    connection_pool(boost::asio::any_io_executor executor, boost::asio::ssl::context context,
                    limits const& most, timeouts const& times);
    connection_pool(connection_pool const&) = delete;
    connection_pool& operator=(connection_pool const&) = delete;
    ~connection_pool() { *alive_ = false; }

    boost::asio::awaitable<result<connection_lease>> acquire(origin to, lane who);
    // Name, address, TCP, TLS. The lease's connection is usable afterwards. `public_only` leaves out private
    // addresses, whatever name they hide behind. `stopped` is looked at between the steps, where a
    // cancellation finds nothing to cancel.
    boost::asio::awaitable<result<void>> connect(connection& fresh, bool public_only,
                                                 error_code const& stopped);

    // The connection is cut unless its limit is moved or lifted before.
    void limit(connection& active, clock::time_point deadline);
    void unlimit(connection& active) { active.deadline = clock::time_point::max(); }

    void cut_all();
    // The context is going away: no I/O object may survive this.
    void abandon();

    std::uint64_t opened() const noexcept { return opened_; }

private:
    friend class connection_lease;

    struct group
    {
        std::vector<std::unique_ptr<connection>> idle; // the most recently used last
        int open = 0;
        std::array<waiter_queue, 3> waiting;
    };

    std::unique_ptr<connection> take_idle(group& from, lane who);
    void returned(std::unique_ptr<connection> lent, bool reusable);
    void wake_next(group& g);
    void watch(clock::time_point until);
    void on_watch();

    boost::asio::any_io_executor executor_;
    std::optional<boost::asio::ssl::context> context_;
    limits limits_;
    timeouts timeouts_;
    std::map<origin, group> groups_;
    std::vector<connection*> active_;
    std::optional<boost::asio::steady_timer> timer_;
    clock::time_point watching_until_ = clock::time_point::max();
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::uint64_t opened_ = 0;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/detail/impl/connection_pool.ipp>
#endif

#endif
