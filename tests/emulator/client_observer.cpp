// What the observer is told, and what the counters say, compared with what the service saw.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>
#include <array>
#include <variant>

using namespace client_tests;
using namespace apimart;

namespace {

using event = std::variant<attempt_event, retry_event, operation_event, connection_event, task_event,
                           backpressure_event>;

std::string words(attempt_event const& e)
{
    return "attempt " + std::to_string(e.attempt) + " " + std::string(to_string(e.kind)) + " " + e.phase +
           (e.http_status != 0 ? " " + std::to_string(e.http_status) : "");
}
std::string words(retry_event const& e)
{
    return "retry " + std::to_string(e.next_attempt) + " " + std::string(to_string(e.kind));
}
std::string words(operation_event const& e)
{
    return "end " + std::string(to_string(e.kind)) + " " + std::string(to_string(e.acceptance));
}
std::string words(connection_event const& e)
{
    return std::string(to_string(e.event));
}
std::string words(task_event const& e)
{
    return "task " + std::string(to_string(e.status));
}
std::string words(backpressure_event const& e)
{
    return "backpressure " + std::string(to_string(e.where));
}

/// Keeps what one client tells, and fails the test where two events are told at one time or inside a call.
class witness
{
public:
    observer callbacks()
    {
        observer all;
        set<attempt_event>(all.on_attempt);
        set<retry_event>(all.on_retry);
        set<operation_event>(all.on_operation);
        set<connection_event>(all.on_connection);
        set<task_event>(all.on_task);
        set<backpressure_event>(all.on_backpressure);
        return all;
    }

    template <class Event>
    void set(std::function<void(Event const&)>& callback)
    {
        callback = [this](Event const& told) {
            if (inside_.exchange(true) || in_call)
                wrong_moments_++;
            events_.push_back(told);
            if (then)
                then(events_.back());
            inside_ = false;
        };
    }

    template <class Event>
    std::vector<Event> all() const
    {
        std::vector<Event> found;
        for (event const& each : events_)
            if (Event const* const one = std::get_if<Event>(&each))
                found.push_back(*one);
        return found;
    }
    template <class Event>
    Event only() const
    {
        auto const found = all<Event>();
        REQUIRE(found.size() == 1);
        return found.front();
    }

    /// In their order, and in few words. Stalls are left out, because whether there are any is up to chance.
    std::string story() const
    {
        std::string text;
        for (event const& each : events_)
            if (!std::holds_alternative<backpressure_event>(each))
                text += std::visit([](auto const& e) { return words(e); }, each) + "; ";
        return text;
    }

    std::size_t count(std::string_view beginning) const
    {
        std::size_t n = 0;
        for (event const& each : events_)
            n += std::visit([](auto const& e) { return words(e); }, each).starts_with(beginning) ? 1 : 0;
        return n;
    }

    std::size_t size() const { return events_.size(); }
    int wrong_moments() const { return wrong_moments_; }

    std::atomic<bool> in_call = false;
    std::function<void(event const&)> then; // runs inside the callback

private:
    std::atomic<bool> inside_ = false;
    std::atomic<int> wrong_moments_ = 0;
    std::vector<event> events_;
};

task first_accepted(bench const& b)
{
    return task(std::string(b.accepted_entry(0).at("task_id").as_string()));
}

} // namespace

