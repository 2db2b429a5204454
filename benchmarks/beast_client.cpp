// The straightforward peer: what one writes with Beast in an afternoon. One coroutine and one TLS connection
// each, keep-alive, verified; no time limits, no retries, no pool, no checks of the request.

#include "client_process.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using tcp = asio::ip::tcp;

class beast_client
{
public:
    beast_client(bench::workload const& work, std::vector<std::string> const&)
        : work_(work), tls_(asio::ssl::context::tls_client), authority_(work.authority()),
          bearer_("Bearer " + std::string(bench::secret))
    {
        tls_.set_default_verify_paths();
        tls_.load_verify_file(work.ca_file);
        tls_.set_verify_mode(asio::ssl::verify_peer);
    }

    void open()
    {
        for (int i = 0; i < work_.connections; ++i) {
            connections_.push_back(std::make_unique<connection>(context_, tls_));
            asio::co_spawn(context_, connect(*connections_.back()), rethrow);
        }
        context_.run();
        context_.restart();
    }

    void work(bench::ledger& book)
    {
        for (auto& c : connections_)
            asio::co_spawn(context_, take_work(*c, book), rethrow);
        context_.run();
    }

private:
    struct connection
    {
        connection(asio::io_context& context, asio::ssl::context& tls) : stream(context, tls) {}

        asio::ssl::stream<tcp::socket> stream;
        boost::beast::flat_buffer buffer;
    };

    static void rethrow(std::exception_ptr failed)
    {
        if (failed)
            std::rethrow_exception(failed);
    }

    asio::awaitable<void> connect(connection& c)
    {
        tcp::endpoint const service(asio::ip::address_v4::loopback(), work_.port);
        co_await c.stream.next_layer().async_connect(service, asio::use_awaitable);
        c.stream.next_layer().set_option(tcp::no_delay(true));
        c.stream.set_verify_callback(asio::ssl::host_name_verification("127.0.0.1"));
        co_await c.stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
        bench::ledger unmeasured(0);
        co_await submit_and_poll(c, unmeasured);
    }

    asio::awaitable<void> take_work(connection& c, bench::ledger& book)
    {
        while (book.take())
            co_await submit_and_poll(c, book);
    }

    asio::awaitable<void> submit_and_poll(connection& c, bench::ledger& book)
    {
        json::object body;
        body["model"] = bench::model;
        body["prompt"] = bench::prompt;
        body["duration"] = bench::duration;
        body["mode"] = bench::mode;

        http::request<http::string_body> post(http::verb::post, std::string(bench::submit_path), 11);
        fill(post);
        post.set(http::field::content_type, "application/json");
        post.set("Idempotency-Key", bench::random_key());
        post.body() = json::serialize(body);
        post.prepare_payload();
        co_await http::async_write(c.stream, post, asio::use_awaitable);
        http::response<http::string_body> accepted;
        co_await http::async_read(c.stream, c.buffer, accepted, asio::use_awaitable);
        if (accepted.result() != http::status::ok)
            throw std::runtime_error("a submit was refused: " + accepted.body());
        json::value const ticket = json::parse(accepted.body());
        json::string const& id = ticket.at("data").at(0).at("task_id").as_string();

        http::request<http::string_body> get(http::verb::get, std::string(bench::task_path) + id.c_str(), 11);
        fill(get);
        co_await http::async_write(c.stream, get, asio::use_awaitable);
        http::response<http::string_body> answer;
        co_await http::async_read(c.stream, c.buffer, answer, asio::use_awaitable);
        if (answer.result() != http::status::ok)
            throw std::runtime_error("a poll was refused: " + answer.body());
        json::value const state = json::parse(answer.body());
        json::value const& task = state.at("data");
        if (task.at("id").as_string() != id || task.at("status").as_string() != "completed")
            throw std::runtime_error("a task is not completed at the first poll: " + answer.body());
        book.done(task.at("result").at("videos").at(0).at("url").at(0).as_string());
    }

    void fill(http::request<http::string_body>& request) const
    {
        request.set(http::field::host, authority_);
        request.set(http::field::user_agent, std::string(bench::user_agent));
        request.set(http::field::accept, "application/json");
        request.set(http::field::authorization, bearer_);
    }

    bench::workload work_;
    asio::io_context context_{1};
    asio::ssl::context tls_;
    std::string authority_;
    std::string bearer_;
    std::vector<std::unique_ptr<connection>> connections_;
};

} // namespace

int main(int argc, char** argv)
{
    return bench::be_client<beast_client>(argc, argv);
}
