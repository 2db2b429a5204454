// SPDX-License-Identifier: BSL-1.0

#include <journal/behaviours.hpp>
#include <journal/run.hpp>

#include <apimart/journal.hpp>

#include <boost/asio/awaitable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace apimart;
using enum journal_state;

namespace {

// Takes an item to a state by the steps that lead there.
asio::awaitable<void> lead(journal_base journal, std::uint64_t index, journal_state to)
{
    co_await journal.claim(item(index));
    if (to == planned)
        co_return;
    co_await journal.intend(index);
    if (to == intended)
        co_return;
    bool const bought = to == succeeded || to == failed || to == stored;
    std::string const id = to == unknown || to == rejected ? "" : "task_" + std::to_string(index);
    journal_outcome const settled = outcome(bought ? accepted : to, id);
    co_await journal.settle(index, settled);
    if (!bought)
        co_return;
    journal_outcome const finished = outcome(to);
    co_await journal.finish(index, finished);
}

asio::awaitable<void> a_new_item_is_planned(journal_base journal)
{
    std::optional<journal_record> const known = co_await journal.claim(item(7));
    REQUIRE(known.has_value());
    CHECK(known->index == 7);
    CHECK(known->reference == "line 7");
    CHECK(known->model == "kling-v3");
    CHECK(known->request_hash == item(7).request_hash);
    CHECK(known->state == planned);
    CHECK(known->generation == 0);
    CHECK(known->idempotency_key.size() == 36);
    CHECK_FALSE(known->intended.has_value());
}

asio::awaitable<void> steps_are_remembered_in_their_order(journal_base journal)
{
    auto const before = std::chrono::system_clock::now() - std::chrono::seconds(2);
    co_await journal.claim(item(1));
    journal_record const sent = co_await journal.intend(1);
    CHECK(sent.state == intended);
    REQUIRE(sent.intended.has_value());
    CHECK(*sent.intended > before);
    CHECK(*sent.intended < std::chrono::system_clock::now() + std::chrono::seconds(2));
    journal_outcome const bought = outcome(accepted, "task_1");
    CHECK((co_await journal.settle(1, bought)).task_id == "task_1");
    journal_outcome kept = outcome(stored);
    kept.file = "results/1.mp4";
    kept.cost_micro_usd = 672'000;
    kept.detail = "fetched from https://cdn.example.com/1.mp4?signature=secret";
    co_await journal.finish(1, kept);
    std::optional<journal_record> const known = co_await journal.claim(item(1));
    REQUIRE(known.has_value());
    CHECK(known->state == stored);
    CHECK(known->task_id == "task_1");
    CHECK(known->file == "results/1.mp4");
    CHECK(known->cost_micro_usd.value_or(0) == 672'000);
    CHECK(known->detail == "fetched from https://cdn.example.com/1.mp4?[redacted]");
    CHECK((known->intended == sent.intended));
    CHECK(known->idempotency_key == sent.idempotency_key);
}

// The whole table of states and steps, written down a second time.
asio::awaitable<void> a_step_that_does_not_fit_changes_nothing(journal_base journal)
{
    using step = asio::awaitable<result<journal_record>> (*)(journal_base&, std::uint64_t);
    class row
    {
    public:
        char const* name;
        step take;
        std::vector<journal_state> from;
        journal_state to;
    };
    static std::vector<row> const rows{
        {"intend",
         [](journal_base& j, std::uint64_t i) { return j.intend(i, as_result()); },
         {planned, intended},
         intended},
        {"settle as accepted",
         [](journal_base& j, std::uint64_t i) {
             return j.settle(i, outcome(accepted, "task_" + std::to_string(i)), as_result());
         },
         {intended, accepted},
         accepted},
        {"settle as unknown",
         [](journal_base& j, std::uint64_t i) { return j.settle(i, outcome(unknown), as_result()); },
         {intended, unknown},
         unknown},
        {"settle as rejected",
         [](journal_base& j, std::uint64_t i) { return j.settle(i, outcome(rejected), as_result()); },
         {planned, intended, rejected},
         rejected},
        {"settle as planned",
         [](journal_base& j, std::uint64_t i) { return j.settle(i, outcome(planned), as_result()); },
         {planned, intended},
         planned},
        {"settle as stored",
         [](journal_base& j, std::uint64_t i) { return j.settle(i, outcome(stored), as_result()); },
         {},
         stored},
        {"settle as accepted without an id",
         [](journal_base& j, std::uint64_t i) { return j.settle(i, outcome(accepted), as_result()); },
         {},
         accepted},
        {"finish as succeeded",
         [](journal_base& j, std::uint64_t i) { return j.finish(i, outcome(succeeded), as_result()); },
         {accepted, succeeded},
         succeeded},
        {"finish as failed",
         [](journal_base& j, std::uint64_t i) { return j.finish(i, outcome(failed), as_result()); },
         {accepted, succeeded, failed},
         failed},
        {"finish as stored",
         [](journal_base& j, std::uint64_t i) { return j.finish(i, outcome(stored), as_result()); },
         {accepted, succeeded, stored},
         stored},
        {"finish as planned",
         [](journal_base& j, std::uint64_t i) { return j.finish(i, outcome(planned), as_result()); },
         {},
         planned},
        {"resubmit",
         [](journal_base& j, std::uint64_t i) { return j.resubmit(i, 0, as_result()); },
         {intended, unknown, rejected, failed},
         planned},
        {"resubmit of a generation that nobody has seen",
         [](journal_base& j, std::uint64_t i) { return j.resubmit(i, 3, as_result()); },
         {},
         planned},
        {"resolve as accepted",
         [](journal_base& j, std::uint64_t i) {
             return j.resolve(i, "task_" + std::to_string(i), as_result());
         },
         {intended, unknown, accepted},
         accepted},
        {"resolve as not accepted",
         [](journal_base& j, std::uint64_t i) { return j.resolve(i, std::nullopt, as_result()); },
         {planned, intended, unknown},
         planned},
    };
    std::uint64_t index = 100;
    for (row const& each : rows)
        for (journal_state const from :
             {planned, intended, accepted, unknown, rejected, succeeded, failed, stored}) {
            CAPTURE(each.name);
            CAPTURE(to_string(from));
            co_await lead(journal, ++index, from);
            result<journal_record> const done = co_await each.take(journal, index);
            bool const fits = std::find(each.from.begin(), each.from.end(), from) != each.from.end();
            CHECK(done.has_value() == fits);
            if (!done)
                CHECK(done.error().code() == errc::journal_conflict);
            std::optional<journal_record> const known = co_await journal.claim(item(index));
            REQUIRE(known.has_value());
            CHECK(to_string(known->state) == to_string(fits ? each.to : from));
        }
}

asio::awaitable<void> a_step_may_be_made_again(journal_base journal)
{
    co_await lead(journal, 1, intended);
    journal_outcome const bought = outcome(accepted, "task_1");
    for (int again = 0; again != 2; ++again)
        CHECK((co_await journal.settle(1, bought)).state == accepted);
    journal_outcome const other = outcome(accepted, "task_2");
    result<journal_record> const refused = co_await journal.settle(1, other, as_result());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == errc::journal_conflict);
    CHECK(refused.error().task_id() == "task_1");
    co_await lead(journal, 2, unknown);
    for (int again = 0; again != 2; ++again)
        CHECK((co_await journal.resubmit(2, 0)).generation == 1);
}

asio::awaitable<void> another_request_under_the_index_is_named(journal_base journal)
{
    co_await journal.claim(item(3));
    journal_item const other(3, "line 3", "kling-v3", "{}");
    auto const refused = co_await journal.claim(other, as_result());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == errc::journal_conflict);
    CHECK(refused.error().client_message() == "item 3 (line 3) has SHA-256 " + item(3).request_hash +
                                                  " in the journal, and the request given has " +
                                                  other.request_hash);
    CHECK((co_await journal.counts())[planned] == 1);
}

