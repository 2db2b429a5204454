// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_HTTP_LISTENER_RESOLVER_IPP
#define APIMART_HTTP_LISTENER_RESOLVER_IPP

#include <apimart/http/listener_resolver.hpp>
#include <apimart/separate_compilation.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>

namespace apimart::detail {

APIMART_INLINE std::optional<listener_resolver::addresses>
listener_resolver::known(std::string const& host, clock::time_point now) const
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

APIMART_INLINE error_code listener_resolver::ask(std::string const& host, listener& who,
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
            auto found = resolver::look_up(function, host);
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

APIMART_INLINE void listener_resolver::finished(std::string const& host, bool late,
                                                result<addresses> const& found)
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

APIMART_INLINE void listener_resolver::want_nothing_of(entry& which)
{
    for (auto const& each : which.running) {
        std::lock_guard const lock(each->mutex);
        each->post = nullptr;
        each->work.reset();
    }
}

APIMART_INLINE void listener_resolver::leave(std::string const& host, listener& who)
{
    auto const place = entries_.find(host);
    if (place == entries_.end())
        return;
    std::erase(place->second.waiting, &who);
    if (place->second.waiting.empty())
        want_nothing_of(place->second);
}

APIMART_INLINE void listener_resolver::give_up(std::string const& host, listener& who)
{
    if (auto const place = entries_.find(host); place != entries_.end() && !place->second.running.empty())
        place->second.running.back()->late = true;
    leave(host, who);
}

APIMART_INLINE void listener_resolver::forget(std::string const& host)
{
    if (auto const place = entries_.find(host); place != entries_.end())
        place->second.found.clear();
}

APIMART_INLINE void listener_resolver::abandon()
{
    for (auto& [host, e] : entries_)
        want_nothing_of(e);
    entries_.clear();
}

} // namespace apimart::detail

#endif
