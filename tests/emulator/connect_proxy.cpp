// The proxy for tunnels makes them, refuses them and spoils them as told, and remembers every byte it was shown.

#include "emulator_plain_socket.hpp"
#include "emulator_raw_client.hpp"
#include "wait_until.hpp"

#include <apimart/testing/connect_proxy.hpp>
#include <apimart/testing/tcp_proxy.hpp>

#include <doctest/doctest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace emulator_tests;
using tests::wait_until;
using namespace apimart::testing;
using names = std::vector<std::string>;

namespace {

connect_proxy_options with_password()
{
    connect_proxy_options options;
    options.user = "Aladdin";
    options.password = "open sesame";
    return options;
}

// A proxy on threads of its own, and a server for tunnels to lead to.
class office
{
public:
    explicit office(connect_proxy_options const& options = {}, int threads = 1)
        : work_(context_.get_executor()), proxy(context_.get_executor(), options)
    {
        proxy.start();
        for (int i = 0; i < threads; ++i)
            threads_.emplace_back([this] { context_.run(); });
    }
    ~office()
    {
        proxy.stop();
        work_.reset();
        for (auto& thread : threads_)
            thread.join();
    }

    plain_socket ask(std::string_view target, std::string_view headers = "", std::string_view behind = "")
    {
        auto client = plain_socket::to(proxy.port());
        client.write(request(target, headers).append(behind));
        return client;
    }

    static std::string request(std::string_view target, std::string_view headers = "")
    {
        return std::string("CONNECT ").append(target).append(" HTTP/1.1\r\nHost: x\r\n").append(headers) +
               "\r\n";
    }

    std::string server_target() const { return "127.0.0.1:" + std::to_string(server.port()); }

    connect_request only_request() const
    {
        auto const all = proxy.requests();
        REQUIRE(all.size() == 1);
        return all[0];
    }

    plain_listener server;

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::vector<std::thread> threads_;

public:
    connect_proxy proxy;
};

constexpr std::string_view established = "HTTP/1.1 200 Connection established\r\n\r\n";

// The head of an answer, with the empty line.
std::string head_of(plain_socket& client)
{
    std::string text;
    while (!text.ends_with("\r\n\r\n")) {
        auto const next = client.read(1);
        if (next.empty())
            break;
        text += next;
    }
    return text;
}

unsigned status_of(plain_socket& client)
{
    auto const head = head_of(client);
    return head.starts_with("HTTP/1.1 ") ? static_cast<unsigned>(std::stoul(head.substr(9, 3))) : 0;
}

void check_tunnel(office& o, plain_socket& client, std::string_view answer = established)
{
    CHECK(client.read(answer.size()) == answer);
    auto server = o.server.accept();
    client.write("through");
    CHECK(server.read(7) == "through");
    server.write("and back");
    CHECK(client.read(8) == "and back");
    client.end_writing();
    CHECK(server.ending() == "end");
}

} // namespace

TEST_CASE("connect proxy: a tunnel carries bytes, and the proxy keeps only what was said to itself")
{
    office o;
    auto client = o.ask(o.server_target(), "User-Agent: test\r\nX-Empty:\r\n");
    check_tunnel(o, client);
    auto const seen = o.only_request();
    CHECK(seen.method == "CONNECT");
    CHECK(seen.target == o.server_target());
    CHECK(seen.credentials == proxy_credentials::absent);
    CHECK(seen.header_names == names{"Host", "User-Agent", "X-Empty"});
    CHECK(seen.status == 200);
    CHECK(seen.connection == 1);
    CHECK(o.proxy.bytes_outside_tunnels() ==
          names{office::request(o.server_target(), "User-Agent: test\r\nX-Empty:\r\n")});
    CHECK(o.proxy.saw_outside_tunnels("User-Agent: test"));
    CHECK_FALSE(o.proxy.saw_outside_tunnels("through"));
    CHECK(o.proxy.connections() == 1);
    client.close();
    wait_until([&] { return o.proxy.open_tunnels() == 0; });
}

