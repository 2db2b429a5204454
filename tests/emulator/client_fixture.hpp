// What the client's tests have in common: an emulated service, a client of it, and servers that play bytes.
#pragma once

#include "wait_until.hpp"

#include <apimart/client.hpp>
#include <apimart/models.hpp>
#include <apimart/testing/emulator.hpp>
#include <apimart/testing/network/certificate_authority.hpp>
#include <apimart/testing/network/server_tls.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace client_tests {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;
using apimart::testing::emulator_options;
using apimart::testing::scenario;
using tests::guard;
using tests::wait_until;

inline constexpr std::string_view key_text = "sk-test-0123456789abcdef";

/// Settings for which no test has to wait: short pauses, frequent questions.
inline apimart::client_config quick_config(std::string base_url, std::string const& ca_pem,
                                           std::string_view key = key_text)
{
    apimart::client_config config{apimart::api_key(std::string(key))};
    config.base_url = std::move(base_url);
    config.tls.add_ca_pem(ca_pem);
    config.retry.initial_backoff = 1ms;
    config.retry.max_backoff = 4ms;
    config.poll.initial_delay = 5ms;
    config.poll.min_interval = 2ms;
    config.poll.max_interval = 50ms;
    config.poll.requests_per_second = 100'000;
    return config;
}

/// Runs a context until it has nothing left to do, which it must reach by itself.
inline void run_to_end(asio::io_context& context)
{
    context.restart();
    context.run_for(guard);
    if (!context.stopped())
        FAIL("operations did not end");
}

/// Runs a context until a condition holds.
template <class Condition>
void run_until(asio::io_context& context, Condition condition)
{
    auto const give_up = std::chrono::steady_clock::now() + guard;
    auto const work = asio::make_work_guard(context);
    context.restart();
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= give_up)
            FAIL("the awaited did not happen");
        // In slices, because what is awaited may happen on another thread.
        context.run_one_for(5ms);
    }
}

/// Keeps the outcome of one operation, and notices a handler that is called twice.
template <class T>
class recorder
{
    struct record
    {
        std::optional<apimart::result<T>> outcome;
        int calls = 0;
        std::atomic<bool> done = false;
    };

public:
    class handler
    {
    public:
        explicit handler(std::shared_ptr<record> shared) : shared_(std::move(shared)) {}

        void operator()(apimart::result<T> outcome) const
        {
            ++shared_->calls;
            shared_->outcome.emplace(std::move(outcome));
            shared_->done.store(true, std::memory_order_release);
        }

    private:
        std::shared_ptr<record> shared_;
    };

    /// A completion token: the whole outcome goes into this recorder.
    auto token() const { return apimart::as_result(handler(record_)); }
    /// What `as_result` takes, to be wrapped by other adapters first.
    handler plain() const { return handler(record_); }

    bool done() const { return record_->done.load(std::memory_order_acquire); }

    apimart::result<T> const& outcome() const
    {
        if (!done() || record_->calls != 1)
            FAIL("the handler was called " << record_->calls << " times");
        return *record_->outcome;
    }
    /// The value; a failure in its place fails the test with its description.
    T const& value() const
    {
        if (!outcome())
            FAIL(outcome().error().describe());
        return *outcome();
    }
    apimart::error_info why() const
    {
        if (outcome())
            FAIL("it succeeded");
        return outcome().error();
    }

private:
    std::shared_ptr<record> record_ = std::make_shared<record>();
};

/// An emulator on a thread of its own, so that the client's context is busy with the client alone.
class service_thread
{
public:
    explicit service_thread(emulator_options options)
        : work_(asio::make_work_guard(context_)), service(context_.get_executor(), std::move(options))
    {
        service.start();
        thread_ = std::thread([this] { context_.run(); });
    }
    ~service_thread()
    {
        service.stop();
        work_.reset();
        thread_.join();
    }

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::thread thread_;

public:
    apimart::testing::emulator service;
};

