// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_PROXY_CONNECT_SESSION_HPP
#define APIMART_TESTING_PROXY_CONNECT_SESSION_HPP

#include <apimart/testing/connect_fault.hpp>
#include <apimart/testing/connect_request.hpp>
#include <apimart/testing/network/open_connections.hpp>
#include <apimart/testing/proxy/connect_ledger.hpp>
#include <apimart/testing/proxy/tcp_ledger.hpp>
#include <apimart/testing/proxy/tunnel.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace apimart::testing::proxies {

/// One client of a proxy for tunnels, until it has its tunnel.
class connect_session final : public emulation::closable, public std::enable_shared_from_this<connect_session>
{
    using error_code = boost::system::error_code;
    template <class T>
    using awaitable = boost::asio::awaitable<T>;

    static auto into(error_code& error)
    {
        return boost::asio::redirect_error(boost::asio::use_awaitable, error);
    }

public:
    using tcp = boost::asio::ip::tcp;

    /// The socket must have a strand of its own.
    connect_session(tcp::socket client, std::shared_ptr<connect_ledger> ledger,
                    std::shared_ptr<tcp_ledger> tunnels,
                    std::shared_ptr<emulation::open_connections> listed_in)
        : client_(std::move(client)), executor_(client_.get_executor()), ledger_(std::move(ledger)),
          tunnels_(std::move(tunnels)), open_(std::move(listed_in)), number_(ledger_->opened()),
          gate_(executor_, boost::asio::steady_timer::time_point::max())
    {
        error_code ignored;
        client_.set_option(tcp::no_delay(true), ignored);
    }

    ~connect_session() override { open_->remove(this); }

    void close() override
    {
        boost::asio::post(executor_, [self = this->shared_from_this()] {
            self->ended_ = true;
            self->cut();
            self->gate_.cancel();
        });
    }

    void release() override
    {
        boost::asio::post(executor_, [self = this->shared_from_this()] {
            self->held_ = false;
            self->gate_.cancel();
        });
    }

    /// Answers requests until there is a tunnel or one side goes. `self` keeps it alive meanwhile.
    static awaitable<void> serve(std::shared_ptr<connect_session> self)
    {
        bool more = true;
        while (more && !self->ended_)
            more = co_await self->exchange();
    }

private:
    static constexpr std::size_t largest_head = 65536;

    awaitable<bool> exchange()
    {
        std::size_t const size = co_await read_head();
        if (size == 0) {
            co_await end_orderly();
            co_return false;
        }
        connect_request const request = parsed(std::string_view(seen_).substr(0, size));
        seen_.erase(0, size);
        auto const [index, fault] = ledger_->arrived(request);
        if (fault) {
            if (fault->what() != connect_fault::kind::hold)
                co_return co_await carry_out(*fault, request, index);
            held_ = true;
            while (held_ && !ended_)
                co_await wait_at_gate();
        }
        unsigned const refusal = refused(request);
        if (refusal == 0)
            co_return co_await join(request, index, "HTTP/1.1 200 Connection established\r\n\r\n");
        ledger_->answered(index, refusal);
        std::string const answer = connect_fault::answer(refusal).bytes();
        co_return co_await send(answer);
    }

    awaitable<bool> carry_out(connect_fault const& fault, connect_request const& request, std::size_t index)
    {
        switch (fault.what()) {
        case connect_fault::kind::bytes: {
            ledger_->answered(index, fault.status());
            bool const sent = co_await send(fault.bytes());
            if (sent && fault.status() != 0 && !fault.closes())
                co_return true;
            if (fault.closes())
                co_await end_orderly();
            else
                co_await listen_to_the_end();
            break;
        }
        case connect_fault::kind::tunnel_with_bytes:
            co_return co_await join(request, index, fault.bytes());
        case connect_fault::kind::close:
            co_await end_orderly();
            break;
        case connect_fault::kind::reset:
            cut();
            break;
        case connect_fault::kind::stall:
        case connect_fault::kind::hold:
            co_await listen_to_the_end();
            break;
        }
        co_return false;
    }

    /// The status with which a request is refused; 0 when it is not.
    unsigned refused(connect_request const& request) const
    {
        if (request.method != "CONNECT")
            return 405;
        if (ledger_->asks_for_credentials() && request.credentials != proxy_credentials::right)
            return 407;
        return ledger_->find(request.target) ? 0 : 502;
    }