asio::awaitable<void> the_key_changes_with_the_generation_only(journal_base journal)
{
    std::string const first = (co_await journal.claim(item(1)))->idempotency_key;
    CHECK((co_await journal.intend(1)).idempotency_key == first);
    CHECK((co_await journal.settle(1, outcome(unknown))).idempotency_key == first);
    CHECK((co_await journal.resolve(1, std::nullopt)).idempotency_key == first);
    CHECK((co_await journal.intend(1)).idempotency_key == first);
    journal_record const again = co_await journal.resubmit(1, 0);
    CHECK(again.generation == 1);
    CHECK(again.idempotency_key != first);
    CHECK((co_await journal.intend(1)).idempotency_key == again.idempotency_key);
    std::set<std::string> keys;
    for (std::uint64_t i = 10; i != 30; ++i)
        keys.insert((co_await journal.claim(item(i)))->idempotency_key);
    CHECK(keys.size() == 20);
}

asio::awaitable<void> an_item_that_was_never_claimed_is_named(journal_base journal)
{
    result<journal_record> const refused = co_await journal.intend(5, as_result());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == errc::journal_conflict);
    CHECK(refused.error().client_message() == "item 5 was never claimed");
}

asio::awaitable<void> items_are_counted_and_listed(journal_base journal)
{
    std::uint64_t index = 0;
    for (journal_state const each :
         {planned, intended, accepted, unknown, rejected, succeeded, failed, stored})
        for (int i = 0; i <= static_cast<int>(each); ++i)
            co_await lead(journal, 2 * index++, each);
    journal_outcome paid = outcome(stored);
    paid.cost_micro_usd = 5;
    co_await journal.finish(2 * (index - 1), paid);
    journal_counts const counts = co_await journal.counts();
    CHECK(counts.total() == 36);
    for (std::size_t i = 0; i != journal_state_count; ++i)
        CHECK(counts.items.at(i) == i + 1);
    CHECK(counts.cost_micro_usd == 5);
    CHECK(counts.held_by_others == 0);

    std::vector<std::uint64_t> seen;
    journal_query query;
    query.limit = 10;
    for (std::vector<journal_record> page;;) {
        page = co_await journal.list(query);
        for (journal_record const& each : page)
            seen.push_back(each.index);
        if (page.size() != query.limit)
            break;
        query.from = page.back().index + 1;
    }
    REQUIRE(seen.size() == 36);
    for (std::uint64_t i = 0; i != 36; ++i)
        CHECK(seen[i] == 2 * i);
    journal_query uncertain;
    uncertain.only = unknown;
    CHECK((co_await journal.list(uncertain)).size() == 4);
    uncertain.from = 1000;
    CHECK((co_await journal.list(uncertain)).empty());
}

