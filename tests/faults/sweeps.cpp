// Every byte and every step: answers and requests that break off or come in pieces at each place there is.
#include "fault_table.hpp"

#include <apimart/testing/connect_proxy.hpp>
#include <apimart/testing/tcp_proxy.hpp>

#include <thread>

using namespace fault_tests;
using apimart::testing::connect_proxy;
using apimart::testing::direction;
using apimart::testing::tcp_proxy;
using apimart::testing::tcp_rule;

namespace {

// The longest of the answers that a sound service gives here.
std::size_t answer_size(operation what)
{
    return answer_text(200, what == operation::submit ? accepted_body("task_1") : finished_body()).size();
}

// Proxies run on a thread of their own.
class network
{
public:
    network() : work_(asio::make_work_guard(context)), thread_([this] { context.run(); }) {}
    ~network()
    {
        work_.reset();
        thread_.join();
    }

    asio::io_context context;

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::thread thread_;
};

// The network goes first, and its proxies end their connections before it.
struct proxied
{
    std::shared_ptr<network> net;
    std::shared_ptr<breaking_service> service;
    std::unique_ptr<tcp_proxy> proxy;
};

std::unique_ptr<cell> make_proxied_cell(std::shared_ptr<network> const& net, operation what,
                                        tcp_rule const& rule, std::string name)
{
    auto const side = std::make_shared<proxied>();
    side->net = net;
    side->service = std::make_shared<breaking_service>(nullptr, false, true, 0);
    side->proxy = std::make_unique<tcp_proxy>(
        net->context.get_executor(),
        asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), side->service->port()));
    side->proxy->plan(rule.on_connection(1));
    side->proxy->start();
    auto config = side->service->config();
    config.base_url = "https://127.0.0.1:" + std::to_string(side->proxy->port());
    auto made = std::make_unique<cell>(std::move(name), what, std::move(config), expected::success());
    made->any_outcome = what == operation::submit;
    made->ledger = side->service->ledger;
    made->other_side = side;
    return made;
}

// How many bytes go each way on a connection with one operation; certificates make it differ by a few.
std::array<std::uint64_t, 2> sizes(std::shared_ptr<network> const& net, operation what)
{
    // A rule that changes nothing.
    auto one = make_proxied_cell(net, what, tcp_rule::trickle(direction::to_client, 1'000'000), "whole");
    auto const side = std::static_pointer_cast<proxied>(one->other_side);
    asio::io_context context;
    one->open(context);
    one->start();
    run_until(context, [&] { return one->done(); });
    // Before the end, which has bytes of its own.
    std::array<std::uint64_t, 2> const seen{side->proxy->bytes(direction::to_server),
                                            side->proxy->bytes(direction::to_client)};
    one->close();
    return seen;
}

} // namespace

TEST_CASE("faults: sweep: an answer that ends at any of its bytes is never half believed")
{
    cell_plans cells;
    for (operation const what : {operation::submit, operation::status}) {
        std::size_t const size = answer_size(what);
        for (std::size_t n = 1; n <= size; ++n) {
            for (ending const how : {ending::close, ending::cut}) {
                error_code const code = how == ending::cut ? errc::stream_truncated : errc::connection_lost;
                answer_row row("F37/F38",
                               "ends with " + std::string(word_for(how)) + " at byte " + std::to_string(n),
                               [n, how](peer& with, std::string const& good) {
                                   with.write(good.substr(0, n));
                                   return end(with, how);
                               });
                row = n == size
                          ? row.submit(submit_rule::taken).question(question_rule::taken)
                          : row.submit(submit_rule::doubtful, code).question(question_rule::again, code);
                cells.push_back([=] { return make_cell(row, what, false, false, true); });
            }
        }
    }
    run_cells(cells);
}

