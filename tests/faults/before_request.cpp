// Faults before the first byte of a request: names, addresses, the handshake, the proxy, kept connections.
#include "fault_table.hpp"

#include <apimart/testing/connect_proxy.hpp>

#include <cstring>
#include <thread>
#include <tuple>

using namespace fault_tests;
using apimart::testing::connect_fault;
using apimart::testing::connect_proxy;
using apimart::testing::connect_proxy_options;

namespace {

// A sound service, reached by a name.
struct route
{
    std::shared_ptr<breaking_service> service;
    std::atomic<int> strikes = 0;
    std::shared_ptr<void> more;
};

struct route_row
{
    std::string id;
    std::string how;
    // What a submit and a question end with while the fault lasts, and how often each is tried again.
    error_code code;
    int submit_retries;
    int question_retries;
    // Puts the fault in the way; it lasts for one strike, or for ever.
    std::function<void(apimart::client_config&, std::shared_ptr<route> const&, bool once)> arrange;
    // A question's wait outlives it.
    bool wait_goes_on = true;
    // The first strike is got over within the first try.
    bool transparent = false;
};

std::unique_ptr<cell> make_route_cell(route_row const& row, operation what, bool once)
{
    auto const way = std::make_shared<route>();
    way->service = std::make_shared<breaking_service>(nullptr, false, true, 0);
    auto config = way->service->config();
    config.timeouts.resolve = 400ms;
    config.timeouts.connect = 400ms;
    config.timeouts.connection_attempt_delay = 50ms;
    config.timeouts.tls_handshake = 400ms;
    row.arrange(config, way, once);
    int const retries = what == operation::submit ? row.submit_retries : row.question_retries;
    expected must = expected::success();
    if (!row.transparent && (!once || (what != operation::wait && retries == 0))) {
        must = what == operation::wait && row.wait_goes_on
                   ? expected::failed(errc::wait_timeout)
                   : expected::failed(row.code,
                                      what == operation::submit ? acceptance::not_sent : acceptance::none)
                         .with_tries(what == operation::wait ? 1 : retries + 1);
        must = must.with_posts(0).with_gets(0);
    } else if (!row.wait_goes_on && what == operation::wait && !row.transparent) {
        must = expected::failed(row.code).with_tries(1).with_posts(0).with_gets(0);
    } else {
        must = (what == operation::submit ? must.with_posts(1) : must.with_gets(1))
                   .with_tries(row.transparent ? 1 : 2);
    }
    auto made = std::make_unique<cell>(row.id + " " + row.how + "; " + std::string(word_for(what)) +
                                           (once ? ", once" : ", always"),
                                       what, std::move(config), must);
    if (made->must.code == errc::wait_timeout) {
        made->wait_limit = 900ms;
        made->must.tries.reset();
    }
    made->ledger = way->service->ledger;
    made->consumed = [way] { return way->strikes > 0; };
    made->other_side = way;
    if (row.transparent)
        made->also = [](cell& self) { CHECK(self.metrics().address_fallbacks == 1); };
    return made;
}

void add_route_cells(cell_plans& to, route_row const& row)
{
    for (operation const what : {operation::submit, operation::status, operation::wait}) {
        for (bool const once : {true, false})
            to.push_back([=] { return make_route_cell(row, what, once); });
    }
}

// ---- names ----

std::string named(std::string url)
{
    return url.replace(url.find("127.0.0.1"), 9, "localhost");
}

// The first lookup, or each, does something else.
route_row name_row(std::string id, std::string how, error_code code, int submit_retries, int question_retries,
                   bool wait_goes_on, std::function<std::vector<std::string>()> instead)
{
    route_row row;
    row.id = std::move(id);
    row.how = std::move(how);
    row.code = code;
    row.submit_retries = submit_retries;
    row.question_retries = question_retries;
    row.wait_goes_on = wait_goes_on;
    row.arrange = [instead = std::move(instead)](apimart::client_config& config,
                                                 std::shared_ptr<route> const& way, bool once) {
        config.base_url = named(config.base_url);
        config.resolver.cache_ttl(0ms);
        config.resolver.lookup([way, once, instead](std::string const&) {
            if (way->strikes++ == 0 || !once)
                return instead();
            return std::vector<std::string>{"127.0.0.1"};
        });
    };
    return row;
}

// ---- addresses ----

// A port at which connections are neither taken nor refused.
class black_hole
{
public:
    explicit black_hole(asio::ip::tcp::endpoint where) : acceptor_(context_)
    {
        acceptor_.open(where.protocol());
        acceptor_.set_option(asio::socket_base::reuse_address(true));
        acceptor_.bind(where);
        ::listen(acceptor_.native_handle(), 0);
        // Once its queue is full, the system drops what asks for more.
        sockaddr_storage address{};
        auto const to = acceptor_.local_endpoint();
        std::memcpy(&address, to.data(), to.size());
        for (int i = 0; i < 4; ++i) {
            fillers_.emplace_back(context_, where.protocol());
            fillers_.back().native_non_blocking(true);
            // Asio's own would wait for the end of it.
            (void)::connect(fillers_.back().native_handle(), reinterpret_cast<sockaddr*>(&address),
                            static_cast<socklen_t>(to.size()));
        }
    }

private:
    asio::io_context context_;
    asio::ip::tcp::acceptor acceptor_;
    std::vector<asio::ip::tcp::socket> fillers_;
};

route_row address_row(std::string id, std::string how, error_code code, int submit_retries,
                      std::vector<std::string> broken, bool sound_one_follows)
{
    route_row row;
    row.id = std::move(id);
    row.how = std::move(how);
    row.code = code;
    row.submit_retries = submit_retries;
    row.question_retries = 3;
    row.transparent = sound_one_follows;
    row.arrange = [broken = std::move(broken), sound_one_follows](
                      apimart::client_config& config, std::shared_ptr<route> const& way, bool once) {
        config.base_url = named(config.base_url);
        config.resolver.cache_ttl(0ms);
        config.resolver.lookup([=, port = way->service->port()](std::string const&) {
            bool const first = way->strikes++ == 0;
            std::vector<std::string> all;
            if (first || !once) {
                all = broken;
                if (std::find(broken.begin(), broken.end(), "127.0.0.3") != broken.end() && !way->more)
                    way->more = std::make_shared<black_hole>(
                        asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.3"), port));
            }
            if (sound_one_follows || all.empty())
                all.emplace_back("127.0.0.1");
            return all;
        });
    };
    return row;
}

// ---- handshakes ----

// Something else than a handshake, in front of a sound service.
std::unique_ptr<cell> make_handshake_cell(std::string const& name, error_code code, int submit_retries,
                                          int question_retries, operation what, bool once,
                                          std::function<void(peer&)> const& play)
{
    struct side
    {
        std::shared_ptr<books> ledger = std::make_shared<books>(false);
        std::atomic<int> struck = 0;
        std::unique_ptr<scripted_server> server;
    };
    auto const other = std::make_shared<side>();
    other->server = std::make_unique<scripted_server>(
        scripted_server::security::plain, [shared = other.get(), once, play](peer& with) {
            if (with.index == 0 || !once) {
                ++shared->struck;
                play(with);
                return;
            }
            with.secure();
            for (;;) {
                std::string const text = with.request();
                shared->ledger->count(text);
                if (text.starts_with("POST "))
                    with.answer(200, accepted_body(shared->ledger->order(text)));
                else
                    with.answer(200, finished_body());
            }
        });
    auto config = other->server->config();
    config.base_url.replace(0, 4, "https");
    config.timeouts.tls_handshake = 500ms;
    int const retries = what == operation::submit ? submit_retries : question_retries;
    bool const over = retries == 0;
    expected must = expected::success().with_tries(2);
    if (over || !once) {
        must = expected::failed(code, what == operation::submit ? acceptance::not_sent : acceptance::none);
        if (what == operation::wait)
            must = over ? must.with_tries(1) : expected::failed(errc::wait_timeout);
        else
            must = must.with_tries(retries + 1);
        must = must.with_posts(0).with_gets(0);
    }
    auto made =
        std::make_unique<cell>(name + "; " + std::string(word_for(what)) + (once ? ", once" : ", always"),
                               what, std::move(config), must);
    if (must.code == errc::wait_timeout)
        made->wait_limit = 900ms;
    made->ledger = other->ledger;
    made->consumed = [other] { return other->struck > 0; };
    made->other_side = other;
    return made;
}

void add_handshake_cells(cell_plans& to, std::string const& name, error_code code, int submit_retries,
                         int question_retries, std::function<void(peer&)> const& play)
{
    for (operation const what : {operation::submit, operation::status, operation::wait}) {
        for (bool const once : {true, false})
            to.push_back([=] {
                return make_handshake_cell(name, code, submit_retries, question_retries, what, once, play);
            });
    }
}

std::string alert(char number)
{
    return std::string("\x15\x03\x03\x00\x02\x02", 6) + number;
}

// ---- the proxy ----

// A proxy that runs on a thread of its own.
struct proxy_side
{
    explicit proxy_side(connect_proxy_options options = {})
        : work(asio::make_work_guard(context)), proxy(context.get_executor(), std::move(options))
    {
        proxy.start();
        thread = std::thread([this] { context.run(); });
    }
    ~proxy_side()
    {
        proxy.stop();
        work.reset();
        thread.join();
    }

    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> work;
    connect_proxy proxy;
    std::thread thread;
    std::shared_ptr<breaking_service> service;
};

std::unique_ptr<cell> make_proxy_cell(std::string const& name, error_code code, int submit_retries,
                                      int question_retries, bool wait_goes_on, operation what, bool once,
                                      connect_fault const& fault)
{
    auto const side = std::make_shared<proxy_side>();
    side->service = std::make_shared<breaking_service>(nullptr, false, true, 0);
    side->proxy.plan(once ? fault : fault.times(connect_fault::always));
    auto config = side->service->config();
    config.proxy = apimart::proxy_options("http://127.0.0.1:" + std::to_string(side->proxy.port()));
    config.timeouts.connect = 400ms;
    int const retries = what == operation::submit ? submit_retries : question_retries;
    bool const over = what == operation::wait ? !wait_goes_on : retries == 0;
    expected must = expected::success().with_tries(2);
    if (over || !once) {
        must = expected::failed(code, what == operation::submit ? acceptance::not_sent : acceptance::none)
                   .with_tries(what == operation::wait ? 1 : retries + 1);
        if (what == operation::wait && wait_goes_on)
            must = expected::failed(errc::wait_timeout);
        must = must.with_posts(0).with_gets(0);
    }
    auto made =
        std::make_unique<cell>(name + "; " + std::string(word_for(what)) + (once ? ", once" : ", always"),
                               what, std::move(config), must);
    if (must.code == errc::wait_timeout)
        made->wait_limit = 900ms;
    made->ledger = side->service->ledger;
    made->consumed = [side, once] {
        return !side->proxy.requests().empty() && (!once || side->proxy.unconsumed_faults().empty());
    };
    made->other_side = side;
    made->also = [side](cell&) { CHECK_FALSE(side->proxy.saw_outside_tunnels(key_text)); };
    return made;
}

void add_proxy_cells(cell_plans& to, std::string const& name, error_code code, int submit_retries,
                     int question_retries, bool wait_goes_on, connect_fault const& fault)
{
    for (operation const what : {operation::submit, operation::status, operation::wait}) {
        for (bool const once : {true, false})
            to.push_back([=] {
                return make_proxy_cell(name, code, submit_retries, question_retries, wait_goes_on, what, once,
                                       fault);
            });
    }
}

// ---- kept connections ----

// What became of it.
enum class idle
{
    ended,
    unsolicited,
    sound
};

// Answers one request, then does something that nobody asked for while the connection is kept.
// `unread`: the client has had no chance to receive it when it wants the connection again.
std::unique_ptr<cell> make_idle_cell(std::string const& name, operation what, idle kind, bool unread,
                                     std::function<void(peer&)> const& play)
{
    struct side
    {
        std::shared_ptr<books> ledger = std::make_shared<books>(false);
        // The answer is with the client, so that what follows does not come in one piece with it.
        std::atomic<bool> answered = false;
        std::atomic<bool> struck = false;
        std::unique_ptr<scripted_server> server;
    };
    auto const other = std::make_shared<side>();
    other->server = std::make_unique<scripted_server>(
        scripted_server::security::tls, [shared = other.get(), play](peer& with) {
            for (;;) {
                std::string const text = with.request();
                if (text.find("task_warm") != std::string::npos) {
                    with.answer(200, R"({"code":200,"data":{"id":"task_warm","status":"pending"}})");
                    wait_until([&] { return shared->answered.load(); });
                    play(with);
                    shared->struck = true;
                    if (!with.socket().is_open())
                        return;
                    continue;
                }
                shared->ledger->count(text);
                if (text.starts_with("POST "))
                    with.answer(200, accepted_body(shared->ledger->order(text)));
                else
                    with.answer(200, finished_body());
            }
        });
    expected const must =
        what == operation::submit ? expected::success().with_posts(1) : expected::success().with_gets(1);
    auto made = std::make_unique<cell>(name + "; " + std::string(word_for(what)), what,
                                       other->server->config(), must.with_tries(1));
    made->reused = true;
    made->ready = [other, unread] {
        other->answered = true;
        if (unread) {
            wait_until([&] { return other->struck.load(); });
            // A connection is not looked at within a millisecond of its last answer.
            auto const struck_at = cell::clock::now();
            wait_until([&] { return cell::clock::now() > struck_at + 2ms; });
        }
        return other->struck.load();
    };
    made->ledger = other->ledger;
    made->consumed = [other] { return other->struck.load(); };
    made->other_side = other;
    made->also = [other, kind](cell& self) {
        auto const seen = self.metrics();
        CHECK(seen.unsolicited_bytes == (kind == idle::unsolicited ? 1 : 0));
        CHECK(seen.stale_connections == (kind == idle::ended ? 1 : 0));
        CHECK(other->server->connections() == (kind == idle::sound ? 1 : 2));
        CHECK(self.last_try_reused() == (kind == idle::sound));
    };
    return made;
}

// What can befall a connection while it is kept.
std::vector<std::tuple<std::string, idle, std::function<void(peer&)>>> idle_rows()
{
    std::vector<std::tuple<std::string, idle, std::function<void(peer&)>>> rows;
    for (ending const how : every_ending)
        rows.emplace_back("F20 " + std::string(word_for(how)), idle::ended,
                          [how](peer& with) { end(with, how); });
    rows.emplace_back("F22 a 408 that nobody asked for", idle::unsolicited,
                      [](peer& with) { with.answer(408, "", "Connection: close\r\n"); });
    rows.emplace_back("F22 a second answer", idle::unsolicited,
                      [](peer& with) { with.answer(200, accepted_body("task_wrong")); });
    rows.emplace_back("a session ticket", idle::sound, [](peer& with) { with.session_ticket(); });
    return rows;
}

// The client's side of its connections to a port.
std::vector<int> descriptors_to(unsigned short port)
{
    std::vector<int> found;
    for (auto const& each : std::filesystem::directory_iterator("/proc/self/fd")) {
        int const descriptor = std::stoi(each.path().filename().string());
        sockaddr_in to{};
        socklen_t size = sizeof to;
        if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&to), &size) == 0 &&
            to.sin_family == AF_INET && ntohs(to.sin_port) == port)
            found.push_back(descriptor);
    }
    return found;
}

