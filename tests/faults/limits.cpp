// Limits of a client end to end: queues, shares, rates, budgets, time limits; and the ways it has to a service.
#include "fault_table.hpp"

#include <apimart/testing/connect_proxy.hpp>

#include <future>
#include <thread>

using namespace fault_tests;
using apimart::testing::connect_proxy;
using apimart::testing::connect_proxy_options;
using apimart::testing::proxy_credentials;
using clock_type = std::chrono::steady_clock;

namespace {

answer_row::strike silence()
{
    return [](peer& with, std::string const&) { return end(with, ending::silence); };
}

answer_row::strike refuses(int status, std::string headers = "")
{
    return answers(answer_text(status, error_body("", ""), headers));
}

apimart::client_config quick(std::shared_ptr<breaking_service> const& of)
{
    auto config = of->config();
    config.tls.use_system_ca(false);
    config.limits.connects_per_second = 10'000;
    return config;
}

std::shared_ptr<breaking_service> service_that(answer_row::strike fault, int strikes, bool charges = false)
{
    return std::make_shared<breaking_service>(std::move(fault), false, charges, strikes);
}

// A proxy on a thread of its own.
class proxy_thread
{
public:
    explicit proxy_thread(connect_proxy_options options)
        : work_(asio::make_work_guard(context_)), proxy(context_.get_executor(), std::move(options))
    {
        proxy.start();
        thread_ = std::thread([this] { context_.run(); });
    }
    ~proxy_thread()
    {
        proxy.stop();
        work_.reset();
        thread_.join();
    }

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;

public:
    connect_proxy proxy;

private:
    std::thread thread_;
};

} // namespace

TEST_CASE("faults: a submit that finds the queue full ends at once as queue_full, and nothing was sent (F10)")
{
    auto const service = service_that(silence(), always, true);
    asio::io_context context;
    auto config = quick(service);
    config.limits.max_concurrent_submits = 2;
    config.limits.queued_submits = 3;
    config.timeouts.shutdown_grace = 1ms;
    apimart::client user(context, config);
    std::vector<recorder<apimart::task>> got(7);
    for (auto const& each : got)
        user.submit(corgi(), each.token());
    run_until(context, [&] {
        return std::count_if(got.begin(), got.end(), [](auto const& each) { return each.done(); }) == 2 &&
               service->struck() == 2;
    });
    for (std::size_t i = 5; i < 7; ++i) {
        CHECK(got[i].why().code() == errc::queue_full);
        CHECK(got[i].why().acceptance() == acceptance::not_sent);
    }
    CHECK(user.metrics().overloaded == 2);
    CHECK(user.metrics().submits_queued == 3);
    recorder<apimart::shutdown_report> report;
    user.shutdown(report.token());
    run_until(context, [&] { return report.done(); });
    CHECK(report.value().cancelled_operations == 5);
    CHECK(report.value().unknown_submits == 2);
    CHECK(service->ledger->posts() == 2);
}

TEST_CASE("faults: questions get through while submits fill their places (F10)")
{
    auto const service = service_that(
        [](peer& with, std::string const& good) {
            if (good.find("task_asked") == std::string::npos)
                return end(with, ending::silence);
            with.write(good);
            return true;
        },
        always, true);
    asio::io_context context;
    auto config = quick(service);
    config.limits.max_connections = 4;
    config.limits.max_concurrent_submits = 3;
    config.timeouts.shutdown_grace = 1ms;
    apimart::client user(context, config);
    std::vector<recorder<apimart::task>> stuck(20);
    for (auto const& each : stuck)
        user.submit(corgi(), each.token());
    run_until(context, [&] { return service->ledger->posts() == 3; });
    std::vector<recorder<apimart::task_state>> asked(20);
    for (auto const& each : asked)
        user.status(apimart::task("task_asked"), each.token());
    recorder<apimart::task_result> waited;
    user.wait(apimart::task("task_asked"), waited.token());
    run_until(context, [&] {
        return waited.done() &&
               std::all_of(asked.begin(), asked.end(), [](auto const& each) { return each.done(); });
    });
    for (auto const& each : asked)
        CHECK(each.outcome().has_value());
    CHECK(waited.outcome().has_value());
    CHECK(service->ledger->posts() == 3);
    recorder<apimart::shutdown_report> report;
    user.shutdown(report.token());
    run_until(context, [&] { return report.done(); });
}