TEST_CASE("client observer: an accepted submit is told as a connection, an attempt and an end")
{
    bench b;
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    task const made = b.submitted(user, corgi());

    CHECK(told.story() == "connected; attempt 1 submit answered 200; end submit accepted; ");
    auto const connected = told.only<connection_event>();
    CHECK(connected.host == "127.0.0.1");
    CHECK(connected.address == "127.0.0.1");
    CHECK_FALSE(connected.code);
    CHECK(connected.detail.empty());
    CHECK(connected.tls_version == "TLSv1.3");
    CHECK(connected.verified);
    CHECK(connected.elapsed.count() > 0);

    auto const attempt = told.only<attempt_event>();
    CHECK(attempt.kind == request_kind::submit);
    CHECK(attempt.task_id.empty());
    CHECK(attempt.idempotency_key == made.idempotency_key());
    CHECK(attempt.host == "127.0.0.1");
    CHECK_FALSE(attempt.reused_connection);
    CHECK_FALSE(attempt.code);
    CHECK(attempt.detail.empty());
    CHECK(attempt.bytes_sent > corgi().serialize().size());
    CHECK(attempt.bytes_received > made.id().size());
    CHECK(attempt.elapsed.count() > 0);

    auto const end = told.only<operation_event>();
    CHECK(end.operation == attempt.operation);
    CHECK(end.task_id == made.id());
    CHECK_FALSE(end.code);
    CHECK(end.attempts == 1);
    CHECK(end.elapsed >= attempt.elapsed);

    b.submitted(user, corgi());
    auto const second = told.all<attempt_event>().at(1);
    CHECK(second.reused_connection);
    CHECK(second.operation != attempt.operation);
    CHECK(told.count("connected") == 1);
    CHECK(told.wrong_moments() == 0);
}

TEST_CASE("client observer: each attempt of a submit is followed by what was decided about it")
{
    bench b(R"({"faults":[{"on":"connection","do":"cut"},
                          {"on":"submit","status":429,"retry_after":1}]})");
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    task const made = b.submitted(user, corgi());

    CHECK(told.story() == "failed; attempt 1 submit connecting; retry 2 submit; "
                          "connected; attempt 2 submit answered 429; retry 3 submit; "
                          "attempt 3 submit answered 200; end submit accepted; ");
    auto const attempts = told.all<attempt_event>();
    CHECK(attempts[0].code == errc::tls_closed);
    CHECK(attempts[0].bytes_sent == 0);
    CHECK(attempts[0].bytes_received == 0);
    CHECK_FALSE(attempts[1].code);
    CHECK_FALSE(attempts[1].request_id.empty());
    CHECK(attempts[2].reused_connection);
    for (auto const& each : attempts) {
        CHECK(each.operation == attempts[0].operation);
        CHECK(each.idempotency_key == made.idempotency_key());
    }
    auto const retries = told.all<retry_event>();
    CHECK(retries[0].operation == attempts[0].operation);
    CHECK(retries[0].why == errc::tls_closed);
    CHECK_FALSE(retries[0].server_requested);
    CHECK_FALSE(retries[0].is_resend);
    CHECK(retries[0].delay <= config.retry.initial_backoff);
    CHECK(retries[1].why == api_errc::rate_limited);
    CHECK(retries[1].server_requested);
    CHECK_FALSE(retries[1].is_resend);
    CHECK(retries[1].delay == 1s);
    auto const failed = told.all<connection_event>().at(0);
    CHECK(failed.code == errc::tls_closed);
    CHECK(failed.tls_version.empty());
    CHECK(told.only<operation_event>().attempts == 3);
    CHECK(user.metrics().retries == 2);
    CHECK(user.metrics().rate_limited == 1);
}

TEST_CASE("client observer: a submit whose outcome is unknown ends with that proof")
{
    bench b(R"({"faults":[{"on":"submit","do":"reset","when":"accepted"}]})");
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    recorder<task> got;
    user.submit(corgi(), {.idempotency_key = "my-key"}, got.token());
    b.run();

    CHECK(told.story() == "connected; closed; attempt 1 submit sent; end submit unknown; ");
    auto const attempt = told.only<attempt_event>();
    CHECK(attempt.code == errc::connection_lost);
    CHECK(attempt.http_status == 0);
    CHECK(attempt.idempotency_key == "my-key");
    CHECK(attempt.bytes_sent > 0);
    CHECK(attempt.bytes_received == 0);
    auto const end = told.only<operation_event>();
    CHECK(end.code == errc::outcome_unknown);
    CHECK(end.code == got.why().code());
    CHECK(end.acceptance == got.why().acceptance());
    CHECK(end.task_id.empty());
    CHECK(end.attempts == 1);
    CHECK(user.metrics().outcomes_unknown == 1);
}

