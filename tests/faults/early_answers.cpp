// What arrives while a request is still on its way out, and what becomes of the request then (F30 to F32).
#include "fault_table.hpp"

#include <array>
#include <vector>

using namespace fault_tests;

namespace {

// What the service has said when it has read the request's head and nothing of its body.
enum class arrived
{
    nothing,
    interim,
    head,
    half_body,
    whole,
};

// What becomes of the request after that.
enum class outlet
{
    open,
    closed,
    cut,
    reset,
    shut, // nobody reads any more, and nobody ends the connection
};

constexpr std::array every_end{outlet::closed, outlet::cut, outlet::reset};

std::string_view word_for(arrived what)
{
    constexpr std::array<std::string_view, 5> words{"nothing", "100", "a head", "half a body", "an answer"};
    return words[static_cast<std::size_t>(what)];
}

std::string_view word_for(outlet what)
{
    constexpr std::array<std::string_view, 5> words{"the rest is read", "close_notify", "FIN", "RST",
                                                    "nobody reads"};
    return words[static_cast<std::size_t>(what)];
}

constexpr std::string_view interim_answer = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr auto send_limit = 400ms;

class early_service
{
public:
    early_service(bool tls, arrived what, outlet then, int status)
        : tls_(tls), what_(what), then_(then), status_(status),
          server_(scripted_server::security::plain, [this](peer& with) { serve(with); })
    {}
    ~early_service() { over = true; }

    apimart::client_config config() const
    {
        auto config = server_.config();
        if (tls_)
            config.base_url.replace(0, 4, "https");
        config.timeouts.send = send_limit;
        config.timeouts.read = send_limit;
        return config;
    }
    int connections() const { return server_.connections(); }

    std::shared_ptr<books> const ledger = std::make_shared<books>(false);
    /// The head of a request has come.
    std::atomic<bool> waiting = false;
    /// The client has sent what it could.
    std::atomic<bool> go = false;
    /// What was to arrive has, and with it the end.
    std::atomic<bool> struck = false;
    std::atomic<bool> resume = false;
    std::atomic<bool> over = false;

private:
    void serve(peer& with)
    {
        if (tls_)
            with.secure();
        if (with.index > 0) {
            std::string const text = with.request();
            ledger->count(text);
            with.answer(200, accepted_body(ledger->order(text)));
            with.wait_for_end();
            return;
        }
        std::string request = with.head();
        waiting = true;
        wait_until([&] { return go || over; });
        say(with, request);
        with.wait_until_delivered();
        switch (then_) {
        case outlet::closed:
            with.close();
            break;
        case outlet::cut:
            with.cut();
            break;
        case outlet::reset:
            with.reset();
            break;
        case outlet::open:
        case outlet::shut:
            break;
        }
        struck = true;
        if (then_ == outlet::shut)
            wait_until([&] { return over.load(); });
        if (then_ == outlet::open)
            read_on(with, std::move(request));
    }
    void say(peer& with, std::string const& request)
    {
        if (what_ == arrived::nothing)
            return;
        if (what_ == arrived::interim) {
            with.write(interim_answer);
            return;
        }
        answer_ = status_ == 200 ? answer_text(200, accepted_body(ledger->order(request)))
                                 : answer_text(status_, error_body("", ""));
        auto const body = answer_.find("\r\n\r\n") + 4;
        said_ = what_ == arrived::whole  ? answer_.size()
                : what_ == arrived::head ? body
                                         : (body + answer_.size()) / 2;
        with.write(std::string_view(answer_).substr(0, said_));
    }
    void read_on(peer& with, std::string request)
    {
        wait_until([&] { return resume || over; });
        auto const at = request.find("Content-Length: ") + 16;
        request += with.bytes(std::stoul(request.substr(at)));
        ledger->count(request);
        if (answer_.empty())
            with.answer(200, accepted_body(ledger->order(request)));
        else
            with.write(std::string_view(answer_).substr(said_));
        with.wait_for_end();
    }

    bool tls_;
    arrived what_;
    outlet then_;
    int status_;
    std::string answer_;
    std::size_t said_ = 0;
    scripted_server server_;
};

struct cell_row
{
    arrived what;
    outlet then;
    int status;
    expected must;
};

// Nothing of the client runs while the service answers and ends the connection: it finds both at once.
void check(cell_row const& row, bool tls, std::function<void(apimart::client_config&)> const& settings,
           std::function<void(cell&)> also)
{
    auto const side = std::make_shared<early_service>(tls, row.what, row.then, row.status);
    std::string name = "F32 " + std::string(word_for(row.what)) + " of " + std::to_string(row.status) +
                       (tls ? ", TLS, " : ", plain, ") + std::string(word_for(row.then));
    auto config = side->config();
    settings(config);
    cell one(std::move(name), operation::submit, std::move(config), row.must);
    one.large = true;
    one.ledger = side->ledger;
    one.consumed = [&] { return side->struck.load(); };
    one.also = std::move(also);
    asio::io_context context;
    one.open(context);
    one.start();
    run_until(context, [&] { return side->waiting.load(); });
    while (context.run_one_for(10ms) == 1) {
    }
    side->go = true;
    wait_until([&] { return side->struck.load(); });
    if (row.then == outlet::open) {
        // What has arrived lies with the client for a while before the service reads on.
        auto const until = cell::clock::now() + send_limit / 4;
        run_until(context, [&] { return cell::clock::now() >= until; });
        side->resume = true;
    }
    run_until(context, [&] { return one.done(); });
    side->over = true;
    context.poll();
    one.verify();
    one.close();
}

void no_retries(apimart::client_config& config)
{
    config.retry.max_retries = 0;
}

void nothing_more(cell&) {}

void check_lasted_as_long_as_sending_may(cell& self)
{
    CHECK(self.took() >= send_limit - 5ms);
}

} // namespace

