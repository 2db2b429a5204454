// SPDX-License-Identifier: BSL-1.0
// An emulator, a client of it and the thread that runs both, for the tests of programs that use the client.
#ifndef APIMART_TESTING_FIXTURE_HPP
#define APIMART_TESTING_FIXTURE_HPP

#include <apimart/client.hpp>
#include <apimart/testing/config_for.hpp>
#include <apimart/testing/emulator.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace apimart::testing {

/// What a test needs, in any test framework:
///
///     testing::fixture service(R"({"faults": [{"on": "submit", "status": 429}]})");
///     task made = service.run(service.client().submit(text_to_video<kling_v3>("a cat")));
///     CHECK(made.submit_attempts() == 2);
///
/// The emulator and the client run on a thread of the fixture's own, with which both end, however the test ends. Tasks take
/// milliseconds, and where that is too long or too short, `advance` pushes the time of both forward.
///
/// Lifetime: what a coroutine refers to lives until `run` has returned, or longer than the fixture.
/// Thread safety: all members may be called by any thread but the fixture's own.
class fixture
{
public:
    /// A service that behaves as a scenario says, and is this much faster than the real one.
    explicit fixture(std::string_view scenario_document = "{}", double speed = 1000)
        : fixture(options_of(scenario_document, speed))
    {}
    /// Any service; `adjust` may change the configuration of its client.
    explicit fixture(emulator_options options, std::function<void(client_config&)> adjust = {})
        : work_(boost::asio::make_work_guard(context_)), clock_(with_clock(options)),
          emulator_(context_.get_executor(), std::move(options)), client_(context_, config_by(adjust))
    {
        emulator_.start();
        thread_ = std::thread([this] { context_.run(); });
    }
    fixture(fixture const&) = delete;
    fixture& operator=(fixture const&) = delete;
    ~fixture()
    {
        emulator_.stop();
        context_.stop();
        thread_.join();
    }

    testing::emulator& emulator() noexcept { return emulator_; }
    apimart::client& client() noexcept { return client_; }
    /// For further clients, on `get_executor()` or elsewhere.
    client_config config() const { return config_for(emulator_); }
    boost::asio::any_io_executor get_executor() { return context_.get_executor(); }

    /// Runs a coroutine to its end on the fixture's thread, and gives what it returns or throws.
    /// Errors: throws `std::runtime_error` where it has not ended after that much real time.
    template <class T>
    T run(boost::asio::awaitable<T> work, std::chrono::milliseconds limit = std::chrono::seconds(30))
    {
        std::future<T> end = start(std::move(work));
        if (end.wait_for(limit) != std::future_status::ready)
            throw std::runtime_error("the coroutine did not end within " + std::to_string(limit.count()) +
                                     " ms");
        return end.get();
    }

    /// Starts a coroutine on the fixture's thread, for a test that goes on meanwhile.
    template <class T>
    std::future<T> start(boost::asio::awaitable<T> work)
    {
        return boost::asio::co_spawn(context_, std::move(work), boost::asio::use_future);
    }

    /// Lets this much time pass, for the emulator and its clients, without waiting for it: tasks end, waits ask for them,
    /// pauses and limits are over. It goes in steps, after each of which requests of `client()` that are under way have
    /// their answers, or a second of real time to get them.
    void advance(virtual_clock::duration by)
    {
        constexpr int steps = 64;
        settle();
        for (int i = 0; i < steps; ++i) {
            clock_->advance(by / steps + (i == 0 ? by % steps : virtual_clock::duration::zero()));
            settle();
        }
    }

private:
    static emulator_options options_of(std::string_view scenario_document, double speed)
    {
        emulator_options options;
        options.scenario = scenario::parse(scenario_document);
        options.speed = speed;
        return options;
    }
    static std::shared_ptr<virtual_clock> with_clock(emulator_options& options)
    {
        if (!options.clock)
            options.clock = std::make_shared<virtual_clock>();
        return options.clock;
    }
    client_config config_by(std::function<void(client_config&)> const& adjust) const
    {
        client_config made = config();
        if (adjust)
            adjust(made);
        return made;
    }

    // One thread runs all, so that what was posted before has happened when this has; and what follows from it is no more
    // than a few such steps away.
    void settle()
    {
        constexpr int enough = 8;
        auto const give_up = std::chrono::steady_clock::now() + std::chrono::seconds(1);
        for (int quiet = 0; quiet < enough && std::chrono::steady_clock::now() < give_up;) {
            boost::asio::post(context_, boost::asio::use_future).wait();
            quiet = client_.metrics().requests_in_flight == 0 ? quiet + 1 : 0;
        }
    }

    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::shared_ptr<virtual_clock> const clock_;
    testing::emulator emulator_;
    apimart::client client_;
    std::thread thread_;
};

} // namespace apimart::testing

#endif