TEST_CASE("connect proxy: names lead where the test wants, and nothing leads out of this machine")
{
    office o;
    o.proxy.route("API.example.test:443", o.server.port());
    auto named = o.ask("api.EXAMPLE.test:443");
    check_tunnel(o, named);
    auto local = o.ask("localhost:" + std::to_string(o.server.port()));
    check_tunnel(o, local);
    for (std::string const target : {"api.example.test:80", "192.0.2.1:443", "[2001:db8::1]:443", "no-port",
                                     "localhost:70000", "localhost:"}) {
        CAPTURE(target);
        auto client = o.ask(target);
        CHECK(status_of(client) == 502);
    }
    // The system would lead this one to the server, but it is no loopback address.
    auto unspecified = o.ask("0.0.0.0:" + std::to_string(o.server.port()));
    CHECK(status_of(unspecified) == 502);
    o.proxy.route_all(o.server.port());
    auto anything = o.ask("192.0.2.1:443");
    check_tunnel(o, anything);
    CHECK(o.proxy.requests().size() == 10);
}

TEST_CASE("connect proxy: a target that does not answer is a 502")
{
    office o;
    auto const target = o.server_target();
    o.server.close();
    auto client = o.ask(target);
    CHECK(status_of(client) == 502);
    CHECK(o.only_request().status == 502);
}

