// The proxy between client and server does to each byte what its rules say, and nothing else.

#include "emulator_plain_socket.hpp"
#include "emulator_raw_client.hpp"
#include "wait_until.hpp"

#include <apimart/testing/tcp_proxy.hpp>

#include <doctest/doctest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace emulator_tests;
using tests::wait_until;
using namespace apimart::testing;
using names = std::vector<std::string>;

namespace {

// A proxy on threads of its own, and the server behind it.
class network
{
public:
    explicit network(tcp_proxy_options options = {}, int threads = 1)
        : work_(context_.get_executor()), proxy(context_.get_executor(), server.endpoint(), options)
    {
        for (int i = 0; i < threads; ++i)
            threads_.emplace_back([this] { context_.run(); });
    }
    ~network()
    {
        proxy.stop();
        work_.reset();
        for (auto& thread : threads_)
            thread.join();
    }

    // A connection from end to end.
    class line
    {
    public:
        plain_socket client;
        plain_socket server;

        // Whatever was sent before has been dealt with when this has come through.
        void mark(std::string_view text = "mark")
        {
            client.write(text);
            CHECK(server.read(text.size()) == text);
        }
        void mark_back(std::string_view text = "mark")
        {
            server.write(text);
            CHECK(client.read(text.size()) == text);
        }
    };

    line connect(int buffer_bytes = 0)
    {
        proxy.start();
        line made;
        made.client = plain_socket::to(proxy.port(), 0, buffer_bytes);
        made.server = server.accept();
        return made;
    }

    line connect(tcp_rule const& rule)
    {
        proxy.plan(rule);
        return connect();
    }

    plain_listener server;

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::vector<std::thread> threads_;

public:
    tcp_proxy proxy;
};

constexpr auto to_server = direction::to_server;
constexpr auto to_client = direction::to_client;

std::string pattern(std::size_t size)
{
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>(i * 31 + i / 256);
    return text;
}

} // namespace

TEST_CASE("tcp proxy: without rules bytes and ends pass both ways")
{
    network net;
    auto one = net.connect();
    one.mark("hello");
    one.mark_back("hello to you");
    one.client.end_writing();
    CHECK(one.server.ending() == "end");
    // The other direction goes on after the end of the first.
    one.mark_back("last words");
    one.server.close();
    CHECK(one.client.ending() == "end");
    CHECK(net.proxy.connections() == 1);
    CHECK(net.proxy.bytes(to_server) == 5);
    CHECK(net.proxy.bytes(to_client) == 22);
    wait_until([&] { return net.proxy.open_connections() == 0; });

    auto two = net.connect();
    two.mark("12");
    CHECK(net.proxy.connections() == 2);
    CHECK(net.proxy.bytes(to_server, 1) == 5);
    CHECK(net.proxy.bytes(to_server, 2) == 2);
    CHECK(net.proxy.bytes(to_server, 3) == 0);
    two.client.reset();
    CHECK(two.server.ending() == "reset");
}

TEST_CASE("tcp proxy: megabytes arrive unchanged")
{
    network net;
    auto one = net.connect();
    auto const sent = pattern(3'000'000);
    std::thread writer([&] { one.client.write(sent); });
    CHECK(one.server.read(sent.size()) == sent);
    writer.join();
    CHECK(net.proxy.bytes(to_server) == sent.size());
}

TEST_CASE("tcp proxy: close ends both sides in order after the given byte")
{
    network net;
    auto one = net.connect(tcp_rule::close(to_client, 4));
    one.mark();
    one.server.write("123456");
    CHECK(one.client.read(4) == "1234");
    CHECK(one.client.ending() == "end");
    CHECK(one.server.ending() == "end");
    // What is still written is lost and is no error.
    one.client.write("more");
    CHECK(one.client.write_error() == 0);
    CHECK(net.proxy.bytes(to_client) == 4);
    CHECK(net.proxy.consumed_rules() == 1);
    one.client.close();
    one.server.close();
    wait_until([&] { return net.proxy.open_connections() == 0; });
}

TEST_CASE("tcp proxy: reset cuts both sides after the given byte")
{
    network net;
    auto one = net.connect(tcp_rule::reset(to_server, 3));
    one.client.write("12345");
    CHECK(one.server.read(3) == "123");
    CHECK(one.server.ending() == "reset");
    CHECK(one.client.ending() == "reset");
}

