// SPDX-License-Identifier: BSL-1.0
// Callbacks as the service makes them: when, how often, and what counts as taken.
#ifndef APIMART_TESTING_SERVICE_CALLBACK_DELIVERY_HPP
#define APIMART_TESTING_SERVICE_CALLBACK_DELIVERY_HPP

#include <apimart/testing/network/open_connections.hpp>
#include <apimart/testing/service/callback_order.hpp>
#include <apimart/testing/service/service.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace apimart::testing::emulation {

/// A receiver's address, taken apart.
class callback_address
{
public:
    using tcp = boost::asio::ip::tcp;

    /// What a `webhook` leads to; nothing when it is not one of this machine's addresses without TLS.
    static std::optional<callback_address> of(std::string_view webhook)
    {
        constexpr std::string_view scheme = "http://";
        if (!webhook.starts_with(scheme))
            return std::nullopt;
        auto const rest = webhook.substr(scheme.size());
        auto const slash = rest.find('/');
        auto const authority = rest.substr(0, slash);
        auto path = slash == rest.npos ? std::string_view() : rest.substr(slash);
        if (path.ends_with('/'))
            path.remove_suffix(1);
        auto const colon = authority.rfind(':');
        unsigned short port = 80;
        if (colon != authority.npos) {
            auto const digits = authority.substr(colon + 1);
            auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
            if (error != std::errc() || end != digits.data() + digits.size())
                return std::nullopt;
        }
        auto const host = authority.substr(0, colon);
        boost::system::error_code no_address;
        auto const address = host == "localhost"
                                 ? boost::asio::ip::address(boost::asio::ip::address_v4::loopback())
                                 : boost::asio::ip::make_address(std::string(host), no_address);
        if (no_address || !address.is_loopback())
            return std::nullopt;
        callback_address out;
        out.endpoint = tcp::endpoint(address, port);
        out.host = authority;
        out.target = std::string(path) + "/callback";
        return out;
    }

    tcp::endpoint endpoint;
    std::string host;
    std::string target;
};

/// The end of one task on its way to a receiver. Waiting is by the emulator's clock, which tests may push
/// forward.
class callback_delivery final : public closable, public std::enable_shared_from_this<callback_delivery>
{
public:
    callback_delivery(boost::asio::any_io_executor const& ex, std::shared_ptr<service> served_by,
                      std::shared_ptr<open_connections> listed_in, callback_order ordered,
                      callback_address receiver)
        : executor_(boost::asio::make_strand(ex)), service_(std::move(served_by)),
          open_(std::move(listed_in)), order_(std::move(ordered)), to_(std::move(receiver)),
          socket_(executor_), pause_(executor_), limit_(executor_)
    {}

    ~callback_delivery() override { open_->remove(this); }

    boost::asio::any_io_executor executor() const { return executor_; }

    void close() override
    {
        boost::asio::post(executor_, [self = this->shared_from_this()] {
            self->closing_ = true;
            self->pause_.cancel();
            self->limit_.cancel();
            error_code ignored;
            self->socket_.close(ignored);
        });
    }

    /// Looks at the clock again.
    void clock_changed() override
    {
        boost::asio::post(executor_, [self = this->shared_from_this()] {
            self->pause_.cancel();
            self->limit_.cancel();
        });
    }

    /// Waits for the end of the task and tells it. `self` keeps it alive meanwhile.
    static boost::asio::awaitable<void> run(std::shared_ptr<callback_delivery> self)
    {
        bool const twice = self->service_->options().scenario.callback == scenario::callback_form::duplicate;
        co_await self->wait_until(self->order_.due);
        static constexpr int pauses[] = {0, 10, 30, 60};
        int status = 0;
        for (int const seconds : pauses) {
            co_await self->wait_until(self->service_->clock().now() + self->scaled(seconds));
            if (self->closing_)
                co_return;
            status = co_await self->attempt(self);
            if (status >= 200 && status < 500)
                break;
        }
        bool const taken = status >= 200 && status < 300;
        if (self->closing_)
            co_return;
        if (taken && twice)
            co_await self->attempt(self);
        self->service_->callback_ended(taken);
    }

private:
    using error_code = boost::system::error_code;
    using tcp = boost::asio::ip::tcp;
    using duration = service_clock::duration;

    static auto into(error_code& error)
    {
        return boost::asio::redirect_error(boost::asio::use_awaitable, error);
    }

    duration scaled(int seconds) const
    {
        return std::chrono::duration_cast<duration>(
            std::chrono::duration<double>(seconds / service_->options().speed));
    }

    boost::asio::awaitable<void> wait_until(duration moment)
    {
        error_code ignored;
        for (;;) {
            auto const left = moment - service_->clock().now();
            if (closing_ || left <= duration::zero())
                co_return;
            pause_.expires_after(left);
            co_await pause_.async_wait(into(ignored));
        }
    }

    /// One call; its status, 0 for none.
    boost::asio::awaitable<int> attempt(std::shared_ptr<callback_delivery> self)
    {
        namespace http = boost::beast::http;
        service_->callback_attempted();
        error_code error;
        socket_ = tcp::socket(executor_);
        attempting_ = true;
        boost::asio::co_spawn(executor_, end_late_attempt(self, ++attempt_), boost::asio::detached);
        co_await socket_.async_connect(to_.endpoint, into(error));
        http::request<http::string_body> request(http::verb::post, to_.target, 11);
        request.set(http::field::host, to_.host);
        request.set(http::field::content_type, "application/json");
        request.set(http::field::connection, "close");
        request.body() = service_->callback_body(order_.task_id);
        request.prepare_payload();
        if (!error)
            co_await http::async_write(socket_, request, into(error));
        boost::beast::flat_buffer buffer;
        http::response<http::string_body> answer;
        if (!error)
            co_await http::async_read(socket_, buffer, answer, into(error));
        attempting_ = false;
        limit_.cancel();
        error_code ignored;
        socket_.close(ignored);
        co_return error ? 0 : static_cast<int>(answer.result_int());
    }

    /// Ends an attempt whose answer does not come.
    static boost::asio::awaitable<void> end_late_attempt(std::shared_ptr<callback_delivery> self,
                                                         unsigned number)
    {
        error_code ignored;
        // Real time has a part in it: at the speeds of tests ten seconds are nothing.
        auto const moment =
            self->service_->clock().now() + std::max(self->scaled(10), duration(1'000'000'000));
        while (self->attempting_ && self->attempt_ == number && !self->closing_) {
            auto const left = moment - self->service_->clock().now();
            if (left <= duration::zero()) {
                self->socket_.close(ignored);
                co_return;
            }
            self->limit_.expires_after(left);
            co_await self->limit_.async_wait(into(ignored));
        }
    }

    boost::asio::any_io_executor executor_;
    std::shared_ptr<service> service_;
    std::shared_ptr<open_connections> open_;
    callback_order order_;
    callback_address to_;
    tcp::socket socket_;
    boost::asio::steady_timer pause_;
    boost::asio::steady_timer limit_;
    unsigned attempt_ = 0;
    bool attempting_ = false;
    bool closing_ = false;
};

} // namespace apimart::testing::emulation

#endif
