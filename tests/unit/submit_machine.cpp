// May this submit be sent again? Every order of events, without sockets and without a clock.
#include <apimart/policy/retry_budget.hpp>
#include <apimart/policy/submit_machine.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

using action = submit_machine::action;
using time_point = submit_machine::clock::time_point;

http_result never_connected()
{
    return {request_phase::connecting, make_error_code(errc::connect_failed)};
}

http_result cut_while_sending()
{
    return {request_phase::sending, make_error_code(errc::connection_lost)};
}

http_result no_answer()
{
    return {request_phase::committed, make_error_code(errc::connection_lost)};
}

http_result unsent(errc code, request_phase phase = request_phase::connecting)
{
    return {phase, make_error_code(code)};
}

// The server wants a client certificate, which in TLS 1.3 is known only when the request is out.
http_result session_refused()
{
    http_result out(request_phase::committed, make_error_code(errc::client_certificate_required));
    out.session_refused = true;
    return out;
}

http_result stale(http_result out)
{
    out.reused = true;
    return out;
}

http_result reply(int status, std::string body, std::string retry_after = {})
{
    http_result out(request_phase::answered, {});
    out.response.status = status;
    out.response.body = std::move(body);
    out.response.retry_after = std::move(retry_after);
    return out;
}

http_result accepted()
{
    return reply(200, R"({"code":200,"data":[{"status":"submitted","task_id":"task_1"}]})");
}

http_result slow_down(std::string retry_after = {})
{
    return reply(429, R"({"error":{"code":429,"message":"slow","type":"rate_limit_error"}})", retry_after);
}

// Plays a machine against a list of outcomes in virtual time.
class play
{
public:
    explicit play(submit_machine::options const& o = {}) : machine(o, "key-1"), next(machine.start(now)) {}

    play& feed(http_result const& outcome)
    {
        skip_pauses();
        REQUIRE(next == action::send);
        ++sent;
        sent_at.push_back(now);
        now += takes;
        next = machine.on_response(outcome, now, wall());
        return *this;
    }

    void skip_pauses()
    {
        while (next == action::pause) {
            now += machine.delay();
            next = machine.resume(now, wall());
        }
    }

    // Of a clock that was set, or went on while the machine slept.
    std::chrono::sys_seconds wall() const
    {
        return std::chrono::sys_seconds(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) +
                                        jump);
    }
    error_info why() const
    {
        REQUIRE(next == action::finish);
        REQUIRE_FALSE(machine.outcome().has_value());
        return machine.outcome().error();
    }

    time_point now = time_point(1000h);
    std::chrono::milliseconds takes{0};
    std::chrono::seconds jump{0};
    submit_machine machine;
    action next;
    int sent = 0;
    std::vector<time_point> sent_at;
};

submit_machine::options honoured()
{
    submit_machine::options o;
    o.contract = idempotency::supported;
    return o;
}

} // namespace

TEST_CASE("a submit that is accepted at once is one request")
{
    play p;
    p.feed(accepted());
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().value() == "task_1");
    CHECK(p.machine.requests() == 1);
}

TEST_CASE("a submit that never left is repeated, and then proved not sent")
{
    for (auto const& [outcome, tries] :
         {std::pair{never_connected(), 4}, std::pair{cut_while_sending(), 3}}) {
        play p;
        for (int i = 0; i < tries; ++i)
            p.feed(outcome);
        error_info const why = p.why();
        CHECK(why.acceptance() == acceptance::not_sent);
        CHECK(why.code() == outcome.error);
        CHECK(why.attempts().size() == static_cast<std::size_t>(tries));
        CHECK(why.idempotency_key() == "key-1");
    }
}

TEST_CASE("without a contract nothing follows a request that went out completely")
{
    std::vector<http_result> const doubtful{
        no_answer(),
        reply(500, "{}"),
        reply(502, "<html>bad gateway</html>"),
        reply(503, "{}"),
        reply(504, ""),
        reply(408, "{}"),
        reply(303, ""),
        reply(200, ""),
        reply(200, "null"),
        reply(200, "{}"),
        reply(200, R"({"code":200,"data":[]})"),
        reply(200, R"({"code":200,"data":[{"task_id":""}]})"),
        reply(200, R"({"code":200,"data":[{"task_id":7.5}]})"),
        reply(200, R"({"code":200,"data":[{"task_id":"a"},{"task_id":"b"}]})"),
        reply(200, R"({"code":200,"data":[{"task_id":"a/../b"}]})"),
        reply(409, R"({"error":{"code":"idempotency_in_progress"}})"),
        reply(409, R"({"error":{"code":"idempotency_result_indeterminate"}})"),
        reply(409, R"({"error":{"code":"something_new"}})"),
        // Only the contract says that this did nothing.
        reply(503, R"({"error":{"code":"idempotency_unavailable"}})"),
        reply(418, "{}"),
        reply(999, "{}"),
    };
    // However many free repetitions went before it.
    for (int before = 0; before <= 2; ++before) {
        for (http_result const& outcome : doubtful) {
            CAPTURE(outcome.response.status);
            CAPTURE(outcome.response.body);
            play p;
            for (int i = 0; i < before; ++i)
                p.feed(i % 2 == 0 ? never_connected() : cut_while_sending());
            p.feed(outcome);
            CHECK(p.why().acceptance() == acceptance::unknown);
            CHECK(p.why().code() == errc::outcome_unknown);
        }
    }
}