/// A service and a context for clients of it.
class bench
{
public:
    explicit bench(std::string_view scenario_text = "{}", double speed = 4000)
        : service_(options_for(scenario_text, speed))
    {}
    explicit bench(emulator_options options) : service_(std::move(options)) {}

    static emulator_options options_for(std::string_view scenario_text, double speed)
    {
        emulator_options options;
        options.scenario = scenario::parse(scenario_text);
        options.speed = speed;
        return options;
    }

    apimart::client_config config() const { return quick_config(service_.service.base_url(), ca_pem()); }
    apimart::client make_client() { return apimart::client(context, config()); }
    std::string const& ca_pem() const { return service_.service.ca_pem(); }
    apimart::testing::emulator& service() { return service_.service; }

    json::object books() const { return service_.service.books(); }
    std::uint64_t booked(std::string_view name) const { return books().at(name).to_number<std::uint64_t>(); }
    std::size_t accepted() const { return books().at("accepted").as_array().size(); }
    json::object accepted_entry(std::size_t n) const { return books().at("accepted").at(n).as_object(); }

    void run() { run_to_end(context); }
    template <class Condition>
    void run_until(Condition condition)
    {
        client_tests::run_until(context, std::move(condition));
    }

    /// Runs a coroutine to its end; its exception fails the test.
    void run(asio::awaitable<void> work)
    {
        bool ended = false;
        std::exception_ptr thrown;
        asio::co_spawn(context, std::move(work), [&](std::exception_ptr e) { thrown = e, ended = true; });
        run();
        REQUIRE(ended);
        if (thrown)
            std::rethrow_exception(thrown);
    }

    /// A task that the service has accepted.
    apimart::task submitted(apimart::client& client, apimart::any_request request)
    {
        recorder<apimart::task> got;
        client.submit(std::move(request), got.token());
        run();
        return got.value();
    }
    apimart::task_result finished(apimart::client& client, apimart::any_request request)
    {
        recorder<apimart::task_result> got;
        client.generate(std::move(request), got.token());
        run();
        return got.value();
    }

private:
    service_thread service_;

public:
    asio::io_context context;
};

inline apimart::any_request corgi()
{
    return apimart::text_to_video<apimart::kling_3_0_turbo>("A corgi running on the beach");
}

/// Breaks two rules of its model.
inline apimart::any_request refused_request()
{
    return apimart::text_to_video<apimart::kling_3_0_turbo>(std::string()).duration(apimart::runtime(99s));
}

/// A folder that goes with the test.
class scratch_folder
{
public:
    scratch_folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "apimart-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("no scratch folder");
        path_ = name;
    }
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;
    ~scratch_folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

    std::set<std::string> names() const
    {
        std::set<std::string> found;
        for (auto const& entry : std::filesystem::directory_iterator(path_))
            found.insert(entry.path().filename().string());
        return found;
    }

private:
    std::filesystem::path path_;
};

