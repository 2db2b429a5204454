// Who gets which connection, with scripted connections and a clock that is stepped.
#include "stepped_runtime.hpp"

#include <apimart/http/connection_pool.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;
using unit_tests::stepped_runtime;

namespace {

class scripted_connection
{
public:
    enum class liveness
    {
        ok,
        ended,
        unexpected_data
    };
    class keep_alive
    {
    public:
        std::optional<std::chrono::seconds> keep_alive_timeout() const { return announced; }
        std::optional<std::chrono::seconds> announced;
    };

    scripted_connection(client_runtime&, detail::origin to, bool public_addresses_only)
        : origin(std::move(to)), public_only(public_addresses_only)
    {}

    bool is_open() const noexcept { return connected && !closed; }
    liveness check_alive() const noexcept { return state; }
    void rest() noexcept { ++rests; }
    void close() noexcept { closed = true; }
    void close_politely() noexcept { closed = polite = true; }

    detail::origin const origin;
    bool const public_only;
    keep_alive parser;
    std::chrono::steady_clock::time_point last_used{};
    std::chrono::steady_clock::time_point idle_until{};
    liveness state = liveness::ok;
    bool connected = false;
    bool closed = false;
    bool polite = false;
    int rests = 0;
};

using pool_type = basic_connection_pool<scripted_connection>;
using pointer = pool_type::pointer;

class bench : public stepped_runtime
{
public:
    explicit bench(client_config const& config) : stepped_runtime(config) {}

    // A connection that has been connected, or none.
    pointer get(lane kind = lane::poll)
    {
        lines.emplace_back(false);
        pointer got = pool.acquire(lines.back(), home, kind);
        if (got)
            got->connected = true;
        return got;
    }
    // What came for those in line since.
    std::vector<std::size_t> granted() const
    {
        std::vector<std::size_t> which;
        for (std::size_t i = 0; i < lines.size(); ++i)
            if (lines[i].granted)
                which.push_back(i);
        return which;
    }

    origin const home = parse_request_url("https://api.example")->origin;
    std::deque<pool_type::waiter> lines;
    pool_type pool{runtime, [](scripted_connection&, connection_event::type type) {
                       connection_event event;
                       event.event = type;
                       return event;
                   }};
};

client_config config(int connections)
{
    client_config out{api_key("sk-1")};
    out.limits.max_connections = connections;
    out.limits.connects_per_second = 1'000;
    return out;
}

} // namespace

TEST_CASE("pool: what was used last is used next, after a look at it")
{
    bench b(config(3));
    pointer const one = b.get();
    pointer const two = b.get();
    REQUIRE(one);
    REQUIRE(two);
    CHECK(one != two);
    b.pool.release(one);
    b.pool.release(two);
    CHECK(one->rests == 1);
    CHECK(b.get() == two);
    CHECK(b.get() == one);
    CHECK(b.runtime.counters.connections_open.get() == 2);
}

TEST_CASE("pool: a kept connection that ended, or says what nobody asked, is replaced and counted")
{
    bench b(config(3));
    pointer const ended = b.get();
    pointer const talks = b.get();
    b.pool.release(ended);
    b.pool.release(talks);
    ended->state = scripted_connection::liveness::ended;
    talks->state = scripted_connection::liveness::unexpected_data;
    pointer const fresh = b.get();
    CHECK(fresh != ended);
    CHECK(fresh != talks);
    CHECK(ended->closed);
    CHECK(talks->closed);
    CHECK(b.runtime.counters.stale_connections.get() == 1);
    CHECK(b.runtime.counters.unsolicited_bytes.get() == 1);
    CHECK(b.runtime.counters.connections_open.get() == 1);
}

TEST_CASE("pool: places are kept, and the kinds of requests that wait take turns, each in its order")
{
    bench b(config(1));
    pointer const only = b.get();
    CHECK_FALSE(b.get(lane::download)); // 1
    CHECK_FALSE(b.get(lane::submit));   // 2
    CHECK_FALSE(b.get(lane::poll));     // 3
    CHECK_FALSE(b.get(lane::poll));     // 4
    std::vector<std::size_t> order;
    pointer current = only;
    for (int i = 0; i < 4; ++i) {
        b.pool.release(current);
        auto const now = b.granted();
        REQUIRE(now.size() == 1);
        order.push_back(now.front());
        current = std::exchange(b.lines[now.front()].granted, nullptr);
    }
    CHECK(order == std::vector<std::size_t>{2, 1, 3, 4});
    CHECK(b.runtime.counters.connections_open.get() == 1);
}