TEST_CASE("faults: Retry-After is waited out, by the submit that was told and by those behind it (F73)")
{
    auto const service = service_that(refuses(429, "Retry-After: 1\r\n"), 1);
    asio::io_context context;
    auto config = quick(service);
    config.limits.max_concurrent_submits = 1;
    apimart::client user(context, config);
    std::array<recorder<apimart::task>, 3> got;
    auto const begun = clock_type::now();
    for (auto const& each : got)
        user.submit(corgi(), each.token());
    run_until(context, [&] {
        return std::all_of(got.begin(), got.end(), [](auto const& each) { return each.done(); });
    });
    CHECK(clock_type::now() - begun >= 990ms);
    CHECK(got[0].value().submit_attempts() == 2);
    CHECK(service->ledger->posts() == 4);
    CHECK(user.metrics().rate_limited == 1);
    CHECK(service->ledger->tasks().size() == 3);
}

TEST_CASE("faults: an exhausted budget ends retries, names what they were for, and keeps what is proved")
{
    for (bool const throttled : {true, false}) {
        auto const service = service_that(throttled ? refuses(429) : refuses(503), always);
        asio::io_context context;
        auto config = quick(service);
        config.retry.budget = 10;
        config.retry.retry_token_cost = 5;
        config.retry.throttle_token_cost = 5;
        config.retry.max_retries = 50;
        config.retry.max_rate_limit_retries = 50;
        apimart::client user(context, config);
        if (throttled) {
            recorder<apimart::task> got;
            user.submit(corgi(), got.token());
            run_until(context, [&] { return got.done(); });
            CHECK(got.why().code() == errc::retry_budget_exhausted);
            CHECK(got.why().underlying() == api_errc::rate_limited);
            CHECK(got.why().acceptance() == acceptance::rejected);
            CHECK(service->ledger->posts() == 3);
        } else {
            recorder<apimart::task_state> got;
            user.status(apimart::task("task_asked"), got.token());
            run_until(context, [&] { return got.done(); });
            CHECK(got.why().code() == errc::retry_budget_exhausted);
            CHECK(got.why().underlying() == api_errc::unavailable);
            CHECK(got.why().task_id() == "task_asked");
            CHECK(service->ledger->gets() == 3);
        }
        CHECK(user.metrics().retries_refused == 1);
    }
}

