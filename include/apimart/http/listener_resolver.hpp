// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_LISTENER_RESOLVER_HPP
#define APIMART_HTTP_LISTENER_RESOLVER_HPP

#include <apimart/config/resolver_options.hpp>
#include <apimart/error.hpp>
#include <apimart/http/resolver.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace apimart::detail {

// Looks host names up on threads that belong to nobody. The system's name service blocks and cannot be
// interrupted; Asio asks it on a thread that the execution context waits for, which makes a dead name server
// hold up a shutdown for many seconds. Here a lookup that nobody waits for any more is left to itself: it
// touches nothing of the client when it ends at last. Lookups of different hosts do not delay each other. One
// host is looked up once at a time, whoever asks; only after a lookup took too long, the next who asks begins
// another one beside it, up to a small number.
class listener_resolver
{
public:
    using clock = std::chrono::steady_clock;
    using addresses = std::vector<boost::asio::ip::address>;

    // Waits for one answer. Must be unregistered (by `leave`) before it ends.
    class listener
    {
    public:
        virtual void resolved(result<addresses> const& found) = 0;

    protected:
        listener() = default;
        listener(listener const&) = default;
        listener& operator=(listener const&) = default;
        ~listener() = default;
    };

    explicit listener_resolver(resolver_options options) : options_(std::move(options)) {}
    listener_resolver(listener_resolver const&) = delete;
    listener_resolver& operator=(listener_resolver const&) = delete;
    ~listener_resolver() { abandon(); }

    // The addresses where they are known already: a literal, a pinned host, a fresh answer.
    std::optional<addresses> known(std::string const& host, clock::time_point now) const;
    // Otherwise `who` is called by `finished`, which the caller arranges: `post` runs its argument inside the
    // client, on the executor.
    using poster = std::function<void(std::function<void()>)>;
    error_code ask(std::string const& host, listener& who, boost::asio::any_io_executor const& on,
                   poster const& post);
    void leave(std::string const& host, listener& who);
    // The same, because it took too long.
    void give_up(std::string const& host, listener& who);
    // The next connection to it asks again.
    void forget(std::string const& host);
    void abandon();

private:
    // What a thread and the client share.
    class job
    {
    public:
        std::mutex mutex;
        poster post;                                      // empty: nobody wants the answer
        std::optional<boost::asio::any_io_executor> work; // keeps the context running while somebody does
        bool ended = false;
        bool late = false; // somebody's time was over before it ended; the client's own
    };
    class entry
    {
    public:
        std::vector<listener*> waiting;
        std::vector<std::shared_ptr<job>> running; // the latest last
        addresses found;
        clock::time_point found_at{};
    };

    static constexpr std::size_t most_lookups_of_a_host = 3;

    void finished(std::string const& host, bool late, result<addresses> const& found);
    static void want_nothing_of(entry& which);

    resolver_options options_;
    std::map<std::string, entry> entries_;
};

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/http/listener_resolver.ipp>
#endif

#endif