inline std::string bytes_of(std::filesystem::path const& path)
{
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

/// A server that plays bytes. Each connection is one call of the behaviour, on a thread of its own.
class scripted_server
{
public:
    enum class security
    {
        plain,
        tls
    };

    /// One connection, seen from the behaviour. All calls block; they throw when the connection is gone.
    class peer
    {
    public:
        using tcp = asio::ip::tcp;

        peer(scripted_server& server, tcp::socket socket, int number)
            : index(number), server_(server), socket_(std::move(socket))
        {
            socket_.set_option(tcp::no_delay(true));
        }

        /// From zero, in order of acceptance.
        int const index;

        void secure()
        {
            tls_.emplace(socket_, server_.tls_);
            tls_->handshake(asio::ssl::stream_base::server);
        }

        /// A handshake that is refused for want of the client's certificate. With TLS 1.3 the client learns of it
        /// only after it has gone on.
        void refuse_without_certificate()
        {
            boost::system::error_code refused;
            boost::system::error_code ignored;
            tls_.emplace(socket_, server_.tls_);
            tls_->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, ignored);
            tls_->handshake(asio::ssl::stream_base::server, refused);
            // What was not read would turn the end into a reset, and the alert would be lost.
            char sink[4096];
            while (!ignored)
                socket_.read_some(asio::buffer(sink), ignored);
        }

        /// What TLS 1.3 may say at any time, and is no data.
        void session_ticket()
        {
            ::SSL_new_session_ticket(tls_->native_handle());
            tls_->handshake(asio::ssl::stream_base::server);
        }

        /// Reads one request; its head and body come back in one text, and are noted by the server.
        std::string request()
        {
            std::string text = head();
            std::size_t const size = text.size() + announced(text);
            while (text.size() < size)
                text += some(size - text.size());
            server_.note(text);
            return text;
        }

        /// Reads the head alone, up to and with the empty line.
        std::string head()
        {
            std::string text;
            while (!text.ends_with("\r\n\r\n"))
                text += some(1);
            return text;
        }

        std::string bytes(std::size_t count)
        {
            std::string text;
            while (text.size() < count)
                text += some(count - text.size());
            return text;
        }

        void write(std::string_view text)
        {
            if (tls_)
                asio::write(*tls_, asio::buffer(text.data(), text.size()));
            else
                asio::write(socket_, asio::buffer(text.data(), text.size()));
        }

        /// A complete answer.
        void answer(int status, std::string_view body, std::string_view headers = "")
        {
            write("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" + std::string(body));
        }

        /// Holds back what is written until `released`, so that it travels in one segment.
        void hold(bool on)
        {
            int const value = on ? 1 : 0;
            ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
        }

        /// Waits until all that was written, and the end if that was said, is with the other side's kernel: loopback
        /// may deliver later than the call that sends.
        void wait_until_delivered()
        {
            auto const give_up = std::chrono::steady_clock::now() + guard;
            for (;;) {
                tcp_info now{};
                socklen_t size = sizeof now;
                if (::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &now, &size) != 0)
                    throw boost::system::system_error(errno, boost::system::system_category());
                if (now.tcpi_unacked == 0 && now.tcpi_state != TCP_FIN_WAIT1 &&
                    now.tcpi_state != TCP_LAST_ACK)
                    return;
                if (std::chrono::steady_clock::now() >= give_up)
                    throw boost::system::system_error(asio::error::timed_out);
                std::this_thread::yield();
            }
        }

        /// An orderly end, with close_notify under TLS. The other side has it when this returns.
        void close()
        {
            boost::system::error_code ignored;
            if (tls_) {
                // Without this it would wait for the other side's close_notify.
                socket_.shutdown(tcp::socket::shutdown_receive, ignored);
                tls_->shutdown(ignored);
            }
            cut();
        }

        /// The end of TCP without an end of TLS. The other side has it when this returns.
        void cut()
        {
            boost::system::error_code ignored;
            socket_.shutdown(tcp::socket::shutdown_both, ignored);
            wait_until_delivered();
            server_.forget(socket_.native_handle());
            socket_.close(ignored);
        }

        void reset()
        {
            boost::system::error_code ignored;
            socket_.set_option(asio::socket_base::linger(true, 0), ignored);
            server_.forget(socket_.native_handle());
            socket_.close(ignored);
        }

        /// Until the other side ends the connection, or the server does.
        void wait_for_end()
        {
            char sink[4096];
            boost::system::error_code code;
            while (!code) {
                if (tls_)
                    tls_->read_some(asio::buffer(sink), code);
                else
                    socket_.read_some(asio::buffer(sink), code);
            }
        }

        tcp::socket& socket() { return socket_; }

    private:
        friend class scripted_server;

        static std::size_t announced(std::string const& head)
        {
            auto const at = head.find("Content-Length: ");
            return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
        }

        std::string some(std::size_t most)
        {
            std::string text(std::min<std::size_t>(most, 65536), '\0');
            std::size_t const n =
                tls_ ? tls_->read_some(asio::buffer(text)) : socket_.read_some(asio::buffer(text));
            text.resize(n);
            return text;
        }

        scripted_server& server_;
        tcp::socket socket_;
        std::optional<asio::ssl::stream<tcp::socket&>> tls_;
    };

    using behaviour = std::function<void(peer&)>;

    explicit scripted_server(security how, behaviour what,
                             std::string_view names = "IP:127.0.0.1,DNS:localhost")
        : how_(how), what_(std::move(what)),
          tls_(apimart::testing::emulation::make_server_tls(authority_.issue(names))),
          acceptor_(context_, {asio::ip::address_v4::loopback(), 0}), port_(acceptor_.local_endpoint().port())
    {
        accepting_ = std::thread([this] { accept(); });
    }
    scripted_server(scripted_server const&) = delete;
    scripted_server& operator=(scripted_server const&) = delete;

    ~scripted_server()
    {
        {
            std::lock_guard const lock(mutex_);
            stopping_ = true;
            for (int const descriptor : open_)
                ::shutdown(descriptor, SHUT_RDWR);
        }
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
        accepting_.join();
        for (auto& each : threads_)
            each.join();
    }

    std::string base_url(std::string_view host = "127.0.0.1") const
    {
        return (how_ == security::tls ? "https://" : "http://") + std::string(host) + ":" +
               std::to_string(port_);
    }
    unsigned short port() const { return port_; }
    std::string const& ca_pem() const { return authority_.pem(); }

    apimart::client_config config(std::string_view host = "127.0.0.1", std::string_view key = key_text) const
    {
        auto config = quick_config(base_url(host), ca_pem(), key);
        config.allow_plain_http = how_ == security::plain;
        return config;
    }

    /// Complete requests, in the order in which they were read.
    std::vector<std::string> requests() const
    {
        std::lock_guard const lock(mutex_);
        return requests_;
    }
    std::size_t count(std::string_view beginning) const
    {
        std::size_t n = 0;
        for (auto const& each : requests())
            n += each.starts_with(beginning) ? 1 : 0;
        return n;
    }
    int connections() const { return connections_.load(); }