TEST_CASE("faults: a submit's time limit includes queueing, retries and pauses (F50)")
{
    // In the queue behind one that is never answered.
    {
        auto const service = service_that(silence(), always, true);
        asio::io_context context;
        auto config = quick(service);
        config.limits.max_concurrent_submits = 1;
        config.timeouts.shutdown_grace = 1ms;
        apimart::client user(context, config);
        recorder<apimart::task> first;
        recorder<apimart::task> second;
        user.submit(corgi(), first.token());
        auto const begun = clock_type::now();
        user.submit(corgi(), {.timeout = 200ms}, second.token());
        run_until(context, [&] { return second.done(); });
        CHECK(clock_type::now() - begun >= 200ms);
        CHECK(clock_type::now() - begun <= 200ms + 250ms);
        CHECK(second.why().code() == errc::deadline_exceeded);
        CHECK(second.why().acceptance() == acceptance::not_sent);
        CHECK(service->ledger->posts() == 1);
        CHECK_FALSE(first.done());
    }
    // A pause that would not fit is not begun.
    {
        auto const service = service_that(refuses(429, "Retry-After: 30\r\n"), always);
        asio::io_context context;
        apimart::client user(context, quick(service));
        recorder<apimart::task> got;
        user.submit(corgi(), {.timeout = 2000ms}, got.token());
        auto const begun = clock_type::now();
        run_until(context, [&] { return got.done(); });
        CHECK(clock_type::now() - begun <= 2000ms + 250ms);
        CHECK(got.why().code() == errc::deadline_exceeded);
        CHECK(got.why().underlying() == api_errc::rate_limited);
        CHECK(got.why().acceptance() == acceptance::rejected);
        CHECK(service->ledger->posts() == 1);
    }
    // Retries that never end by themselves.
    {
        auto const service = service_that(refuses(503), always);
        asio::io_context context;
        auto config = quick(service);
        config.retry.max_retries = 1'000'000;
        config.retry.budget = 100'000'000;
        config.retry.initial_backoff = 20ms;
        config.retry.max_backoff = 20ms;
        apimart::client user(context, config);
        recorder<apimart::task_state> got;
        user.status(apimart::task("task_asked"), apimart::status_options{300ms}, got.token());
        auto const begun = clock_type::now();
        run_until(context, [&] { return got.done(); });
        CHECK(clock_type::now() - begun <= 300ms + 250ms);
        CHECK(got.why().code() == errc::deadline_exceeded);
        CHECK(service->ledger->gets() > 1);
    }
}

TEST_CASE("faults: another base URL is tried where no connection was made, and stays in use")
{
    auto const service = service_that(nullptr, 0);
    asio::io_context context;
    auto config = quick(service);
    config.fallback_base_urls = {config.base_url};
    // Nobody listens there, because the service itself does on another address.
    config.base_url = "https://127.0.0.9:" + std::to_string(service->port());
    apimart::client user(context, config);
    for (int i = 0; i < 2; ++i) {
        recorder<apimart::task> got;
        user.submit(corgi(), got.token());
        run_until(context, [&] { return got.done(); });
        CHECK(got.outcome().has_value());
    }
    CHECK(service->ledger->posts() == 2);
    CHECK(user.metrics().failovers == 1);
    CHECK(user.metrics().connections_failed == 1);
}

TEST_CASE("faults: another base URL is not tried once a byte was sent, nor for what says who the service is")
{
    enum class fault
    {
        lost,
        unavailable,
        handshake,
        certificate,
    };
    for (fault const what : {fault::lost, fault::unavailable, fault::handshake, fault::certificate}) {
        CAPTURE(static_cast<int>(what));
        auto const good = service_that(nullptr, 0);
        auto const broken = service_that(
            what == fault::unavailable
                ? refuses(503)
                : answer_row::strike([](peer& with, std::string const&) { return end(with, ending::reset); }),
            always, true);
        scripted_server refusing(scripted_server::security::plain, [](peer& with) {
            with.bytes(50);
            with.write(std::string_view("\x15\x03\x03\x00\x02\x02\x28", 7));
            with.wait_for_end();
        });
        asio::io_context context;
        auto config = quick(good);
        config.fallback_base_urls = {good->base_url()};
        config.base_url = what == fault::handshake ? "https://127.0.0.1:" + std::to_string(refusing.port())
                                                   : broken->base_url();
        if (what != fault::certificate)
            config.tls.add_ca_pem(broken->config().tls.ca_pems().front());
        apimart::client user(context, config);
        recorder<apimart::task> got;
        user.submit(corgi(), got.token());
        run_until(context, [&] { return got.done(); });
        bool const sent = what == fault::lost || what == fault::unavailable;
        CHECK(got.why().acceptance() == (sent ? acceptance::unknown : acceptance::not_sent));
        CHECK(broken->ledger->posts() == (sent ? 1 : 0));
        CHECK(good->connections() == 0);
    }
}