TEST_CASE("an answer of the refusal set proves that nothing was bought")
{
    for (int const status : {400, 401, 402, 403, 404, 405, 406, 411, 413, 414, 415, 422}) {
        CAPTURE(status);
        play p;
        p.feed(reply(status, R"({"error":{"message":"no","type":"t"}})"));
        REQUIRE(p.next == action::finish);
        CHECK(p.machine.outcome().error().acceptance() == acceptance::rejected);
        CHECK(p.machine.outcome().error().http_status() == status);
        CHECK(p.machine.outcome().error().server_message().text() == "no");
    }
}

TEST_CASE("an error inside an answer that says 200 is judged by its own code")
{
    for (int const inner : {400, 401, 402}) {
        play p;
        p.feed(reply(200, R"({"code":)" + std::to_string(inner) + R"(,"message":"no"})"));
        REQUIRE(p.next == action::finish);
        CHECK(p.machine.outcome().error().acceptance() == acceptance::rejected);
        CHECK(p.machine.outcome().error().server_message().text() == "no");
    }
}

TEST_CASE("a redirect is neither followed nor taken for an acceptance")
{
    for (int const status : {301, 302, 307, 308}) {
        play p;
        p.feed(reply(status, ""));
        REQUIRE(p.next == action::finish);
        CHECK(p.machine.outcome().error().acceptance() == acceptance::rejected);
    }
}

TEST_CASE("being told to slow down is waited out, for as long as the service asks")
{
    play p;
    p.feed(slow_down("7"));
    REQUIRE(p.next == action::pause);
    CHECK(p.machine.delay() == 7s);
    p.feed(accepted());
    CHECK(p.machine.outcome().value() == "task_1");
    CHECK(p.machine.requests() == 2);
}

TEST_CASE("a pause longer than the policy allows is reported with its length")
{
    play p;
    p.feed(slow_down("100000"));
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().code() == api_errc::rate_limited);
    CHECK(p.machine.outcome().error().retry_after() == 100000s);
    CHECK(p.machine.outcome().error().acceptance() == acceptance::rejected);
}

TEST_CASE("an empty account is not a reason to slow down")
{
    play p;
    p.feed(
        reply(429, R"({"error":{"code":"insufficient_quota","message":"empty","type":"rate_limit_error"}})"));
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().code() == condition::payment_required);
    CHECK_FALSE(p.machine.outcome().error().code() == condition::rate_limited);
}

TEST_CASE("a refusal that names a task is neither believed nor asked again, also under a contract")
{
    for (auto const& options : {submit_machine::options(), honoured()}) {
        for (int const status : {302, 400, 402, 422, 429}) {
            CAPTURE(status);
            play p(options);
            p.feed(reply(status, R"({"error":{"message":"no"},"data":[{"task_id":"task_7"}]})"));
            CHECK(p.sent == 1);
            error_info const why = p.why();
            CHECK(why.code() == errc::outcome_unknown);
            CHECK(why.acceptance() == acceptance::unknown);
            CHECK(why.http_status() == status);
            CHECK(why.client_message().find("task_7") != std::string::npos);
        }
    }
}

TEST_CASE("slowing down ends after the policy's number of repetitions")
{
    submit_machine::options o;
    o.retry.max_rate_limit_retries = 2;
    play p(o);
    p.feed(slow_down()).feed(slow_down()).feed(slow_down());
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().code() == condition::rate_limited);
}

TEST_CASE("a bad certificate is never tried again")
{
    play p;
    p.feed({request_phase::connecting, make_error_code(errc::certificate_verify_failed)});
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().acceptance() == acceptance::not_sent);
}

TEST_CASE("a kept connection found dead is replaced without a pause")
{
    for (http_result const& first : {stale(cut_while_sending()), stale(unsent(errc::connection_lost)),
                                     stale(unsent(errc::stream_truncated))}) {
        retry_budget budget{retry_policy()};
        submit_machine::options o;
        o.budget = &budget;
        o.retry.max_retries = 0; // it is not counted among them
        play p(o);
        p.feed(first);
        REQUIRE(p.next == action::pause);
        CHECK(p.machine.delay() == 0ms);
        CHECK(budget.left() == retry_policy().budget);
        // Once: what fails again is not staleness.
        p.feed(first);
        CHECK(p.why().acceptance() == acceptance::not_sent);
    }
    // A peer that does not read is no dead connection.
    play q;
    q.feed(stale(unsent(errc::write_timeout, request_phase::sending)));
    CHECK(q.next == action::pause);
    q.feed(stale(unsent(errc::write_timeout, request_phase::sending)));
    CHECK(q.next == action::finish);
}

