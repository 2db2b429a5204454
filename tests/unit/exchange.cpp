// One request and its answer on a scripted connection: what is proved wherever it breaks off, in stepped time.
#include "stepped_runtime.hpp"

#include <apimart/http/exchange.hpp>

#include <boost/asio/co_spawn.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;
using unit_tests::stepped_runtime;
namespace asio = boost::asio;

namespace {

// What the peer and the kernel do.
struct script
{
    std::size_t takes = 1'000'000; // so many bytes of what is written
    error_code then;               // what ends the writing after them; without it, it stands still
    std::size_t pauses_at = 0;     // for a second, when so many bytes were taken
    std::string answer;
    std::size_t piece = 1'000'000; // so many bytes of the answer at a time
    std::optional<error_code> end; // what comes after it; without it, nothing
    bool fails_to_connect = false;
};

script const* playing = nullptr;

class scripted_connection
{
public:
    using clock = std::chrono::steady_clock;
    using outcome = std::tuple<error_code, std::size_t>;
    enum class liveness
    {
        ok,
        ended,
        unexpected_data
    };

    scripted_connection(client_runtime& runtime, detail::origin to, bool public_addresses_only)
        : origin(std::move(to)), public_only(public_addresses_only), address("192.0.2.1"), runtime_(runtime),
          pending_(runtime.strand(), timer::time_point::max()),
          paused_(runtime.strand(), timer::time_point::max()), pause_([this] { paused_.cancel(); }),
          limit_([this] {
              timed_out_ = true;
              keep_open_ ? end_write() : close();
          })
    {}

    bool is_open() const noexcept { return opened && !closed_; }
    bool timed_out() const noexcept { return timed_out_; }
    void limit(clock::time_point when)
    {
        if (!closed_)
            runtime_.timers.set(limit_, when);
    }
    void limit_after(clock::duration delay) { limit(runtime_.now() + delay); }
    void keep_open_at_limit(bool keep) noexcept { keep_open_ = keep; }
    void clear_timeout() noexcept { timed_out_ = false; }

    awaitable<outcome> write_some(std::string_view text)
    {
        if (taken_ != 0 && taken_ == playing->pauses_at) {
            runtime_.timers.set(pause_, runtime_.now() + 1s);
            co_await paused_.async_wait(use_tuple);
            if (closed_)
                co_return outcome(asio::error::operation_aborted, 0);
        }
        std::size_t const most = taken_ < playing->pauses_at ? playing->pauses_at : playing->takes;
        std::size_t const count = std::min<std::size_t>(text.size(), most - taken_);
        taken_ += count;
        if (count > 0)
            co_return outcome(error_code(), count);
        co_return outcome(co_await stand_still(playing->then), 0);
    }
    awaitable<outcome> read_some()
    {
        std::size_t const count = std::min(playing->piece, playing->answer.size() - given_);
        if (count > 0) {
            unread_.append(playing->answer, given_, count);
            given_ += count;
            co_return outcome(error_code(), count);
        }
        co_return outcome(co_await stand_still(playing->end), 0);
    }
    void received(std::size_t) noexcept {}
    std::string_view unread() const noexcept { return unread_; }
    void consume(std::size_t count) { unread_.erase(0, count); }
    std::uint64_t written() const noexcept { return taken_; }

    liveness check_alive() const noexcept { return ended_by_peer ? liveness::ended : liveness::ok; }
    void rest() noexcept { limit_.clear(); }
    void end_write() { pending_.cancel(); }
    bool ends_write() const noexcept { return false; }
    void close()
    {
        closed_ = true;
        limit_.clear();
        pause_.clear();
        paused_.cancel();
        pending_.cancel();
    }
    void close_politely() { close(); }
    SSL* tls() noexcept { return nullptr; }

    detail::origin const origin;
    bool const public_only;
    response_parser parser;
    tls_trace trace;
    std::string address;
    int served = 0;
    clock::time_point last_used{};
    clock::time_point idle_until{};
    bool opened = false;
    bool ended_by_peer = false;

private:
    awaitable<error_code> stand_still(std::optional<error_code> end)
    {
        if (!closed_ && end && *end)
            co_return *end;
        if (!closed_)
            co_await pending_.async_wait(use_tuple);
        co_return asio::error::operation_aborted;
    }