TEST_CASE(
    "faults: sweep: an answer that comes in two records, parted at any of its bytes, is the same answer")
{
    cell_plans cells;
    for (operation const what : {operation::submit, operation::status}) {
        for (std::size_t n = 1; n < answer_size(what); ++n) {
            auto const row = answer_row("F60", "parted at byte " + std::to_string(n),
                                        [n](peer& with, std::string const& good) {
                                            with.write(good.substr(0, n));
                                            with.write(good.substr(n));
                                            return true;
                                        })
                                 .submit(submit_rule::taken)
                                 .question(question_rule::taken);
            cells.push_back([=] { return make_cell(row, what, false, n % 2 == 0, true); });
        }
    }
    run_cells(cells);
}

TEST_CASE(
    "faults: sweep: a request of which the service read a part is doubtful once all of it was handed over")
{
    std::size_t size = 0;
    {
        scripted_server whole(scripted_server::security::plain, [](peer& with) {
            with.request();
            with.answer(200, accepted_body("task_1"));
        });
        asio::io_context context;
        auto config = whole.config();
        config.tls.use_system_ca(false);
        apimart::client user(context, config);
        recorder<apimart::task> got;
        user.submit(corgi(), got.token());
        run_until(context, [&] { return got.done(); });
        size = whole.requests().at(0).size();
    }
    REQUIRE(size > 300);
    cell_plans cells;
    for (std::size_t n = 1; n <= size; ++n) {
        for (ending const how : {ending::cut, ending::reset}) {
            cells.push_back([=] {
                struct side
                {
                    std::shared_ptr<books> ledger = std::make_shared<books>(false);
                    std::atomic<bool> struck = false;
                    std::unique_ptr<scripted_server> server;
                };
                auto const other = std::make_shared<side>();
                other->server = std::make_unique<scripted_server>(scripted_server::security::plain,
                                                                  [=, shared = other.get()](peer& with) {
                                                                      std::string const text = with.bytes(n);
                                                                      if (n == size)
                                                                          shared->ledger->order(text);
                                                                      shared->struck = true;
                                                                      end(with, how);
                                                                  });
                auto made =
                    std::make_unique<cell>("F34 " + std::string(word_for(how)) + " after " +
                                               std::to_string(n) + " bytes of the request",
                                           operation::submit, other->server->config(),
                                           expected::failed(errc::outcome_unknown, acceptance::unknown)
                                               .with_tries(1)
                                               .beneath(errc::connection_lost));
                made->ledger = other->ledger;
                made->consumed = [other] { return other->struck.load(); };
                made->other_side = other;
                return made;
            });
        }
    }
    run_cells(cells);
}