TEST_CASE("under a contract a lost answer is asked for again with the same key, within bounds")
{
    play p(honoured());
    p.feed(no_answer())
        .feed(reply(502, ""))
        .feed(reply(409, R"({"error":{"code":"idempotency_in_progress"}})", "3"));
    p.feed(accepted());
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().value() == "task_1");
    CHECK(p.machine.key() == "key-1");

    play q(honoured());
    for (int i = 0; i < 5; ++i)
        q.feed(no_answer());
    REQUIRE(q.next == action::finish);
    CHECK(q.machine.outcome().error().code() == errc::outcome_unknown);
    CHECK(q.sent == 5);
}

// F45, F61, F65, F71, F78: the service has spoken, and would say the same again.
TEST_CASE("under a contract an answer that nobody can use ends in doubt at once")
{
    auto const broken = [](errc code) { return unsent(code, request_phase::committed); };
    http_result no_status = broken(errc::protocol_error);
    no_status.underlying = make_error_code(api_errc::other);
    for (http_result const& outcome :
         {reply(200, "{}"), reply(200, "null"), reply(200, R"({"code":200,"data":[]})"),
          reply(200, R"({"code":200,"data":[{"task_id":"a/../b"}]})"),
          reply(200, R"({"code":418,"message":"no"})"), reply(303, ""), reply(300, ""), reply(304, ""),
          reply(409, R"({"error":{"code":"something_new"}})"), reply(418, "{}"), reply(499, ""),
          reply(600, ""), reply(999, "{}"), broken(errc::response_too_large), no_status}) {
        CAPTURE(outcome.response.status);
        CAPTURE(outcome.response.body);
        play p(honoured());
        p.feed(outcome);
        CHECK(p.why().code() == errc::outcome_unknown);
        CHECK(p.why().acceptance() == acceptance::unknown);
        CHECK(p.why().client_message().find("fresh connection") != std::string::npos);

        // Nor does it make the request before it any more certain.
        play q(honoured());
        q.feed(no_answer()).feed(outcome);
        CHECK(q.why().code() == errc::outcome_unknown);
        CHECK(q.sent == 2);
    }
    // What stands in the place of the service's own answer is no such last word.
    for (http_result const& outcome :
         {reply(200, ""), reply(200, "<html>"), reply(200, "{"), reply(204, ""), reply(408, "{}"),
          reply(500, "{}"), reply(200, R"({"code":502,"message":"no"})"), broken(errc::protocol_error)}) {
        CAPTURE(outcome.response.status);
        CAPTURE(outcome.response.body);
        play p(honoured());
        p.feed(outcome).feed(accepted());
        CHECK(p.machine.outcome().has_value());
    }
}

TEST_CASE("a refused repetition does not make the first request unsent")
{
    play p(honoured());
    p.feed(no_answer()).feed(reply(401, R"({"error":{"message":"no"}})"));
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().acceptance() == acceptance::unknown);

    play q(honoured());
    q.feed(no_answer());
    for (int i = 0; i < 4; ++i)
        q.feed(never_connected());
    REQUIRE(q.next == action::finish);
    CHECK(q.machine.outcome().error().acceptance() == acceptance::unknown);
}

TEST_CASE("resends come after two seconds, then ever later, with jitter")
{
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        submit_machine::options o = honoured();
        o.seed = seed;
        play p(o);
        for (auto const base : {2000ms, 4000ms, 8000ms, 16000ms}) {
            p.feed(no_answer());
            REQUIRE(p.next == action::pause);
            CHECK(p.machine.in_doubt());
            CHECK(p.machine.pending().code() == errc::outcome_unknown);
            CHECK(p.machine.delay() >= base);
            CHECK(p.machine.delay() < base * 5 / 4);
        }
        p.feed(no_answer());
        CHECK(p.why().acceptance() == acceptance::unknown);
    }
}