// A kept connection that looks sound and takes no byte.
std::unique_ptr<cell> make_unwritable_cell(operation what)
{
    struct side
    {
        ~side() { stop_waiting(); }
        void stop_waiting()
        {
            replaced = true;
            replaced.notify_all();
        }

        std::shared_ptr<books> ledger = std::make_shared<books>(false);
        std::atomic<bool> struck = false;
        std::atomic<bool> replaced = false;
        std::unique_ptr<scripted_server> server;
    };
    auto const other = std::make_shared<side>();
    other->server =
        std::make_unique<scripted_server>(scripted_server::security::tls, [shared = other.get()](peer& with) {
            if (with.index == 0) {
                with.request();
                with.answer(200, R"({"code":200,"data":{"id":"task_warm","status":"pending"}})");
                // The client must not see an end.
                shared->replaced.wait(false);
                return;
            }
            for (;;) {
                std::string const text = with.request();
                shared->stop_waiting();
                shared->ledger->count(text);
                if (text.starts_with("POST "))
                    with.answer(200, accepted_body(shared->ledger->order(text)));
                else
                    with.answer(200, finished_body());
            }
        });
    expected const must =
        what == operation::submit ? expected::success().with_posts(1) : expected::success().with_gets(1);
    auto made = std::make_unique<cell>("F21; " + std::string(word_for(what)), what, other->server->config(),
                                       must.with_tries(2));
    made->reused = true;
    made->ready = [other] {
        if (!other->struck.exchange(true)) {
            for (int const descriptor : descriptors_to(other->server->port()))
                ::shutdown(descriptor, SHUT_WR);
        }
        return true;
    };
    made->ledger = other->ledger;
    made->consumed = [other] { return other->server->connections() == 2; };
    made->other_side = other;
    made->also = [](cell& self) { CHECK(self.metrics().retries <= 1); };
    return made;
}

} // namespace