TEST_CASE("faults: a large request that breaks off, stalls or is refused on its way out (F30, F31, F32)")
{
    struct side
    {
        std::shared_ptr<books> ledger = std::make_shared<books>(false);
        std::atomic<int> struck = 0;
        std::unique_ptr<scripted_server> server;
    };
    std::atomic<bool> over = false;
    auto const run = [&over](std::string const& name, expected const& must, auto settings, auto play) {
        over = false;
        auto const other = std::make_shared<side>();
        other->server = std::make_unique<scripted_server>(scripted_server::security::plain,
                                                          [=, shared = other.get()](peer& with) {
                                                              with.secure();
                                                              ++shared->struck;
                                                              play(with);
                                                          });
        auto config = other->server->config();
        config.base_url.replace(0, 4, "https");
        config.retry.max_retries = 0;
        settings(config);
        cell one(name, operation::submit, std::move(config), must);
        one.large = true;
        one.ledger = other->ledger;
        one.consumed = [&] { return other->struck > 0; };
        asio::io_context context;
        one.open(context);
        one.start();
        run_until(context, [&] { return one.done(); });
        over = true;
        context.poll();
        one.verify();
        one.close();
    };
    for (std::size_t const n :
         {std::size_t{1}, std::size_t{500}, std::size_t{70'000}, std::size_t{1'000'000}}) {
        for (ending const how : {ending::cut, ending::reset}) {
            run(
                "F30 " + std::string(word_for(how)) + " after " + std::to_string(n),
                expected::failed(errc::connection_lost, acceptance::not_sent).with_tries(1),
                [](apimart::client_config&) {},
                [n, how](peer& with) {
                    with.bytes(n);
                    end(with, how);
                });
        }
    }
    run(
        "F31", expected::failed(errc::write_timeout, acceptance::not_sent).with_tries(1),
        [](apimart::client_config& config) { config.timeouts.send = 300ms; },
        [&over](peer& with) {
            with.bytes(1000);
            // The client's end would not be seen: what is in the way is not read.
            wait_until([&] { return over.load(); });
        });
    run(
        "F32", expected::failed(api_errc::too_large, acceptance::rejected).with_tries(1),
        [](apimart::client_config&) {},
        [](peer& with) {
            with.head();
            with.answer(413, error_body("", ""));
            with.wait_for_end();
        });
}

TEST_CASE(
    "faults: sweep: a connection that breaks at any place of either direction buys at most once, and says so")
{
    auto const net = std::make_shared<network>();
    for (operation const what : {operation::submit, operation::status}) {
        auto const whole = sizes(net, what);
        cell_plans cells;
        for (direction const way : {direction::to_server, direction::to_client}) {
            std::uint64_t const size = whole[way == direction::to_server ? 0 : 1];
            REQUIRE(size > 400);
            // Every place of the last record, and places all over the handshake.
            for (std::uint64_t n = 0; n < size - 8; n += n + 200 < size ? 9 : 1) {
                auto const rule = n % 2 == 0 ? tcp_rule::reset(way, n) : tcp_rule::close(way, n);
                std::string const name =
                    std::string(word_for(what)) +
                    (way == direction::to_server ? " to the service, " : " to the client, ") + "byte " +
                    std::to_string(n) + (n % 2 == 0 ? ", RST" : ", FIN");
                cells.push_back([=] {
                    auto made = make_proxied_cell(net, what, rule, name);
                    made->consumed = [side = std::static_pointer_cast<proxied>(made->other_side)] {
                        return side->proxy->unconsumed_rules().empty();
                    };
                    return made;
                });
            }
        }
        run_cells(cells);
    }
}

TEST_CASE("faults: sweep: cancelled after any number of handlers behind a proxy or on a kept connection, the "
          "verdict "
          "is true")
{
    auto const net = std::make_shared<network>();
    for (bool const behind_proxy : {true, false}) {
        int doubtful = 0;
        int unsent = 0;
        for (int n = 0; n < 60; ++n) {
            auto const service = std::make_shared<breaking_service>(
                [](peer& with, std::string const&) { return end(with, ending::silence); }, false, true,
                always);
            connect_proxy proxy(net->context.get_executor());
            proxy.start();
            auto config = service->config();
            config.timeouts.abandoned_response = 1ms;
            if (behind_proxy)
                config.proxy = apimart::proxy_options("http://127.0.0.1:" + std::to_string(proxy.port()));
            cell one("F48/F49 after handler " + std::to_string(n) +
                         (behind_proxy ? " behind a proxy" : ", kept"),
                     operation::submit, std::move(config), expected());
            one.any_outcome = true;
            one.ledger = service->ledger;
            asio::io_context context;
            one.open(context);
            if (!behind_proxy) {
                one.warm_up();
                run_until(context, [&] { return one.warm(); });
            }
            one.start();
            auto const work = asio::make_work_guard(context);
            context.restart();
            int ran = 0;
            while (ran < n && context.run_one_for(20ms) == 1)
                ++ran;
            one.signal.emit(asio::cancellation_type::terminal);
            run_until(context, [&] { return one.done(); });
            // What was handed over reaches the service all the same.
            if (one.why() && one.why()->acceptance() == acceptance::unknown) {
                wait_until([&] { return service->ledger->posts() == 1; });
                ++doubtful;
            } else {
                ++unsent;
            }
            one.close();
            context.restart();
            context.run_for(1ms);
            one.verify();
            CHECK(service->ledger->posts() == (one.why()->acceptance() == acceptance::unknown ? 1 : 0));
            if (ran < n)
                break;
        }
        CHECK(doubtful > 0);
        // On a kept connection the first step of a submit is already its last byte.
        if (behind_proxy)
            CHECK(unsent > 0);
    }
}
