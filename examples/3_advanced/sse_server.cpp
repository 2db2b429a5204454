// A server that makes videos, on two threads, until SIGTERM:
//
//     POST /videos              a request as JSON: 202 and the id, or 422 and everything that is wrong with it
//     GET  /videos/ID/events    the states as Server-Sent Events; all listeners share the polls of a task
//     GET  /videos/ID           the file, passed on as it comes
//
//     curl -d '{"model": "kling-v3", "prompt": "a cat"}' http://127.0.0.1:PORT/videos
//     curl -N http://127.0.0.1:PORT/videos/ID/events

#include "../example_service.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;

// Every answer ends with its connection, so that none has to know its length.
asio::awaitable<void> answer(beast::tcp_stream& to, int status, std::string_view type, std::string text)
{
    http::response<http::string_body> out(http::int_to_status(static_cast<unsigned>(status)), 11,
                                          std::move(text));
    out.set(http::field::content_type, type);
    out.set(http::field::cache_control, "no-store");
    out.keep_alive(false);
    co_await http::async_write(to, out, asio::use_awaitable);
}

template <class T>
std::string as_json(T const& value)
{
    return json::serialize(json::value_from(value));
}

asio::awaitable<void> post_video(beast::tcp_stream& to, client service, std::string const& text)
{
    auto wanted = any_request::parse(text);
    if (!wanted)
        co_return co_await answer(to, 422, "application/json", as_json(wanted.error()));
    task bought = co_await service.submit(*wanted);
    co_await answer(to, 202, "application/json", as_json(bought.id()));
}

//! [events]
asio::awaitable<void> get_events(beast::tcp_stream& to, client service, task wanted)
{
    using namespace asio::experimental::awaitable_operators;
    task_watcher watcher = service.watch(wanted);
    asio::steady_timer pause(to.get_executor());
    co_await answer(to, 200, "text/event-stream", "");
    for (bool goes_on = true; goes_on;) {
        pause.expires_after(15s);
        auto first = co_await (watcher.next(as_result()) || pause.async_wait(asio::use_awaitable));
        std::string text = ": by this it is noticed that a listener went away\n\n";
        if (auto const* next = std::get_if<0>(&first)) {
            text = "data: " + (*next ? as_json(***next) : as_json(next->error())) + "\n\n";
            goes_on = *next && !is_final((**next)->status());
        }
        to.expires_after(30s);
        co_await asio::async_write(to, asio::buffer(text), asio::use_awaitable);
    }
}
//! [events]

asio::awaitable<void> get_file(beast::tcp_stream& to, client service, task wanted)
{
    task_state now = co_await service.status(wanted);
    if (now.videos().empty())
        co_return co_await answer(to, 404, "application/json", as_json(now));
    co_await answer(to, 200, "video/mp4", "");
    result<std::uint64_t> sent = co_await service.download(now.videos().front(), to.socket(), as_result());
    to.socket().set_option(asio::socket_base::linger(!sent, 0)); // what broke off must not look whole
}

asio::awaitable<void> serve(beast::tcp_stream stream, client service)
{
    beast::flat_buffer buffer;
    http::request<http::string_body> asked;
    stream.expires_after(10s);
    co_await http::async_read(stream, buffer, asked, asio::use_awaitable);
    std::string const path = asked.target();
    error_info failure;
    try {
        std::string const videos = "/videos/";
        task const named(path.substr(0, path.find('/', videos.size())).erase(0, videos.size()));
        if (asked.method() == http::verb::post && path == "/videos")
            co_await post_video(stream, service, asked.body());
        else if (!path.starts_with(videos) || !named.valid())
            co_await answer(stream, 404, "text/plain", "there is no such page");
        else if (path.ends_with("/events"))
            co_await get_events(stream, service, named);
        else
            co_await get_file(stream, service, named);
    } catch (apimart::error const& e) {
        failure = e.info();
    }
    if (failure.code())
        co_await answer(stream, http_status(failure), "application/json", as_json(failure));
}

asio::awaitable<void> listen(asio::io_context& context, asio::ip::tcp::acceptor& acceptor, client service)
{
    for (;;) {
        auto strand = asio::make_strand(context); // one for each connection
        beast::tcp_stream stream(co_await acceptor.async_accept(strand, asio::use_awaitable));
        asio::co_spawn(strand, serve(std::move(stream), service), asio::detached);
    }
}

int main()
{
    asio::io_context context(2);
    example_service upstream(context.get_executor());
    client service(context, upstream.config());
    auto strand = asio::make_strand(context);
    asio::ip::tcp::acceptor acceptor(strand, {asio::ip::address_v4::loopback(), 0});
    std::cout << "ready http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
    asio::co_spawn(strand, listen(context, acceptor, service), asio::detached);

    asio::signal_set signals(strand, SIGINT, SIGTERM);
    signals.async_wait([&](error_code, int) {
        acceptor.close();
        // Streams and files may end by themselves, nothing new is bought; then nothing keeps the context busy.
        service.shutdown({.finish_within = 10s}, [&](error_code, shutdown_report const& report) {
            std::cout << report.cancelled_waits.size() << " tasks go on at the service" << std::endl;
            upstream.stop();
        });
    });
    std::thread second([&] { context.run(); });
    context.run();
    second.join();
    return 0;
}