TEST_CASE("faults: what fails on the way to the service is proved unsent, and tried again as its rule says")
{
    cell_plans cells;
    namespace resolve = asio::error;
    auto const throws = [](auto code) {
        return [code]() -> std::vector<std::string> { throw boost::system::system_error(code); };
    };
    add_route_cells(cells, name_row("F01", "the name does not exist", errc::host_not_found, 0, 0, false,
                                    throws(resolve::host_not_found)));
    add_route_cells(cells, name_row("F01", "the name has no address", errc::host_not_found, 0, 0, false,
                                    [] { return std::vector<std::string>(); }));
    add_route_cells(cells, name_row("F02", "the name service fails", errc::host_not_found_try_again, 3, 3,
                                    true, throws(resolve::host_not_found_try_again)));
    add_route_cells(cells,
                    name_row("F02", "the name service's answer is no address", errc::host_not_found_try_again,
                             3, 3, true, [] { return std::vector<std::string>{"no address"}; }));
    add_route_cells(cells, address_row("F05", "the first address refuses", {}, 0, {"127.0.0.2"}, true));
    add_route_cells(cells,
                    address_row("F05", "the first address is a black hole", {}, 0, {"127.0.0.3"}, true));
    add_route_cells(cells,
                    address_row("F05", "two addresses refuse", {}, 0, {"127.0.0.2", "127.0.0.4"}, true));
    add_route_cells(cells,
                    address_row("F05", "the first address cannot be routed to", {}, 0, {"224.0.0.1"}, true));
    add_route_cells(
        cells, address_row("F06", "the only address refuses", errc::connect_failed, 3, {"127.0.0.2"}, false));
    add_route_cells(cells, address_row("F06", "all addresses refuse", errc::connect_failed, 3,
                                       {"127.0.0.2", "127.0.0.4", "127.0.0.5"}, false));
    add_route_cells(cells,
                    address_row("F07", "a black hole", errc::connect_timeout, 2, {"127.0.0.3"}, false));
    add_route_cells(cells, address_row("F08", "no route", errc::connect_failed, 3, {"224.0.0.1"}, false));
    run_cells(cells);
}

