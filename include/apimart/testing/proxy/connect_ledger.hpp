// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_PROXY_CONNECT_LEDGER_HPP
#define APIMART_TESTING_PROXY_CONNECT_LEDGER_HPP

#include <apimart/testing/connect_fault.hpp>
#include <apimart/testing/connect_request.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/url/grammar/ci_string.hpp>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::testing::proxies {

/// What a proxy for tunnels knows: routes, credentials, faults, and all that it has seen. Any thread may use it.
class connect_ledger
{
public:
    using tcp = boost::asio::ip::tcp;

    connect_ledger(std::string_view user, std::string_view password)
    {
        if (user.empty() && password.empty())
            return;
        std::string const plain = std::string(user).append(":").append(password);
        std::string coded(4 * (plain.size() / 3 + 1) + 1, '\0');
        int const size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(coded.data()),
                                         reinterpret_cast<unsigned char const*>(plain.data()),
                                         static_cast<int>(plain.size()));
        coded.resize(static_cast<std::size_t>(size));
        expected_ = coded;
    }

    void route(std::string_view target, tcp::endpoint const& where)
    {
        std::lock_guard const lock(mutex_);
        routes_.insert_or_assign(lower(target), where);
    }

    void route_all(tcp::endpoint const& where)
    {
        std::lock_guard const lock(mutex_);
        everything_ = where;
    }

    /// Where a target is; nothing when that would be beyond this machine.
    std::optional<tcp::endpoint> find(std::string_view target) const
    {
        std::lock_guard const lock(mutex_);
        if (auto const known = routes_.find(lower(target)); known != routes_.end())
            return known->second;
        if (everything_)
            return everything_;
        auto const colon = target.rfind(':');
        if (colon == target.npos)
            return std::nullopt;
        auto host = target.substr(0, colon);
        auto const digits = target.substr(colon + 1);
        unsigned short port = 0;
        auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
        if (error != std::errc() || end != digits.data() + digits.size())
            return std::nullopt;
        if (host.starts_with('[') && host.ends_with(']'))
            host = host.substr(1, host.size() - 2);
        if (lower(host) == "localhost")
            return tcp::endpoint(boost::asio::ip::address_v4::loopback(), port);
        boost::system::error_code no_address;
        auto const address = boost::asio::ip::make_address(std::string(host), no_address);
        if (no_address || !address.is_loopback())
            return std::nullopt;
        return tcp::endpoint(address, port);
    }

    bool asks_for_credentials() const { return expected_.has_value(); }

    /// What the value of a `Proxy-Authorization` header is worth.
    proxy_credentials judge(std::string_view value) const
    {
        constexpr std::string_view scheme = "basic ";
        bool const right = expected_ && value.size() > scheme.size() &&
                           lower(value.substr(0, scheme.size())) == scheme &&
                           value.substr(scheme.size()) == *expected_;
        return right ? proxy_credentials::right : proxy_credentials::wrong;
    }

    void plan(connect_fault fault)
    {
        std::lock_guard const lock(mutex_);
        faults_.push_back({std::move(fault), 0, 0});
    }

    /// Numbers a new connection from 1.
    std::uint64_t opened()
    {
        std::lock_guard const lock(mutex_);
        outside_.emplace_back();
        return outside_.size();
    }

    void saw_outside(std::uint64_t connection, std::string_view bytes)
    {
        std::lock_guard const lock(mutex_);
        outside_[connection - 1].append(bytes);
    }

    /// Notes a request; its index, and the fault that hits it.
    std::pair<std::size_t, std::optional<connect_fault>> arrived(connect_request request)
    {
        std::lock_guard const lock(mutex_);
        requests_.push_back(std::move(request));
        return {requests_.size() - 1, strike()};
    }

    void answered(std::size_t index, unsigned status)
    {
        std::lock_guard const lock(mutex_);
        requests_[index].status = status;
    }

    std::vector<connect_request> requests() const
    {
        std::lock_guard const lock(mutex_);
        return requests_;
    }

    std::vector<std::string> outside() const
    {
        std::lock_guard const lock(mutex_);
        return outside_;
    }

    std::vector<std::string> unconsumed() const
    {
        std::lock_guard const lock(mutex_);
        std::vector<std::string> names;
        for (auto const& each : faults_)
            if (each.hits < each.fault.how_often() &&
                (each.hits == 0 || each.fault.how_often() != connect_fault::always))
                names.push_back(each.fault.name());
        return names;
    }

private:
    struct entry
    {
        connect_fault fault;
        std::uint64_t seen;
        std::uint64_t hits;
    };

    static std::string lower(std::string_view text)
    {
        std::string out(text);
        std::transform(out.begin(), out.end(), out.begin(), boost::urls::grammar::to_lower);
        return out;
    }

    std::optional<connect_fault> strike()
    {
        for (auto& each : faults_) {
            if (each.hits >= each.fault.how_often() || each.seen++ < each.fault.passing())
                continue;
            ++each.hits;
            return each.fault;
        }
        return std::nullopt;
    }

    mutable std::mutex mutex_;
    std::optional<std::string> expected_;
    std::map<std::string, tcp::endpoint> routes_;
    std::optional<tcp::endpoint> everything_;
    std::vector<entry> faults_;
    std::vector<connect_request> requests_;
    /// By connection.
    std::vector<std::string> outside_;
};

} // namespace apimart::testing::proxies

#endif