// Section 2.2 and 2.3 of the fault matrix: how often a submit that is proved unsent is tried again.
TEST_CASE("each cause that kept a submit from being sent has its own number of repetitions")
{
    struct row
    {
        errc code;
        int retries;
        request_phase phase = request_phase::connecting;
    };
    for (row const& each : {
             row{errc::host_not_found, 0},                          // F01: the name does not exist
             row{errc::host_not_found_try_again, 3},                // F02
             row{errc::resolve_timeout, 1},                         // F03
             row{errc::url_not_allowed, 0},                         // F04: a private address
             row{errc::connect_failed, 3},                          // F06, F08: refused, no route
             row{errc::connect_timeout, 2},                         // F07
             row{errc::resource_exhausted, 3},                      // F09: no descriptor, no port
             row{errc::queue_full, 0},                              // F10: a queue is full
             row{errc::proxy_auth_required, 0},                     // F11
             row{errc::proxy_refused, 0},                           //
             row{errc::proxy_failed, 2},                            // F12
             row{errc::proxy_protocol_error, 0},                    // F13
             row{errc::certificate_verify_failed, 0},               // F14
             row{errc::tls_failed, 0},                              // F15: no common version
             row{errc::tls_timeout, 2},                             // F16
             row{errc::tls_closed, 2},                              // F17
             row{errc::tls_wrong_protocol, 0},                      // F18
             row{errc::client_certificate_required, 0},             // F19
             row{errc::connection_lost, 2},                         // F21 on a fresh connection
             row{errc::connection_lost, 2, request_phase::sending}, // F30
             row{errc::write_timeout, 1, request_phase::sending},   // F31
             row{errc::protocol_error, 0, request_phase::sending},
             row{errc::deadline_exceeded, 0},
             row{errc::shutting_down, 0},
         }) {
        for (int const most : {0, 1, 3, 100}) {
            CAPTURE(make_error_code(each.code).message());
            CAPTURE(most);
            submit_machine::options o;
            o.retry.max_retries = most;
            play p(o);
            while (p.next != action::finish)
                p.feed(unsent(each.code, each.phase));
            CHECK(p.sent == 1 + std::min(each.retries, most));
            CHECK(p.why().code() == each.code);
            CHECK(p.why().acceptance() == acceptance::not_sent);
            CHECK(p.why().underlying() == error_code());
        }
    }
    // A code of another library is not known to be worth it.
    play p;
    p.feed({request_phase::connecting, boost::system::errc::make_error_code(boost::system::errc::io_error)});
    CHECK(p.why().acceptance() == acceptance::not_sent);
}

TEST_CASE("what a layer beneath said is kept, and a proxy's status too")
{
    http_result outcome = unsent(errc::proxy_auth_required);
    outcome.detail = "proxy words";
    outcome.http_status = 407;
    outcome.underlying = boost::system::errc::make_error_code(boost::system::errc::permission_denied);
    play p;
    p.feed(outcome);
    CHECK(p.why().client_message() == "proxy words");
    CHECK(p.why().http_status() == 407);
    CHECK(p.why().underlying() == outcome.underlying);
}

// F19: with TLS 1.3 the refusal comes after the request; the service did not look at a byte of it.
TEST_CASE("a session that the peer refused proves that the request was not processed")
{
    for (auto const contract : {idempotency::none, idempotency::supported}) {
        submit_machine::options o;
        o.contract = contract;
        play p(o);
        p.feed(session_refused());
        CHECK(p.why().code() == errc::client_certificate_required);
        CHECK(p.why().acceptance() == acceptance::not_sent);
        CHECK(p.sent == 1);
        CHECK(p.machine.requests() == 1);

        play q(o);
        q.machine.stopped(session_refused(), make_error_code(errc::shutting_down));
        CHECK(q.machine.outcome().error().acceptance() == acceptance::not_sent);
    }
    // It says nothing about the request before it, and is not tried again after it either.
    play r(honoured());
    r.feed(no_answer()).feed(session_refused());
    CHECK(r.why().code() == errc::outcome_unknown);
    CHECK(r.why().underlying() == errc::client_certificate_required);
    CHECK(r.sent == 2);
}

TEST_CASE("a certificate that turns bad does not get the resends of a lost answer")
{
    play p(honoured());
    p.feed(no_answer()).feed(unsent(errc::certificate_verify_failed));
    CHECK(p.why().code() == errc::outcome_unknown);
    CHECK(p.why().underlying() == errc::certificate_verify_failed);
    CHECK(p.sent == 2);
}

// F24: the service may have forgotten the key and would take the repetition for a new task.
TEST_CASE("a key that is nearly forgotten is not used again, and the failure says so")
{
    submit_machine::options o = honoured();
    o.retry.idempotency_key_ttl = 300s;
    for (auto const& [age, resent] : {std::pair{269s, true}, std::pair{271s, false}}) {
        play p(o);
        p.feed(no_answer());
        REQUIRE(p.next == action::pause);
        p.now += age;
        p.next = p.machine.resume(p.now);
        CHECK((p.next == action::send) == resent);
        if (!resent) {
            CHECK(p.why().code() == errc::outcome_unknown);
            CHECK(p.why().client_message().find("window of the idempotency key is over") !=
                  std::string::npos);
        }
    }
    // Nor is it waited for when the pause would outlive it, for whatever the pause is.
    for (http_result const& last : {no_answer(), never_connected(), slow_down("60"),
                                    reply(409, R"({"error":{"code":"idempotency_in_progress"}})", "60")}) {
        play p(o);
        p.feed(no_answer());
        p.now += 266s;
        p.next = p.machine.resume(p.now);
        p.feed(last);
        REQUIRE(p.next == action::finish);
        CHECK(p.why().acceptance() == acceptance::unknown);
        CHECK(p.why().client_message().find("window of the idempotency key is over") != std::string::npos);
    }
}

