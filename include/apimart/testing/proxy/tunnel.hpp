// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_PROXY_TUNNEL_HPP
#define APIMART_TESTING_PROXY_TUNNEL_HPP

#include <apimart/testing/network/open_connections.hpp>
#include <apimart/testing/proxy/tcp_ledger.hpp>
#include <apimart/testing/tcp_rule.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace apimart::testing::proxies {

/// Two sockets joined: what one side sends is delivered to the other, as far as the rules let it.
class tunnel final : public emulation::closable, public std::enable_shared_from_this<tunnel>
{
    using error_code = boost::system::error_code;

    static auto into(error_code& error)
    {
        return boost::asio::redirect_error(boost::asio::use_awaitable, error);
    }

public:
    using tcp = boost::asio::ip::tcp;

    /// The client's socket must have a strand of its own. `early` was read from it already and goes first.
    tunnel(tcp::socket client, std::shared_ptr<tcp_ledger> ledger,
           std::shared_ptr<emulation::open_connections> listed_in, int buffer_bytes, std::string early = {})
        : client_(std::move(client)), server_(client_.get_executor()), ledger_(std::move(ledger)),
          open_(std::move(listed_in)), buffer_bytes_(buffer_bytes), early_(std::move(early))
    {
        std::vector<armed_rule> rules;
        number_ = ledger_->opened(rules);
        for (auto const& each : rules)
            arm(each);
        boost::system::error_code ignored;
        client_.set_option(tcp::no_delay(true), ignored);
    }

    ~tunnel() override
    {
        open_->remove(this);
        ledger_->closed();
    }

    /// Joins the client to a server; false when there was no way to it, and then nothing has been sent.
    boost::asio::awaitable<bool> connect(tcp::endpoint server)
    {
        error_code error;
        server_.open(server.protocol(), error);
        if (!error && buffer_bytes_ > 0)
            server_.set_option(boost::asio::socket_base::receive_buffer_size(buffer_bytes_), error);
        if (!error)
            co_await server_.async_connect(server, into(error));
        if (!error)
            server_.set_option(tcp::no_delay(true), error);
        co_return !error && !ended_;
    }

    /// Relays until both sides have ended. `self` keeps it alive meanwhile.
    static boost::asio::awaitable<void> relay(std::shared_ptr<tunnel> self)
    {
        boost::asio::co_spawn(self->client_.get_executor(), pump(self, direction::to_client),
                              boost::asio::detached);
        co_await pump(self, direction::to_server);
    }

    tcp::socket& client() { return client_; }

    /// Whether a rule wants the connection refused.
    bool refused()
    {
        auto& due = lane_of(direction::to_client).due;
        auto const found = std::find_if(due.begin(), due.end(), [](due_rule const& each) {
            return each.what.rule.what() == tcp_rule::kind::refuse;
        });
        if (found != due.end())
            ledger_->took_effect(found->what.index);
        return found != due.end();
    }

    /// Resets both sides. On the strand.
    void cut()
    {
        ended_ = true;
        error_code ignored;
        for (auto* each : {&client_, &server_}) {
            each->set_option(boost::asio::socket_base::linger(true, 0), ignored);
            each->close(ignored);
        }
        for (auto& each : lanes_)
            each.gate.cancel();
    }

    void close() override
    {
        boost::asio::post(client_.get_executor(), [self = this->shared_from_this()] { self->cut(); });
    }

    /// Obeys a further rule, whose offset counts from what was delivered by now.
    void strike(armed_rule const& added)
    {
        boost::asio::post(client_.get_executor(), [self = this->shared_from_this(), added] {
            if (self->ended_ || !added.rule.covers(self->number_))
                return;
            self->arm(added, self->lane_of(added.rule.way()).delivered);
            self->apply(added.rule.way(), false);
        });
    }

    void release() override
    {
        boost::asio::post(client_.get_executor(), [self = this->shared_from_this()] {
            for (auto& each : self->lanes_) {
                each.held = false;
                each.end_held = false;
                each.gate.cancel();
            }
        });
    }

private:
    struct due_rule
    {
        armed_rule what;
        std::uint64_t at;
    };

    /// One direction.
    struct lane
    {
        explicit lane(boost::asio::any_io_executor const& ex)
            : gate(ex, boost::asio::steady_timer::time_point::max())
        {}

        std::uint64_t delivered = 0;
        std::vector<due_rule> due;
        std::uint64_t most = tcp_rule::last;
        unsigned char mask = 0;
        bool stalled = false;
        bool held = false;
        bool end_held = false;
        std::size_t end_rule = 0;
        /// Its source has ended.
        bool finished = false;
        /// Bytes are lost.
        bool drained = false;
        /// The sender's end is not told, and does not end the tunnel either.
        bool deaf = false;
        boost::asio::steady_timer gate;
    };

    lane& lane_of(direction way) { return lanes_[static_cast<std::size_t>(way)]; }
    tcp::socket& source(direction way) { return way == direction::to_server ? client_ : server_; }
    tcp::socket& target(direction way) { return way == direction::to_server ? server_ : client_; }

    void arm(armed_rule const& added, std::uint64_t from = 0)
    {
        auto& all = lane_of(added.rule.way());
        if (added.rule.what() == tcp_rule::kind::hold_end) {
            all.end_held = true;
            all.end_rule = added.index;
        } else {
            all.due.push_back({added, from + added.rule.after()});
        }
    }

