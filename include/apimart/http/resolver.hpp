// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_RESOLVER_HPP
#define APIMART_HTTP_RESOLVER_HPP

#include <apimart/config/resolver_options.hpp>
#include <apimart/error.hpp>
#include <apimart/runtime/executor.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <netdb.h>
#include <sys/socket.h>

namespace apimart::detail {

// Looks host names up on threads that belong to nobody. The system's name service blocks and cannot be interrupted;
// Asio asks it on a thread that the execution context waits for, which makes a dead name server hold up a shutdown for
// many seconds. Here a lookup that is no longer wanted is left to itself: it touches nothing of the client when it ends
// at last. One host is looked up once at a time, however many ask; only after a lookup took too long, the next who asks
// begins another one beside it, up to a small number.
class resolver
{
public:
    using clock = std::chrono::steady_clock;
    using addresses = std::vector<boost::asio::ip::address>;

    resolver(executor const& on, resolver_options options)
        : state_(std::make_shared<state>(on, std::move(options)))
    {}
    resolver(resolver const&) = delete;
    resolver& operator=(resolver const&) = delete;
    ~resolver() { destroy(); }

    // The addresses where they are known already: a literal, a pinned host, a fresh answer.
    std::optional<addresses> known(std::string const& host, clock::time_point now) const
    {
        return state_->known(host, now);
    }
    // Waits on `wake`; cancelling it gives the lookup up.
    awaitable<result<addresses>> resolve(std::string host, clock::duration limit, timer& wake);
    // The next connection to it asks again.
    void forget(std::string const& host) { state_->forget(host); }
    // Ends all waiting.
    void destroy() { state_->destroy(); }
    // How many are remembered.
    std::size_t hosts() const noexcept { return state_->entries.size(); }

private:
    using answer = std::shared_ptr<result<addresses> const>;

    // One question to the name service; shared with the thread that asks it.
    class lookup
    {
    public:
        std::mutex mutex;
        // While the answer is wanted; it keeps the context running.
        std::optional<executor> wanted;
        bool ended = false;

        bool late = false; // the strand's own: the time for it was over before it ended

        // False where it has ended already.
        bool want(executor const& on)
        {
            std::lock_guard const lock(mutex);
            if (!ended && !wanted)
                wanted = boost::asio::prefer(on, boost::asio::execution::outstanding_work.tracked);
            return !ended;
        }
        void leave_alone()
        {
            std::lock_guard const lock(mutex);
            wanted.reset();
        }
        bool has_ended()
        {
            std::lock_guard const lock(mutex);
            return ended;
        }
    };

    class state;
    class waiter
    {
    public:
        waiter(std::shared_ptr<state> of, std::string name, timer& to_wake)
            : host(std::move(name)), wake(to_wake), state_(std::move(of))
        {}
        waiter(waiter const&) = delete;
        waiter& operator=(waiter const&) = delete;
        ~waiter() { state_->leave(*this); }

        void join() { state_->join(*this); }

        std::string const host;
        timer& wake;
        answer found;
        bool too_late = false;

    private:
        std::shared_ptr<state> state_;
    };

    class entry
    {
    public:
        std::vector<waiter*> waiting;
        std::vector<std::shared_ptr<lookup>> running; // the latest last
        answer found;
        clock::time_point found_at{};

        void want_nothing()
        {
            for (auto const& each : running)
                each->leave_alone();
        }
    };

    // Outlives the resolver while a coroutine waits.
    class state : public std::enable_shared_from_this<state>
    {
    public:
        state(executor const& strand, resolver_options chosen) : on_(strand), options_(std::move(chosen)) {}

        std::optional<addresses> known(std::string const& host, clock::time_point now) const;
        void join(waiter& pending);
        void leave(waiter& pending);
        void forget(std::string const& host)
        {
            if (auto const place = entries.find(host); place != entries.end())
                place->second.found.reset();
        }
        void destroy()
        {
            for (auto& [host, each] : std::exchange(entries, {})) {
                each.want_nothing();
                for (waiter* const pending : each.waiting)
                    pending->wake.cancel();
            }
        }

        std::map<std::string, entry> entries;

    private:
        static constexpr std::size_t max_lookups_per_host = 3;

        bool is_fresh(entry const& host_entry, clock::time_point now) const
        {
            return host_entry.found && now < host_entry.found_at + options_.cache_ttl();
        }
        void start(entry& host_entry, std::string const& host);
        void finished(std::string const& host, std::shared_ptr<lookup> const& by, answer const& found);
        static void run(std::shared_ptr<lookup> const& self, std::weak_ptr<state> const& client,
                        resolver_options::lookup_function const& function, std::string const& host);

        executor on_;
        resolver_options options_;
    };

    static error_info lookup_failure(std::string const& host, error_code code);
    static addresses ask_system(std::string const& host);
    static result<addresses> ask(resolver_options::lookup_function const& function, std::string const& host);

