// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_RESOLVER_IPP
#define APIMART_HTTP_RESOLVER_IPP

#include <apimart/http/resolver.hpp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>

#include <netdb.h>
#include <sys/socket.h>

namespace apimart::detail {

inline failure resolve_failure(std::string const& host, error_code code)
{
    namespace error = boost::asio::error;
    bool const unknown = code == error::host_not_found || code == error::no_data;
    return failure(unknown ? errc::resolve_failed : errc::resolve_unavailable, host + ": " + code.message())
        .underlying(code);
}

inline resolver::addresses system_lookup(std::string const& host)
{
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    if (int const code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); code != 0) {
        if (code == EAI_SYSTEM)
            throw boost::system::system_error(errno, boost::system::system_category());
        if (code == EAI_AGAIN)
            throw boost::system::system_error(boost::asio::error::host_not_found_try_again);
        if (code == EAI_MEMORY)
            throw boost::system::system_error(boost::asio::error::no_memory);
        if (code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY)
            throw boost::system::system_error(boost::asio::error::host_not_found);
        throw boost::system::system_error(boost::asio::error::no_recovery);
    }
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> const owned(list, &::freeaddrinfo);
    resolver::addresses found;
    for (addrinfo const* each = list; each != nullptr; each = each->ai_next) {
        if (each->ai_family == AF_INET) {
            auto const& in = *reinterpret_cast<sockaddr_in const*>(each->ai_addr);
            found.emplace_back(boost::asio::ip::address_v4(ntohl(in.sin_addr.s_addr)));
        } else if (each->ai_family == AF_INET6) {
            auto const& in = *reinterpret_cast<sockaddr_in6 const*>(each->ai_addr);
            boost::asio::ip::address_v6::bytes_type bytes;
            std::copy_n(in.sin6_addr.s6_addr, bytes.size(), bytes.begin());
            found.emplace_back(boost::asio::ip::address_v6(bytes, in.sin6_scope_id));
        }
    }
    return found;
}

APIMART_INLINE result<resolver::addresses>
resolver::look_up(resolver_options::lookup_function const& function, std::string const& host)
{
    try {
        addresses found;
        if (function) {
            for (std::string const& text : function(host))
                found.push_back(boost::asio::ip::make_address(text));
        } else {
            found = system_lookup(host);
        }
        if (found.empty())
            return resolve_failure(host, boost::asio::error::no_data);
        return found;
    } catch (boost::system::system_error const& e) {
        return resolve_failure(host, e.code());
    } catch (std::exception const&) {
        return resolve_failure(host, boost::asio::error::host_not_found_try_again);
    }
}

APIMART_INLINE std::optional<resolver::addresses> resolver::known(std::string const& host,
                                                                  clock::time_point now) const
{
    error_code code;
    if (auto const literal = boost::asio::ip::make_address(host, code); !code)
        return addresses{literal};
    if (auto const* const pinned = options_.find(host)) {
        addresses found;
        for (std::string const& text : *pinned) {
            if (auto const each = boost::asio::ip::make_address(text, code); !code)
                found.push_back(each);
        }
        return found;
    }
    auto const place = entries_.find(host);
    if (place != entries_.end() && !place->second.found.empty() &&
        now < place->second.found_at + options_.keep())
        return place->second.found;
    return std::nullopt;
}

APIMART_INLINE error_code resolver::ask(std::string const& host, listener& who,
                                        boost::asio::any_io_executor const& on, poster const& post)
{
    namespace asio = boost::asio;
    entry& e = entries_[host];
    e.waiting.push_back(&who);
    auto const attach = [&](job& to) {
        to.post = post;
        to.work.emplace(asio::prefer(on, asio::execution::outstanding_work.tracked));
    };
    std::erase_if(e.running, [](std::shared_ptr<job> const& each) {
        std::lock_guard const lock(each->mutex);
        return each->ended;
    });
    // Whichever answers first will do, a late one as well.
    for (auto const& each : e.running) {
        std::lock_guard const lock(each->mutex);
        if (!each->ended && !each->post)
            attach(*each);
    }
    if (!e.running.empty() && (!e.running.back()->late || e.running.size() >= most_lookups_of_a_host))
        return {};
    auto shared = std::make_shared<job>();
    attach(*shared);
    e.running.push_back(shared);
    try {
        std::thread([shared, host, function = options_.lookup(), self = this] {
            auto found = look_up(function, host);
            std::lock_guard const lock(shared->mutex);
            shared->ended = true;
            // Nobody's wish is also what is left of a client that is gone.
            if (shared->post)
                shared->post([self, host, shared, found = std::move(found)] {
                    self->finished(host, shared->late, found);
                });
            shared->work.reset();
        }).detach();
    } catch (std::system_error const& e2) {
        e.running.pop_back();
        std::erase(e.waiting, &who);
        return {e2.code().value(), boost::system::system_category()};
    } catch (std::bad_alloc const&) {
        e.running.pop_back();
        std::erase(e.waiting, &who);
        return boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
    }
    return {};
}

APIMART_INLINE void resolver::finished(std::string const& host, bool late, result<addresses> const& found)
{
    auto const place = entries_.find(host);
    if (place == entries_.end())
        return;
    entry& e = place->second;
    std::erase_if(e.running, [](std::shared_ptr<job> const& each) {
        std::lock_guard const lock(each->mutex);
        return each->ended;
    });
    // The failure of one that was late says little while another is under way.
    if (!found && late && !e.running.empty() && !e.waiting.empty())
        return;
    want_nothing_of(e);
    if (found) {
        e.found = *found;
        e.found_at = clock::now();
    }
    auto const waiting = std::move(e.waiting);
    e.waiting.clear();
    if (!found && waiting.empty() && e.running.empty())
        entries_.erase(place);
    for (listener* const each : waiting)
        each->resolved(found);
}

APIMART_INLINE void resolver::want_nothing_of(entry& which)
{
    for (auto const& each : which.running) {
        std::lock_guard const lock(each->mutex);
        each->post = nullptr;
        each->work.reset();
    }
}

APIMART_INLINE void resolver::leave(std::string const& host, listener& who)
{
    auto const place = entries_.find(host);
    if (place == entries_.end())
        return;
    std::erase(place->second.waiting, &who);
    if (place->second.waiting.empty())
        want_nothing_of(place->second);
}

APIMART_INLINE void resolver::give_up(std::string const& host, listener& who)
{
    if (auto const place = entries_.find(host); place != entries_.end() && !place->second.running.empty())
        place->second.running.back()->late = true;
    leave(host, who);
}

APIMART_INLINE void resolver::forget(std::string const& host)
{
    if (auto const place = entries_.find(host); place != entries_.end())
        place->second.found.clear();
}

APIMART_INLINE void resolver::abandon()
{
    for (auto& [host, e] : entries_)
        want_nothing_of(e);
    entries_.clear();
}

} // namespace apimart::detail

#endif