TEST_CASE("connect proxy: credentials are asked for, and judged")
{
    office o(with_password());
    auto client = o.ask(o.server_target());
    auto const head = head_of(client);
    CHECK(head.starts_with("HTTP/1.1 407 "));
    CHECK(head.find("Proxy-Authenticate: Basic") != head.npos);
    // On the same connection, as the answer permits.
    client.write(
        office::request(o.server_target(), "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=\r\n"));
    CHECK(status_of(client) == 407);
    client.write(
        office::request(o.server_target(), "proxy-authorization:basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    check_tunnel(o, client);
    auto const seen = o.proxy.requests();
    REQUIRE(seen.size() == 3);
    CHECK(seen[0].credentials == proxy_credentials::absent);
    CHECK(seen[1].credentials == proxy_credentials::wrong);
    CHECK(seen[2].credentials == proxy_credentials::right);
    CHECK(seen[2].connection == 1);

    office open;
    auto eager =
        open.ask(open.server_target(), "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
    check_tunnel(open, eager);
    CHECK(open.only_request().credentials == proxy_credentials::wrong);
}

TEST_CASE("connect proxy: what comes before the tunnel is remembered, and still arrives")
{
    office o;
    o.proxy.plan(connect_fault::hold());
    auto client = o.ask(o.server_target(), "", "hasty");
    wait_until([&] { return o.proxy.requests().size() == 1; });
    client.write(" words");
    // It is in the proxy's socket before the answer is released.
    CHECK(client.silent());
    o.proxy.release();
    CHECK(client.read(established.size()) == established);
    auto server = o.server.accept();
    client.write(" later");
    CHECK(server.read(17) == "hasty words later");
    CHECK(o.proxy.saw_outside_tunnels("hasty words"));
    CHECK_FALSE(o.proxy.saw_outside_tunnels("later"));
}

TEST_CASE("connect proxy: requests that are no CONNECT")
{
    office o;
    auto client = plain_socket::to(o.proxy.port());
    client.write("GET http://api.example.test/ HTTP/1.1\r\nAuthorization: Bearer sk-1\r\n\r\n");
    CHECK(status_of(client) == 405);
    CHECK(o.only_request().method == "GET");
    CHECK(o.proxy.saw_outside_tunnels("sk-1"));
    auto endless = plain_socket::to(o.proxy.port());
    endless.write(std::string(70'000, 'x'));
    CHECK(endless.ending() == "end");
}

TEST_CASE("connect proxy: answers that are no tunnel")
{
    office o;
    for (unsigned const status : {407U, 403U, 502U, 504U})
        o.proxy.plan(connect_fault::answer(status, "sorry", "X-Reason: test\r\n"));
    auto client = plain_socket::to(o.proxy.port());
    for (unsigned const status : {407U, 403U, 502U, 504U}) {
        CAPTURE(status);
        client.write(office::request(o.server_target()));
        auto const head = head_of(client);
        CHECK(head.starts_with("HTTP/1.1 " + std::to_string(status)));
        CHECK(head.find("X-Reason: test\r\n") != head.npos);
        CHECK((head.find("Proxy-Authenticate") != head.npos) == (status == 407));
        CHECK(client.read(5) == "sorry");
    }
    client.write(office::request(o.server_target()));
    check_tunnel(o, client);
    CHECK(o.proxy.requests()[1].status == 403);
    CHECK(o.proxy.unconsumed_faults().empty());
}

TEST_CASE("connect proxy: ends in place of an answer, and behind one")
{
    office o;
    o.proxy.plan(connect_fault::close());
    o.proxy.plan(connect_fault::reset());
    o.proxy.plan(connect_fault::answer(502).then_close());
    CHECK(o.ask("a:1").ending() == "end");
    CHECK(o.ask("a:2").ending() == "reset");
    auto third = o.ask("a:3");
    CHECK(status_of(third) == 502);
    CHECK(third.ending() == "end");
    CHECK(o.proxy.requests()[0].status == 0);
}

TEST_CASE("connect proxy: answers that are no answers")
{
    office o;
    o.proxy.plan(connect_fault::garbage());
    auto first = o.ask("a:1");
    CHECK(first.read(3) == "\x16\x03\x01");

    o.proxy.plan(connect_fault::huge_head(100'000));
    auto second = o.ask("a:2");
    CHECK(head_of(second).size() >= 100'000);

    o.proxy.plan(connect_fault::raw("HTTP/1.1 20").then_close());
    auto third = o.ask("a:3");
    CHECK(third.read(11) == "HTTP/1.1 20");
    CHECK(third.ending() == "end");

    o.proxy.plan(connect_fault::body_behind_head("hello"));
    auto fourth = o.ask(o.server_target());
    check_tunnel(o, fourth, "HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\nhello");

    // Whoever talks on after nonsense is heard.
    first.write("sk-canary");
    wait_until([&] { return o.proxy.saw_outside_tunnels("sk-canary"); });
}

TEST_CASE("connect proxy: a stall ends with the client")
{
    office o;
    o.proxy.plan(connect_fault::stall());
    auto client = o.ask(o.server_target());
    wait_until([&] { return o.proxy.requests().size() == 1; });
    client.write("are you there");
    wait_until([&] { return o.proxy.saw_outside_tunnels("are you there"); });
    o.proxy.release();
    CHECK(client.silent());
    client.end_writing();
    CHECK(client.ending() == "end");
}

TEST_CASE("connect proxy: faults that did not strike as often as planned are listed")
{
    office o;
    o.proxy.plan(connect_fault::answer(502).times(2).skip(1));
    o.proxy.plan(connect_fault::answer(403).skip(2).named("the last one"));
    auto client = plain_socket::to(o.proxy.port());
    auto const next = [&] {
        client.write(office::request("nowhere:1"));
        return status_of(client);
    };
    o.proxy.plan(connect_fault::answer(504).times(connect_fault::always));
    CHECK(next() == 504);
    CHECK(o.proxy.unconsumed_faults() == names{"answer 502", "the last one"});
    CHECK(next() == 502);
    CHECK(o.proxy.unconsumed_faults() == names{"answer 502", "the last one"});
    CHECK(next() == 502);
    CHECK(next() == 504);
    CHECK(next() == 403);
    CHECK(o.proxy.unconsumed_faults().empty());
}

TEST_CASE("connect proxy: every way in which its port may treat a caller")
{
    office o;
    o.proxy.set(entrance::refused);
    CHECK(plain_socket::to(o.proxy.port()).connect_error() == ECONNREFUSED);
    o.proxy.set(entrance::unreachable);
    CHECK(plain_socket::to(o.proxy.port(), SOCK_NONBLOCK, 0).state() == TCP_SYN_SENT);
    o.proxy.set(entrance::open);
    auto client = o.ask(o.server_target());
    check_tunnel(o, client);
}

TEST_CASE("connect proxy: stopping ends what is open")
{
    office o;
    o.proxy.plan(connect_fault::hold());
    o.proxy.plan(connect_fault::stall());
    std::vector<plain_socket> clients;
    for (int i = 0; i < 2; ++i) {
        clients.push_back(o.ask(o.server_target()));
        wait_until([&] { return o.proxy.requests().size() == clients.size(); });
    }
    clients.push_back(o.ask(o.server_target()));
    CHECK(clients.back().read(established.size()) == established);
    auto server = o.server.accept();
    clients.push_back(plain_socket::to(o.proxy.port()));
    wait_until([&] { return o.proxy.connections() == 4; });
    o.proxy.stop();
    for (auto& each : clients)
        CHECK(each.ending() == "reset");
    CHECK(server.ending() == "reset");

    // Dropped with its context.
    plain_socket left;
    {
        asio::io_context context;
        connect_proxy proxy(context.get_executor());
        proxy.plan(connect_fault::hold());
        proxy.start();
        left = plain_socket::to(proxy.port());
        left.write(office::request("a:1"));
        while (proxy.requests().empty())
            context.run_one();
        proxy.release();
    }
    CHECK(left.ending() != "");
}

TEST_CASE("connect proxy: several clients on several threads")
{
    office o(with_password(), 2);
    std::thread echo([&] {
        for (int n = 0; n < 60; ++n) {
            auto taken = o.server.accept();
            taken.write(taken.read(3000));
            static_cast<void>(taken.ending());
        }
    });
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i)
        clients.emplace_back([&] {
            for (int n = 0; n < 20; ++n) {
                auto client =
                    o.ask(o.server_target(), "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
                CHECK(client.read(established.size()) == established);
                std::string const sent(3000, 'x');
                client.write(sent);
                CHECK(client.read(sent.size()) == sent);
                static_cast<void>(o.proxy.requests());
                o.proxy.release();
            }
        });
    for (auto& each : clients)
        each.join();
    echo.join();
    CHECK(o.proxy.requests().size() == 60);
    CHECK_FALSE(o.proxy.saw_outside_tunnels("xxx"));
}

TEST_CASE("connect proxy: TLS to the emulated service through both proxies")
{
    running_emulator running;
    office o;
    asio::io_context context;
    tcp_proxy network(context.get_executor(),
                      asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), running.service.port()));
    network.start();
    std::thread relaying([&] { context.run(); });
    o.proxy.route("api.example.test:443", network.port());
    {
        raw_client client(running.service, [&](asio::ip::tcp::socket& socket) {
            socket.connect({asio::ip::address_v4::loopback(), o.proxy.port()});
            asio::write(socket, asio::buffer(office::request("api.example.test:443")));
            std::string answer(established.size(), '\0');
            asio::read(socket, asio::buffer(answer));
            CHECK(answer == established);
        });
        CHECK(client.submit(corgi).result_int() == 200);
        // One wrong bit, and TLS says so.
        network.strike(tcp_rule::corrupt(direction::to_client, 20));
        CHECK_THROWS_WITH_AS(client.submit(corgi), doctest::Contains("bad record mac"),
                             boost::system::system_error);
    }
    CHECK(network.unconsumed_rules().empty());
    CHECK_FALSE(o.proxy.saw_outside_tunnels("Bearer"));
    network.stop();
    relaying.join();
}
