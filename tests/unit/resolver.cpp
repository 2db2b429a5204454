// Names become addresses on threads that nobody waits for.
#include <apimart/http/resolver.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <doctest/doctest.h>

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

using texts = std::vector<std::string>;

// A name service whose every answer is given by the test.
class name_service
{
public:
    class question
    {
    public:
        std::promise<void> asked;
        std::promise<texts> answer;
        std::promise<void> ended;
    };

    texts ask()
    {
        std::shared_ptr<question> mine;
        {
            std::lock_guard const lock(mutex_);
            if (asked_ == questions_.size())
                questions_.push_back(std::make_shared<question>());
            mine = questions_[asked_++];
        }
        mine->asked.set_value();
        auto const at_end = std::shared_ptr<void>(nullptr, [mine](void*) { mine->ended.set_value(); });
        return mine->answer.get_future().get();
    }
    // The questions are numbered as they come; they can be answered before.
    question& operator[](std::size_t index)
    {
        std::lock_guard const lock(mutex_);
        while (questions_.size() <= index)
            questions_.push_back(std::make_shared<question>());
        return *questions_[index];
    }
    template <class What>
    void fail(std::size_t index, What what)
    {
        (*this)[index].answer.set_exception(std::make_exception_ptr(what));
    }
    std::size_t asked()
    {
        std::lock_guard const lock(mutex_);
        return asked_;
    }

private:
    std::mutex mutex_;
    std::vector<std::shared_ptr<question>> questions_;
    std::size_t asked_ = 0;
};

class attempt_to_resolve
{
public:
    timer* wake = nullptr; // while it waits
    std::optional<result<resolver::addresses>> outcome;
};

// As the library does it: the timer goes with the coroutine.
awaitable<void> try_to_resolve(resolver& names, executor on, std::string host,
                               resolver::clock::duration limit, std::shared_ptr<attempt_to_resolve> mine)
{
    timer wake(on);
    mine->wake = &wake;
    mine->outcome = co_await names.resolve(std::move(host), limit, wake);
    mine->wake = nullptr;
}

class fixture
{
public:
    explicit fixture(std::chrono::milliseconds keep = 30s)
        : strand(inner_executor(asio::any_io_executor(context->get_executor()))),
          names(std::make_unique<resolver>(
              *strand, resolver_options().cache_ttl(keep).lookup(
                           [service = service](std::string const&) { return service->ask(); })))
    {}

    std::shared_ptr<attempt_to_resolve> begin(resolver::clock::duration limit = 1h,
                                              std::string host = "a.test")
    {
        auto const one = std::make_shared<attempt_to_resolve>();
        asio::co_spawn(*strand, try_to_resolve(*names, *strand, std::move(host), limit, one), asio::detached);
        return one;
    }
    void run()
    {
        context->restart();
        context->run();
    }
    void poll()
    {
        context->restart();
        context->poll();
    }
    result<resolver::addresses> resolve(resolver::clock::duration limit = 1h, std::string host = "a.test")
    {
        auto const one = begin(limit, std::move(host));
        run();
        return one->outcome.value();
    }

    std::shared_ptr<name_service> service = std::make_shared<name_service>();
    std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>();
    std::optional<executor> strand;
    std::unique_ptr<resolver> names;
};

} // namespace

TEST_CASE("a host is looked up once for all who ask, and its answer is kept for a while")
{
    fixture f;
    auto const first = f.begin();
    auto const second = f.begin();
    f.poll();
    CHECK_FALSE(f.names->known("a.test", resolver::clock::now()).has_value());
    f.service->operator[](0).answer.set_value({"192.0.2.1", "2001:db8::1"});
    f.run();
    for (auto const& each : {first, second}) {
        REQUIRE(each->outcome.value().has_value());
        CHECK(each->outcome.value()->size() == 2);
    }
    CHECK(f.service->asked() == 1);
    auto const now = resolver::clock::now();
    CHECK(f.names->known("a.test", now).has_value());
    CHECK_FALSE(f.names->known("a.test", now + 30s).has_value());
    CHECK(f.names->known("192.0.2.9", now).value().front().to_string() == "192.0.2.9");
    f.names->forget("a.test");
    CHECK_FALSE(f.names->known("a.test", now).has_value());
}