TEST_CASE("tcp proxy: a rule takes effect at once, or waits for the next byte")
{
    network net;
    net.proxy.plan(tcp_rule::reset(to_client).on_connection(1));
    net.proxy.plan(tcp_rule::reset(to_client).at_next_byte().on_connection(2));
    auto at_once = net.connect();
    CHECK(at_once.client.ending() == "reset");
    auto later = net.connect();
    later.mark("request");
    CHECK(later.client.silent());
    later.server.write("x");
    CHECK(later.client.ending() == "reset");
    CHECK(net.proxy.bytes(to_client) == 0);
}

TEST_CASE("tcp proxy: a stall lets the given bytes through and halts the sender")
{
    tcp_proxy_options small;
    small.buffer_bytes = 4096;
    network net(small);
    net.proxy.plan(tcp_rule::stall(to_server, 5));
    auto one = net.connect(4096);
    constexpr std::size_t plenty = 50'000'000;
    std::string const chunk(1000, 'x');
    CHECK(one.client.write_until_full(chunk, plenty) < plenty);
    CHECK(one.server.read(5) == "xxxxx");
    one.mark_back();
    CHECK(one.server.silent());
    CHECK(net.proxy.bytes(to_server) == 5);
    net.proxy.release();
    one.mark_back();
    CHECK(one.server.silent());
}

TEST_CASE("tcp proxy: what is held comes whole when it is released")
{
    network net;
    auto one = net.connect(tcp_rule::hold(to_client, 2));
    one.server.write("123456");
    CHECK(one.client.read(2) == "12");
    one.mark();
    CHECK(one.client.silent());
    net.proxy.release();
    CHECK(one.client.read(4) == "3456");
    one.server.close();
    CHECK(one.client.ending() == "end");
}

TEST_CASE("tcp proxy: an end can be held back alone")
{
    network net;
    auto one = net.connect(tcp_rule::hold_end(to_client));
    one.server.write("123");
    CHECK(one.client.read(3) == "123");
    CHECK(net.proxy.unconsumed_rules() == names{"hold_end to_client"});
    one.server.end_writing();
    wait_until([&] { return net.proxy.unconsumed_rules().empty(); });
    one.mark();
    CHECK(one.client.silent());
    net.proxy.release();
    CHECK(one.client.ending() == "end");
}

TEST_CASE("tcp proxy: what vanishes is read, and its end is not told")
{
    network net;
    auto one = net.connect(tcp_rule::vanish(to_server, 3));
    one.client.write("12345");
    CHECK(one.server.read(3) == "123");
    one.client.write(std::string(1'000'000, 'x'));
    one.mark_back();
    one.client.end_writing();
    one.mark_back();
    CHECK(one.server.silent());
    CHECK(net.proxy.bytes(to_server) == 3);
}

TEST_CASE("tcp proxy: half-open means that neither side learns anything more")
{
    for (bool const client_leaves : {true, false}) {
        CAPTURE(client_leaves);
        network net;
        auto one = net.connect(tcp_rule::half_open(to_server, 4).on_connection(1));
        auto other = net.connect();
        one.client.write("1234");
        CHECK(one.server.read(4) == "1234");
        auto& leaves = client_leaves ? one.client : one.server;
        auto& stays = client_leaves ? one.server : one.client;
        leaves.write("lost");
        stays.write("lost too");
        leaves.close();
        // Whatever the proxy learned of that end, it has dealt with when others have been served since.
        for (int i = 0; i < 10; ++i) {
            other.mark();
            other.mark_back();
        }
        // Enough that a lost connection would have been noticed.
        stays.write(std::string(1'000'000, 'x'));
        CHECK(stays.write_error() == 0);
        CHECK(stays.silent());
        CHECK(net.proxy.open_connections() == 2);
        CHECK(net.proxy.bytes(to_client, 1) == 0);
    }
}

TEST_CASE("tcp proxy: a split puts the boundary of a write where it is wanted")
{
    network net;
    auto one = net.connect(tcp_rule::split(to_client, 3));
    auto const before = one.client.segments();
    one.server.write("123456");
    CHECK(one.client.read(6) == "123456");
    CHECK(one.client.segments() == before + 2);
    CHECK(net.proxy.consumed_rules() == 1);
}

