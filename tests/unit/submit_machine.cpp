// May this submit be sent again? Every order of events, without sockets and without a clock.
#include <apimart/detail/submit_machine.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

using action = submit_machine::action;
using time_point = submit_machine::clock::time_point;

exchange_outcome never_connected()
{
    return {exchange_phase::connecting, make_error_code(errc::connect_failed)};
}

exchange_outcome cut_while_sending()
{
    return {exchange_phase::sending, make_error_code(errc::connection_lost)};
}

exchange_outcome no_answer()
{
    return {exchange_phase::committed, make_error_code(errc::connection_lost)};
}

exchange_outcome reply(int status, std::string body, std::string retry_after = {})
{
    exchange_outcome out(exchange_phase::answered, {});
    out.reply.status = status;
    out.reply.body = std::move(body);
    out.reply.retry_after = std::move(retry_after);
    return out;
}

exchange_outcome accepted()
{
    return reply(200, R"({"code":200,"data":[{"status":"submitted","task_id":"task_1"}]})");
}

exchange_outcome slow_down(std::string retry_after = {})
{
    return reply(429, R"({"error":{"code":429,"message":"slow","type":"rate_limit_error"}})", retry_after);
}

// Plays a machine against a list of outcomes in virtual time.
class play {
public:
    explicit play(submit_machine::options const& o = {}) : machine(o, "key-1") { next = machine.start(now); }

    play& feed(exchange_outcome const& outcome)
    {
        skip_pauses();
        REQUIRE(next == action::send);
        ++sent;
        next = machine.answered(outcome, now, {});
        return *this;
    }

    void skip_pauses()
    {
        while (next == action::pause) {
            now += machine.delay();
            next = machine.resume(now);
        }
    }

    submit_machine machine;
    time_point now = time_point(1000h);
    action next;
    int sent = 0;
};

submit_machine::options honoured()
{
    submit_machine::options o;
    o.contract = idempotency::honoured;
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
    for (auto const& outcome : {never_connected(), cut_while_sending()}) {
        play p;
        for (int i = 0; i < 4; ++i)
            p.feed(outcome);
        REQUIRE(p.next == action::finish);
        failure const why = p.machine.outcome().error();
        CHECK(why.proof() == proof_level::not_sent);
        CHECK(why.code() == outcome.error);
        CHECK(why.attempts().size() == 4);
        CHECK(why.idempotency_key() == "key-1");
    }
}

TEST_CASE("without a contract nothing follows a request that went out completely")
{
    std::vector<exchange_outcome> const doubtful{
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
        reply(200, R"({"code":200,"data":[{"task_id":7}]})"),
        reply(200, R"({"code":200,"data":[{"task_id":"a"},{"task_id":"b"}]})"),
        reply(200, R"({"code":200,"data":[{"task_id":"a/../b"}]})"),
        reply(409, R"({"error":{"code":"idempotency_in_progress"}})"),
        reply(409, R"({"error":{"code":"idempotency_result_indeterminate"}})"),
        reply(409, R"({"error":{"code":"something_new"}})"),
        reply(418, "{}"),
        reply(999, "{}"),
    };
    // However many free repetitions went before it.
    for (int before = 0; before <= 3; ++before) {
        for (exchange_outcome const& outcome : doubtful) {
            CAPTURE(outcome.reply.status);
            CAPTURE(outcome.reply.body);
            play p;
            for (int i = 0; i < before; ++i)
                p.feed(i % 2 == 0 ? never_connected() : cut_while_sending());
            p.feed(outcome);
            REQUIRE(p.next == action::finish);
            CHECK(p.machine.outcome().error().proof() == proof_level::unknown);
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
        CHECK(p.machine.outcome().error().proof() == proof_level::rejected);
        CHECK(p.machine.outcome().error().http_status() == status);
        CHECK(p.machine.outcome().error().service().text() == "no");
    }
}

TEST_CASE("an error inside an answer that says 200 is judged by its own code")
{
    for (int const inner : {400, 401, 402}) {
        play p;
        p.feed(reply(200, R"({"code":)" + std::to_string(inner) + R"(,"message":"no"})"));
        REQUIRE(p.next == action::finish);
        CHECK(p.machine.outcome().error().proof() == proof_level::rejected);
        CHECK(p.machine.outcome().error().service().text() == "no");
    }
}

TEST_CASE("a redirect is neither followed nor taken for an acceptance")
{
    for (int const status : {301, 302, 307, 308}) {
        play p;
        p.feed(reply(status, ""));
        REQUIRE(p.next == action::finish);
        CHECK(p.machine.outcome().error().proof() == proof_level::rejected);
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
    CHECK(p.machine.outcome().error().proof() == proof_level::rejected);
}

TEST_CASE("an empty account is not a reason to slow down")
{
    play p;
    p.feed(reply(429, R"({"error":{"code":"insufficient_quota","message":"empty","type":"rate_limit_error"}})"));
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().code() == cause::no_credit);
    CHECK_FALSE(p.machine.outcome().error().code() == cause::rate_limited);
}

TEST_CASE("slowing down ends after the policy's number of repetitions")
{
    submit_machine::options o;
    o.retry.max_rate_limit_retries = 2;
    play p(o);
    p.feed(slow_down()).feed(slow_down()).feed(slow_down());
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().code() == cause::rate_limited);
}

