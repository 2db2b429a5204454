// Names are looked up on threads that neither the client nor its context waits for.
#include <apimart/http/resolver.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

using addresses = resolver::addresses;
using answer = std::vector<std::string>;

addresses at(char const* text)
{
    return {asio::ip::make_address(text)};
}

// Lookups that end when the test says so, in any order.
class name_service
{
public:
    // Waits until so many have begun.
    void await(std::size_t count)
    {
        for (std::size_t n = begun_.load(); n < count; n = begun_.load())
            begun_.wait(n);
    }
    std::size_t begun() const { return begun_; }
    void end(std::size_t index, answer found) { at(index).set_value(std::move(found)); }
    template <class Exception>
    void fail(std::size_t index, Exception why)
    {
        at(index).set_exception(std::make_exception_ptr(why));
    }

    answer operator()(std::string const&)
    {
        std::future<answer> found;
        {
            std::lock_guard const lock(mutex_);
            found = lookups_.emplace_back().get_future();
        }
        ++begun_;
        begun_.notify_all();
        return found.get();
    }

private:
    std::promise<answer>& at(std::size_t index)
    {
        await(index + 1);
        std::lock_guard const lock(mutex_);
        return *std::next(lookups_.begin(), static_cast<std::ptrdiff_t>(index));
    }

    std::mutex mutex_;
    std::list<std::promise<answer>> lookups_;
    std::atomic<std::size_t> begun_ = 0;
};

// A client, as far as the resolver knows one.
class caller
{
public:
    explicit caller(resolver_options options)
        : names(std::make_shared<resolver>(std::move(options))), on(context.get_executor())
    {}

    std::shared_ptr<std::optional<result<addresses>>>
    start(std::string host, resolver::clock::duration limit = 1h, asio::cancellation_slot slot = {})
    {
        auto const out = std::make_shared<std::optional<result<addresses>>>();
        asio::co_spawn(
            on, names->resolve(std::move(host), limit),
            asio::bind_cancellation_slot(slot, [out](std::exception_ptr e, result<addresses> found) {
                REQUIRE(!e);
                *out = std::move(found);
            }));
        return out;
    }
    result<addresses> resolve(std::string host, resolver::clock::duration limit = 1h)
    {
        auto const out = start(std::move(host), limit);
        run();
        return out->value();
    }
    void run()
    {
        context.restart();
        context.run();
    }
    void poll()
    {
        context.restart();
        context.poll();
    }

    asio::io_context context;
    std::shared_ptr<resolver> names;
    executor on;
};

class with_service
{
public:
    explicit with_service(std::chrono::milliseconds keep = 1h)
        : service(std::make_shared<name_service>()),
          user(resolver_options()
                   .lookup([names = service](std::string const& host) { return (*names)(host); })
                   .keep(keep))
    {}
    ~with_service()
    {
        for (std::size_t i = ended; i < service->begun(); ++i)
            service->end(i, {});
    }

    std::shared_ptr<name_service> service;
    caller user;
    std::size_t ended = 0; // the test ended these
};

} // namespace

TEST_CASE("literals and pinned hosts need no lookup")
{
    std::atomic<int> asked = 0;
    caller user(resolver_options()
                    .lookup([&](std::string const&) -> answer { return ++asked, answer{"192.0.2.9"}; })
                    .pin("pinned.test", {"192.0.2.1", "2001:db8::1"}));
    CHECK(user.resolve("192.0.2.7").value() == at("192.0.2.7"));
    CHECK(user.resolve("2001:db8::7").value() == at("2001:db8::7"));
    CHECK(user.resolve("pinned.test").value().size() == 2);
    CHECK(asked == 0);
    CHECK(user.names->size() == 0);
}

TEST_CASE("the system's own name service is asked where no other was given")
{
    caller user{resolver_options()};
    auto const found = user.resolve("localhost");
    REQUIRE(found.has_value());
    CHECK(found->front().is_loopback());
}

TEST_CASE("an answer is used again until its time is over or it is forgotten")
{
    with_service test;
    auto const first = test.user.start("a.test");
    auto const second = test.user.start("a.test");
    auto const other = test.user.start("b.test");
    test.user.poll();
    test.service->await(2); // one for each host
    test.service->end(0, {"192.0.2.1"});
    test.service->end(1, {"192.0.2.1"});
    test.user.run();
    for (auto const& each : {first, second, other})
        CHECK((*each)->value() == at("192.0.2.1"));
    CHECK(test.user.resolve("a.test").value() == at("192.0.2.1"));
    CHECK(test.service->begun() == 2);
    test.user.names->forget("a.test");
    test.user.names->forget("unknown.test");
    auto const again = test.user.start("a.test");
    test.user.poll();
    test.service->end(2, {"192.0.2.3"});
    test.user.run();
    CHECK((*again)->value() == at("192.0.2.3"));
    test.ended = 3;
}

TEST_CASE("nothing is kept of hosts whose answers are old")
{
    caller user(resolver_options().lookup([](std::string const&) { return answer{"192.0.2.1"}; }).keep(0ms));
    for (int i = 0; i < 100; ++i) {
        CHECK(user.resolve("host-" + std::to_string(i) + ".test").has_value());
        CHECK(user.names->size() <= 1);
    }
}