TEST_CASE("a key's age begins when its first request was sent, not when that was found lost")
{
    submit_machine::options o = honoured();
    o.retry.idempotency_key_ttl = 300s;
    play p(o);
    p.takes = 60s;
    p.feed(no_answer());
    REQUIRE(p.next == action::pause);
    p.now += 211s;
    CHECK(p.machine.resume(p.now) == action::finish);

    // Time spent waiting for a turn does not count.
    play q(o);
    q.now += 1h;
    http_result queued = no_answer();
    queued.begun = q.now;
    q.feed(queued);
    CHECK(q.next == action::pause);
    q.skip_pauses();
    CHECK(q.next == action::send);
}

// F57: the steady clock stands still while the machine sleeps, and the wall clock can be set.
TEST_CASE("a key's age is what the clock says that went further")
{
    submit_machine::options o = honoured();
    o.retry.idempotency_key_ttl = 300s;
    for (auto const& each : {std::pair{0s, true}, std::pair{200s, true}, std::pair{280s, false},
                             std::pair{86'400s, false}, std::pair{-86'400s, true}}) {
        auto const jump = each.first;
        bool const resent = each.second;
        CAPTURE(jump.count());
        play p(o);
        p.feed(no_answer());
        p.jump = jump;
        p.skip_pauses();
        CHECK((p.next == action::send) == resent);

        // The same where it is seen only with the next answer.
        play q(o);
        q.feed(no_answer());
        q.skip_pauses();
        q.jump = jump;
        q.next = q.machine.on_response(no_answer(), q.now, q.wall());
        CHECK((q.next == action::pause) == resent);
    }
    // Going back does not make a key younger than it is by the other clock.
    play p(o);
    p.feed(no_answer());
    p.jump = -86'400s;
    p.now += 271s;
    CHECK(p.machine.resume(p.now, p.wall()) == action::finish);
}

TEST_CASE("a window or a pause beyond all measure is harmless")
{
    submit_machine::options o = honoured();
    o.retry.idempotency_key_ttl = std::chrono::seconds::max();
    o.retry.max_retry_after = std::chrono::seconds::max();
    play p(o);
    p.feed(no_answer()).feed(slow_down("99999999999999999999"));
    CHECK(p.next == action::pause);
    CHECK(p.machine.delay() <= 366 * 24h);
}

// 503 `idempotency_unavailable`: by the newer documentation nothing was executed.
TEST_CASE("that a service did nothing for lack of its key store is believed only under a contract")
{
    auto const nothing_done = reply(503, R"({"error":{"code":"idempotency_unavailable"}})");
    play p;
    p.feed(nothing_done);
    CHECK(p.why().acceptance() == acceptance::unknown);
    CHECK(p.why().underlying() == api_errc::unavailable);
    CHECK(p.why().server_message().code() == "idempotency_unavailable");

    play q(honoured());
    q.feed(nothing_done).feed(accepted());
    CHECK(q.machine.outcome().has_value());

    play r(honoured());
    while (r.next != action::finish)
        r.feed(nothing_done);
    CHECK(r.sent == 5);
    CHECK(r.why().acceptance() == acceptance::rejected);

    play s(honoured());
    s.feed(no_answer());
    while (s.next != action::finish)
        s.feed(nothing_done);
    CHECK(s.why().acceptance() == acceptance::unknown);
}