TEST_CASE("faults: a handshake that fails proves the submit unsent, and only what may pass is tried again")
{
    cell_plans cells;
    auto const wait = [](peer& with) { with.wait_for_end(); };
    add_handshake_cells(cells, "F16 silence from the first byte", errc::tls_timeout, 2, 3, wait);
    add_handshake_cells(cells, "F16 silence after a part of a record", errc::tls_timeout, 2, 3,
                        [=](peer& with) {
                            with.write(std::string_view("\x16\x03\x03\x00\x7a\x02\x00", 7));
                            with.wait_for_end();
                        });
    for (ending const how : {ending::cut, ending::reset}) {
        std::string const word(word_for(how));
        add_handshake_cells(cells, "F17 " + word + " at once", errc::tls_closed, 2, 3, [how](peer& with) {
            // A reset before that would be one of the connect.
            with.bytes(1);
            end(with, how);
        });
        add_handshake_cells(cells, "F17 " + word + " after the client's first words", errc::tls_closed, 2, 3,
                            [how](peer& with) {
                                with.bytes(100);
                                end(with, how);
                            });
        add_handshake_cells(cells, "F17 " + word + " within a record", errc::tls_closed, 2, 3,
                            [how](peer& with) {
                                with.bytes(100);
                                with.write(std::string_view("\x16\x03\x03\x00\x7a\x02\x00", 7));
                                end(with, how);
                            });
    }
    for (auto const& [number, word] :
         {std::pair(40, "handshake_failure"), std::pair(70, "protocol_version"),
          std::pair(71, "insufficient_security"), std::pair(80, "internal_error"),
          std::pair(112, "unrecognized_name"), std::pair(120, "no_application_protocol")}) {
        std::string const bytes = alert(static_cast<char>(number));
        add_handshake_cells(cells, std::string("F15 alert ") + word, errc::tls_failed, 0, 0,
                            [bytes](peer& with) {
                                with.write(bytes);
                                with.wait_for_end();
                            });
    }
    for (std::string_view const words : {"HTTP/1.1 400 The plain HTTP request was sent to HTTPS port\r\n\r\n",
                                         "SSH-2.0-OpenSSH_9.2\r\n", "220 mail\r\n"}) {
        add_handshake_cells(cells, "F18 " + std::string(words.substr(0, 8)), errc::tls_wrong_protocol, 0, 0,
                            [words](peer& with) {
                                with.write(words);
                                with.wait_for_end();
                            });
    }
    run_cells(cells);
}