    awaitable<bool> join(connect_request const& request, std::size_t index, std::string_view answer)
    {
        auto const where = ledger_->find(request.target);
        if (!where || ended_) {
            cut();
            co_return false;
        }
        // The tunnel may begin with the next byte that the client sends, so all before it is looked at here.
        take_present();
        auto const made = std::make_shared<tunnel>(std::move(client_), tunnels_, open_, 0, std::move(seen_));
        if (!open_->add(made)) {
            made->cut();
            co_return false;
        }
        error_code error;
        if (co_await made->connect(*where)) {
            ledger_->answered(index, 200);
            auto const data = boost::asio::buffer(answer.data(), answer.size());
            co_await boost::asio::async_write(made->client(), data, into(error));
            co_await tunnel::relay(made);
        } else {
            ledger_->answered(index, 502);
            std::string const failure = connect_fault::answer(502).bytes();
            auto const data = boost::asio::buffer(failure);
            co_await boost::asio::async_write(made->client(), data, into(error));
            made->client().shutdown(boost::asio::socket_base::shutdown_send, error);
        }
        co_return false;
    }

    /// The size of the next request's head; 0 when there is none.
    awaitable<std::size_t> read_head()
    {
        for (;;) {
            auto const end = seen_.find("\r\n\r\n");
            if (end != seen_.npos)
                co_return end + 4;
            if (seen_.size() > largest_head)
                co_return std::size_t(0);
            if (!co_await read_some())
                co_return std::size_t(0);
        }
    }

    awaitable<bool> read_some()
    {
        error_code error;
        auto const room = boost::asio::buffer(room_);
        std::size_t const n = co_await client_.async_read_some(room, into(error));
        note(n);
        co_return !error;
    }

    void take_present()
    {
        error_code error;
        while (!error && client_.available(error) > 0)
            note(client_.read_some(boost::asio::buffer(room_), error));
    }

    void note(std::size_t count)
    {
        std::string_view const bytes(room_.data(), count);
        ledger_->saw_outside(number_, bytes);
        seen_.append(bytes);
    }

    awaitable<void> listen_to_the_end()
    {
        bool more = !ended_;
        while (more) {
            seen_.clear();
            more = co_await read_some();
        }
    }

    awaitable<void> end_orderly()
    {
        error_code ignored;
        client_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
        co_await listen_to_the_end();
    }

    void cut()
    {
        error_code ignored;
        client_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
        client_.close(ignored);
    }

    awaitable<void> wait_at_gate()
    {
        error_code ignored;
        co_await gate_.async_wait(into(ignored));
    }

    awaitable<bool> send(std::string_view bytes)
    {
        error_code error;
        auto const data = boost::asio::buffer(bytes.data(), bytes.size());
        co_await boost::asio::async_write(client_, data, into(error));
        co_return !error;
    }

    connect_request parsed(std::string_view head) const
    {
        connect_request request;
        request.connection = number_;
        auto const line = head.substr(0, head.find("\r\n"));
        auto const space = line.find(' ');
        request.method = line.substr(0, space);
        if (space != line.npos) {
            auto const rest = line.substr(space + 1);
            request.target = rest.substr(0, rest.find(' '));
        }
        for (auto at = line.size() + 2; at + 2 < head.size();) {
            auto const end = head.find("\r\n", at);
            auto const field = head.substr(at, end - at);
            auto const colon = field.find(':');
            std::string const name(field.substr(0, colon));
            if (colon != field.npos && is_proxy_authorization(name)) {
                auto value = field.substr(colon + 1);
                while (value.starts_with(' '))
                    value.remove_prefix(1);
                request.credentials = ledger_->judge(value);
            }
            request.header_names.push_back(name);
            at = end + 2;
        }
        return request;
    }

    static bool is_proxy_authorization(std::string_view name)
    {
        return boost::beast::iequals(name, "proxy-authorization");
    }

    tcp::socket client_;
    tcp::socket::executor_type executor_;
    std::shared_ptr<connect_ledger> ledger_;
    std::shared_ptr<tcp_ledger> tunnels_;
    std::shared_ptr<emulation::open_connections> open_;
    std::uint64_t number_;
    boost::asio::steady_timer gate_;
    /// Read and not yet dealt with.
    std::string seen_;
    std::string room_ = std::string(16384, '\0');
    bool held_ = false;
    bool ended_ = false;
};

} // namespace apimart::testing::proxies

#endif