TEST_CASE("client observer: a repetition under the same key is told as one")
{
    bench b(R"({"idempotency":"on","faults":[{"on":"submit","do":"reset","when":"accepted"}]})");
    witness told;
    auto config = b.config();
    config.idempotency = idempotency::supported;
    config.observer = told.callbacks();
    client user(b.context, config);
    recorder<task> got;
    asio::cancellation_signal signal;
    user.submit(corgi(), as_result(asio::bind_cancellation_slot(signal.slot(), got.plain())));
    // What is decided is told before it is waited for.
    b.run_until([&] { return told.count("retry") == 1; });
    auto const retry = told.only<retry_event>();
    CHECK(retry.is_resend);
    CHECK(retry.why == errc::outcome_unknown);
    CHECK(retry.delay >= 2s);
    CHECK_FALSE(retry.server_requested);
    signal.emit(asio::cancellation_type::terminal);
    b.run();
    auto const end = told.only<operation_event>();
    CHECK(end.acceptance == acceptance::unknown);
    CHECK(end.code == errc::outcome_unknown);
}

TEST_CASE("client observer: what was refused before anything was sent has an end and nothing else")
{
    bench b;
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    recorder<task> got;
    user.submit(refused_request(), got.token());
    b.run();
    CHECK(told.story() == "end submit not_sent; ");
    auto const end = told.only<operation_event>();
    CHECK(end.code == errc::invalid_request);
    CHECK(end.attempts == 0);
}

TEST_CASE("client observer: what a client refuses because it shuts down has an end, too")
{
    bench b;
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    recorder<shutdown_report> over;
    user.shutdown(over.token());
    b.run();
    recorder<task> bought;
    recorder<task_state> asked;
    recorder<task_result> waited;
    user.submit(corgi(), bought.token());
    b.run();
    user.status(task("task_01KA040K7C5SXNYAVQCM2NB0D1"), asked.token());
    b.run();
    user.wait(task("task_01KA040K7C5SXNYAVQCM2NB0D1"), waited.token());
    b.run();
    CHECK(told.story() == "end submit not_sent; end status none; end poll none; ");
    for (operation_event const& end : told.all<operation_event>())
        CHECK(end.code == errc::shutting_down);
}

TEST_CASE("client observer: a question for a state is told with its task, and so is its repetition")
{
    bench b;
    witness told;
    auto config = b.config();
    client quiet = b.make_client();
    task const made = b.submitted(quiet, corgi());
    b.service().plan(R"({"on":"poll","status":503})");
    config.observer = told.callbacks();
    client user(b.context, config);
    recorder<task_state> got;
    user.status(made, got.token());
    b.run();
    CHECK(got.value().id() == made.id());
    CHECK(told.story() ==
          "connected; attempt 1 status answered 503; retry 2 status; attempt 2 status answered 200; "
          "end status none; ");
    for (auto const& each : told.all<attempt_event>()) {
        CHECK(each.task_id == made.id());
        CHECK(each.idempotency_key.empty());
    }
    CHECK(told.only<retry_event>().why == api_errc::unavailable);
    CHECK(told.only<operation_event>().task_id == made.id());
    CHECK(told.only<operation_event>().attempts == 2);
}

TEST_CASE("client observer: a wait tells every poll, and a task's state only where it changes")
{
    bench b(R"({"progress":"gradual"})", 100);
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    task_result const done = b.finished(user, corgi());
    CHECK(done.succeeded());

    std::size_t polls = 0;
    for (auto const& each : told.all<attempt_event>()) {
        if (each.kind != request_kind::poll)
            continue;
        ++polls;
        CHECK(each.task_id == done.id());
        CHECK(each.attempt == static_cast<int>(polls));
        CHECK(each.operation == told.only<operation_event>().operation);
        CHECK(each.phase == "answered");
    }
    CHECK(polls == b.booked("polls"));
    CHECK(polls == static_cast<std::size_t>(done.poll_count()));

    auto const states = told.all<task_event>();
    REQUIRE(states.size() >= 2);
    for (std::size_t i = 0; i < states.size(); ++i) {
        CHECK(states[i].task_id == done.id());
        CHECK_FALSE(states[i].raw_status.empty());
        if (i > 0) {
            bool const differs = states[i].raw_status != states[i - 1].raw_status ||
                                 states[i].progress != states[i - 1].progress;
            CHECK(differs);
            CHECK(states[i].progress >= states[i - 1].progress);
            CHECK(states[i].polls > states[i - 1].polls);
        }
    }
    CHECK(states.back().status == task_status::succeeded);
    CHECK(states.back().raw_status == "completed");
    CHECK(states.back().progress == 100);
    CHECK(told.only<operation_event>().task_id == done.id());
    CHECK(told.only<operation_event>().acceptance == acceptance::accepted);
    CHECK(told.wrong_moments() == 0);
}