TEST_CASE("a bad certificate is never tried again")
{
    play p;
    p.feed({exchange_phase::connecting, make_error_code(errc::certificate_refused)});
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().proof() == proof_level::not_sent);
}

TEST_CASE("a kept connection found dead is replaced without a pause")
{
    play p;
    exchange_outcome stale = cut_while_sending();
    stale.reused = true;
    REQUIRE(p.next == action::send);
    p.next = p.machine.answered(stale, p.now, {});
    REQUIRE(p.next == action::pause);
    CHECK(p.machine.delay() == 0ms);
}

TEST_CASE("under a contract a lost answer is asked for again with the same key, within bounds")
{
    play p(honoured());
    p.feed(no_answer()).feed(reply(502, "")).feed(reply(409, R"({"error":{"code":"idempotency_in_progress"}})", "3"));
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

TEST_CASE("a refused repetition does not make the first request unsent")
{
    play p(honoured());
    p.feed(no_answer()).feed(reply(401, R"({"error":{"message":"no"}})"));
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().proof() == proof_level::unknown);

    play q(honoured());
    q.feed(no_answer());
    for (int i = 0; i < 4; ++i)
        q.feed(never_connected());
    REQUIRE(q.next == action::finish);
    CHECK(q.machine.outcome().error().proof() == proof_level::unknown);
}

TEST_CASE("a key that is nearly forgotten is not used again")
{
    submit_machine::options o = honoured();
    o.retry.key_window = 300s;
    for (auto const& [age, resent] : {std::pair{269s, true}, std::pair{271s, false}}) {
        play p(o);
        p.feed(no_answer());
        REQUIRE(p.next == action::pause);
        p.now += age;
        p.next = p.machine.resume(p.now);
        p.next = p.machine.answered(no_answer(), p.now, {});
        CHECK((p.next == action::pause) == resent);
    }
}

TEST_CASE("a service that did nothing for lack of its key store is asked again only under a contract")
{
    auto const nothing_done = reply(503, R"({"error":{"code":"idempotency_unavailable"}})");
    play p;
    p.feed(nothing_done);
    REQUIRE(p.next == action::finish);
    CHECK(p.machine.outcome().error().proof() == proof_level::not_sent);

    play q(honoured());
    q.feed(nothing_done).feed(accepted());
    CHECK(q.machine.outcome().has_value());
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
    CHECK(p.machine.outcome().error().proof() == proof_level::rejected);

    submit_machine late(o, "k");
    CHECK(late.start(time_point(1000h) + 6s) == action::finish);
    CHECK(late.outcome().error().proof() == proof_level::not_sent);
}

TEST_CASE("stopping tells what is proved at that moment")
{
    auto const why = make_error_code(errc::shutting_down);
    play p;
    CHECK(p.machine.stopped(why) == action::finish);
    CHECK(p.machine.outcome().error().proof() == proof_level::not_sent);

    for (auto const& [outcome, proof] :
         {std::pair{never_connected(), proof_level::not_sent}, std::pair{cut_while_sending(), proof_level::not_sent},
          std::pair{no_answer(), proof_level::unknown}}) {
        play q;
        CHECK(q.machine.stopped(outcome, why) == action::finish);
        CHECK(q.machine.outcome().error().proof() == proof);
    }

    play r(honoured());
    r.feed(no_answer());
    CHECK(r.machine.stopped(why) == action::finish);
    CHECK(r.machine.outcome().error().proof() == proof_level::unknown);
}

// Every sequence of four outcomes, with and without a contract: the two rules about money.
TEST_CASE("sweep: no second purchase without a contract, and no false proof")
{
    std::array<exchange_outcome, 9> const outcomes{
        never_connected(), cut_while_sending(), no_answer(), accepted(),
        slow_down("1"),    reply(500, "{}"),    reply(401, "{}"), reply(200, "{}"),
        reply(409, R"({"error":{"code":"idempotency_in_progress"}})"),
    };
    auto const maybe_bought = [](exchange_outcome const& o) {
        return o.phase == exchange_phase::committed ||
               (o.phase == exchange_phase::answered && o.reply.status != 429 && o.reply.status != 401);
    };
    int sequences = 0;
    for (auto const contract : {idempotency::none, idempotency::honoured}) {
        for (std::size_t code = 0; code < 9 * 9 * 9 * 9; ++code) {
            submit_machine::options o;
            o.contract = contract;
            play p(o);
            int purchases = 0;
            std::size_t rest = code;
            for (int i = 0; i < 4; ++i, rest /= 9) {
                p.skip_pauses();
                if (p.next == action::finish)
                    break;
                exchange_outcome const& outcome = outcomes[rest % 9];
                if (maybe_bought(outcome))
                    ++purchases;
                p.feed(outcome);
            }
            if (contract == idempotency::none)
                REQUIRE(purchases <= 1);
            if (p.next == action::finish && !p.machine.outcome()) {
                auto const proof = p.machine.outcome().error().proof();
                if (purchases > 0)
                    REQUIRE(proof == proof_level::unknown);
                else
                    REQUIRE((proof == proof_level::not_sent || proof == proof_level::rejected));
            }
            ++sequences;
        }
    }
    CHECK(sequences == 2 * 6561);
}