private:
    void accept()
    {
        for (;;) {
            boost::system::error_code code;
            asio::ip::tcp::socket socket(context_);
            acceptor_.accept(socket, code);
            std::lock_guard const lock(mutex_);
            if (stopping_)
                return;
            if (code)
                continue;
            open_.insert(socket.native_handle());
            threads_.emplace_back([this, taken = std::move(socket), n = connections_++]() mutable {
                peer one(*this, std::move(taken), n);
                try {
                    if (how_ == security::tls)
                        one.secure();
                    what_(one);
                } catch (boost::system::system_error const&) {
                    // The client is gone, which some tests want.
                }
                if (one.socket().is_open())
                    forget(one.socket().native_handle());
            });
        }
    }

    void note(std::string const& request)
    {
        std::lock_guard const lock(mutex_);
        requests_.push_back(request);
    }

    void forget(int descriptor)
    {
        std::lock_guard const lock(mutex_);
        open_.erase(descriptor);
    }

    security how_;
    behaviour what_;
    apimart::testing::certificate_authority authority_;
    asio::ssl::context tls_;
    asio::io_context context_;
    asio::ip::tcp::acceptor acceptor_;
    unsigned short port_;
    std::atomic<int> connections_ = 0;
    mutable std::mutex mutex_;
    bool stopping_ = false;
    std::set<int> open_;
    std::vector<std::string> requests_;
    std::vector<std::thread> threads_;
    std::thread accepting_;
};

/// The documented answer to a submit.
inline std::string accepted_body(std::string_view id)
{
    return R"({"code":200,"data":[{"status":"submitted","task_id":")" + std::string(id) + R"("}]})";
}

/// The documented answer to a question for a task that has a result.
inline std::string completed_body(std::string_view id, std::string_view url)
{
    return R"({"code":200,"data":{"id":")" + std::string(id) +
           R"(","status":"completed","progress":100,"result":{"videos":[{"url":[")" + std::string(url) +
           R"("]}]}}})";
}

} // namespace client_tests
