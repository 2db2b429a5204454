// Takes connections and answers what comes over them.
#ifndef APIMART_STUDIO_HTTP_SERVER_HPP
#define APIMART_STUDIO_HTTP_SERVER_HPP

#include "../event_feed.hpp"
#include "access.hpp"
#include "file_answer.hpp"
#include "router.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace studio {

class server
{
public:
    server(access door, router& routes, event_feed& feed, boost::json::object const& health)
        : door_(std::move(door)), routes_(routes), feed_(feed), health_(health)
    {}

    boost::asio::awaitable<void> listen(boost::asio::ip::tcp::acceptor& acceptor)
    {
        for (;;) {
            auto socket = co_await acceptor.async_accept(boost::asio::use_awaitable);
            // Whoever is too slow, sends too much or goes away ends his own connection.
            boost::asio::co_spawn(acceptor.get_executor(), serve(boost::beast::tcp_stream(std::move(socket))),
                                  boost::asio::detached);
        }
    }

private:
    using request = http::request<http::string_body>;

    boost::asio::awaitable<void> serve(boost::beast::tcp_stream stream)
    {
        using boost::asio::use_awaitable;
        // A picture that the service takes, and a little.
        constexpr std::uint64_t largest = std::uint64_t{21} << 20U;
        boost::beast::flat_buffer buffer;
        for (bool goes_on = true; goes_on;) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(largest);
            stream.expires_after(std::chrono::minutes(1));
            co_await http::async_read_header(stream, buffer, parser, use_awaitable);
            // Nobody who is refused is listened to any further.
            if (std::optional<answer> refused = refuse(parser.get())) {
                refused->keep_alive(false);
                refused->prepare_payload();
                co_await http::async_write(stream, *refused, use_awaitable);
                co_return;
            }
            co_await http::async_read(stream, buffer, parser, use_awaitable);
            request const asked = parser.release();
            goes_on = asked.keep_alive();
            co_await reply(stream, asked);
        }
    }

    static std::string_view path_of(http::request_header<> const& head)
    {
        std::string_view const target = head.target();
        return target.substr(0, target.find('?'));
    }

    std::optional<answer> refuse(http::request_header<> const& head) const
    {
        if (auto const refusal = door_.refusal(head))
            return text_answer(*refusal, "This is not for you.\n");
        constexpr std::string_view with_token = "/?token=";
        if (head.method() == http::verb::get && head.target().starts_with(with_token) &&
            door_.is_token(std::string_view(head.target()).substr(with_token.size()))) {
            answer welcome = text_answer(http::status::see_other, "");
            welcome.set(http::field::set_cookie, door_.cookie());
            welcome.set(http::field::location, "/");
            return welcome;
        }
        if (!door_.knows(head))
            return text_answer(http::status::unauthorized,
                               "Open the studio by the link that it printed when it was started.\n");
        return std::nullopt;
    }

    boost::asio::awaitable<void> reply(boost::beast::tcp_stream& stream, request const& asked)
    {
        std::string_view const path = path_of(asked);
        bool const is_get = asked.method() == http::verb::get;
        if (is_get && path == "/api/events") {
            co_await tell_events(stream);
            co_return;
        }
        if (auto const file = is_get ? routes_.file(path) : std::nullopt) {
            co_await write_file(stream, *file, asked[http::field::range], asked.keep_alive());
            co_return;
        }
        std::optional<answer> out = is_get ? router::page(path) : std::nullopt;
        try {
            if (!out)
                out = co_await routes_.call(asked.method(), path, asked.body());
        } catch (std::exception const& e) {
            std::cerr << "studio: " << e.what() << '\n';
            out = json_error(http::status::internal_server_error,
                             "The studio could not do this; its terminal says why.");
        }
        out->keep_alive(asked.keep_alive());
        out->prepare_payload();
        co_await http::async_write(stream, *out, boost::asio::use_awaitable);
    }

    boost::asio::awaitable<void> tell_events(boost::beast::tcp_stream& stream)
    {
        using boost::asio::use_awaitable;
        auto const listener = feed_.listen();
        http::response<http::empty_body> head(http::status::ok, 11);
        set_common_headers(head, "text/event-stream");
        head.keep_alive(false);
        http::response_serializer<http::empty_body> serializer(head);
        co_await http::async_write_header(stream, serializer, use_awaitable);
        // The page asks for everything then, and misses nothing that comes after.
        std::string message = "retry: 1000\nevent: hello\ndata: " + boost::json::serialize(health_) + "\n\n";
        for (;;) {
            stream.expires_after(std::chrono::seconds(30));
            co_await boost::asio::async_write(stream, boost::asio::buffer(message), use_awaitable);
            event_feed::text const next = co_await listener->async_receive(use_awaitable);
            message = *next;
        }
    }

    access door_;
    router& routes_;
    event_feed& feed_;
    boost::json::object const& health_;
};

} // namespace studio

#endif