    std::shared_ptr<state> state_;
};

inline awaitable<result<resolver::addresses>> resolver::resolve(std::string host, clock::duration limit,
                                                                timer& wake)
{
    waiter self(state_, std::move(host), wake);
    error_code failed;
    try {
        self.join();
    } catch (std::system_error const& e) {
        failed = error_code(e.code().value(), boost::system::system_category());
    } catch (std::bad_alloc const&) {
        failed = boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
    }
    if (failed)
        co_return error_info(errc::resource_exhausted, "no thread for looking up " + self.host)
            .underlying(failed);
    wake.expires_after(limit);
    auto const waited = co_await wake.async_wait(use_tuple);
    if (self.found)
        co_return *self.found;
    if (error_code const code = std::get<0>(waited))
        co_return error_info(code);
    self.too_late = true;
    co_return error_info(errc::resolve_timeout, self.host + ": no answer of the name service in time");
}

inline std::optional<resolver::addresses> resolver::state::known(std::string const& host,
                                                                 clock::time_point now) const
{
    namespace ip = boost::asio::ip;
    error_code code;
    if (auto const literal = ip::make_address(host, code); !code)
        return addresses{literal};
    if (auto const* const pinned = options_.find(host)) {
        addresses found;
        for (std::string const& text : *pinned) {
            if (auto const each = ip::make_address(text, code); !code)
                found.push_back(each);
        }
        return found;
    }
    auto const place = entries.find(host);
    if (place == entries.end() || !is_fresh(place->second, now))
        return std::nullopt;
    return **place->second.found;
}

inline void resolver::state::join(waiter& pending)
{
    // A client that downloads meets ever new hosts.
    auto const now = clock::now();
    for (auto each = entries.begin(); each != entries.end();) {
        entry& known = each->second;
        std::erase_if(known.running, [](auto const& one) { return one->has_ended(); });
        bool const needed = !known.waiting.empty() || !known.running.empty() || is_fresh(known, now);
        each = needed ? std::next(each) : entries.erase(each);
    }
    entry& e = entries[pending.host];
    e.waiting.push_back(&pending);
    // Whichever answers first will do, a late one as well.
    std::erase_if(e.running, [this](auto const& each) { return !each->want(on_); });
    if (e.running.empty() || (e.running.back()->late && e.running.size() < max_lookups_per_host))
        start(e, pending.host);
}

inline void resolver::state::leave(waiter& pending)
{
    auto const place = entries.find(pending.host);
    if (place == entries.end())
        return;
    entry& e = place->second;
    if (pending.too_late && !e.running.empty())
        e.running.back()->late = true;
    std::erase(e.waiting, &pending);
    if (e.waiting.empty())
        e.want_nothing();
}

inline void resolver::state::start(entry& host_entry, std::string const& host)
{
    auto const started = std::make_shared<lookup>();
    started->want(on_);
    host_entry.running.push_back(started);
    try {
        std::thread([started, host, function = options_.lookup(), client = weak_from_this()] {
            run(started, client, function, host);
        }).detach();
    } catch (...) {
        host_entry.running.pop_back();
        throw;
    }
}

// On the thread. The lock is held until the context is let go, because what is posted may end the client and the context.
inline void resolver::state::run(std::shared_ptr<lookup> const& self, std::weak_ptr<state> const& client,
                                 resolver_options::lookup_function const& function, std::string const& host)
{
    std::unique_lock lock(self->mutex, std::defer_lock);
    try {
        auto const found = std::make_shared<result<addresses> const>(ask(function, host));
        lock.lock();
        if (self->wanted)
            boost::asio::post(*self->wanted, [self, client, host, found] {
                self->leave_alone(); // waits for the thread to have let the context go
                if (auto const alive = client.lock())
                    alive->finished(host, self, found);
            });
    } catch (...) {
        // Without memory for an answer, the time limit ends the waiting.
    }
    if (!lock.owns_lock())
        lock.lock();
    self->ended = true;
    self->wanted.reset();
}

inline void resolver::state::finished(std::string const& host, std::shared_ptr<lookup> const& by,
                                      answer const& found)
{
    auto const place = entries.find(host);
    if (place == entries.end())
        return;
    entry& e = place->second;
    // The others that have ended by now are heard as well.
    std::erase(e.running, by);
    // The failure of one that was late says little while another is under way.
    if (!*found && by->late && !e.running.empty())
        return;
    e.want_nothing();
    if (*found) {
        e.found = found;
        e.found_at = clock::now();
    }
    for (waiter* const each : std::exchange(e.waiting, {})) {
        each->found = found;
        each->wake.cancel();
    }
}

inline error_info resolver::lookup_failure(std::string const& host, error_code code)
{
    namespace error = boost::asio::error;
    bool const unknown = code == error::host_not_found || code == error::no_data;
    return error_info(unknown ? errc::host_not_found : errc::host_not_found_try_again,
                      host + ": " + code.message())
        .underlying(code);
}

inline resolver::addresses resolver::ask_system(std::string const& host)
{
    namespace error = boost::asio::error;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    switch (::getaddrinfo(host.c_str(), nullptr, &hints, &list)) {
    case 0:
        break;
    case EAI_SYSTEM:
        throw boost::system::system_error(errno, boost::system::system_category());
    case EAI_AGAIN:
        throw boost::system::system_error(error::host_not_found_try_again);
    case EAI_MEMORY:
        throw boost::system::system_error(error::no_memory);
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        throw boost::system::system_error(error::host_not_found);
    default:
        throw boost::system::system_error(error::no_recovery);
    }
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> const owned(list, &::freeaddrinfo);
    addresses found;
    for (addrinfo const* each = list; each != nullptr; each = each->ai_next) {
        boost::asio::ip::tcp::endpoint at;
        at.resize(each->ai_addrlen); // throws where it would not fit
        std::memcpy(at.data(), each->ai_addr, each->ai_addrlen);
        found.push_back(at.address());
    }
    return found;
}

inline result<resolver::addresses> resolver::ask(resolver_options::lookup_function const& function,
                                                 std::string const& host)
{
    try {
        addresses found;
        if (function) {
            for (std::string const& text : function(host))
                found.push_back(boost::asio::ip::make_address(text));
        } else {
            found = ask_system(host);
        }
        if (found.empty())
            return lookup_failure(host, boost::asio::error::no_data);
        return found;
    } catch (boost::system::system_error const& e) {
        return lookup_failure(host, e.code());
    } catch (...) {
        return lookup_failure(host, boost::asio::error::host_not_found_try_again);
    }
}

} // namespace apimart::detail

#endif
