// When a batch buys, whether it goes on, and what it does about what an earlier process has left: in virtual time.
#include <apimart/journals/rules.hpp>
#include <apimart/policy/purchase_gate.hpp>
#include <apimart/policy/recovery.hpp>
#include <apimart/policy/spending.hpp>
#include <apimart/policy/stop_rules.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

using namespace apimart;
using namespace apimart::detail;
using namespace std::chrono_literals;

namespace {

using time_point = purchase_gate::clock::time_point;
using duration = purchase_gate::clock::duration;

constexpr time_point start(1000h);

// A service that takes what its rule lets through. Tasks take as long as they are said to.
class modelled_service
{
public:
    std::size_t places = std::numeric_limits<std::size_t>::max();
    double per_second = 0; // 0 for any
    duration task_time = 150s;
    std::optional<std::chrono::seconds> retry_after;
    std::function<bool(time_point)> is_away = [](time_point) { return false; };

    bool takes(time_point now)
    {
        if (is_away(now) || running >= places)
            return false;
        if (per_second > 0) {
            tokens_ =
                std::min(1.0, tokens_ + per_second * std::chrono::duration<double>(now - seen_).count());
            seen_ = now;
            if (tokens_ < 1)
                return false;
            tokens_ -= 1;
        }
        ++running;
        return true;
    }

    std::size_t running = 0;

private:
    double tokens_ = 1;
    time_point seen_ = start;
};

class modelled_batch
{
public:
    std::size_t bought = 0;
    std::size_t refused = 0;
    std::size_t most_running = 0;
    bool gave_up = false;
    time_point end{};
    std::vector<time_point> sent;
};

// A batch with that many items; an answer takes 200 ms.
modelled_batch run(purchase_gate& gate, modelled_service& service, std::size_t items,
                   duration limit = std::chrono::hours(1000))
{
    struct event
    {
        time_point at;
        std::optional<purchase_gate::ticket> answered;
        bool accepted = false;
        bool operator<(event const& other) const { return at > other.at; }
    };
    modelled_batch out;
    std::priority_queue<event> events;
    std::size_t waiting = items;
    std::size_t running = 0;
    time_point now = start;
    for (;;) {
        while (waiting > 0 && !out.gave_up && gate.open(now)) {
            --waiting;
            out.sent.push_back(now);
            events.push({now + 200ms, gate.begin(now), service.takes(now)});
        }
        auto const opens = waiting > 0 && !out.gave_up ? gate.opens_at() : std::nullopt;
        if (events.empty() && !opens)
            break;
        if (now - start > limit)
            break;
        if (events.empty() || (opens && *opens > now && *opens < events.top().at)) {
            REQUIRE(*opens > now);
            now = *opens;
            continue;
        }
        event const next = events.top();
        events.pop();
        now = next.at;
        if (!next.answered) {
            --service.running;
            --running;
            gate.task_ended();
        } else if (next.accepted) {
            gate.accepted(*next.answered);
            out.most_running = std::max(out.most_running, ++running);
            ++out.bought;
            out.end = now;
            events.push({now + service.task_time, std::nullopt});
        } else {
            ++waiting;
            ++out.refused;
            if (gate.refused(*next.answered, now, service.retry_after) == purchase_gate::verdict::give_up)
                out.gave_up = true;
        }
    }
    return out;
}

purchase_gate::options usual()
{
    purchase_gate::options options;
    options.seed = 7;
    return options;
}

} // namespace

TEST_CASE("purchase gate: one goes ahead alone, and the others when it is known what became of it")
{
    for (bool const accepted : {true, false}) {
        purchase_gate gate(usual());
        CHECK(gate.open(start));
        auto const first = gate.begin(start);
        CHECK_FALSE(gate.open(start + 1h));
        accepted ? gate.accepted(first) : gate.ended(first);
        for (int i = 0; i < 16; ++i) {
            REQUIRE(gate.open(start));
            gate.begin(start);
        }
        CHECK_FALSE(gate.open(start));
    }
}