TEST_CASE("client observer: a download tells its pieces without its link")
{
    bench b;
    witness told;
    auto config = b.config();
    client quiet = b.make_client();
    task_result const done = b.finished(quiet, corgi());
    b.service().plan(R"({"on":"download","status":503})");
    config.observer = told.callbacks();
    client user(b.context, config);
    scratch_folder folder;
    recorder<std::uint64_t> size;
    user.download(done.video(), folder / "v.mp4", size.token());
    b.run();
    CHECK(size.value() > 0);
    // The connection whose answer was not read to its end is not used again.
    CHECK(told.count("retry 2 download") == 1);
    CHECK(told.count("end download none") == 1);
    auto const attempts = told.all<attempt_event>();
    REQUIRE(attempts.size() == 2);
    for (auto const& each : attempts) {
        CHECK(each.kind == request_kind::download);
        CHECK(each.host == "127.0.0.1");
        CHECK(each.task_id == done.id());
        CHECK(each.idempotency_key.empty());
    }
    CHECK(attempts[1].http_status == 200);
    CHECK(attempts[1].bytes_received > size.value());
    CHECK(told.only<retry_event>().why == api_errc::unavailable);
    CHECK(told.only<operation_event>().task_id == done.id());
    CHECK(told.only<operation_event>().attempts == 2);
    CHECK(user.metrics().bytes_downloaded == size.value());
}

TEST_CASE("client observer: a connection that fails tells its reason")
{
    asio::io_context context;
    asio::ip::tcp::acceptor taken(context, {asio::ip::address_v4::loopback(), 0});
    auto const port = taken.local_endpoint().port();
    taken.close();
    witness told;
    auto config = quick_config("https://127.0.0.1:" + std::to_string(port), "");
    config.tls = {};
    config.retry.max_retries = 1;
    config.observer = told.callbacks();
    client user(context, config);
    recorder<task> got;
    user.submit(corgi(), got.token());
    run_to_end(context);
    CHECK(told.story() == "failed; attempt 1 submit connecting; retry 2 submit; failed; "
                          "attempt 2 submit connecting; end submit not_sent; ");
    for (auto const& each : told.all<connection_event>()) {
        CHECK(each.code == errc::connect_failed);
        CHECK(each.host == "127.0.0.1");
        CHECK(each.address.empty());
        CHECK(each.detail.find(std::to_string(port)) != std::string::npos);
        CHECK(each.tls_version.empty());
    }
    CHECK(user.metrics().connections_opened == 2);
    CHECK(user.metrics().connections_failed == 2);
    CHECK(user.metrics().connections_open == 0);
}

TEST_CASE("client observer: a refused certificate is told, and a connection without a check is marked")
{
    bench b;
    for (bool const checked : {true, false}) {
        CAPTURE(checked);
        witness told;
        auto config = b.config();
        config.tls = checked ? tls_options() : insecure_tls_for_tests();
        config.observer = told.callbacks();
        client user(b.context, config);
        recorder<task> got;
        user.submit(corgi(), got.token());
        b.run();
        auto const seen = told.only<connection_event>();
        CHECK(seen.address == "127.0.0.1");
        if (checked) {
            CHECK(told.story() == "failed; attempt 1 submit connecting; end submit not_sent; ");
            CHECK(seen.code == errc::certificate_verify_failed);
            CHECK_FALSE(seen.detail.empty());
        } else {
            CHECK(got.value().valid());
            CHECK_FALSE(seen.verified);
        }
    }
}

