#include "wiretap.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace tls_tests {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

// All taps share one thread.
class engine
{
public:
    static engine& shared()
    {
        static engine one;
        return one;
    }
    engine(engine const&) = delete;
    engine& operator=(engine const&) = delete;

    asio::io_context context;

private:
    engine() : work_(asio::make_work_guard(context)), thread_([this] { context.run(); }) {}
    ~engine()
    {
        context.stop();
        thread_.join();
    }

    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::thread thread_;
};

class heard
{
public:
    std::string client;
    std::size_t server = 0;
};

} // namespace

class wiretap::state : public std::enable_shared_from_this<state>
{
public:
    state(asio::io_context& context, tcp::endpoint server)
        : acceptor_(context, tcp::endpoint(server.address(), 0)), server_(server),
          port_(acceptor_.local_endpoint().port())
    {}

    void accept()
    {
        acceptor_.async_accept([self = shared_from_this()](error_code code, tcp::socket client) {
            if (code)
                return;
            auto line = std::make_shared<pair>(self, std::move(client), self->opened());
            line->to_server.connect(self->server_, code);
            if (!code) {
                self->lines_.insert(line);
                relay(line, true);
                relay(line, false);
            }
            self->accept();
        });
    }

    void stop()
    {
        error_code ignored;
        acceptor_.close(ignored);
        for (auto const& line : lines_) {
            line->to_client.close(ignored);
            line->to_server.close(ignored);
        }
        lines_.clear();
    }

    unsigned short port() const { return port_; }

    std::vector<heard> all() const
    {
        std::lock_guard const lock(mutex_);
        return heard_;
    }

private:
    class pair
    {
    public:
        pair(std::shared_ptr<state> owner, tcp::socket client, std::size_t number)
            : tap(std::move(owner)), to_client(std::move(client)), to_server(to_client.get_executor()),
              index(number)
        {
            error_code ignored;
            to_client.set_option(tcp::no_delay(true), ignored);
        }

        std::shared_ptr<state> tap;
        tcp::socket to_client;
        tcp::socket to_server;
        std::size_t index;
        std::array<char, 16384> up{};
        std::array<char, 16384> down{};
        int ended = 0;
    };

    std::size_t opened()
    {
        std::lock_guard const lock(mutex_);
        heard_.emplace_back();
        return heard_.size() - 1;
    }

    void note(std::size_t index, bool upward, char const* bytes, std::size_t size)
    {
        std::lock_guard const lock(mutex_);
        if (upward)
            heard_[index].client.append(bytes, size);
        else
            heard_[index].server += size;
    }

    // Each direction ends by itself: what the server said last is delivered even when it no longer listens.
    static void relay(std::shared_ptr<pair> const& line, bool upward)
    {
        tcp::socket& from = upward ? line->to_client : line->to_server;
        auto& bytes = upward ? line->up : line->down;
        from.async_read_some(asio::buffer(bytes), [line, upward](error_code code, std::size_t size) {
            tcp::socket& to = upward ? line->to_server : line->to_client;
            if (code) {
                end(line, to);
                return;
            }
            char const* const data = upward ? line->up.data() : line->down.data();
            line->tap->note(line->index, upward, data, size);
            asio::async_write(to, asio::buffer(data, size),
                              [line, upward](error_code, std::size_t) { relay(line, upward); });
        });
    }

    static void end(std::shared_ptr<pair> const& line, tcp::socket& to)
    {
        error_code ignored;
        to.shutdown(tcp::socket::shutdown_send, ignored);
        if (++line->ended == 2)
            line->tap->lines_.erase(line);
    }

    tcp::acceptor acceptor_;
    tcp::endpoint server_;
    unsigned short port_;
    std::set<std::shared_ptr<pair>> lines_;
    mutable std::mutex mutex_;
    std::vector<heard> heard_;
};

wiretap::wiretap(unsigned short server_port, bool ipv6)
{
    asio::ip::address const address = ipv6 ? asio::ip::address(asio::ip::address_v6::loopback())
                                           : asio::ip::address(asio::ip::address_v4::loopback());
    auto& context = engine::shared().context;
    state_ = std::make_shared<state>(context, tcp::endpoint(address, server_port));
    asio::post(context, [tap = state_] { tap->accept(); });
}

wiretap::~wiretap()
{
    asio::post(engine::shared().context, [tap = state_] { tap->stop(); });
}

unsigned short wiretap::port() const
{
    return state_->port();
}

std::size_t wiretap::connections() const
{
    return state_->all().size();
}

std::optional<client_hello> wiretap::hello(std::size_t connection) const
{
    return client_hello::parse(state_->all().at(connection).client);
}

std::size_t wiretap::bytes_of_server(std::size_t connection) const
{
    return state_->all().at(connection).server;
}

} // namespace tls_tests