TEST_CASE("doubt comes with its evidence: reason, phase, bytes, kind of connection, status")
{
    http_result lost(request_phase::committed, make_error_code(errc::connection_lost));
    lost.detail = "reset by peer";
    lost.bytes_sent = 355;
    lost.bytes_received = 17;
    lost.address = "192.0.2.1:443";
    lost.reused = true;
    lost.response.status = 200;
    lost.partial = "{\"task_id\":\"task_\x1b";
    play p;
    p.feed(lost);
    std::string const words = p.why().client_message();
    CAPTURE(words);
    for (char const* const part :
         {"connection closed", "reset by peer", "sent", "355 bytes sent", "reused connection",
          "192.0.2.1:443", "17 bytes received", "HTTP status 200"})
        CHECK_MESSAGE(words.find(part) != std::string::npos, part);
    CHECK(p.why().http_status() == 0);
    CHECK(p.why().server_message().text() == "{\"task_id\":\"task_\\x1b");

    lost.reused = false;
    play q(honoured());
    q.feed(lost).feed(never_connected());
    q.machine.stopped(make_error_code(errc::shutting_down));
    std::string const later = q.machine.outcome().error().client_message();
    CAPTURE(later);
    CHECK(later.find("355 bytes sent on a fresh connection") != std::string::npos);
    CHECK(q.machine.outcome().error().underlying() == errc::shutting_down);

    http_result answered = reply(502, "bad gateway");
    answered.bytes_sent = 355;
    play r;
    r.feed(answered);
    CHECK(r.why().http_status() == 502);
    CHECK(r.why().client_message().find("answered, 355 bytes sent on a fresh connection") !=
          std::string::npos);
}

TEST_CASE("repetitions stop when the client's budget for them is spent, and say what they were for")
{
    retry_policy policy;
    policy.budget = 20;
    retry_budget budget(policy);
    submit_machine::options o;
    o.budget = &budget;

    play p(o);
    p.feed(never_connected()).feed(never_connected());
    CHECK(p.why().code() == errc::retry_budget_exhausted);
    CHECK(p.why().underlying() == errc::connect_failed);
    CHECK(p.why().acceptance() == acceptance::not_sent);
    CHECK(p.why().attempts().size() == 2);
    CHECK(budget.left() == 6);

    play q(o);
    http_result slow = slow_down("7");
    slow.response.request_id = "req-1";
    q.feed(slow).feed(slow);
    CHECK(q.why().code() == errc::retry_budget_exhausted);
    CHECK(q.why().underlying() == api_errc::rate_limited);
    CHECK(q.why().acceptance() == acceptance::rejected);
    CHECK(q.why().http_status() == 429);
    CHECK(q.why().retry_after() == 7s);
    CHECK(q.why().request_id() == "req-1");
    CHECK(q.why().server_message().text() == "slow");
    CHECK(budget.left() == 1);

    o.contract = idempotency::supported;
    play r(o);
    r.feed(no_answer());
    CHECK(r.why().code() == errc::outcome_unknown);
    CHECK(r.why().underlying() == errc::connection_lost);
    CHECK(r.why().acceptance() == acceptance::unknown);
    CHECK(r.why().client_message().find(make_error_code(errc::retry_budget_exhausted).message()) !=
          std::string::npos);
    CHECK(r.sent == 1);

    play s(o);
    s.feed(accepted());
    CHECK(budget.left() == 2);
}

TEST_CASE("the time limit covers pauses and keeps what was proved")
{
    submit_machine::options o;
    o.deadline = time_point(1000h) + 5s;
    play p(o);
    p.feed(slow_down("7"));
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().code() == errc::deadline_exceeded);
    CHECK(p.machine.outcome().error().underlying() == api_errc::rate_limited);
    CHECK(p.machine.outcome().error().acceptance() == acceptance::rejected);

    // A timer that rings late.
    play sleeper(o);
    sleeper.feed(never_connected());
    REQUIRE(sleeper.next == action::pause);
    CHECK(sleeper.machine.resume(sleeper.now + 6s) == action::finish);
    CHECK(sleeper.machine.outcome().error().code() == errc::deadline_exceeded);
    CHECK(sleeper.machine.outcome().error().underlying() == errc::connect_failed);
    CHECK(sleeper.machine.outcome().error().acceptance() == acceptance::not_sent);

    submit_machine late(o, "k");
    CHECK(late.start(time_point(1000h) + 6s) == action::finish);
    CHECK(late.outcome().error().acceptance() == acceptance::not_sent);
}

TEST_CASE("stopping tells what is proved at that moment")
{
    auto const why = make_error_code(errc::shutting_down);
    play p;
    CHECK(p.machine.stopped(why) == action::finish);
    CHECK(p.machine.outcome().error().acceptance() == acceptance::not_sent);

    for (auto const& [outcome, proof] : {std::pair{never_connected(), acceptance::not_sent},
                                         std::pair{cut_while_sending(), acceptance::not_sent},
                                         std::pair{no_answer(), acceptance::unknown}}) {
        play q;
        CHECK(q.machine.stopped(outcome, why) == action::finish);
        CHECK(q.machine.outcome().error().acceptance() == proof);
    }

    play r(honoured());
    r.feed(no_answer());
    CHECK(r.machine.stopped(why) == action::finish);
    CHECK(r.machine.outcome().error().acceptance() == acceptance::unknown);
    CHECK(r.machine.outcome().error().underlying() == errc::shutting_down);
}