TEST_CASE("client observer: a kept connection that ended, or spoke unasked, is told as what it was")
{
    for (bool const speaks : {false, true}) {
        CAPTURE(speaks);
        std::atomic<bool> over = false;
        scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
            peer.request();
            peer.answer(200, accepted_body("task_1"));
            if (peer.index == 0) {
                if (speaks) {
                    peer.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
                    peer.wait_until_delivered();
                } else {
                    peer.close();
                }
                over = true;
            }
            peer.wait_for_end();
        });
        witness told;
        auto config = server.config();
        config.observer = told.callbacks();
        asio::io_context context;
        client user(context, config);
        recorder<task> first;
        user.submit(corgi(), first.token());
        run_until(context, [&] { return first.done() && over; });
        recorder<task> second;
        user.submit(corgi(), second.token());
        run_to_end(context);
        CHECK(second.value().id() == "task_1");
        // Where the end came together with the answer, the connection was not even kept.
        bool const noticed = told.count(speaks ? "unexpected_data" : "peer_closed") == 1;
        CHECK((noticed || told.count("connected") == 2));
        CHECK(user.metrics().stale_connections == told.count("peer_closed"));
        CHECK(user.metrics().unsolicited_bytes == told.count("unexpected_data"));
        CHECK(server.requests().size() == 2);
        CHECK(user.metrics().retries == 0);
    }
}

TEST_CASE(
    "client observer: submits that wait for the rate are told as backpressure, with the time it will take")
{
    bench b;
    witness told;
    auto config = b.config();
    config.limits.max_concurrent_submits = 1;
    config.limits.submits_per_second = 2;
    config.observer = told.callbacks();
    client user(b.context, config);
    std::vector<recorder<task>> got(2);
    for (auto& each : got)
        user.submit(corgi(), each.token());
    b.run();
    for (auto const& each : got)
        CHECK(each.value().valid());
    auto const stalls = told.all<backpressure_event>();
    REQUIRE(stalls.size() >= 2);
    // The second has no place before the first has its answer, and no turn after that.
    CHECK(stalls.front().where == backpressure_event::place::submit_queue);
    CHECK(stalls.front().waiting == 1);
    for (auto const& each : stalls) {
        if (&each == &stalls.front())
            continue;
        CHECK(each.where == backpressure_event::place::submit_rate);
        CHECK(each.waiting == 1);
        CHECK(each.delay > 0ms);
        CHECK(each.delay <= 500ms);
    }
}

TEST_CASE("client observer: requests that wait for a new connection's turn are told as backpressure")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        peer.request();
        peer.answer(200, accepted_body("task_1"), "Connection: close\r\n");
        peer.wait_for_end();
    });
    witness told;
    auto config = server.config();
    config.limits.max_connections = 1;
    config.limits.connects_per_second = 2;
    config.observer = told.callbacks();
    asio::io_context context;
    client user(context, config);
    std::vector<recorder<task>> got(2);
    for (auto& each : got)
        user.submit(corgi(), each.token());
    run_to_end(context);
    for (auto const& each : got)
        CHECK(each.value().valid());
    auto const stalls = told.all<backpressure_event>();
    REQUIRE(stalls.size() >= 2);
    // The only connection is in use; when it has ended, the next one is not to be begun yet.
    CHECK(stalls.front().where == backpressure_event::place::connections);
    CHECK(stalls.front().waiting == 1);
    for (auto const& each : stalls) {
        if (&each == &stalls.front())
            continue;
        CHECK(each.where == backpressure_event::place::connect_rate);
        CHECK(each.waiting == 1);
        CHECK(each.delay > 0ms);
        CHECK(each.delay <= 500ms);
    }
}

TEST_CASE(
    "client observer: requests that wait for a connection in use are told as backpressure, once for all")
{
    bench b(R"({"faults":[{"on":"poll","do":"hold"}]})");
    witness told;
    auto config = b.config();
    config.limits.max_connections = 1;
    config.observer = told.callbacks();
    client user(b.context, config);
    task const one = b.submitted(user, corgi());
    CHECK(told.count("backpressure connections") == 0);
    std::vector<recorder<task_state>> got(3);
    for (auto& each : got)
        user.status(one, each.token());
    b.run_until([&] { return b.booked("polls") == 1; });
    // Counted as it leaves, not when its answer has come.
    b.run_until([&] { return user.metrics().status_requests_sent == 1; });
    CHECK(user.metrics().requests_in_flight == 3);
    // What the caller asks is no poll.
    CHECK(user.metrics().polls_sent == 0);
    CHECK(user.metrics().submits_sent == 1);
    b.service().release();
    b.run();
    for (auto const& each : got)
        CHECK(each.outcome().has_value());
    CHECK(told.count("backpressure connections") == 1);
    CHECK(told.only<backpressure_event>().waiting == 1);
}