TEST_CASE("tcp proxy: a trickle delivers no more at a time than it was told")
{
    network net;
    auto one = net.connect(tcp_rule::trickle(to_server, 1, 2));
    auto const before = one.server.segments();
    one.client.write("123456789");
    CHECK(one.server.read(9) == "123456789");
    CHECK(one.server.segments() == before + 8);
}

TEST_CASE("tcp proxy: exactly one byte is corrupted")
{
    network net;
    net.proxy.plan(tcp_rule::corrupt(to_server, 70'000, 0x80));
    net.proxy.plan(tcp_rule::corrupt(to_client, 0));
    auto one = net.connect();
    auto const sent = pattern(100'000);
    std::thread writer([&] { one.client.write(sent); });
    auto const got = one.server.read(sent.size());
    writer.join();
    auto expected = sent;
    expected[70'000] = static_cast<char>(expected[70'000] ^ 0x80);
    CHECK(got == expected);
    one.server.write("AB");
    CHECK(one.client.read(2) == "@B");
}

TEST_CASE("tcp proxy: rules are for the connections they name, and the unused ones are listed")
{
    network net;
    net.proxy.plan(tcp_rule::refuse().on_connection(1));
    net.proxy.plan(tcp_rule::corrupt(to_server, 0).on_connections(2, 3));
    net.proxy.plan(tcp_rule::close(to_client, 10).on_connection(4));
    net.proxy.plan(tcp_rule::stall(to_server, 100).named("never reached"));
    net.proxy.start();
    auto refused = plain_socket::to(net.proxy.port());
    CHECK(refused.ending() == "reset");
    CHECK(net.server.nobody_waits());
    for (bool const changed : {true, true, false}) {
        auto next = net.connect();
        next.client.write("A");
        CHECK(next.server.read(1) == (changed ? "@" : "A"));
    }
    CHECK(net.proxy.connections() == 4);
    CHECK(net.proxy.consumed_rules() == 3);
    CHECK(net.proxy.unconsumed_rules() == names{"close to_client 10", "never reached"});
}

TEST_CASE("tcp proxy: an open connection is struck where it stands")
{
    network net;
    auto one = net.connect();
    auto two = net.connect();
    one.mark("a first request");
    one.mark_back("a first answer");
    two.mark("other");
    net.proxy.strike(tcp_rule::reset(to_client, 4).on_connection(1));
    one.mark("second request");
    one.server.write("answer");
    CHECK(one.client.read(6) == "answ");
    CHECK(one.client.ending() == "reset");
    two.mark_back("unharmed");
    CHECK(net.proxy.unconsumed_rules().empty());

    // It is not for those that come later.
    net.proxy.strike(tcp_rule::corrupt(to_client, 0));
    auto three = net.connect();
    three.mark_back("unharmed");
    two.server.write("A");
    CHECK(two.client.read(1) == "@");
}

TEST_CASE("tcp proxy: idle connections can be ended behind the client's back")
{
    for (bool const orderly : {true, false}) {
        network net;
        auto one = net.connect();
        one.mark();
        if (orderly)
            net.proxy.strike(tcp_rule::close(to_client));
        else
            net.proxy.reset_connections();
        CHECK(one.client.ending() == (orderly ? "end" : "reset"));
        CHECK(one.server.ending() == (orderly ? "end" : "reset"));
    }
}

TEST_CASE("tcp proxy: every way in which a port may treat a caller")
{
    network net;
    // Before it is started nobody accepts.
    auto early = plain_socket::to(net.proxy.port());
    CHECK(early.connect_error() == 0);
    CHECK(net.proxy.connections() == 0);
    net.proxy.start();
    early.write("waited");
    CHECK(net.server.accept().read(6) == "waited");

    net.proxy.set(entrance::reset);
    auto accepted = plain_socket::to(net.proxy.port());
    CHECK(accepted.connect_error() == 0);
    CHECK(accepted.ending() == "reset");

    net.proxy.set(entrance::refused);
    CHECK(plain_socket::to(net.proxy.port()).connect_error() == ECONNREFUSED);

    net.proxy.set(entrance::unreachable);
    auto hopeless = plain_socket::to(net.proxy.port(), SOCK_NONBLOCK, 0);
    CHECK(hopeless.connect_error() == EINPROGRESS);
    CHECK(hopeless.state() == TCP_SYN_SENT);

    net.proxy.set(entrance::silent);
    auto unheard = plain_socket::to(net.proxy.port());
    CHECK(unheard.connect_error() == 0);
    unheard.write("now");
    CHECK(net.server.nobody_waits());

    net.proxy.set(entrance::open);
    CHECK(net.server.accept().read(3) == "now");
    CHECK(net.proxy.connections() == 2);
}

TEST_CASE("tcp proxy: a server that is not there, and another one in its place")
{
    network net;
    net.server.close();
    net.proxy.start();
    CHECK(plain_socket::to(net.proxy.port()).ending() == "reset");
    plain_listener successor;
    net.proxy.lead_to(successor.endpoint());
    auto client = plain_socket::to(net.proxy.port());
    client.write("moved");
    CHECK(successor.accept().read(5) == "moved");
}

TEST_CASE("tcp proxy: what a server said before it went away still arrives")
{
    network net;
    auto one = net.connect();
    one.server.write("too large");
    // Unread bytes make this a reset.
    one.client.write(std::string(1000, 'x'));
    CHECK(one.server.read(1) == "x");
    CHECK(one.client.read(9) == "too large");
    one.server.close();
    CHECK(one.client.ending() == "reset");
}

TEST_CASE("tcp proxy: stopping ends what is open, held or not")
{
    for (auto const& rule : {tcp_rule::hold(to_server), tcp_rule::stall(to_client),
                             tcp_rule::half_open(to_server), tcp_rule::trickle(to_server, 3)}) {
        network net;
        auto one = net.connect(rule);
        net.proxy.stop();
        CHECK(one.client.ending() == "reset");
        wait_until([&] { return net.proxy.open_connections() == 0; });
        CHECK(plain_socket::to(net.proxy.port()).connect_error() == ECONNREFUSED);
    }
    // Dropped with its context while connections are held.
    plain_listener server;
    plain_socket client;
    {
        asio::io_context context;
        tcp_proxy proxy(context.get_executor(), server.endpoint());
        proxy.plan(tcp_rule::hold(to_server, 1));
        proxy.start();
        client = plain_socket::to(proxy.port());
        client.write("12");
        auto taken = plain_socket();
        while (proxy.bytes(to_server) == 0)
            context.run_one();
        proxy.release();
        CHECK(proxy.open_connections() == 1);
    }
    CHECK(client.ending() != "");
}

TEST_CASE("tcp proxy: it may be controlled while it works on several threads")
{
    network net({}, 2);
    net.proxy.start();
    std::atomic<bool> enough = false;
    std::thread controls([&] {
        for (int n = 0; !enough; ++n) {
            // Not for ever: every rule stays in the list.
            if (n < 1000)
                net.proxy.strike(tcp_rule::hold(n % 2 == 0 ? to_server : to_client));
            if (n < 10)
                net.proxy.plan(tcp_rule::trickle(to_server, 1000));
            net.proxy.release();
            net.proxy.set(n % 3 == 0 ? entrance::silent : entrance::open);
            static_cast<void>(net.proxy.unconsumed_rules());
            std::this_thread::yield();
        }
        net.proxy.set(entrance::open);
        net.proxy.release();
    });
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i)
        clients.emplace_back([&] {
            for (int n = 0; n < 20; ++n) {
                auto one = plain_socket::to(net.proxy.port());
                auto const sent = pattern(5000);
                one.write(sent);
                one.end_writing();
                CHECK(one.read(sent.size()) == sent);
                CHECK(one.ending() == "end");
            }
        });
    std::thread echo([&] {
        for (int n = 0; n < 60; ++n) {
            auto taken = net.server.accept();
            auto const got = taken.read(5000);
            taken.write(got);
            static_cast<void>(taken.ending());
        }
    });
    for (auto& each : clients)
        each.join();
    enough = true;
    echo.join();
    controls.join();
    CHECK(net.proxy.connections() == 60);
}