namespace {

struct event
{
    http_result outcome;
    // What the service may have done with it, by the documentation and by what was handed over.
    bool maybe_bought = false;
    bool maybe_bought_under_contract = false;
    bool answers_refusal = false; // P3
};

std::vector<event> const& all_events()
{
    static std::vector<event> const events{
        {never_connected()},
        {unsent(errc::certificate_verify_failed)},
        {cut_while_sending()},
        {stale(unsent(errc::connection_lost))},
        {session_refused()},
        {no_answer(), true, true},
        {accepted(), true, true},
        {slow_down("1"), false, false, true},
        {reply(500, "{}"), true, true},
        {reply(401, "{}"), false, false, true},
        {reply(200, "{}"), true, true},
        {reply(409, R"({"error":{"code":"idempotency_in_progress"}})"), true, true},
        {reply(503, R"({"error":{"code":"idempotency_unavailable"}})"), true, false, true},
    };
    return events;
}

// One sequence of events; the rules about money are checked at every step.
class watched_play : public play
{
public:
    explicit watched_play(submit_machine::options const& o) : play(o), options_(o) { check_end(); }

    // False when the machine wants no more.
    bool put(event const& each)
    {
        skip_pauses();
        check_end();
        if (next == action::finish)
            return false;
        bool const bought_before = doubts_ > 0;
        if (options_.deadline)
            REQUIRE(now < *options_.deadline);
        feed(each.outcome);
        refused_ = refused_ || each.answers_refusal;
        // Without a contract, nothing is sent after a request that may have been accepted.
        if (options_.contract == idempotency::none)
            REQUIRE_FALSE(bought_before);
        if (options_.contract == idempotency::none ? each.maybe_bought : each.maybe_bought_under_contract)
            ++doubts_;
        check_end();
        return true;
    }

    void check_end()
    {
        if (next == action::pause) {
            REQUIRE((options_.contract == idempotency::supported || doubts_ == 0));
            REQUIRE(machine.in_doubt() == (doubts_ > 0));
            REQUIRE(machine.pending().code());
            return;
        }
        if (next != action::finish || machine.outcome())
            return;
        error_info const& end = machine.outcome().error();
        if (doubts_ > 0) {
            REQUIRE(end.acceptance() == acceptance::unknown);
            REQUIRE(end.code() == errc::outcome_unknown);
        } else if (end.acceptance() == acceptance::rejected) {
            REQUIRE(refused_);
        } else {
            REQUIRE(end.acceptance() == acceptance::not_sent);
        }
        REQUIRE(end.idempotency_key() == "key-1");
        REQUIRE(static_cast<int>(end.attempts().size()) == sent);
        REQUIRE_FALSE(end.describe().empty());
    }

private:
    submit_machine::options options_;
    int doubts_ = 0;
    bool refused_ = false;
};

template <class Visit>
int each_sequence(std::size_t length, Visit visit)
{
    std::size_t const kinds = all_events().size();
    std::size_t count = 1;
    for (std::size_t i = 0; i < length; ++i)
        count *= kinds;
    for (std::size_t code = 0; code < count; ++code) {
        std::vector<event const*> sequence;
        for (std::size_t i = 0, rest = code; i < length; ++i, rest /= kinds)
            sequence.push_back(&all_events()[rest % kinds]);
        visit(sequence);
    }
    return static_cast<int>(count);
}

} // namespace

TEST_CASE("sweep: no second purchase without a contract, and no false proof")
{
    int sequences = 0;
    for (auto const contract : {idempotency::none, idempotency::supported}) {
        for (int const tokens : {-1, 30}) {
            sequences += each_sequence(4, [&](std::vector<event const*> const& sequence) {
                retry_policy policy;
                policy.budget = std::max(tokens, 0);
                retry_budget budget(policy);
                submit_machine::options o;
                o.contract = contract;
                o.budget = tokens < 0 ? nullptr : &budget;
                watched_play p(o);
                for (event const* each : sequence) {
                    if (!p.put(*each))
                        break;
                }
                REQUIRE(budget.left() >= 0);
            });
        }
    }
    CHECK(sequences == 4 * 13 * 13 * 13 * 13);
}

TEST_CASE("sweep: whatever happens for ever comes to an end")
{
    for (auto const contract : {idempotency::none, idempotency::supported}) {
        each_sequence(3, [&](std::vector<event const*> const& sequence) {
            submit_machine::options o;
            o.contract = contract;
            watched_play p(o);
            for (std::size_t i = 0; p.put(*sequence[i % sequence.size()]); ++i)
                REQUIRE(i < 25);
            REQUIRE(p.next == action::finish);
        });
    }
}