TEST_CASE("pool: neither many polls nor many submits make one of the other kind wait")
{
    for (lane const many : {lane::poll, lane::submit}) {
        bench b(config(2));
        std::vector<pointer> busy{b.get(many), b.get(many)};
        for (int i = 0; i < 100; ++i)
            CHECK_FALSE(b.get(many));
        CHECK_FALSE(b.get(many == lane::poll ? lane::submit : lane::poll));
        std::size_t const other = b.lines.size() - 1;
        int grants = 0;
        for (; !b.lines[other].granted && grants < 10; ++grants) {
            b.pool.release(busy[static_cast<std::size_t>(grants) % 2]);
            for (std::size_t const i : b.granted())
                if (i != other)
                    busy[static_cast<std::size_t>(grants) % 2] = std::exchange(b.lines[i].granted, nullptr);
        }
        CHECK(grants <= 2);
    }
}

TEST_CASE("pool: a place that a lost connection leaves goes to who waits")
{
    bench b(config(1));
    pointer const first = b.get();
    CHECK_FALSE(b.get());
    b.pool.discard(first);
    CHECK(first->closed);
    b.step(10ms); // new connections have a rate
    REQUIRE(b.granted().size() == 1);
    CHECK(b.lines[1].granted != first);
}

TEST_CASE("pool: who leaves the line gets nothing, and the next is served")
{
    bench b(config(1));
    pointer const only = b.get();
    CHECK_FALSE(b.get());
    CHECK_FALSE(b.get());
    b.lines[1].unlink();
    b.pool.release(only);
    CHECK(b.granted() == std::vector<std::size_t>{2});
}

TEST_CASE("pool: a submit is not trusted to a connection that was unused for long, a question is")
{
    client_config settings = config(2);
    settings.timeouts.pool_idle = 60s;
    settings.timeouts.idle_for_submit = 10s;
    bench b(settings);
    pointer const kept = b.get();
    b.pool.release(kept);
    b.step(11s);
    pointer const fresh = b.get(lane::submit);
    REQUIRE(fresh);
    CHECK(fresh != kept);
    CHECK(b.get(lane::poll) == kept);
    b.pool.release(kept);
    b.step(9s);
    CHECK(b.get(lane::submit) == kept);
}

TEST_CASE("pool: unused connections end in time, earlier where the server says so, and politely")
{
    client_config settings = config(3);
    settings.timeouts.pool_idle = 60s;
    bench b(settings);
    pointer const usual = b.get();
    pointer const short_lived = b.get();
    pointer const dying = b.get();
    short_lived->parser.announced = 20s;
    dying->parser.announced = 1s;
    b.pool.release(usual);
    b.pool.release(short_lived);
    b.pool.release(dying);
    CHECK(dying->polite);
    b.step(18s);
    CHECK_FALSE(short_lived->closed);
    b.step(2s);
    CHECK(short_lived->polite);
    CHECK_FALSE(usual->closed);
    b.step(41s);
    CHECK(usual->polite);
    CHECK(b.pool.origins() == 0);
}

TEST_CASE("pool: connections that fail are begun more and more slowly, until one succeeds")
{
    bench b(config(50));
    auto const begun_within = [&](std::chrono::milliseconds time) {
        int begun = 0;
        for (auto const end = b.now() + time; b.now() < end; b.step(100ms)) {
            while (pointer const failing = b.get()) {
                ++begun;
                b.pool.connect_failed(*failing, errc::connect_failed);
                b.pool.discard(failing);
            }
            // Those in line give up, so that no retry serves them.
            b.lines.clear();
        }
        return begun;
    };
    begun_within(60s);
    int const later = begun_within(60s);
    CHECK(later >= 1);
    CHECK(later <= 60);
    b.step(60s);
    pointer good;
    for (int i = 0; i < 1'000 && !good; ++i, b.step(100ms))
        good = b.get();
    REQUIRE(good);
    b.pool.connect_succeeded(*good);
    b.lines.clear();
    b.step(10s);
    CHECK(b.get());
}

TEST_CASE("pool: a machine without descriptors gets along with the connections that it has")
{
    bench b(config(10));
    pointer const first = b.get();
    pointer const second = b.get();
    pointer const too_many = b.get();
    b.pool.connect_failed(*too_many, errc::resource_exhausted);
    b.pool.discard(too_many);
    CHECK_FALSE(b.get());
    b.pool.release(first);
    CHECK(b.granted() == std::vector<std::size_t>{3});
    // It is tried again, after a while and one more at a time.
    b.step(11s);
    CHECK(b.get());
    CHECK_FALSE(b.get());
}

TEST_CASE("pool: at rest, only the service's connections are kept")
{
    bench b(config(2));
    origin const elsewhere = parse_request_url("https://files.example")->origin;
    pool_type::waiter line(true);
    pointer const file = b.pool.acquire(line, elsewhere, lane::download);
    REQUIRE(file);
    CHECK(file->public_only);
    file->connected = true;
    pointer const home = b.get();
    b.pool.release(file);
    b.pool.release(home);
    b.pool.close_idle_but([&](origin const& to) { return to == b.home; });
    CHECK(file->polite);
    CHECK_FALSE(home->closed);
    CHECK(b.pool.origins() == 1);
    CHECK(b.get() == home);
}