TEST_CASE("faults: a black hole among the addresses costs the stagger, not the time limit (F05)")
{
    auto const service = service_that(nullptr, 0);
    asio::ip::tcp::endpoint const hole(asio::ip::make_address("127.0.0.3"), service->port());
    asio::io_context context;
    asio::ip::tcp::acceptor acceptor(context);
    acceptor.open(hole.protocol());
    acceptor.bind(hole);
    ::listen(acceptor.native_handle(), 0);
    std::vector<asio::ip::tcp::socket> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.emplace_back(context, hole.protocol());
        fillers.back().native_non_blocking(true);
        asio::ip::tcp::endpoint to = hole;
        (void)::connect(fillers.back().native_handle(), to.data(), static_cast<socklen_t>(to.size()));
    }
    auto config = quick(service);
    config.base_url.replace(config.base_url.find("127.0.0.1"), 9, "localhost");
    config.resolver.add_host("localhost", {"127.0.0.3", "127.0.0.1"});
    config.timeouts.connection_attempt_delay = 100ms;
    apimart::client user(context, config);
    recorder<apimart::task> got;
    auto const begun = clock_type::now();
    user.submit(corgi(), got.token());
    run_until(context, [&] { return got.done(); });
    auto const took = clock_type::now() - begun;
    CHECK(got.outcome().has_value());
    CHECK(took >= 100ms);
    CHECK(took <= 100ms + 400ms);
    CHECK(user.metrics().address_fallbacks == 1);
    CHECK(user.metrics().connections_opened == 1);
}

TEST_CASE("faults: through a proxy with credentials TLS is the origin's, and hosts can be excepted")
{
    connect_proxy_options options;
    options.user = "user";
    options.password = "pass word";
    proxy_thread side(options);
    auto& proxy = side.proxy;
    auto const service = service_that(nullptr, 0);
    std::string const address = "127.0.0.1:" + std::to_string(proxy.port());
    proxy.route("localhost:" + std::to_string(service->port()), service->port());
    proxy.route("other.test:" + std::to_string(service->port()), service->port());
    auto const submit = [&](std::string const& user_part, std::string const& host,
                            std::string const& except) {
        asio::io_context context;
        auto config = quick(service);
        config.base_url = "https://" + host + ":" + std::to_string(service->port());
        config.proxy = apimart::proxy_options("http://" + user_part + address, except);
        apimart::client user(context, config);
        recorder<apimart::task> got;
        user.submit(corgi(), got.token());
        run_until(context, [&] { return got.done(); });
        return got;
    };
    CHECK(submit("user:pass%20word@", "localhost", "").outcome().has_value());
    REQUIRE(proxy.requests().size() == 1);
    CHECK(proxy.requests()[0].credentials == proxy_credentials::right);
    CHECK(proxy.requests()[0].target == "localhost:" + std::to_string(service->port()));

    auto const wrong = submit("user:wrong@", "localhost", "").why();
    CHECK(wrong.code() == errc::proxy_auth_required);
    CHECK(wrong.http_status() == 407);
    CHECK(wrong.acceptance() == acceptance::not_sent);
    CHECK(wrong.describe().find("wrong") == std::string::npos);
    CHECK(submit("", "localhost", "").why().code() == errc::proxy_auth_required);

    // The certificate is for localhost, whoever connects through.
    auto const named = submit("user:pass%20word@", "other.test", "").why();
    CHECK(named.code() == errc::certificate_verify_failed);
    CHECK(named.acceptance() == acceptance::not_sent);

    auto const before = proxy.connections();
    CHECK(submit("", "localhost", "localhost").outcome().has_value());
    CHECK(submit("", "127.0.0.1", "10.0.0.0/8, 127.0.0.0/8").outcome().has_value());
    CHECK(submit("", "127.0.0.1", "*").outcome().has_value());
    CHECK(proxy.connections() == before);
    CHECK(service->ledger->posts() == 4);
    CHECK_FALSE(proxy.saw_outside_tunnels(key_text));
}