TEST_CASE("faults: a final answer that came before the request was out is believed, however sending ended")
{
    for (bool const tls : {true, false}) {
        for (outlet const then : {outlet::open, outlet::closed, outlet::cut, outlet::reset, outlet::shut}) {
            if (!tls && then == outlet::closed)
                continue; // is the same as FIN
            for (auto const& [status, code] :
                 {std::pair(401, api_errc::unauthorized), std::pair(413, api_errc::too_large)})
                check(
                    {arrived::whole, then, status,
                     expected::failed(code, acceptance::rejected).with_tries(1)},
                    tls, [](apimart::client_config&) {}, nothing_more);
            check(
                {arrived::whole, then, 200, expected::success().with_tries(1)}, tls,
                [](apimart::client_config&) {}, nothing_more);
            // The one refusal that asks to be tried again.
            check(
                {arrived::whole, then, 429, expected::success().with_tries(2)}, tls,
                [](apimart::client_config&) {}, [](cell& self) { CHECK(self.metrics().rate_limited == 1); });
        }
    }
}

TEST_CASE("faults: an interim answer before the request was out changes nothing about how it goes on or ends")
{
    for (bool const tls : {true, false}) {
        for (arrived const what : {arrived::nothing, arrived::interim}) {
            check({what, outlet::open, 0, expected::success().with_posts(1).with_tries(1)}, tls, no_retries,
                  nothing_more);
            for (outlet const then : every_end) {
                if (!tls && then == outlet::closed)
                    continue;
                check({what, then, 0,
                       expected::failed(errc::connection_lost, acceptance::not_sent).with_tries(1)},
                      tls, no_retries, nothing_more);
            }
            check({what, outlet::shut, 0,
                   expected::failed(errc::write_timeout, acceptance::not_sent).with_tries(1)},
                  tls, no_retries, check_lasted_as_long_as_sending_may);
        }
    }
}

TEST_CASE(
    "faults: the beginning of an answer leaves the request on its way, and the rest of both is waited for")
{
    for (bool const tls : {true, false}) {
        for (arrived const what : {arrived::head, arrived::half_body}) {
            check({what, outlet::open, 413,
                   expected::failed(api_errc::too_large, acceptance::rejected).with_tries(1)},
                  tls, no_retries, nothing_more);
            check({what, outlet::open, 200, expected::success().with_tries(1)}, tls, no_retries,
                  nothing_more);
        }
    }
}

// Half a refusal proves no less than that the request never left whole. Half an acceptance may be one.
TEST_CASE(
    "faults: of an answer that began before the request was out and broke off, what it said is not lost")
{
    for (bool const tls : {true, false}) {
        for (arrived const what : {arrived::head, arrived::half_body}) {
            for (outlet const then : {outlet::closed, outlet::cut, outlet::reset, outlet::shut}) {
                if (!tls && then == outlet::closed)
                    continue;
                auto const took = [then](cell& self) {
                    if (then == outlet::shut)
                        check_lasted_as_long_as_sending_may(self);
                };
                check({what, then, 200,
                       expected::failed(errc::outcome_unknown, acceptance::unknown).with_tries(1)},
                      tls, no_retries, took);
                check({what, then, 413,
                       expected::failed(then == outlet::shut ? errc::write_timeout : errc::connection_lost,
                                        acceptance::not_sent)
                           .with_tries(1)},
                      tls, no_retries, took);
            }
        }
    }
}

TEST_CASE("faults: interim answers, however many come, give a request that nobody reads no more time")
{
    std::atomic<bool> over = false;
    std::atomic<int> told = 0;
    scripted_server server(scripted_server::security::tls, [&](peer& with) {
        with.head();
        auto const begun = cell::clock::now();
        for (int i = 1; i <= 12; ++i) {
            wait_until([&] { return over || cell::clock::now() >= begun + i * (send_limit / 4); });
            if (over)
                return;
            with.write(interim_answer);
            ++told;
        }
        wait_until([&] { return over.load(); });
    });
    raised_at_end const end_of_server(over);
    auto config = server.config();
    config.timeouts.send = send_limit;
    no_retries(config);
    cell one("F31 with interim answers", operation::submit, std::move(config),
             expected::failed(errc::write_timeout, acceptance::not_sent).with_tries(1));
    one.large = true;
    one.consumed = [&] { return told >= 3; };
    one.also = [](cell& self) {
        CHECK(self.took() >= send_limit - 5ms);
        // The last interim answer comes later than this less one limit.
        CHECK(self.took() <= 3 * send_limit);
    };
    asio::io_context context;
    one.open(context);
    one.start();
    run_until(context, [&] { return one.done(); });
    over = true;
    context.poll();
    one.verify();
    one.close();
}