TEST_CASE("purchase gate: the places of a service are kept full, and hardly any item is refused for it")
{
    for (std::size_t const places : {1U, 2U, 5U, 20U, 100U}) {
        CAPTURE(places);
        purchase_gate gate(usual());
        modelled_service service;
        service.places = places;
        std::size_t const items = 10 * places;
        auto const seen = run(gate, service, items);
        CHECK(seen.bought == items);
        CHECK(seen.most_running == places);
        std::chrono::duration<double> const took = seen.end - start;
        CHECK(took.count() < 9 * 150 * 1.05 + 10); // ten rounds, of which the last begins after nine
        // At the beginning those that are under way, and later the tries, no more than some in a minute.
        CHECK(static_cast<double>(seen.refused) < 40 + took.count() / 60 * 4);
    }
}

TEST_CASE("purchase gate: a service that is asked too often opens again as soon as it takes more")
{
    purchase_gate gate(usual());
    modelled_service service;
    service.per_second = 2;
    auto const seen = run(gate, service, 400);
    CHECK(seen.bought == 400);
    CHECK(seen.most_running > 100);
    std::chrono::duration<double> const took = seen.end - start;
    CHECK(took.count() < 3 * 200);
}

TEST_CASE("purchase gate: while the service is away it is asked seldom, and afterwards without a herd")
{
    purchase_gate gate(usual());
    modelled_service service;
    service.is_away = [](time_point now) { return now > start + 10s && now < start + 610s; };
    service.task_time = 15s;
    auto const seen = run(gate, service, 20'000);
    CHECK(seen.bought == 20'000);
    std::size_t away = 0;
    std::size_t first_second = 0;
    for (time_point const at : seen.sent) {
        away += service.is_away(at) ? 1 : 0;
        first_second += at >= start + 610s && at < start + 611s ? 1 : 0;
    }
    CHECK(away < 16 + 30);
    CHECK(first_second <= 2 * 16 * 5);
    // A minute later it is as fast as before.
    std::size_t later = 0;
    for (time_point const at : seen.sent)
        later += at >= start + 670s && at < start + 680s ? 1 : 0;
    CHECK(later > 700);
}

TEST_CASE("purchase gate: Retry-After is kept to the second, by all")
{
    purchase_gate gate(usual());
    modelled_service service;
    service.retry_after = 180s;
    bool refusing = true;
    service.is_away = [&](time_point now) { return refusing && now < start + 100s; };
    auto const seen = run(gate, service, 5);
    CHECK(seen.bought == 5);
    REQUIRE(seen.sent.size() == 6);
    CHECK(seen.sent[1] - seen.sent[0] >= 180s);
    CHECK(seen.sent[1] - seen.sent[0] < 181s);
}

TEST_CASE("purchase gate: it gives up where a silence goes beyond the time limit or the patience")
{
    auto options = usual();
    {
        purchase_gate gate(options);
        gate.end_at(start + 60s);
        auto const first = gate.begin(start);
        CHECK(gate.refused(first, start, 180s) == purchase_gate::verdict::give_up);
    }
    {
        purchase_gate gate(options);
        auto const first = gate.begin(start);
        CHECK(gate.refused(first, start, 3601s) == purchase_gate::verdict::give_up);
    }
    options.patience = 10min;
    purchase_gate gate(options);
    modelled_service service;
    service.places = 0;
    auto const seen = run(gate, service, 5);
    CHECK(seen.gave_up);
    CHECK(seen.sent.back() - start > 8min);
    CHECK(seen.sent.back() - start <= 10min);
    CHECK(seen.refused < 30);
}

TEST_CASE("purchase gate: a pause lets nothing begin, and what is withdrawn leaves no trace")
{
    purchase_gate gate(usual());
    gate.accepted(gate.begin(start));
    gate.pause(true);
    CHECK_FALSE(gate.open(start));
    CHECK_FALSE(gate.opens_at().has_value());
    gate.pause(false);
    auto const one = gate.begin(start);
    gate.refused(one, start, std::nullopt);
    CHECK_FALSE(gate.open(start));
    auto const at = gate.opens_at();
    REQUIRE(at.has_value());
    auto const probe = gate.begin(*at);
    CHECK(probe.probe);
    CHECK_FALSE(gate.open(*at));
    gate.withdrawn(probe);
    CHECK(gate.open(*at));
}

TEST_CASE("spending: no order of events gets beyond the limit")
{
    std::uint64_t state = 1;
    auto const drawn = [&](std::uint64_t below) { return splitmix64(state += splitmix64_step) % below; };
    for (int round = 0; round < 2000; ++round) {
        std::int64_t const limit = static_cast<std::int64_t>(drawn(2000));
        spending money(limit);
        std::vector<std::int64_t> under_way;
        std::int64_t charged = 0;
        for (int step = 0; step < 100; ++step) {
            std::int64_t const most = static_cast<std::int64_t>(drawn(100)) + 1;
            if (drawn(2) == 0 || under_way.empty()) {
                if (money.ask(most) != spending::answer::yes)
                    continue;
                money.hold(most);
                under_way.push_back(most);
            } else {
                std::int64_t const one = under_way.back();
                under_way.pop_back();
                switch (drawn(3)) {
                case 0:
                    money.release(one);
                    break;
                case 1:
                    money.doubt(one);
                    charged += one; // at worst
                    break;
                default:
                    charged += one;
                    money.charged(one, one);
                }
            }
        }
        for (std::int64_t const one : under_way)
            charged += one;
        REQUIRE(charged <= limit);
    }
    spending money(100);
    CHECK(money.ask(std::nullopt) == spending::answer::unpriced);
    money.hold(60);
    CHECK(money.ask(50) == spending::answer::later);
    money.charged(60, 60);
    CHECK(money.ask(50) == spending::answer::never);
    CHECK(spending(std::nullopt).ask(std::nullopt) == spending::answer::yes);
}

TEST_CASE("stop rules: each failure says what it says about the others")
{
    auto const failed = [](error_code code, acceptance proof, int status = 0, std::string word = {}) {
        error_info why(code);
        why.acceptance(proof).http_status(status);
        if (!word.empty())
            why.server_message(server_message(word, word, "words"));
        return why;
    };
    auto const rejected = [&](api_errc code, int status, std::string word = {}) {
        return failed(make_error_code(code), acceptance::rejected, status, word);
    };
    auto const unsent = [&](errc code) { return failed(make_error_code(code), acceptance::not_sent); };
    struct row
    {
        error_info why;
        failure_scope first;
        failure_scope later;
        std::optional<stop_cause> cause;
    };
    using s = failure_scope;
    for (row const& each : {
             row{rejected(api_errc::payment_required, 402), s::all, s::all, stop_cause::no_credit},
             row{rejected(api_errc::unauthorized, 401, "invalid_key"), s::all, s::all, stop_cause::bad_key},
             row{rejected(api_errc::forbidden, 403), s::all, s::all, stop_cause::blocked},
             row{rejected(api_errc::forbidden, 403, "no_right"), s::item, s::item, {}},
             row{rejected(api_errc::not_found, 404), s::all, s::all, stop_cause::wrong_address},
             row{rejected(api_errc::not_found, 404, "model_not_found"), s::item, s::item, {}},
             row{rejected(api_errc::invalid_request, 405), s::all, s::all, stop_cause::wrong_address},
             row{failed(make_error_code(errc::bad_response), acceptance::rejected, 301), s::all, s::all,
                 stop_cause::wrong_address},
             row{rejected(api_errc::invalid_request, 400, "bad"), s::item, s::item, {}},
             row{rejected(api_errc::content_rejected, 400, "moderation"), s::item, s::item, {}},
             row{rejected(api_errc::rate_limited, 429), s::moment, s::moment, {}},
             row{unsent(errc::connect_failed), s::all, s::moment, stop_cause::unreachable},
             row{unsent(errc::response_timeout), s::all, s::moment, stop_cause::unreachable},
             row{unsent(errc::retry_budget_exhausted), s::all, s::moment, stop_cause::unreachable},
             row{unsent(errc::certificate_verify_failed), s::all, s::all, stop_cause::unreachable},
             row{unsent(errc::proxy_auth_required), s::all, s::all, stop_cause::unreachable},
             row{unsent(errc::invalid_request), s::item, s::item, {}},
             row{unsent(errc::shutting_down), s::all, s::all, stop_cause::client_ended},
             row{unsent(errc::deadline_exceeded), s::all, s::all, stop_cause::timeout},
             row{failed(make_error_code(errc::outcome_unknown), acceptance::unknown, 500),
                 s::item,
                 s::item,
                 {}},
             row{failed(boost::asio::error::operation_aborted, acceptance::not_sent),
                 s::withdrawn,
                 s::withdrawn,
                 {}},
             // Of an upload.
             row{failed(make_error_code(errc::file_error), acceptance::none), s::item, s::item, {}},
             row{failed(make_error_code(errc::invalid_request), acceptance::none), s::item, s::item, {}},
             row{failed(make_error_code(errc::connect_failed), acceptance::none), s::all, s::moment,
                 stop_cause::unreachable},
             row{failed(make_error_code(errc::outcome_unknown), acceptance::none), s::all, s::moment,
                 stop_cause::unreachable},
             // Of this machine or this client.
             row{unsent(errc::queue_full), s::moment, s::moment, {}},
             row{unsent(errc::resource_exhausted), s::moment, s::moment, {}},
         }) {
        CAPTURE(each.why.describe());
        CHECK(judge_failure(each.why, false).scope == each.first);
        CHECK(judge_failure(each.why, true).scope == each.later);
        if (each.cause)
            CHECK(judge_failure(each.why, false).cause == *each.cause);
    }
}

TEST_CASE("stop rules: what counts in a row begins anew with what went well")
{
    stop_rules rules(3, 2);
    CHECK_FALSE(rules.unknown());
    CHECK_FALSE(rules.unknown());
    rules.accepted();
    CHECK_FALSE(rules.unknown());
    CHECK_FALSE(rules.unknown());
    CHECK(rules.unknown() == stop_cause::unknown_in_row);
    CHECK_FALSE(rules.failed());
    rules.succeeded();
    CHECK_FALSE(rules.failed());
    CHECK(rules.failed() == stop_cause::failed_in_row);
    stop_rules none(0, 0);
    for (int i = 0; i < 1000; ++i) {
        CHECK_FALSE(none.unknown());
        CHECK_FALSE(none.failed());
    }
}

// ---- Recovery.

namespace {

using wall = std::chrono::system_clock::time_point;
constexpr wall today{std::chrono::hours(500'000)};

} // namespace

TEST_CASE("recovery: every state has its step, under every rule")
{
    using r = recovery_step;
    using s = journal_state;
    for (auto const contract : {idempotency::none, idempotency::supported})
        for (auto const again : {on_unknown::list, on_unknown::resubmit_may_double_charge})
            for (bool const retries : {false, true})
                for (bool const fetches : {false, true})
                    for (std::size_t n = 0; n < journal_state_count; ++n)
                        for (auto const age : {-1s, 0s, 269s, 271s, 86400s}) {
                            recovery_rules rules;
                            rules.contract = contract;
                            rules.key_window = 300s;
                            rules.unknown = again;
                            rules.retry_failed = retries;
                            rules.fetches = fetches;
                            journal_record known;
                            known.state = static_cast<s>(n);
                            known.intended = today - age;
                            bool const fresh = age >= 0s && age < 270s;
                            bool const buys_again = again == on_unknown::resubmit_may_double_charge;
                            r const expected =
                                known.state == s::planned     ? r::submit
                                : known.state == s::accepted  ? r::wait
                                : known.state == s::stored    ? r::done
                                : known.state == s::unknown   ? (buys_again ? r::resubmit : r::list)
                                : known.state == s::succeeded ? (fetches ? r::wait : r::done)
                                : known.state != s::intended  ? (retries ? r::resubmit : r::done)
                                : contract == idempotency::supported && fresh ? r::resend
                                : buys_again                                  ? r::resubmit
                                                                              : r::doubt;
                            CAPTURE(to_string(known.state));
                            CAPTURE(age.count());
                            REQUIRE(recover(known, rules, today) == expected);
                        }
    journal_record never;
    never.state = s::intended;
    recovery_rules rules;
    rules.contract = idempotency::supported;
    rules.key_window = 300s;
    CHECK(recover(never, rules, today) == r::doubt);
}

namespace {

// The order of steps of one item, with a death before and after each of them, against a service that keeps books.
class modelled_item
{
public:
    bool honours_keys = false;  // the service
    bool declared = false;      // and the batch is told so
    bool is_naive = false;      // a client that sends what has no answer again, under a new key
    bool loses_answers = false; // the first answer of each process

    std::set<std::string> tasks_by_key;
    int tasks = 0;
    journal_record record;
    bool planned = false;
    std::string end; // what the last process told

    // Runs one process, which dies before its step number `dies_at`. Whether it lived.
    bool run(int dies_at, wall now)
    {
        int step = 0;
        auto const dies = [&] { return step++ == dies_at; };
        auto const change = [&](journal_step what, journal_outcome outcome) {
            auto const why =
                apply(record, journal_change(what, 0, std::move(outcome), record.generation), now);
            REQUIRE_FALSE(why.has_value());
        };
        if (dies()) // before the claim
            return false;
        planned = true;
        if (dies())
            return false;
        recovery_rules rules;
        rules.contract = declared ? idempotency::supported : idempotency::none;
        rules.key_window = 24h;
        if (is_naive)
            rules.unknown = on_unknown::resubmit_may_double_charge;
        auto step_now = recover(record, rules, now);
        if (step_now == recovery_step::resubmit) {
            change(journal_step::resubmit, {});
            step_now = recovery_step::submit;
            if (dies())
                return false;
        }
        if (step_now == recovery_step::doubt) {
            change(journal_step::settle, journal_outcome(journal_state::unknown));
            if (dies())
                return false;
            step_now = recovery_step::list;
        }
        if (step_now == recovery_step::list) {
            end = "unknown";
            return true;
        }
        if (step_now == recovery_step::submit || step_now == recovery_step::resend) {
            change(journal_step::intend, {});
            if (dies()) // before the submit
                return false;
            std::string const key = "key " + std::to_string(record.generation);
            if (!honours_keys || tasks_by_key.insert(key).second)
                ++tasks;
            if (dies()) // before the answer
                return false;
            if (loses_answers) {
                change(journal_step::settle, journal_outcome(journal_state::unknown));
                if (dies())
                    return false;
                end = "unknown";
                return true;
            }
            journal_outcome known(journal_state::accepted);
            known.task_id = "task";
            change(journal_step::settle, known);
            if (dies())
                return false;
            step_now = recovery_step::wait;
        }
        if (step_now == recovery_step::wait) {
            if (dies())
                return false;
            change(journal_step::finish, journal_outcome(journal_state::stored));
            if (dies())
                return false;
        }
        end = "stored";
        return true;
    }
};

// All orders of deaths, to that depth, and then a process that lives.
template <class Check>
int sweep(modelled_item const& from, int depth, Check check)
{
    int runs = 0;
    for (int dies_at = 0;; ++dies_at) {
        modelled_item one = from;
        bool const lived = one.run(dies_at, today);
        ++runs;
        if (lived) {
            check(one);
            return runs;
        }
        if (depth > 1) {
            runs += sweep(one, depth - 1, check);
        } else {
            REQUIRE(one.run(-1, today + 1h));
            check(one);
        }
    }
}

} // namespace

TEST_CASE(
    "recovery: whatever dies at whatever step, three times, nothing is bought twice and nothing is lost")
{
    for (bool const keys : {false, true})
        for (bool const loses : {false, true}) {
            CAPTURE(keys);
            CAPTURE(loses);
            modelled_item item;
            item.honours_keys = item.declared = keys;
            item.loses_answers = loses;
            int const runs = sweep(item, 3, [&](modelled_item const& seen) {
                REQUIRE(seen.tasks <= 1);
                REQUIRE((seen.end == "stored" || seen.end == "unknown"));
                if (seen.end == "stored")
                    REQUIRE(seen.tasks == 1);
                if (keys && !loses)
                    REQUIRE(seen.end == "stored");
            });
            CHECK(runs > 100);
        }
    // The negative control: a client that sends again what has no answer.
    modelled_item naive;
    naive.is_naive = true;
    int twice = 0;
    sweep(naive, 3, [&](modelled_item const& seen) { twice += seen.tasks > 1 ? 1 : 0; });
    CHECK(twice > 0);
}