TEST_CASE("sweep: a time limit at every moment of every sequence ends it there, with what was proved")
{
    int limits = 0;
    for (auto const contract : {idempotency::none, idempotency::supported}) {
        each_sequence(3, [&](std::vector<event const*> const& sequence) {
            submit_machine::options o;
            o.contract = contract;
            watched_play free(o);
            free.takes = 10ms;
            std::vector<time_point> moments{free.now};
            for (event const* each : sequence) {
                if (!free.put(*each))
                    break;
                moments.push_back(free.sent_at.back());
                moments.push_back(free.now);
            }
            for (time_point const moment : moments) {
                for (auto const offset : {-1ms, 0ms, 1ms}) {
                    o.deadline = moment + offset;
                    watched_play p(o);
                    p.takes = 10ms;
                    for (event const* each : sequence) {
                        if (!p.put(*each))
                            break;
                    }
                    for (time_point const at : p.sent_at)
                        REQUIRE(at < *o.deadline);
                    ++limits;
                }
            }
        });
    }
    CHECK(limits > 20'000);
}

TEST_CASE("sweep: a stop at every moment of every sequence tells what is proved")
{
    auto const why = make_error_code(errc::shutting_down);
    for (auto const contract : {idempotency::none, idempotency::supported}) {
        each_sequence(3, [&](std::vector<event const*> const& sequence) {
            submit_machine::options o;
            o.contract = contract;
            for (std::size_t before = 0; before < sequence.size(); ++before) {
                for (bool const on_the_wire : {false, true}) {
                    watched_play p(o);
                    bool going = true;
                    bool doubted = false;
                    for (std::size_t i = 0; i < before && going; ++i) {
                        going = p.put(*sequence[i]);
                        doubted = doubted || p.machine.in_doubt();
                    }
                    if (going && on_the_wire)
                        p.skip_pauses();
                    if (!going || p.next == action::finish)
                        continue;
                    http_result const& last = sequence[before]->outcome;
                    if (on_the_wire && last.phase != request_phase::answered) {
                        doubted =
                            doubted || (last.phase == request_phase::committed && !last.session_refused);
                        p.machine.stopped(last, why);
                    } else {
                        p.machine.stopped(why);
                    }
                    error_info const& end = p.machine.outcome().error();
                    REQUIRE(end.acceptance() == (doubted ? acceptance::unknown : acceptance::not_sent));
                    REQUIRE((doubted ? end.underlying() == why && end.code() == errc::outcome_unknown
                                     : end.code() == why));
                }
            }
        });
    }
}

// ---- What an earlier process may have sent.

namespace {

submit_machine::options sent_before(std::chrono::seconds ago)
{
    submit_machine::options options;
    options.contract = idempotency::supported;
    options.retry.idempotency_key_ttl = 300s;
    time_point const now(1000h);
    options.first_sent = now - ago;
    options.first_sent_wall =
        std::chrono::sys_seconds(std::chrono::duration_cast<std::chrono::seconds>(1000h) - ago);
    return options;
}

} // namespace

TEST_CASE(
    "what an earlier process may have sent is not sent where the key grew too old before the first request")
{
    for (auto const& [jump, may_be_sent] :
         {std::pair{0s, true}, std::pair{200s, true}, std::pair{280s, false}, std::pair{86'400s, false}}) {
        CAPTURE(jump.count());
        play again(sent_before(10s));
        again.jump = jump;
        again.next = again.machine.resume(again.now, again.wall());
        CHECK((again.next == action::send) == may_be_sent);
        if (!may_be_sent)
            CHECK(again.why().acceptance() == acceptance::unknown);
    }
}

TEST_CASE("what an earlier process may have sent stays in doubt until the service names the task")
{
    for (auto const& refusal : {reply(402, "{}"), reply(400, "{}"), reply(401, "{}"), reply(404, "{}")}) {
        play again(sent_before(10s));
        CHECK(again.machine.in_doubt());
        again.feed(refusal);
        CHECK(again.why().code() == errc::outcome_unknown);
        CHECK(again.why().acceptance() == acceptance::unknown);
    }
    play again(sent_before(10s));
    again.feed(slow_down("1")).feed(never_connected()).feed(no_answer()).feed(accepted());
    REQUIRE(again.machine.outcome().has_value());
    CHECK(*again.machine.outcome() == "task_1");
}

TEST_CASE(
    "what an earlier process may have sent is not sent again when its key may be forgotten, or too late")
{
    play old(sent_before(271s));
    CHECK(old.sent == 0);
    CHECK(old.why().acceptance() == acceptance::unknown);
    auto late = sent_before(10s);
    late.deadline = time_point(1000h);
    play none(late);
    CHECK(none.sent == 0);
    CHECK(none.why().acceptance() == acceptance::unknown);
    submit_machine stopped(sent_before(10s), "key-1");
    stopped.start(time_point(1000h));
    stopped.stopped(make_error_code(errc::shutting_down));
    CHECK(stopped.outcome().error().acceptance() == acceptance::unknown);
}