TEST_CASE("whatever a lookup throws is a failure, and the next call asks again")
{
    with_service test;
    auto const failed = [&](auto why) {
        auto const out = test.user.start("a.test");
        test.user.poll();
        test.service->fail(test.ended++, why);
        test.user.run();
        REQUIRE_FALSE((*out)->has_value());
        return (*out)->error();
    };
    using boost::system::system_error;
    CHECK(failed(system_error(asio::error::host_not_found)).code() == errc::resolve_failed);
    CHECK(failed(system_error(asio::error::no_data)).code() == errc::resolve_failed);
    CHECK(failed(system_error(asio::error::host_not_found_try_again)).code() == errc::resolve_unavailable);
    CHECK(failed(system_error(asio::error::no_recovery)).underlying() == asio::error::no_recovery);
    CHECK(failed(std::runtime_error("no")).code() == errc::resolve_unavailable);
    CHECK(failed(std::bad_alloc()).code() == errc::resolve_unavailable);
    CHECK(failed(7).code() == errc::resolve_unavailable);
    for (answer const& odd : {answer{}, answer{"no address"}}) {
        auto const out = test.user.start("a.test");
        test.user.poll();
        test.service->end(test.ended++, odd);
        test.user.run();
        CHECK_FALSE((*out)->has_value());
    }
}

TEST_CASE("a call ends with its time, and the next begins another lookup, up to three")
{
    with_service test;
    for (std::size_t call = 0; call < 5; ++call) {
        auto const found = test.user.resolve("a.test", 0s); // does not hang as the lookups do
        REQUIRE_FALSE(found.has_value());
        CHECK(found.error().code() == errc::resolve_timeout);
        CHECK(found.error().detail() == "a.test: host name resolution timed out");
        test.service->await(std::min<std::size_t>(call + 1, 3));
        CHECK(test.service->begun() == std::min<std::size_t>(call + 1, 3));
    }
    // One that was late answers those who ask now, and those who ask later.
    auto const waiting = test.user.start("a.test");
    test.user.poll();
    test.service->end(1, {"192.0.2.1"});
    test.user.run();
    CHECK((*waiting)->value() == at("192.0.2.1"));
    CHECK(test.user.resolve("a.test").value() == at("192.0.2.1"));
    CHECK(test.service->begun() == 3);
    test.service->end(0, {});
    test.service->end(2, {});
    test.ended = 3;
}

TEST_CASE("the failure of a late lookup does not hide what a fresh one says")
{
    with_service test;
    CHECK_FALSE(test.user.resolve("a.test", 0s).has_value());
    test.service->await(1);
    auto const out = test.user.start("a.test");
    test.user.poll();
    test.service->fail(0, boost::system::system_error(asio::error::host_not_found));
    // Its news is the first thing that happens; the context goes on, as it waits for the second.
    test.user.context.restart();
    test.user.context.run_one();
    CHECK_FALSE(out->has_value());
    test.service->end(1, {"192.0.2.1"});
    test.user.run();
    CHECK((*out)->value() == at("192.0.2.1"));
    // Alone, a late one is believed.
    test.user.names->forget("a.test");
    CHECK_FALSE(test.user.resolve("a.test", 0s).has_value());
    test.service->await(3);
    test.ended = 2;
}

TEST_CASE("one call's end does not end the others that wait for the same lookup")
{
    with_service test;
    auto const patient = test.user.start("a.test");
    auto const hasty = test.user.start("a.test", 0s);
    while (!hasty->has_value())
        test.user.poll();
    CHECK((*hasty)->error().code() == errc::resolve_timeout);
    CHECK_FALSE(patient->has_value());
    test.service->end(0, {"192.0.2.1"});
    test.user.run();
    CHECK((*patient)->value() == at("192.0.2.1"));
    CHECK(test.service->begun() == 1);
    test.ended = 1;
}

TEST_CASE("a cancelled call ends at once, and its lookup holds up nothing")
{
    with_service test;
    asio::cancellation_signal stop;
    auto const out = test.user.start("a.test", 1h, stop.slot());
    test.user.poll();
    test.service->await(1);
    CHECK_FALSE(out->has_value());
    stop.emit(asio::cancellation_type::terminal);
    test.user.run();
    REQUIRE(out->has_value());
    CHECK((*out)->error().code() == asio::error::operation_aborted);
    // It still answers the next.
    auto const next = test.user.start("a.test");
    test.user.poll();
    test.service->end(0, {"192.0.2.1"});
    test.user.run();
    CHECK((*next)->value() == at("192.0.2.1"));
    test.ended = 1;
}

TEST_CASE("a client that is gone is never called by a lookup that ends at last")
{
    for (bool const waiting : {true, false}) {
        CAPTURE(waiting);
        name_service service;
        std::promise<void> gone;
        {
            // Destroyed with the last copy of the function, which is the thread's.
            std::shared_ptr<void> const last(&service, [&](void*) { gone.set_value(); });
            caller user(resolver_options().lookup(
                [last, &service](std::string const& host) { return service(host); }));
            auto const out = user.start("a.test", waiting ? resolver::clock::duration(1h) : 0s);
            if (waiting)
                user.poll();
            else
                user.run();
            service.await(1);
            CHECK(out->has_value() == !waiting);
        }
        service.end(0, {"192.0.2.1"});
        gone.get_future().wait();
    }
}
