// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_TCP_RULE_HPP
#define APIMART_TESTING_TCP_RULE_HPP

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace apimart::testing {

/// Which way bytes travel through a proxy.
enum class direction : unsigned char
{
    to_server,
    to_client,
};

/// What a tcp_proxy does to the bytes of a connection, and where.
///
/// `after` counts the bytes that were delivered in the rule's direction. A rule takes effect as soon as that
/// many were, so `after` 0 means at once; with `at_next_byte()` it takes effect when a further byte comes,
/// which it then hits first. `corrupt` and `split` are always about the next byte.
///
/// Example: the first connection is reset in the middle of the answer, every other one works byte by byte.
///
///     proxy.plan(tcp_rule::reset(direction::to_client, 100).on_connection(1));
///     proxy.plan(tcp_rule::trickle(direction::to_client, 1).on_connections(2, tcp_rule::last));
class tcp_rule
{
public:
    /// An orderly end of both sides (FIN); what they still send is read and lost. A TLS session ends without
    /// its close_notify.
    static tcp_rule close(direction way, std::uint64_t after = 0) { return {kind::close, way, after}; }

    /// Both sides get a reset. Bytes that the receiver had no room for yet are lost.
    static tcp_rule reset(direction way, std::uint64_t after = 0) { return {kind::reset, way, after}; }

    /// Nothing is read any more in this direction, so the sender comes to a halt; the connection stays open.
    static tcp_rule stall(direction way, std::uint64_t after = 0) { return {kind::stall, way, after}; }

    /// A stall that tcp_proxy::release() ends.
    static tcp_rule hold(direction way, std::uint64_t after = 0) { return {kind::hold, way, after}; }

    /// Bytes of this direction are read and lost, and its end is not told.
    static tcp_rule vanish(direction way, std::uint64_t after = 0) { return {kind::vanish, way, after}; }

    /// From then on bytes of both directions are read and lost, and neither side learns of the other's end: a
    /// cable that was pulled.
    static tcp_rule half_open(direction way, std::uint64_t after = 0)
    {
        return {kind::half_open, way, after};
    }

    /// The end of this direction is not told until tcp_proxy::release().
    static tcp_rule hold_end(direction way) { return {kind::hold_end, way, 0}; }

    /// The byte number `at`, counted from 0, begins a write of its own.
    static tcp_rule split(direction way, std::uint64_t at) { return {kind::split, way, at}; }

    /// At most `most` bytes are delivered in one write.
    static tcp_rule trickle(direction way, std::uint64_t most, std::uint64_t after = 0)
    {
        tcp_rule rule(kind::trickle, way, after);
        rule.most_ = most == 0 ? 1 : most;
        return rule;
    }

    /// The byte number `at`, counted from 0, is changed by an exclusive or with `mask`.
    static tcp_rule corrupt(direction way, std::uint64_t at, unsigned char mask = 0x01)
    {
        tcp_rule rule(kind::corrupt, way, at);
        rule.mask_ = mask;
        return rule;
    }

    /// The connection is accepted and reset at once, without one to the server.
    static tcp_rule refuse() { return {kind::refuse, direction::to_client, 0}; }

    static constexpr std::uint64_t last = std::numeric_limits<std::uint64_t>::max();

    /// Only for the connection with this number; they are counted from 1 in the order of acceptance.
    tcp_rule on_connection(std::uint64_t number) const { return on_connections(number, number); }

    /// Only for the connections from `first` to `end`, both included.
    tcp_rule on_connections(std::uint64_t first, std::uint64_t end) const
    {
        tcp_rule out = *this;
        out.first_ = first;
        out.end_ = end;
        return out;
    }

    /// Waits for a further byte instead of taking effect at once.
    tcp_rule at_next_byte() const
    {
        tcp_rule out = *this;
        out.waits_ = true;
        return out;
    }

    /// A name for tcp_proxy::unconsumed_rules().
    tcp_rule named(std::string name) const
    {
        tcp_rule out = *this;
        out.name_ = std::move(name);
        return out;
    }

    enum class kind : unsigned char
    {
        close,
        reset,
        stall,
        hold,
        vanish,
        half_open,
        hold_end,
        split,
        trickle,
        corrupt,
        refuse,
    };

    kind what() const noexcept { return kind_; }
    direction way() const noexcept { return way_; }
    std::uint64_t after() const noexcept { return after_; }
    std::uint64_t most() const noexcept { return most_; }
    unsigned char mask() const noexcept { return mask_; }
    bool waits_for_next_byte() const noexcept { return waits_; }
    bool covers(std::uint64_t connection) const noexcept
    {
        return connection >= first_ && connection <= end_;
    }

    /// The given name, or one such as "reset to_client 100".
    std::string name() const
    {
        if (!name_.empty())
            return name_;
        static constexpr char const* words[] = {"close",   "reset",     "stall",    "hold",
                                                "vanish",  "half_open", "hold_end", "split",
                                                "trickle", "corrupt",   "refuse"};
        std::string text = words[static_cast<unsigned>(kind_)];
        if (kind_ != kind::refuse)
            text += way_ == direction::to_server ? " to_server" : " to_client";
        if (kind_ != kind::refuse && kind_ != kind::hold_end)
            text += ' ' + std::to_string(after_);
        return text;
    }

private:
    tcp_rule(kind what, direction way, std::uint64_t after)
        : kind_(what), way_(way), waits_(what == kind::split || what == kind::corrupt), after_(after)
    {}

    kind kind_;
    direction way_;
    bool waits_;
    unsigned char mask_ = 0;
    std::uint64_t after_;
    std::uint64_t most_ = 0;
    std::uint64_t first_ = 0;
    std::uint64_t end_ = last;
    std::string name_;
};

} // namespace apimart::testing

#endif
