// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_PROXY_TCP_LEDGER_HPP
#define APIMART_TESTING_PROXY_TCP_LEDGER_HPP

#include <apimart/testing/tcp_rule.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace apimart::testing::proxies {

/// A rule as one connection obeys it.
class armed_rule
{
public:
    armed_rule(tcp_rule planned, std::size_t number) : rule(std::move(planned)), index(number) {}

    tcp_rule rule;
    /// Its place in the ledger.
    std::size_t index;
};

/// The rules of a proxy, which of them took effect, and what went through. Any thread may use it.
class tcp_ledger
{
public:
    tcp_ledger() = default;

    /// Adds a rule; its place.
    std::size_t plan(tcp_rule rule)
    {
        std::lock_guard const lock(mutex_);
        rules_.push_back({std::move(rule), 0, true});
        return rules_.size() - 1;
    }

    /// Adds a rule that is already with those whom it concerns.
    std::size_t plan_for_present(tcp_rule rule)
    {
        std::lock_guard const lock(mutex_);
        rules_.push_back({std::move(rule), 0, false});
        return rules_.size() - 1;
    }

    /// Numbers a new connection from 1, and hands out the rules that are for it.
    std::uint64_t opened(std::vector<armed_rule>& rules)
    {
        std::lock_guard const lock(mutex_);
        bytes_.push_back({0, 0});
        std::uint64_t const number = bytes_.size();
        for (std::size_t i = 0; i < rules_.size(); ++i)
            if (rules_[i].for_new_connections && rules_[i].rule.covers(number))
                rules.emplace_back(rules_[i].rule, i);
        ++open_;
        return number;
    }

    void closed()
    {
        std::lock_guard const lock(mutex_);
        --open_;
    }

    void took_effect(std::size_t index)
    {
        std::lock_guard const lock(mutex_);
        ++rules_[index].effects;
    }

    void passed(std::uint64_t connection, direction way, std::uint64_t count)
    {
        std::lock_guard const lock(mutex_);
        bytes_[connection - 1][static_cast<std::size_t>(way)] += count;
    }

    std::uint64_t connections() const
    {
        std::lock_guard const lock(mutex_);
        return bytes_.size();
    }

    std::uint64_t open() const
    {
        std::lock_guard const lock(mutex_);
        return open_;
    }

    std::uint64_t bytes(direction way) const
    {
        std::lock_guard const lock(mutex_);
        std::uint64_t sum = 0;
        for (auto const& each : bytes_)
            sum += each[static_cast<std::size_t>(way)];
        return sum;
    }

    std::uint64_t bytes(direction way, std::uint64_t connection) const
    {
        std::lock_guard const lock(mutex_);
        return connection < 1 || connection > bytes_.size()
                   ? 0
                   : bytes_[connection - 1][static_cast<std::size_t>(way)];
    }

    std::uint64_t effects() const
    {
        std::lock_guard const lock(mutex_);
        std::uint64_t sum = 0;
        for (auto const& each : rules_)
            sum += each.effects;
        return sum;
    }

    std::vector<std::string> without_effect() const
    {
        std::lock_guard const lock(mutex_);
        std::vector<std::string> names;
        for (auto const& each : rules_)
            if (each.effects == 0)
                names.push_back(each.rule.name());
        return names;
    }

private:
    struct entry
    {
        tcp_rule rule;
        std::uint64_t effects;
        bool for_new_connections;
    };

    mutable std::mutex mutex_;
    std::vector<entry> rules_;
    /// Delivered bytes of each connection, by direction.
    std::vector<std::array<std::uint64_t, 2>> bytes_;
    std::uint64_t open_ = 0;
};

} // namespace apimart::testing::proxies

#endif