TEST_CASE("client observer: the end of every connection is told, kept ones included")
{
    bench b;
    witness told;
    auto config = b.config();
    config.limits.max_connections = 1;
    config.timeouts.idle_for_submit = 0ms;
    config.observer = told.callbacks();
    client user(b.context, config);
    // The kept one makes room for the fresh one.
    task const one = b.submitted(user, corgi());
    b.submitted(user, corgi());
    CHECK(told.count("connected") == 2);
    CHECK(told.count("closed") == 1);
    recorder<shutdown_report> end;
    user.shutdown(end.token());
    b.run();
    CHECK(told.count("closed") == 2);
    for (auto const& each : told.all<connection_event>())
        CHECK(each.tls_version == "TLSv1.3");

    // One that was kept for too long is found when another is wanted.
    config.timeouts.pool_idle = 1ms;
    witness of_another;
    config.observer = of_another.callbacks();
    client another(b.context, config);
    for (std::size_t i = 0; i < 2; ++i) {
        recorder<task_state> got;
        another.status(one, got.token());
        b.run();
        CHECK(got.outcome().has_value());
        CHECK(of_another.count("closed") == i);
        auto const now = std::chrono::steady_clock::now();
        wait_until([&] { return std::chrono::steady_clock::now() > now + 2ms; });
    }
}

TEST_CASE("client observer: what an observer throws is dropped, and the next event is told all the same")
{
    bench b(R"({"faults":[{"on":"submit","status":429}]})");
    auto config = b.config();
    int thrown = 0;
    config.observer.on_attempt = [&](attempt_event const&) { ++thrown, throw std::runtime_error("trouble"); };
    config.observer.on_retry = [&](retry_event const&) { ++thrown, throw std::runtime_error("trouble"); };
    config.observer.on_operation = [&](operation_event const&) { ++thrown, throw 7; };
    config.observer.on_connection = [&](connection_event const&) { ++thrown, throw 7; };
    config.observer.on_task = [&](task_event const&) { ++thrown, throw 7; };
    client user(b.context, config);
    CHECK(b.finished(user, corgi()).succeeded());
    // A connection, two attempts of the submit, its repetition, its end; a poll and a state at least.
    CHECK(thrown >= 7);
}

TEST_CASE("client observer: nothing is told inside a call, whoever makes it, and one event at a time")
{
    bench b;
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    std::vector<recorder<task_result>> got(6);
    recorder<task> refused;
    recorder<task_state> state;
    auto const calls = [&](std::size_t first) {
        told.in_call = true;
        for (std::size_t i = first; i < first + 3; ++i)
            user.generate(corgi(), got[i].token());
        user.submit(refused_request(), refused.token());
        user.metrics();
        told.in_call = false;
    };
    // From outside, from a handler of the context, and from inside an event.
    calls(0);
    bool called = false;
    told.then = [&](event const&) {
        if (std::exchange(called, true))
            return;
        told.in_call = true;
        user.status(task("task_nobody_has"), state.token());
        told.in_call = false;
    };
    b.run();
    refused = recorder<task>();
    asio::post(b.context, [&] { calls(3); });
    b.run();
    for (auto const& each : got)
        CHECK(each.value().succeeded());
    CHECK(state.done());
    CHECK(told.wrong_moments() == 0);
    CHECK(told.all<operation_event>().size() == 9);
}