    /// Carries out what is due; `more` when a further byte is there.
    void apply(direction way, bool more)
    {
        auto& here = lane_of(way);
        auto const is_due = [&](due_rule const& each) {
            return each.at <= here.delivered && (more || !each.what.rule.waits_for_next_byte());
        };
        while (!ended_) {
            auto const found = std::find_if(here.due.begin(), here.due.end(), is_due);
            if (found == here.due.end())
                return;
            armed_rule const now = found->what;
            here.due.erase(found);
            ledger_->took_effect(now.index);
            carry_out(now.rule, here);
        }
    }

    void carry_out(tcp_rule const& rule, lane& here)
    {
        switch (rule.what()) {
        case tcp_rule::kind::close:
            end_orderly();
            break;
        case tcp_rule::kind::reset:
        case tcp_rule::kind::refuse:
            cut();
            break;
        case tcp_rule::kind::stall:
            here.stalled = true;
            break;
        case tcp_rule::kind::hold:
            here.held = true;
            break;
        case tcp_rule::kind::vanish:
            here.drained = here.deaf = true;
            break;
        case tcp_rule::kind::half_open:
            for (auto& each : lanes_)
                each.drained = each.deaf = true;
            break;
        case tcp_rule::kind::trickle:
            here.most = rule.most();
            break;
        case tcp_rule::kind::corrupt:
            here.mask = static_cast<unsigned char>(here.mask ^ rule.mask());
            break;
        case tcp_rule::kind::split:
        case tcp_rule::kind::hold_end:
            break;
        }
    }

    void end_orderly()
    {
        error_code ignored;
        client_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
        server_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
        // Read on, because closing with bytes unread would send a reset.
        for (auto& each : lanes_) {
            each.drained = true;
            each.stalled = each.held = each.end_held = false;
            each.gate.cancel();
        }
    }

    boost::asio::awaitable<void> wait_at_gate(lane& here)
    {
        error_code ignored;
        co_await here.gate.async_wait(into(ignored));
    }

    static boost::asio::awaitable<void> pump(std::shared_ptr<tunnel> self, direction way)
    {
        auto& here = self->lane_of(way);
        if (way == direction::to_server && !self->early_.empty())
            co_await self->deliver(way, self->early_.data(), self->early_.size());
        std::vector<char> bytes(16384);
        error_code error;
        while (!self->ended_) {
            self->apply(way, false);
            while (!self->ended_ && (here.stalled || here.held))
                co_await self->wait_at_gate(here);
            if (self->ended_)
                break;
            auto const room = boost::asio::buffer(bytes);
            std::size_t const n = co_await self->source(way).async_read_some(room, into(error));
            if (self->ended_)
                break;
            if (error) {
                co_await self->source_ended(way, error);
                break;
            }
            co_await self->deliver(way, bytes.data(), n);
        }
    }

    boost::asio::awaitable<void> deliver(direction way, char* bytes, std::size_t count)
    {
        auto& here = lane_of(way);
        error_code error;
        for (std::size_t done = 0; done < count && !ended_;) {
            apply(way, true);
            while (!ended_ && (here.stalled || here.held))
                co_await wait_at_gate(here);
            if (ended_ || here.drained)
                co_return;
            bytes[done] = static_cast<char>(bytes[done] ^ std::exchange(here.mask, 0));
            std::uint64_t piece = std::min<std::uint64_t>(count - done, here.most);
            for (auto const& each : here.due)
                if (each.at > here.delivered)
                    piece = std::min(piece, each.at - here.delivered);
            auto const data = boost::asio::buffer(bytes + done, piece);
            // Counted before it is sent: who has seen a byte must find it in the books.
            ledger_->passed(number_, way, piece);
            here.delivered += piece;
            done += piece;
            co_await boost::asio::async_write(target(way), data, into(error));
            if (error && !ended_ && !here.drained)
                target_lost(way);
        }
    }

    /// What the target sent before it went away is still delivered.
    void target_lost(direction way)
    {
        auto const other = way == direction::to_server ? direction::to_client : direction::to_server;
        if (lane_of(other).finished)
            cut();
        else
            lane_of(way).drained = true;
    }

    boost::asio::awaitable<void> source_ended(direction way, error_code error)
    {
        auto& here = lane_of(way);
        here.finished = true;
        if (here.end_held && !here.deaf)
            ledger_->took_effect(here.end_rule);
        while (!ended_ && (here.deaf || here.end_held))
            co_await wait_at_gate(here);
        if (ended_)
            co_return;
        if (error != boost::asio::error::eof)
            cut();
        else
            target(way).shutdown(boost::asio::socket_base::shutdown_send, error);
    }

    tcp::socket client_;
    tcp::socket server_;
    std::shared_ptr<tcp_ledger> ledger_;
    std::shared_ptr<emulation::open_connections> open_;
    int buffer_bytes_;
    std::string early_;
    std::uint64_t number_ = 0;
    std::array<lane, 2> lanes_{lane(client_.get_executor()), lane(client_.get_executor())};
    bool ended_ = false;
};

} // namespace apimart::testing::proxies

#endif
