// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_RESOLVER_HPP
#define APIMART_HTTP_RESOLVER_HPP

#include <apimart/config/resolver_options.hpp>
#include <apimart/error.hpp>
#include <apimart/runtime/executor.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace apimart::detail {

inline failure resolve_failure(std::string const& host, error_code const& code)
{
    bool const unknown = code == asio::error::host_not_found || code == asio::error::no_data;
    return failure(unknown ? errc::resolve_failed : errc::resolve_unavailable, host + ": " + code.message())
        .underlying(code);
}

// Looks host names up on detached threads. The system's name service blocks and cannot be interrupted; Asio's
// resolver asks it on a thread that the execution context waits for, so that a dead name server holds up a shutdown
// for many seconds. Here a lookup that is no longer waited for is left to itself and touches nothing of the client
// when it ends at last. A host is looked up once at a time, however many calls wait for it; only after a call ran
// out of time does the next one begin another lookup beside it, up to a small number. All calls come from one
// strand. Held by a shared_ptr, which every call shares.
class resolver : public std::enable_shared_from_this<resolver>
{
public:
    using clock = std::chrono::steady_clock;
    using addresses = std::vector<asio::ip::address>;

    explicit resolver(resolver_options options) : options_(std::move(options)) {}

    awaitable<result<addresses>> resolve(std::string host, clock::duration limit)
    {
        auto const self = shared_from_this();
        if (auto known = find(host))
            co_return *std::move(known);
        executor const on = co_await asio::this_coro::executor;
        forget_old();
        waiter call(entries_[host], timer(on, limit));
        if (error_code const code = begin_lookup(host, call.at, on))
            co_return failure(errc::local_resource, "no thread for looking up " + host).underlying(code);
        auto const waited = co_await call.wake.async_wait(use_tuple);
        if (call.found)
            co_return *std::move(call.found);
        if (error_code const cancelled = std::get<0>(waited))
            co_return failure(cancelled, host);
        for (auto const& each : call.at.running)
            each->late = true;
        co_return failure(errc::resolve_timeout, host + ": host name resolution timed out");
    }

    // The next call looks the host up again.
    void forget(std::string const& host)
    {
        if (auto const place = entries_.find(host); place != entries_.end())
            place->second.fresh_until = {};
    }

    // Looks a host up on the calling thread. Whatever a user's function throws is a failure of this lookup alone.
    static result<addresses> look_up(resolver_options::lookup_function const& function,
                                     std::string const& host)
    {
        try {
            addresses found;
            if (function) {
                for (std::string const& text : function(host))
                    found.push_back(asio::ip::make_address(text));
            } else {
                asio::io_context own;
                asio::ip::tcp::resolver system(own);
                for (auto const& each : system.resolve(host, "", asio::ip::resolver_base::address_configured))
                    found.push_back(each.endpoint().address());
            }
            if (found.empty())
                return resolve_failure(host, asio::error::no_data);
            return found;
        } catch (boost::system::system_error const& e) {
            return resolve_failure(host, e.code());
        } catch (...) {
            return resolve_failure(host, asio::error::host_not_found_try_again);
        }
    }

    // The number of hosts of which something is kept.
    std::size_t size() const noexcept { return entries_.size(); }

private:
    static constexpr std::size_t max_lookups_of_a_host = 3;

    // Shared by a thread and the client.
    class lookup
    {
    public:
        // The answer goes to this executor, whose context runs until then. Without one it goes nowhere.
        void deliver_to(executor const* on)
        {
            std::lock_guard const lock(mutex_);
            if (on == nullptr)
                to_.reset();
            else if (!ended_ && !to_)
                to_ = asio::prefer(*on, asio::execution::outstanding_work.tracked);
        }
        template <class Delivery>
        void end(Delivery delivery)
        {
            std::lock_guard const lock(mutex_);
            ended_ = true;
            if (to_)
                asio::post(*to_, std::move(delivery));
            to_.reset();
        }
        bool ended()
        {
            std::lock_guard const lock(mutex_);
            return ended_;
        }