TEST_CASE("whatever a lookup function throws becomes a failure")
{
    fixture f;
    f.service->fail(0, boost::system::system_error(asio::error::host_not_found));
    CHECK(f.resolve().error().code() == errc::host_not_found);
    f.service->fail(1, std::runtime_error("none"));
    CHECK(f.resolve().error().code() == errc::host_not_found_try_again);
    f.service->fail(2, 17);
    CHECK(f.resolve().error().code() == errc::host_not_found_try_again);
    f.service->operator[](3).answer.set_value({});
    CHECK(f.resolve().error().code() == errc::host_not_found);
    f.service->operator[](4).answer.set_value({"nonsense"});
    CHECK(f.resolve().error().code() == errc::host_not_found_try_again);
}

TEST_CASE("after a lookup that took too long another is begun, up to three of one host")
{
    fixture f;
    for (int i = 0; i != 5; ++i)
        CHECK(f.resolve(0s).error().code() == errc::resolve_timeout);
    auto const last = f.begin();
    f.poll();
    f.service->operator[](1).answer.set_value({"192.0.2.1"});
    f.run();
    CHECK(last->outcome.value().has_value());
    f.service->operator[](0).answer.set_value({});
    f.service->operator[](2).answer.set_value({});
    for (std::size_t i = 0; i != 3; ++i)
        f.service->operator[](i).ended.get_future().wait();
    CHECK(f.service->asked() == 3);
}

TEST_CASE("the failure of a late lookup does not hide what a fresh one says, but its success will do")
{
    for (bool const succeeds : {false, true}) {
        fixture f;
        CHECK(f.resolve(0s).error().code() == errc::resolve_timeout);
        f.service->operator[](0).asked.get_future().wait();
        auto const fresh = f.begin();
        f.poll();
        if (succeeds)
            f.service->operator[](0).answer.set_value({"192.0.2.1"});
        else
            f.service->fail(0, boost::system::system_error(asio::error::host_not_found_try_again));
        f.service->operator[](0).ended.get_future().wait();
        if (!succeeds)
            f.service->operator[](1).answer.set_value({"192.0.2.2"});
        f.run();
        CHECK(fresh->outcome.value().value().front().to_string() == (succeeds ? "192.0.2.1" : "192.0.2.2"));
        if (succeeds)
            f.service->operator[](1).answer.set_value({});
        f.service->operator[](1).ended.get_future().wait();
    }
}

TEST_CASE("a lookup that is given up holds nothing up, whenever it ends")
{
    fixture f;
    auto const cancelled = f.begin();
    f.poll();
    CHECK_FALSE(cancelled->outcome.has_value());
    cancelled->wake->cancel();
    f.run();
    CHECK(cancelled->outcome.value().error().code() == asio::error::operation_aborted);

    auto const abandoned = f.begin();
    f.poll();
    f.names->destroy();
    f.run();
    CHECK(abandoned->outcome.value().error().code() == asio::error::operation_aborted);
    CHECK(f.names->hosts() == 0);

    CHECK(f.service->asked() <= 1); // it was there to be joined
    f.service->operator[](0).answer.set_value({"192.0.2.1"});
    f.service->operator[](0).ended.get_future().wait();
}

TEST_CASE("the context can go away while a lookup is waited for")
{
    fixture f;
    auto const left = f.begin();
    f.poll();
    f.names.reset();
    f.strand.reset();
    f.context.reset(); // takes the coroutine along
    f.service->operator[](0).answer.set_value({"192.0.2.1"});
    f.service->operator[](0).ended.get_future().wait();
    CHECK_FALSE(left->outcome.has_value());
}

TEST_CASE("a host whose answer is no longer used is not remembered")
{
    fixture f(0ms);
    for (int i = 0; i != 10; ++i) {
        f.service->operator[](static_cast<std::size_t>(i)).answer.set_value({"192.0.2.1"});
        CHECK(f.resolve(1h, "h" + std::to_string(i) + ".test").has_value());
    }
    CHECK(f.names->hosts() == 1);
}