TEST_CASE(
    "faults: a certificate that is not the service's is refused once and for all, and the key never sent")
{
    cell_plans cells;
    for (operation const what : {operation::submit, operation::status, operation::wait}) {
        for (bool const trusted : {true, false}) {
            cells.push_back([=] {
                struct side
                {
                    std::atomic<int> connections = 0;
                    std::unique_ptr<scripted_server> server;
                };
                auto const other = std::make_shared<side>();
                other->server = std::make_unique<scripted_server>(
                    scripted_server::security::plain,
                    [shared = other.get()](peer& with) {
                        ++shared->connections;
                        with.secure();
                        with.request();
                    },
                    trusted ? "DNS:other.test" : "IP:127.0.0.1");
                auto config = other->server->config();
                config.base_url.replace(0, 4, "https");
                if (!trusted)
                    config.tls =
                        apimart::tls_options().add_ca_pem(apimart::testing::certificate_authority().pem());
                auto made = std::make_unique<cell>(
                    std::string("F14 ") + (trusted ? "another name" : "an unknown authority") + "; " +
                        std::string(word_for(what)),
                    what, std::move(config),
                    expected::failed(errc::certificate_verify_failed,
                                     what == operation::submit ? acceptance::not_sent : acceptance::none)
                        .with_tries(1));
                made->consumed = [other] { return other->connections == 1; };
                made->also = [other](cell&) { CHECK(other->server->requests().empty()); };
                made->other_side = other;
                return made;
            });
        }
    }
    run_cells(cells);
}

