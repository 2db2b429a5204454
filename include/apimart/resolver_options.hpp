// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RESOLVER_OPTIONS_HPP
#define APIMART_RESOLVER_OPTIONS_HPP

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace apimart {

/// How host names become addresses.
class resolver_options
{
public:
    /// Gives the addresses of a host as text, or throws `boost::system::system_error` with one of
    /// `asio::error::host_not_found`, `no_data` (the name does not exist) or `host_not_found_try_again`.
    using lookup_function = std::function<std::vector<std::string>(std::string const& host)>;

    resolver_options() {}

    /// The addresses of one host, which is then never looked up, as a line in a hosts file would do.
    resolver_options& pin(std::string host, std::vector<std::string> addresses)
    {
        return pinned_[std::move(host)] = std::move(addresses), *this;
    }
    /// What is called instead of the system's name service. It may block: it runs on a thread of its own,
    /// which nobody waits for once the time limit for names is over.
    resolver_options& lookup(lookup_function function) { return lookup_ = std::move(function), *this; }
    /// How long an answer is used again.
    resolver_options& keep(std::chrono::milliseconds time) { return keep_ = time, *this; }

    std::map<std::string, std::vector<std::string>> const& pinned() const noexcept { return pinned_; }
    lookup_function const& lookup() const noexcept { return lookup_; }
    std::chrono::milliseconds keep() const noexcept { return keep_; }

private:
    std::map<std::string, std::vector<std::string>> pinned_;
    lookup_function lookup_;
    std::chrono::milliseconds keep_{30'000};
};

} // namespace apimart

#endif