asio::awaitable<void> a_batch_belongs_to_one_service(journal_base journal)
{
    CHECK((co_await journal.bind("")).empty());
    CHECK(co_await journal.bind("https://api.apimart.ai") == "https://api.apimart.ai");
    CHECK(co_await journal.bind("https://api.apimart.ai") == "https://api.apimart.ai");
    CHECK(co_await journal.bind("") == "https://api.apimart.ai");
    auto const refused = co_await journal.bind("https://127.0.0.1", as_result());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == errc::journal_conflict);
    CHECK(refused.error().client_message() ==
          "the batch belongs to https://api.apimart.ai, and not to https://127.0.0.1");
}

asio::awaitable<void> the_age_of_a_key_is_that_of_its_first_intent(journal_base journal)
{
    co_await journal.claim(item(1));
    auto const first = (co_await journal.intend(1)).intended;
    REQUIRE(first.has_value());
    while (std::chrono::system_clock::now() < *first + std::chrono::milliseconds(5)) {
    }
    CHECK(((co_await journal.intend(1)).intended == first));
    // What was taken back had not been sent.
    co_await journal.settle(1, outcome(planned));
    CHECK(((co_await journal.intend(1)).intended > first));
}

asio::awaitable<void> texts_come_back_as_they_were(journal_base journal)
{
    std::string const odd = "it's \"quoted\", \\ and \xE2\x82\xAC; drop table items;--\n";
    journal_item const given(1, odd, "kling-v3", "{}");
    co_await journal.claim(given);
    co_await journal.intend(1);
    journal_outcome why = outcome(rejected);
    why.detail = odd;
    co_await journal.settle(1, why);
    std::optional<journal_record> const known = co_await journal.claim(given);
    REQUIRE(known.has_value());
    CHECK(known->reference == odd);
    CHECK(known->detail == odd);
}

asio::awaitable<void> nothing_completes_within_its_call(journal_base journal)
{
    auto const inside = std::make_shared<bool>(true);
    auto const seen = std::make_shared<int>(0);
    journal.claim(item(1), [inside, seen](error_code const&, std::optional<journal_record> const&) {
        CHECK_FALSE(*inside);
        ++*seen;
    });
    journal.counts([inside, seen](error_code const&, journal_counts const&) {
        CHECK_FALSE(*inside);
        ++*seen;
    });
    *inside = false;
    // Those before it have completed, then, or will with it.
    co_await journal.claim(item(1));
    co_await journal.counts();
    CHECK(*seen == 2);
}

} // namespace

std::span<behaviour const> behaviours()
{
    static behaviour const all[] = {
        {"a new item is planned", a_new_item_is_planned},
        {"steps are remembered in their order", steps_are_remembered_in_their_order},
        {"a step that does not fit changes nothing", a_step_that_does_not_fit_changes_nothing},
        {"a step may be made again", a_step_may_be_made_again},
        {"another request under the index is named", another_request_under_the_index_is_named},
        {"the key changes with the generation only", the_key_changes_with_the_generation_only},
        {"the age of a key is that of its first intent", the_age_of_a_key_is_that_of_its_first_intent},
        {"an item that was never claimed is named", an_item_that_was_never_claimed_is_named},
        {"items are counted and listed", items_are_counted_and_listed},
        {"a batch belongs to one service", a_batch_belongs_to_one_service},
        {"texts come back as they were", texts_come_back_as_they_were},
        {"nothing completes within its call", nothing_completes_within_its_call},
    };
    return all;
}

TEST_CASE("a journal in memory does what journals do")
{
    for (behaviour const& each : behaviours()) {
        CAPTURE(each.name);
        asio::io_context context;
        run(context, each.check(memory_journal(context)));
        CHECK(context.poll() == 0); // nothing is left behind
    }
}
