// A server that the service calls when a task ends, beside the client whose waits then end without another poll but the
// one that confirms it. The service calls public addresses on ports 80 and 443: a real program listens behind the
// proxy that ends TLS, and asks `callback_url` whether its address is one that is called.

#include "../example_service.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <random>
#include <string>
#include <utility>

namespace beast = boost::beast;
namespace http = boost::beast::http;

// The service signs nothing, so that the path is what keeps strangers out; and who knows it can do no more than hasten a
// poll.
std::string secret_path()
{
    std::random_device source;
    std::string path = "/hooks/";
    for (int i = 0; i < 4; ++i)
        path += std::to_string(source());
    return path;
}

//! [receive]
// Gives a request's body to the client, and says what to answer. A 4xx tells the service not to call again.
asio::awaitable<http::status> receive(client service, std::string path,
                                      http::request<http::string_body> const& request)
{
    if (request.method() != http::verb::post || request.target() != path + "/callback")
        co_return http::status::not_found;
    result<task_callback> callback = task_callback::parse(request.body());
    if (!callback) {
        std::cout << callback.error().describe() << '\n';
        co_return http::status::bad_request;
    }
    callback_effect effect = co_await service.notify(*callback);
    std::cout << callback->task_id() << ": " << callback->raw_status() << ", " << to_string(effect) << '\n';
    co_return http::status::ok;
}
//! [receive]

asio::awaitable<void> serve(beast::tcp_stream stream, client service, std::string path)
{
    beast::flat_buffer buffer;
    http::request_parser<http::string_body> parser;
    parser.body_limit(task_callback::max_body);
    stream.expires_after(10s);
    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
    http::response<http::empty_body> answer;
    answer.result(co_await receive(std::move(service), path, parser.get()));
    answer.keep_alive(false);
    answer.prepare_payload();
    co_await http::async_write(stream, answer, asio::use_awaitable);
}

asio::awaitable<void> listen(asio::ip::tcp::acceptor& acceptor, client service, std::string path)
{
    for (;;) {
        asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        // A caller who is too slow, sends too much or goes away ends his own connection.
        asio::co_spawn(acceptor.get_executor(), serve(beast::tcp_stream(std::move(socket)), service, path),
                       asio::detached);
    }
}

asio::awaitable<void> corgi(client_config config)
{
    auto const executor = co_await asio::this_coro::executor;
    // Polls are the way out when no callback comes, and can be rare.
    config.poll.initial_delay = 5min;
    client service(executor, std::move(config));

    std::string const path = secret_path();
    asio::ip::tcp::acceptor acceptor(executor, {asio::ip::address_v4::loopback(), 0});
    std::string const here = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + path;
    // This address is the emulator's only; the service would not call it.
    std::cout << callback_url(here).error().validation().entries().front().message() << '\n';
    asio::co_spawn(executor, listen(acceptor, service, path), asio::detached);

    task submitted = co_await service.submit(
        text_to_video<kling_3_0_turbo>("A corgi running on the beach").webhook(runtime(here)));
    task_result done = co_await service.wait(submitted);
    std::cout << done.id() << ": " << to_string(done.status()) << " after " << done.poll_count() << " poll\n";
    acceptor.close();
    co_await service.shutdown();
}

int main()
{
    return run_example(corgi, R"({"callback": "on"})");
}