TEST_CASE("faults: a proxy that fails, refuses or babbles proves the submit unsent and never sees the key")
{
    cell_plans cells;
    add_proxy_cells(cells, "F11 407", errc::proxy_auth_required, 0, 0, false, connect_fault::answer(407));
    add_proxy_cells(cells, "F12 403", errc::proxy_refused, 0, 0, false, connect_fault::answer(403, "no"));
    for (unsigned const status : {500U, 502U, 503U, 504U})
        add_proxy_cells(cells, "F12 " + std::to_string(status), errc::proxy_failed, 2, 3, true,
                        connect_fault::answer(status, "failed"));
    add_proxy_cells(cells, "F12 FIN", errc::proxy_failed, 2, 3, true, connect_fault::close());
    add_proxy_cells(cells, "F12 RST", errc::proxy_failed, 2, 3, true, connect_fault::reset());
    add_proxy_cells(cells, "F12 silence", errc::proxy_failed, 2, 3, true, connect_fault::stall());
    add_proxy_cells(cells, "F13 garbage", errc::proxy_protocol_error, 0, 0, false, connect_fault::garbage());
    add_proxy_cells(cells, "F13 a huge head", errc::proxy_protocol_error, 0, 0, false,
                    connect_fault::huge_head(100'000));
    add_proxy_cells(cells, "F13 bytes behind the head", errc::proxy_protocol_error, 0, 0, false,
                    connect_fault::body_behind_head("hello"));
    add_proxy_cells(cells, "F13 an interim answer", errc::proxy_protocol_error, 0, 0, false,
                    connect_fault::raw("HTTP/1.1 100 Continue\r\n\r\n"));
    add_proxy_cells(cells, "F13 an impossible status", errc::proxy_protocol_error, 0, 0, false,
                    connect_fault::raw("HTTP/1.1 999 X\r\n\r\n"));
    run_cells(cells);
}

TEST_CASE("faults: a kept connection that died or babbled while idle is replaced before anything is sent")
{
    cell_plans cells;
    for (operation const what : {operation::submit, operation::status, operation::wait}) {
        for (auto const& [name, kind, play] : idle_rows()) {
            cells.push_back([=, name = name, kind = kind, play = play] {
                return make_idle_cell(name, what, kind, false, play);
            });
        }
    }
    run_cells(cells);
}

TEST_CASE("faults: what a kept connection received unnoticed is seen before anything is sent on it")
{
    for (operation const what : {operation::submit, operation::status, operation::wait}) {
        for (auto const& [name, kind, play] : idle_rows()) {
            // Alone, so that nothing runs between the warm-up and the start.
            run_cells({[&, name = name, kind = kind, play = play] {
                return make_idle_cell(name + ", unread", what, kind, true, play);
            }});
        }
    }
}

TEST_CASE("faults: a kept connection that takes no byte is replaced, for whatever is asked")
{
    for (operation const what : {operation::submit, operation::status, operation::wait})
        run_cells({[=] { return make_unwritable_cell(what); }});
}

// In TLS 1.3 the client has sent its request when it learns that the server never accepted the session.
TEST_CASE("faults: a session that is refused after the request was written proves that nothing was processed")
{
    cell_plans cells;
    add_handshake_cells(cells, "F19 certificate_required", errc::client_certificate_required, 0, 0,
                        [](peer& with) { with.refuse_without_certificate(); });
    for (auto& each : cells) {
        each = [make = each] {
            auto made = make();
            made->also = [](cell& self) { CHECK(self.last_phase() == "sent"); };
            return made;
        };
    }
    run_cells(cells);
}

// The sanitizers' run time itself needs descriptors.
#ifndef __SANITIZE_ADDRESS__
TEST_CASE("faults: a machine out of descriptors sends nothing and goes on when it has some")
{
    for (operation const what : {operation::submit, operation::status}) {
        for (bool const once : {true, false}) {
            auto const service = std::make_shared<breaking_service>(nullptr, false, true, 0);
            rlimit before{};
            ::getrlimit(RLIMIT_NOFILE, &before);
            auto const allow = [&](rlim_t count) {
                rlimit changed = before;
                changed.rlim_cur = count;
                ::setrlimit(RLIMIT_NOFILE, &changed);
            };
            int retries = 0;
            expected must =
                expected::failed(errc::resource_exhausted,
                                 what == operation::submit ? acceptance::not_sent : acceptance::none)
                    .with_tries(4)
                    .with_posts(0);
            if (once)
                must = expected::success().with_tries(2);
            cell one(std::string("F09 EMFILE; ") + std::string(word_for(what)), what, service->config(),
                     must);
            one.ledger = service->ledger;
            one.consumed = [&] { return retries > 0; };
            one.config.observer.on_retry = [&](apimart::retry_event const& event) {
                retries += event.why == errc::resource_exhausted ? 1 : 0;
                if (once)
                    allow(before.rlim_cur);
            };
            asio::io_context context;
            one.open(context);
            // The first run of a context wants descriptors, too.
            context.run_for(1ms);
            allow(0);
            one.start();
            run_until(context, [&] { return one.done(); });
            allow(before.rlim_cur);
            context.poll();
            one.verify();
            one.close();
        }
    }
}
#endif

TEST_CASE("faults: results at private addresses are not fetched, whatever names them")
{
    scratch_folder folder;
    scripted_server trap(scripted_server::security::tls, [](peer& with) { with.request(); });
    std::string const port = ":" + std::to_string(trap.port());
    for (std::string const host :
         {"127.0.0.1", "127.0.0.2", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0",
          "100.64.0.1", "[::1]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "named.test"}) {
        CAPTURE(host);
        asio::io_context context;
        auto config = trap.config();
        config.base_url = "https://api.test";
        config.tls.use_system_ca(false);
        int lookups = 0;
        config.resolver.lookup([&](std::string const&) {
            ++lookups;
            return std::vector<std::string>{"127.0.0.1", "10.0.0.1"};
        });
        apimart::client user(context, config);
        recorder<std::uint64_t> got;
        user.download(
            apimart::video_file("task_1", 0, apimart::result_url("https://" + host + port + "/v.mp4"), {}),
            folder / "v.mp4", got.token());
        run_to_end(context);
        CHECK(got.why().code() == errc::url_not_allowed);
        CHECK(got.why().task_id() == "task_1");
        CHECK(trap.connections() == 0);
        CHECK(lookups == (host == "named.test" ? 1 : 0));
        CHECK(folder.names().empty());
        ++cells_checked();
    }
}