TEST_CASE("client observer: with several threads events still come one at a time and in their order")
{
    bench b(R"({"faults":[{"on":"connection","do":"cut","every":2,"times":4}]})");
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    std::vector<recorder<task_result>> got(40);
    for (auto& each : got)
        user.generate(corgi(), each.token());
    {
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] { b.context.run_for(guard); });
        for (auto& each : threads)
            each.join();
    }
    for (auto const& each : got)
        CHECK(each.value().succeeded());
    CHECK(told.wrong_moments() == 0);
    // Of one submit: attempt, decision, attempt, ..., then the polls of its task, then the end.
    auto const attempts = told.all<attempt_event>();
    auto const retries = told.all<retry_event>();
    auto const ends = told.all<operation_event>();
    CHECK(ends.size() == got.size());
    CHECK(retries.size() == user.metrics().retries);
    for (auto const& end : ends) {
        int expected = 0;
        int polls = 0;
        for (auto const& each : attempts) {
            if (each.operation != end.operation)
                continue;
            bool const poll = each.kind == request_kind::poll;
            CHECK((poll || polls == 0));
            CHECK(each.attempt == ++(poll ? polls : expected));
        }
        CHECK(expected == end.attempts);
        CHECK(polls >= 1);
        int decided = 1;
        for (auto const& each : retries)
            if (each.operation == end.operation)
                CHECK(each.next_attempt == ++decided);
        CHECK(decided == end.attempts);
    }
}

TEST_CASE("client observer: telling it takes no handler of its own")
{
    // A refused request does no I/O, so that its handlers can be counted.
    auto const handlers = [](auto set) {
        asio::io_context context;
        auto config = quick_config("https://127.0.0.1:1", "");
        config.tls = {};
        set(config.observer);
        client user(context, config);
        recorder<task> got;
        user.submit(refused_request(), got.token());
        std::size_t const count = context.run();
        CHECK(got.why().code() == errc::invalid_request);
        return count;
    };
    std::size_t const none = handlers([](observer&) {});
    CHECK(handlers([](observer& o) {
              o.on_attempt = [](attempt_event const&) {};
              o.on_task = [](task_event const&) {};
          }) == none);
    CHECK(handlers([](observer& o) { o.on_operation = [](operation_event const&) {}; }) == none);
}

TEST_CASE("client metrics: the counters agree with the service's books and with the events")
{
    bench b(R"({"faults":[{"on":"submit","status":429,"times":3},
                          {"on":"poll","status":503,"times":2,"skip":2},
                          {"on":"poll","status":429,"skip":5},
                          {"on":"download","status":503},
                          {"on":"submit","do":"reset","when":"accepted","skip":9},
                          {"on":"connection","do":"cut","skip":1}]})");
    witness told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);
    std::vector<recorder<task_result>> got(12);
    for (auto& each : got)
        user.generate(corgi(), each.token());
    b.run();
    std::uint64_t finished = 0;
    std::uint64_t unknown = 0;
    std::uint64_t bytes = 0;
    scratch_folder folder;
    for (auto const& each : got) {
        if (!each.outcome()) {
            CHECK(each.why().code() == errc::outcome_unknown);
            ++unknown;
            continue;
        }
        recorder<std::uint64_t> size;
        user.download(each.value().video(), folder / std::to_string(finished++), size.token());
        b.run();
        bytes += size.value();
    }
    CHECK(unknown == 1);

    metrics const m = user.metrics();
    CHECK(b.service().unconsumed_faults().empty());
    CHECK(m.submits_sent == b.booked("submits_received"));
    CHECK(m.tasks_accepted + m.outcomes_unknown == b.accepted());
    CHECK(m.tasks_accepted == finished);
    CHECK(m.outcomes_unknown == unknown);
    CHECK(m.polls_sent == b.booked("polls"));
    CHECK(m.tasks_finished == finished);
    CHECK(m.bytes_downloaded == bytes);
    CHECK(m.rate_limited == 4);
    CHECK(m.connections_opened - m.connections_failed == b.booked("connections"));
    CHECK(m.connections_failed == 1);
    CHECK(m.tasks_waiting == 0);
    CHECK(m.submits_queued == 0);
    CHECK(m.requests_in_flight == 0);
    CHECK(m.overloaded == 0);
    CHECK(m.retries_refused == 0);
    CHECK(m.failovers == 0);
    CHECK(m.address_fallbacks == 0);

    CHECK(m.retries == told.count("retry"));
    CHECK(m.connections_opened == told.count("connected") + told.count("failed"));
    CHECK(m.connections_failed == told.count("failed"));
    std::uint64_t sent = 0;
    std::uint64_t asked = 0;
    for (auto const& each : told.all<attempt_event>()) {
        bool const out = each.phase == "sent" || each.phase == "answered";
        sent += out && each.kind == request_kind::submit ? 1 : 0;
        asked += out && each.kind == request_kind::poll ? 1 : 0;
    }
    CHECK(m.submits_sent == sent);
    CHECK(m.polls_sent == asked);
    CHECK(told.wrong_moments() == 0);
}