    client_runtime& runtime_;
    timer pending_;
    timer paused_;
    deadline pause_;
    deadline limit_;
    std::string unread_;
    std::size_t taken_ = 0;
    std::size_t given_ = 0;
    bool closed_ = false;
    bool keep_open_ = false;
    bool timed_out_ = false;
};

class scripted_connector
{
public:
    awaitable<result<void>> connect(scripted_connection& c)
    {
        if (playing->fails_to_connect)
            co_return error_info(errc::connect_failed, "refused");
        c.opened = true;
        co_return result<void>();
    }
};

using exchange_type = basic_exchange<scripted_connection, scripted_connector>;
using pool_type = basic_connection_pool<scripted_connection>;

client_config config()
{
    client_config out{api_key("sk-1")};
    out.timeouts.send = 30s;
    out.timeouts.response = 60s;
    out.timeouts.read = 20s;
    out.limits.max_connections = 1;
    return out;
}

std::string const request_head = "POST /v1/videos/generations HTTP/1.1\r\nContent-Length: 12\r\n\r\n";
std::string const answer_body = R"({"code":200,"data":[]})";
std::string const good_answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                                std::to_string(answer_body.size()) + "\r\n\r\n" + answer_body;

class bench : public stepped_runtime
{
public:
    explicit bench(script plays, std::string request_body = "{\"a\":\"bcde\"}")
        : stepped_runtime(config()), body(std::move(request_body)), play_(std::move(plays)),
          x(runtime, pool, connector_)
    {
        playing = &play_;
        request.head = request_head;
        request.body = body;
        request.response_limit = 1'000'000;
        request.committed = &may_be_accepted;
        asio::co_spawn(runtime.strand(), x.send(std::move(request)), [this](std::exception_ptr thrown) {
            CHECK_FALSE(thrown);
            ended = true;
        });
        settle();
    }
    // Until nothing happens any more without time.
    void settle()
    {
        context.restart();
        context.poll();
    }
    void pass(clock::duration time)
    {
        step(time);
        settle();
    }
    std::size_t size() const { return request_head.size() + body.size(); }

    std::string const body;
    bool ended = false;
    bool may_be_accepted = false;

private:
    script play_;
    origin const home_ = parse_request_url("https://api.example")->origin;
    http_request request{home_, lane::submit};
    scripted_connector connector_;

public:
    pool_type pool{runtime, [](scripted_connection&, connection_event::type) { return connection_event(); }};
    exchange_type x;
};

// What the phase must be when the kernel has taken so many bytes of a request.
request_phase phase_after(std::size_t taken, std::size_t size)
{
    return taken == 0     ? request_phase::connecting
           : taken < size ? request_phase::sending
                          : request_phase::committed;
}

} // namespace

TEST_CASE("exchange: an answer is the same, however it is cut into pieces, and its connection is kept")
{
    for (std::size_t piece = 1; piece <= good_answer.size(); ++piece) {
        CAPTURE(piece);
        script s;
        s.answer = good_answer;
        s.piece = piece;
        bench b(s);
        REQUIRE(b.ended);
        CHECK(b.x.result.phase == request_phase::answered);
        CHECK(b.x.result.response.status == 200);
        CHECK(b.x.result.response.body == answer_body);
        CHECK(b.x.result.bytes_sent == b.size());
        CHECK(b.x.result.bytes_received == good_answer.size());
        CHECK(b.runtime.counters.connections_open.get() == 1);
        CHECK(b.runtime.counters.requests_in_flight.get() == 0);
    }
}