        bool late = false; // a call ran out of time before it ended; only the client looks at it

    private:
        std::mutex mutex_;
        // Tracks outstanding work. The work guard of a strand of any_io_executor does not compile in Boost 1.81.
        std::optional<executor> to_;
        bool ended_ = false;
    };

    static bool has_ended(std::shared_ptr<lookup> const& each) { return each->ended(); }

    struct waiter;

    struct entry
    {
        void deliver_to(executor const* on)
        {
            std::erase_if(running, &resolver::has_ended);
            for (auto const& each : running)
                each->deliver_to(on);
        }

        std::vector<waiter*> waiting;
        std::vector<std::shared_ptr<lookup>> running; // the latest last
        addresses found;
        clock::time_point fresh_until{};
    };

    // A call, for as long as its coroutine waits.
    struct waiter
    {
        waiter(entry& e, timer t) : at(e), wake(std::move(t)) { at.waiting.push_back(this); }
        waiter(waiter const&) = delete;
        waiter& operator=(waiter const&) = delete;
        ~waiter()
        {
            std::erase(at.waiting, this);
            if (at.waiting.empty())
                at.deliver_to(nullptr);
        }

        entry& at;
        timer wake;
        std::optional<result<addresses>> found;
    };

    std::optional<addresses> find(std::string const& host) const
    {
        error_code code;
        if (auto const literal = asio::ip::make_address(host, code); !code)
            return addresses{literal};
        if (auto const* const pinned = options_.find(host)) {
            addresses found;
            for (std::string const& text : *pinned)
                found.push_back(asio::ip::make_address(text));
            return found;
        }
        auto const place = entries_.find(host);
        if (place == entries_.end() || clock::now() >= place->second.fresh_until)
            return std::nullopt;
        return place->second.found;
    }

    // A late lookup may still answer first. Fails where no thread can be had.
    error_code begin_lookup(std::string const& host, entry& of, executor const& on)
    {
        of.deliver_to(&on);
        if (!of.running.empty() && (!of.running.back()->late || of.running.size() >= max_lookups_of_a_host))
            return {};
        auto const begun = std::make_shared<lookup>();
        begun->deliver_to(&on);
        try {
            std::thread([begun, host, function = options_.lookup(), weak = weak_from_this()] {
                auto found = look_up(function, host);
                begun->end([begun, host, found = std::move(found), weak] {
                    if (auto const self = weak.lock())
                        self->finished(host, begun->late, found);
                });
            }).detach();
        } catch (std::system_error const& e) {
            return {e.code().value(), boost::system::system_category()};
        }
        of.running.push_back(begun);
        return {};
    }

    void finished(std::string const& host, bool late, result<addresses> const& found)
    {
        auto const place = entries_.find(host);
        if (place == entries_.end())
            return;
        entry& e = place->second;
        std::erase_if(e.running, &resolver::has_ended);
        // The failure of one that was late says little while another is under way.
        if (!found && late && !e.running.empty())
            return;
        e.deliver_to(nullptr);
        if (found) {
            e.found = *found;
            e.fresh_until = clock::now() + options_.keep();
        }
        for (waiter* const each : e.waiting) {
            if (!each->found) // the first answer stands until the coroutine goes on
                each->found = found;
            each->wake.cancel();
        }
    }

    // Nothing is kept of a host that is neither known nor being looked up.
    void forget_old()
    {
        std::erase_if(entries_, [now = clock::now()](auto const& each) {
            entry const& e = each.second;
            return e.waiting.empty() && now >= e.fresh_until &&
                   std::all_of(e.running.begin(), e.running.end(), &resolver::has_ended);
        });
    }

    resolver_options const options_;
    std::map<std::string, entry> entries_;
};

} // namespace apimart::detail

#endif