TEST_CASE("client metrics: what is under way is counted while it is, and not after")
{
    bench b(R"({"faults":[{"on":"submit","do":"hold","when":"request"}]})");
    auto config = b.config();
    config.limits.max_concurrent_submits = 1;
    config.limits.queued_submits = 2;
    client user(b.context, config);
    std::vector<recorder<task>> got(4);
    for (auto& each : got)
        user.submit(corgi(), each.token());
    b.run_until([&] { return b.booked("submits_received") == 1; });
    metrics const during = user.metrics();
    CHECK(during.submits_queued == 2);
    CHECK(during.requests_in_flight == 1);
    CHECK(during.connections_open == 1);
    CHECK(during.overloaded == 1);
    CHECK(during.tasks_accepted == 0);
    b.service().release();
    b.run();
    metrics const after = user.metrics();
    CHECK(after.submits_queued == 0);
    CHECK(after.requests_in_flight == 0);
    CHECK(after.tasks_accepted == 3);
    CHECK(after.connections_open == 1);

    b.service().plan(R"({"on":"poll","do":"hold"})");
    recorder<task_result> waited;
    user.wait(got.front().value(), waited.token());
    b.run_until([&] { return b.booked("polls") == 1; });
    CHECK(user.metrics().tasks_waiting == 1);
    CHECK(user.metrics().tasks_finished == 0);
    b.service().release();
    b.run();
    CHECK(waited.value().succeeded());
    CHECK(user.metrics().tasks_waiting == 0);
    CHECK(user.metrics().tasks_finished == 1);

    recorder<shutdown_report> end;
    user.shutdown(end.token());
    b.run();
    CHECK(user.metrics().connections_open == 0);
}

TEST_CASE("client metrics: another address, another base URL and a refused repetition are counted")
{
    // Told of the end of each client as well, when the next one runs the context.
    std::array<witness, 3> witnesses;
    bench b;
    auto const port = std::to_string(b.service().port());
    {
        auto config = b.config();
        config.base_url = "https://localhost:" + port;
        config.resolver.add_host("localhost", {"127.0.0.2", "127.0.0.1"});
        witness& told = witnesses[0];
        config.observer = told.callbacks();
        client user(b.context, config);
        b.submitted(user, corgi());
        CHECK(user.metrics().address_fallbacks == 1);
        CHECK(told.only<connection_event>().host == "localhost");
        CHECK(told.only<connection_event>().address == "127.0.0.1");
    }
    {
        auto config = b.config();
        config.base_url = "https://127.0.0.2:" + port;
        config.fallback_base_urls = {"https://127.0.0.1:" + port};
        witness& told = witnesses[1];
        config.observer = told.callbacks();
        client user(b.context, config);
        b.submitted(user, corgi());
        CHECK(user.metrics().failovers == 1);
        auto const attempts = told.all<attempt_event>();
        REQUIRE(attempts.size() == 2);
        CHECK(attempts[0].host == "127.0.0.2");
        CHECK(attempts[0].phase == "connecting");
        CHECK(attempts[1].host == "127.0.0.1");
        CHECK(told.only<operation_event>().acceptance == acceptance::accepted);
    }
    {
        b.service().plan(R"({"on":"submit","status":429})");
        auto config = b.config();
        config.retry.budget = 1;
        witness& told = witnesses[2];
        config.observer = told.callbacks();
        client user(b.context, config);
        recorder<task> got;
        user.submit(corgi(), got.token());
        b.run();
        CHECK(got.why().code() == errc::retry_budget_exhausted);
        CHECK(user.metrics().retries_refused == 1);
        CHECK(user.metrics().retries == 0);
        CHECK(told.count("retry") == 0);
        CHECK(told.only<operation_event>().acceptance == acceptance::rejected);
    }
    CHECK(first_accepted(b).valid());
}