TEST_CASE("exchange: a write that breaks off after any number of bytes proves what the kernel's count proves")
{
    for (std::string const& body : {std::string("{}"), std::string(40'000, 'x')}) {
        std::size_t const size = request_head.size() + body.size();
        std::size_t const stride = body.size() > 1'000 ? 997 : 1;
        for (std::size_t taken = 0; taken < size; taken += stride) {
            CAPTURE(taken);
            script s;
            s.takes = taken;
            s.then = asio::error::connection_reset;
            s.end = asio::error::connection_reset;
            bench b(s, body);
            REQUIRE(b.ended);
            CHECK(b.x.result.phase == phase_after(taken, size));
            CHECK(b.x.result.bytes_sent == taken);
            CHECK(b.x.result.error == errc::connection_lost);
            CHECK_FALSE(b.may_be_accepted);
            CHECK(b.runtime.counters.connections_open.get() == 0);
        }
    }
}

TEST_CASE("exchange: an answer that breaks off at any byte is none, and leaves the request committed")
{
    for (auto const& [end, code] :
         {std::pair(error_code(asio::error::eof), errc::connection_lost),
          std::pair(error_code(asio::error::connection_reset), errc::connection_lost)}) {
        for (std::size_t given = 0; given < good_answer.size(); ++given) {
            CAPTURE(given);
            script s;
            s.answer = good_answer.substr(0, given);
            s.end = end;
            bench b(s);
            REQUIRE(b.ended);
            CHECK(b.x.result.phase == request_phase::committed);
            CHECK(b.may_be_accepted);
            CHECK(b.x.result.error);
            if (given == 0)
                CHECK(b.x.result.error == code);
            CHECK(b.runtime.counters.connections_open.get() == 0);
        }
    }
}

TEST_CASE("exchange: cancelling at any point tells how far the request had got, and ends it at once")
{
    for (std::size_t const taken :
         {std::size_t(0), std::size_t(1), request_head.size(), request_head.size() + 11}) {
        script s;
        s.takes = taken;
        bench b(s);
        CHECK_FALSE(b.ended);
        b.x.cancel(asio::error::operation_aborted);
        b.settle();
        REQUIRE(b.ended);
        CHECK(b.x.result.phase == phase_after(taken, b.size()));
        CHECK(b.x.result.error == asio::error::operation_aborted);
        CHECK_FALSE(b.may_be_accepted);
    }
    for (std::size_t given = 0; given < good_answer.size(); given += 7) {
        script s;
        s.answer = good_answer.substr(0, given);
        bench b(s);
        CHECK_FALSE(b.ended);
        b.x.cancel(asio::error::operation_aborted);
        b.settle();
        REQUIRE(b.ended);
        CHECK(b.x.result.phase == request_phase::committed);
        CHECK(b.x.result.error == asio::error::operation_aborted);
        CHECK(b.may_be_accepted);
    }
}

TEST_CASE("exchange: a request whose write has failed ends at once where it is stopped while an answer is "
          "looked for")
{
    for (std::size_t const taken : {std::size_t(1), request_head.size(), request_head.size() + 11})
        for (bool const only_unsent : {false, true}) {
            script s;
            s.takes = taken;
            s.then = asio::error::connection_reset;
            bench b(s);
            CHECK_FALSE(b.ended);
            b.x.stop_sending(asio::error::operation_aborted, 5s, only_unsent);
            b.settle();
            REQUIRE(b.ended);
            CHECK(b.x.stopped_by() == asio::error::operation_aborted);
            CHECK(b.x.result.phase == phase_after(taken, b.size()));
        }
}

TEST_CASE("exchange: of two stops while it is sent the stronger counts")
{
    error_code const weak = errc::shutting_down;
    error_code const strong = asio::error::operation_aborted;
    for (bool const weak_first : {true, false}) {
        script s;
        s.pauses_at = 10;
        bench b(s);
        for (bool const only_unsent : {weak_first, !weak_first})
            b.x.stop_sending(only_unsent ? weak : strong, 5s, only_unsent);
        // All of it was taken nevertheless.
        b.pass(1s);
        CHECK(b.may_be_accepted);
        b.pass(5s - 1ms);
        CHECK_FALSE(b.ended);
        b.pass(1ms);
        REQUIRE(b.ended);
        CHECK(b.x.stopped_by() == strong);
        CHECK(b.x.result.phase == request_phase::committed);
    }
}

TEST_CASE("exchange: each limit ends what it is for, at its time")
{
    script stuck;
    stuck.takes = 5;
    bench writes(stuck);
    writes.pass(30s - 1ms);
    CHECK_FALSE(writes.ended);
    writes.pass(1ms);
    writes.pass(1ms);
    REQUIRE(writes.ended);
    CHECK(writes.x.result.error == errc::write_timeout);
    CHECK(writes.x.result.phase == request_phase::sending);

    script silent;
    bench waits(silent);
    waits.pass(60s - 1ms);
    CHECK_FALSE(waits.ended);
    waits.pass(1ms);
    REQUIRE(waits.ended);
    CHECK(waits.x.result.error == errc::response_timeout);
    CHECK(waits.x.result.phase == request_phase::committed);

    // An interim answer is none, and takes nothing from the time for the answer.
    script busy;
    busy.answer = "HTTP/1.1 102 Processing\r\n\r\n";
    for (busy.piece = 1; busy.piece <= busy.answer.size(); ++busy.piece) {
        CAPTURE(busy.piece);
        bench works(busy);
        works.pass(60s - 1ms);
        CHECK_FALSE(works.ended);
        works.pass(1ms);
        REQUIRE(works.ended);
        CHECK(works.x.result.error == errc::response_timeout);
        CHECK(works.x.result.phase == request_phase::committed);
    }

    script half;
    half.answer = good_answer.substr(0, good_answer.size() - 3);
    bench reads(half);
    reads.pass(20s - 1ms);
    CHECK_FALSE(reads.ended);
    reads.pass(1ms);
    REQUIRE(reads.ended);
    CHECK(reads.x.result.error == errc::read_timeout);
    CHECK(reads.x.result.phase == request_phase::committed);
}

TEST_CASE("exchange: what lies there when a write stands still is read, and counts")
{
    script s;
    s.takes = 30'000;
    s.answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    bench b(s, std::string(40'000, 'x'));
    b.pass(1ms);
    REQUIRE(b.ended);
    CHECK(b.x.result.phase == request_phase::answered);
    CHECK(b.x.result.response.status == 413);
    CHECK(b.runtime.counters.connections_open.get() == 0);
}

// A row is what has come of an answer while the request is on its way out, a column what becomes of the request then. What
// is in a cell decides about money: only `answered` is the service's word, and `sending` proves that it bought nothing.
TEST_CASE("exchange: an answer while sending, by what has come of it and what becomes of the request")
{
    enum column
    {
        goes_on, // and nothing more comes
        ends,    // the peer says that no more comes
        breaks,
        stands_still,
        cancelled,
        stopped_if_unsent,
        column_count
    };
    struct cell
    {
        request_phase phase;
        error_code error; // of an answer none
    };
    struct row
    {
        char const* name;
        std::string_view came;
        int status; // where it is an answer
        cell cells[column_count];
    };
    auto const sending = [](errc code) { return cell{request_phase::sending, make_error_code(code)}; };
    auto const doubt = [](errc code) { return cell{request_phase::committed, make_error_code(code)}; };
    error_code const stop = asio::error::operation_aborted;
    cell const answered{request_phase::answered, {}};
    // No word was said yet.
    auto const silent = [&](char const* name, std::string_view came) {
        return row{name,
                   came,
                   0,
                   {doubt(errc::response_timeout), sending(errc::connection_lost),
                    sending(errc::connection_lost), sending(errc::write_timeout),
                    cell{request_phase::sending, stop}, cell{request_phase::sending, stop}}};
    };
    // Half a refusal says no less than that the request did not leave whole.
    auto const begun_refusal = [&](char const* name, std::string_view came) {
        row out = silent(name, came);
        out.cells[goes_on] = doubt(errc::read_timeout);
        return out;
    };
    // Half an acceptance may be one.
    auto const begun_success = [&](char const* name, std::string_view came) {
        row out = begun_refusal(name, came);
        for (cell& each : out.cells)
            each.phase = request_phase::committed;
        return out;
    };
    auto const whole = [&](char const* name, std::string_view came, int status) {
        return row{name, came, status, {answered, answered, answered, answered, answered, answered}};
    };
    cell const nonsense = sending(errc::protocol_error);
    std::string const success = "HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\n{\"code\":0}";
    std::string const refusal = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 10\r\n\r\n{\"code\":0}";
    std::string const interim = "HTTP/1.1 100 Continue\r\n\r\n";
    auto const head = [](std::string const& text) {
        return std::string_view(text).substr(0, text.size() - 10);
    };
    auto const most = [](std::string const& text) {
        return std::string_view(text).substr(0, text.size() - 3);
    };
    row const rows[] = {
        silent("nothing", ""),
        silent("an interim answer", interim),
        begun_refusal("half a line", "HTTP/1.1 20"),
        begun_refusal("half a head", "HTTP/1.1 202 Accepted\r\nContent-Le"),
        begun_success("the head of a success", head(success)),
        begun_success("the most of a success", most(success)),
        begun_refusal("the head of a refusal", head(refusal)),
        begun_refusal("the most of a refusal", most(refusal)),
        whole("a success", success, 202),
        whole("a refusal", refusal, 413),
        row{"nonsense",
            "nonsense in its place",
            0,
            {nonsense, nonsense, nonsense, nonsense, nonsense, nonsense}},
        row{"an upgrade",
            "HTTP/1.1 101 X\r\n\r\n",
            0,
            {nonsense, nonsense, nonsense, nonsense, nonsense, nonsense}},
    };
    for (row const& each : rows) {
        for (int at = 0; at < column_count; ++at) {
            CAPTURE(each.name);
            CAPTURE(at);
            cell const& must = each.cells[at];
            script s;
            // What comes is seen while the request stands still.
            if (at == goes_on || at == ends)
                s.pauses_at = 30'000;
            else
                s.takes = 30'000;
            s.answer = each.came;
            if (at == breaks)
                s.then = asio::error::connection_reset;
            if (at == ends)
                s.end = asio::error::eof;
            bench b(s, std::string(40'000, 'x'));
            if (at == cancelled)
                b.x.cancel(stop);
            if (at == stopped_if_unsent && b.x.is_sending())
                b.x.stop_sending(stop, 1s, true);
            for (int step = 0; step < 400 && !b.ended; ++step)
                b.pass(250ms);
            REQUIRE(b.ended);
            CHECK(b.x.result.phase == must.phase);
            CHECK(b.x.result.error == must.error);
            CHECK(b.x.result.response.status ==
                  (must.phase == request_phase::answered ? each.status
                   : must.phase == request_phase::committed && each.came.starts_with(head(success)) ? 202
                   : must.phase == request_phase::committed && each.came.starts_with(head(refusal)) ? 413
                                                                                                    : 0));
            CHECK(b.may_be_accepted == (must.phase == request_phase::committed ||
                                        (must.phase == request_phase::answered && each.status / 100 == 2)));
            CHECK(b.runtime.counters.connections_open.get() == 0);
        }
    }
}

TEST_CASE("exchange: where no connection is made, nothing is sent")
{
    script s;
    s.fails_to_connect = true;
    bench b(s);
    REQUIRE(b.ended);
    CHECK(b.x.result.phase == request_phase::connecting);
    CHECK(b.x.result.error == errc::connect_failed);
    CHECK(b.x.result.bytes_sent == 0);
    CHECK_FALSE(b.may_be_accepted);
}

TEST_CASE("exchange: a request that may not be sent any more is not, once it has its connection")
{
    script s;
    s.answer = good_answer;
    stepped_runtime shared(config());
    playing = &s;
    scripted_connector connector;
    pool_type pool{shared.runtime,
                   [](scripted_connection&, connection_event::type) { return connection_event(); }};
    exchange_type x(shared.runtime, pool, connector);
    origin const home = parse_request_url("https://api.example")->origin;
    http_request request(home, lane::submit);
    request.head = request_head;
    request.not_after = shared.now();
    bool ended = false;
    asio::co_spawn(shared.runtime.strand(), x.send(std::move(request)),
                   [&](std::exception_ptr) { ended = true; });
    shared.context.poll();
    REQUIRE(ended);
    CHECK(x.result.phase == request_phase::connecting);
    CHECK(x.result.error == errc::deadline_exceeded);
    CHECK(x.result.bytes_sent == 0);
}

TEST_CASE("exchange: what happens between a kept connection's grant and its turn is before the request")
{
    enum class event
    {
        nothing,
        ended_by_peer,
        cancelled,
        too_late
    };
    for (event const what : {event::nothing, event::ended_by_peer, event::cancelled, event::too_late}) {
        CAPTURE(static_cast<int>(what));
        script plays;
        plays.answer = good_answer;
        bench b(plays);
        REQUIRE(b.ended);
        origin const home = parse_request_url("https://api.example")->origin;
        pool_type::waiter another(false);
        pool_type::pointer const only = b.pool.acquire(another, home, lane::poll);
        REQUIRE(only);
        scripted_connector connector;
        exchange_type x(b.runtime, b.pool, connector);
        bool may_be_accepted = false;
        http_request request(home, lane::submit);
        request.head = request_head;
        request.body = b.body;
        request.committed = &may_be_accepted;
        if (what == event::too_late)
            request.not_after = b.runtime.now();
        bool done = false;
        asio::co_spawn(b.runtime.strand(), x.send(std::move(request)),
                       [&](std::exception_ptr) { done = true; });
        b.settle();
        CHECK_FALSE(done);
        b.pool.release(only);
        only->ended_by_peer = what == event::ended_by_peer;
        if (what == event::cancelled)
            x.cancel(asio::error::operation_aborted);
        b.settle();
        CHECK(x.result.reused == (what != event::cancelled));
        CHECK(done == (what != event::nothing));
        CHECK(may_be_accepted == (what == event::nothing));
        if (what != event::nothing)
            CHECK(x.result.phase == request_phase::connecting);
        if (what == event::ended_by_peer)
            CHECK(x.result.error == errc::connection_lost);
        x.cancel(asio::error::operation_aborted);
        b.settle();
        CHECK(done);
    }
}
