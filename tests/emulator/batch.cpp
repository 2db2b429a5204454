// Batches against the emulated service: what is bought, what is not, and when it stops.
#include "client_fixture.hpp"

#include <apimart/batch.hpp>
#include <apimart/price.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace client_tests;
using namespace apimart;

namespace {

using outcomes = std::vector<batch_outcome>;

std::vector<batch_item> items(std::size_t count)
{
    std::vector<batch_item> all;
    for (std::size_t i = 0; i < count; ++i)
        all.emplace_back(corgi(), "item " + std::to_string(i));
    return all;
}

// Takes all outcomes of a batch.
asio::awaitable<void> take_all(batch& from, outcomes& into)
{
    while (std::optional<batch_outcome> one = co_await from.next())
        into.push_back(std::move(*one));
}

outcomes all_of(bench& b, batch& from)
{
    outcomes got;
    b.run(take_all(from, got));
    return got;
}

std::size_t count_of(outcomes const& got, batch_end end)
{
    return static_cast<std::size_t>(
        std::count_if(got.begin(), got.end(), [&](auto const& each) { return each.end == end; }));
}

std::set<std::uint64_t> indices_of(outcomes const& got)
{
    std::set<std::uint64_t> found;
    for (auto const& each : got)
        found.insert(each.index);
    return found;
}

stop_cause cause_of(batch const& of)
{
    auto const stopped = of.progress().stopped;
    REQUIRE(stopped.has_value());
    return stopped->cause;
}

batch_options wide()
{
    batch_options options;
    options.max_in_flight = 200;
    options.max_outcomes = 1000;
    return options;
}

} // namespace

TEST_CASE(
    "batch: every item of a range has one outcome with its reference, and no more are in flight than may be")
{
    bench b;
    client user = b.make_client();
    batch_options options;
    options.max_in_flight = 4;
    batch many(user, options);
    auto const requests = items(20);
    many.start(requests);
    outcomes const got = all_of(b, many);
    CHECK(got.size() == 20);
    CHECK(indices_of(got).size() == 20);
    for (batch_outcome const& each : got) {
        CHECK(each.succeeded());
        CHECK(each.reference == "item " + std::to_string(each.index));
        CHECK(each.model == "kling-3.0-turbo");
        CHECK(each.cost.has_value());
        CHECK(each.describe().empty());
    }
    CHECK(b.accepted() == 20);
    batch_progress const end = many.progress();
    CHECK(end.done() == 20);
    CHECK(end.total == 20);
    CHECK(end.count(batch_end::succeeded) == 20);
    CHECK(end.spent_micro_usd > 0);
    CHECK(end.expected_micro_usd == 0);
    CHECK(end.generating + end.submitting + end.waiting + end.downloading == 0);
    CHECK_FALSE(end.stopped.has_value());
}

TEST_CASE("batch: what fails for one item says nothing about the others")
{
    bench b;
    client user = b.make_client();
    std::vector<any_request> requests;
    for (int i = 0; i < 3; ++i) {
        requests.push_back(corgi());
        requests.push_back(refused_request());
        requests.push_back(text_to_video<kling_3_0_turbo>("a cat [fail]"));
    }
    batch many(user);
    many.start(std::move(requests));
    outcomes const got = all_of(b, many);
    CHECK(count_of(got, batch_end::succeeded) == 3);
    CHECK(count_of(got, batch_end::invalid) == 3);
    CHECK(count_of(got, batch_end::failed) == 3);
    for (batch_outcome const& each : got)
        CHECK(each.describe().empty() == each.succeeded());
    CHECK(b.accepted() == 6);
}

TEST_CASE("batch: where the credit ends, what has not left is withdrawn, and what was bought is waited for")
{
    bench b(R"({"balance_usd": 5.0})", 400);
    client user = b.make_client();
    batch many(user, wide());
    many.start(items(300));
    outcomes const got = all_of(b, many);
    CHECK(cause_of(many) == stop_cause::no_credit);
    std::size_t const bought = b.accepted();
    CHECK(bought > 0);
    CHECK(count_of(got, batch_end::succeeded) == bought);
    // Those that were on the wire when the first was refused, and no more.
    auto const limit = static_cast<std::size_t>(user.metrics().submits_sent);
    CHECK(b.booked("submits_received") == limit);
    CHECK(limit - bought <= 16);
    CHECK(count_of(got, batch_end::rejected) == limit - bought);
    // What was read has its outcome, and the rest was left in the source.
    CHECK(got.size() == many.progress().read);
    CHECK(count_of(got, batch_end::not_sent) == got.size() - limit);
}

TEST_CASE("batch: unknown outcomes in a row stop it, however many items are in flight")
{
    bench b(R"({"submit_reply": "empty_array"})");
    client user = b.make_client();
    batch many(user, wide());
    many.start(items(200));
    outcomes const got = all_of(b, many);
    CHECK(cause_of(many) == stop_cause::unknown_in_row);
    CHECK(b.booked("submits_received") <= 3 + 15);
    CHECK(count_of(got, batch_end::unknown) == b.booked("submits_received"));
    for (batch_outcome const& each : got)
        if (each.end == batch_end::unknown)
            CHECK_FALSE(each.idempotency_key.empty());
}

TEST_CASE("batch: what concerns all items is found out by the one that goes ahead, and told once")
{
    struct row
    {
        std::string_view fault;
        stop_cause cause;
    };
    for (row const& each : {
             row{R"({"on":"submit","status":401,"times":1000})", stop_cause::bad_key},
             row{R"({"on":"submit","status":402,"times":1000})", stop_cause::no_credit},
             row{R"({"on":"submit","status":404,"times":1000})", stop_cause::wrong_address},
             row{R"({"on":"submit","status":403,"body":"cdn","times":1000})", stop_cause::blocked},
             row{R"({"on":"submit","status":301,"body":"cdn","times":1000})", stop_cause::wrong_address},
         }) {
        CAPTURE(each.fault);
        bench b(R"({"faults":[)" + std::string(each.fault) + "]}");
        client user = b.make_client();
        batch many(user, wide());
        many.start(items(50));
        outcomes const got = all_of(b, many);
        CHECK(cause_of(many) == each.cause);
        CHECK(b.booked("submits_received") == 1);
        CHECK(many.progress().stopped->index == 0);
        CHECK(count_of(got, batch_end::rejected) == 1);
        CHECK(count_of(got, batch_end::not_sent) == got.size() - 1);
    }
}

TEST_CASE("batch: a service that cannot be reached stops it before anything was accepted")
{
    bench b;
    client_config config = b.config();
    config.base_url = "https://127.0.0.1:1";
    client user(b.context, config);
    batch many(user, wide());
    many.start(items(50));
    outcomes const got = all_of(b, many);
    CHECK(cause_of(many) == stop_cause::unreachable);
    CHECK(count_of(got, batch_end::not_sent) == got.size());
    CHECK(b.booked("submits_received") == 0);
}

TEST_CASE("batch: a service with a place for one task is given one after the other, and rejects none")
{
    bench b(R"({"places": 1})", 400);
    client user = b.make_client();
    batch many(user, wide());
    many.start(items(10));
    outcomes const got = all_of(b, many);
    CHECK(count_of(got, batch_end::succeeded) == 10);
    CHECK(b.accepted() == 10);
    // The oldest first: they end in the order of their indices.
    CHECK(std::is_sorted(got.begin(), got.end(),
                         [](auto const& x, auto const& y) { return x.index < y.index; }));
    CHECK(b.booked("submits_received") <= 10 + 16 + 10);
}

TEST_CASE("batch: Retry-After keeps the whole batch quiet, and no item is rejected for it")
{
    bench b(R"({"faults":[{"on":"submit","status":429,"retry_after":1,"times":1,"skip":3}]})");
    client user = b.make_client();
    batch many(user, wide());
    many.start(items(40));
    auto const begun = std::chrono::steady_clock::now();
    outcomes const got = all_of(b, many);
    CHECK(std::chrono::steady_clock::now() - begun >= 1s);
    CHECK(count_of(got, batch_end::succeeded) == 40);
    CHECK(b.accepted() == 40);
}

TEST_CASE("batch: where Retry-After goes beyond its time limit it stops and says until when")
{
    bench b(R"({"faults":[{"on":"submit","status":429,"retry_after":180,"times":1000,"skip":3}]})");
    client user = b.make_client();
    batch_options options = wide();
    options.timeout = 60s;
    batch many(user, options);
    many.start(items(40));
    outcomes const got = all_of(b, many);
    CHECK(cause_of(many) == stop_cause::busy);
    CHECK(many.progress().stopped->words.find("until 2") != std::string::npos);
    CHECK(count_of(got, batch_end::succeeded) == 3);
    CHECK(count_of(got, batch_end::rejected) == 0);
    CHECK(b.booked("submits_received") <= 3 + 16);
}

TEST_CASE("batch: nothing is read ahead of the bounds, and nothing more while nobody takes outcomes")
{
    bench b;
    client user = b.make_client();
    batch_options options;
    options.max_in_flight = 3;
    options.max_outcomes = 2;
    batch many(user, options);
    std::size_t read = 0;
    many.start(std::views::iota(0, 50) | std::views::transform([&read](int) {
                   ++read;
                   return batch_item(corgi());
               }));
    b.run();
    CHECK(read >= 3);
    CHECK(read <= 3 + 2);
    std::size_t const held = read;
    recorder<std::optional<batch_outcome>> first;
    many.next(first.token());
    b.run();
    CHECK(first.value().has_value());
    CHECK(read >= held);
    CHECK(read <= held + 2);
    CHECK(all_of(b, many).size() == 49);
    CHECK(read == 50);
}

TEST_CASE("batch: a source may be a coroutine that waits, and ends when it gives nothing")
{
    bench b;
    client user = b.make_client();
    batch many(user);
    auto const left = std::make_shared<int>(5);
    auto source = [left]() -> asio::awaitable<std::optional<batch_item>> {
        asio::steady_timer pause(co_await asio::this_coro::executor, 1ms);
        co_await pause.async_wait(asio::use_awaitable);
        if ((*left)-- == 0)
            co_return std::nullopt;
        co_return batch_item(corgi());
    };
    many.start(source);
    CHECK(all_of(b, many).size() == 5);
}

TEST_CASE("batch: a source that throws stops the buying, and what was bought comes to its end")
{
    bench b;
    client user = b.make_client();
    batch many(user);
    many.start(std::views::iota(0, 5) | std::views::transform([](int i) {
                   if (i == 3)
                       throw std::runtime_error("line 4 is torn");
                   return batch_item(corgi());
               }));
    outcomes const got = all_of(b, many);
    CHECK(got.size() == 3);
    CHECK(cause_of(many) == stop_cause::source_failed);
    CHECK(many.progress().stopped->words.find("line 4 is torn") != std::string::npos);
}

TEST_CASE("batch: after a cancellation the waits end, and what was bought is named as going on")
{
    bench b("{}", 1);
    client user = b.make_client();
    batch many(user, wide());
    many.start(items(5));
    b.run_until([&] { return many.progress().generating == 5; });
    many.cancel();
    outcomes const got = all_of(b, many);
    CHECK(count_of(got, batch_end::goes_on) == 5);
    for (batch_outcome const& each : got)
        CHECK_FALSE(each.task_id.empty());
    CHECK(cause_of(many) == stop_cause::caller);
}

TEST_CASE("batch: while it is paused nothing is bought, and it goes on where it was")
{
    bench b;
    client user = b.make_client();
    batch_options options;
    options.max_in_flight = 2;
    batch many(user, options);
    many.pause();
    many.start(items(6));
    b.run();
    CHECK(b.booked("submits_received") == 0);
    CHECK(many.progress().paused);
    many.resume();
    CHECK(all_of(b, many).size() == 6);
    CHECK(b.accepted() == 6);
}

TEST_CASE("batch: a stop leaves the source alone, or reads it on where that is wanted")
{
    for (bool const reads_on : {false, true}) {
        CAPTURE(reads_on);
        bench b;
        client user = b.make_client();
        batch_options options;
        options.max_in_flight = 2;
        options.read_on_after_stop = reads_on;
        batch many(user, options);
        many.stop("that will do");
        many.start(items(30));
        outcomes const got = all_of(b, many);
        CHECK(b.booked("submits_received") == 0);
        CHECK(got.size() == (reads_on ? 30 : 0));
        CHECK(count_of(got, batch_end::not_sent) == got.size());
        CHECK(many.progress().stopped->words == "that will do");
    }
}

TEST_CASE("batch: next takes any token, and one that is cancelled loses no outcome")
{
    bench b;
    client user = b.make_client();
    batch many(user);
    many.start(items(3));
    asio::cancellation_signal signal;
    recorder<std::optional<batch_outcome>> given_up;
    many.next(as_result(asio::bind_cancellation_slot(signal.slot(), given_up.plain())));
    signal.emit(asio::cancellation_type::total);
    b.run();
    CHECK(given_up.why().code() == asio::error::operation_aborted);
    int called = 0;
    many.next([&](boost::system::error_code code, std::optional<batch_outcome> one) {
        CHECK_FALSE(code);
        CHECK(one.has_value());
        ++called;
    });
    auto future = many.next(asio::use_future);
    b.run();
    CHECK(called == 1);
    CHECK(future.get().has_value());
    CHECK(all_of(b, many).size() == 1);
    CHECK(all_of(b, many).empty());
}

TEST_CASE("batch: a spend limit is never passed, by the prices that are known")
{
    bench b;
    client user = b.make_client();
    double const price = estimate_cost(corgi())->high_usd();
    batch_options options = wide();
    options.spend_limit = 3.5 * price;
    batch many(user, options);
    many.start(items(20));
    outcomes const got = all_of(b, many);
    CHECK(count_of(got, batch_end::succeeded) == 3);
    CHECK(b.accepted() == 3);
    CHECK(cause_of(many) == stop_cause::spend_limit);
}

TEST_CASE("batch: videos are put into the folder under the names that are asked for")
{
    bench b;
    client user = b.make_client();
    scratch_folder folder;
    for (bool const named : {false, true}) {
        batch_options options;
        options.folder = (folder / (named ? "named" : "plain")).string();
        if (named)
            options.file_name = [](batch_outcome const& of) { return of.reference + ".mp4"; };
        batch many(user, options);
        many.start(items(2));
        for (batch_outcome const& each : all_of(b, many)) {
            REQUIRE(each.files.size() == 1);
            CHECK(std::filesystem::file_size(each.files.front()) > 1000);
            std::string const name = std::filesystem::path(each.files.front()).filename().string();
            CHECK(name ==
                  (named ? each.reference : std::to_string(each.index + 1) + "-" + each.task_id) + ".mp4");
        }
    }
}

TEST_CASE("batch: nothing is bought for a folder that cannot be written")
{
    bench b;
    client user = b.make_client();
    scratch_folder folder;
    std::ofstream(folder / "file") << "no folder";
    batch_options options;
    options.folder = (folder / "file").string();
    batch many(user, options);
    many.start(items(2));
    all_of(b, many);
    CHECK(cause_of(many) == stop_cause::disk_failed);
    CHECK(b.booked("submits_received") == 0);
}

TEST_CASE("batch: one that begins again with its journal buys nothing twice")
{
    bench b;
    client user = b.make_client();
    memory_journal books(b.context);
    for (bool const again : {false, true}) {
        batch many(user, books);
        many.start(items(10));
        outcomes const got = all_of(b, many);
        CHECK(count_of(got, batch_end::succeeded) == 10);
        CHECK(many.progress().from_journal == (again ? 10 : 0));
        CHECK(b.accepted() == 10);
    }
}

TEST_CASE("batch: the end of a batch or of its context is the end of what it does")
{
    bench b("{}", 1);
    auto user = std::make_unique<client>(b.make_client());
    recorder<std::optional<batch_outcome>> pending;
    {
        batch many(*user, wide());
        many.start(items(3));
        many.next(pending.token());
        b.run_until([&] { return many.progress().generating == 3; });
    }
    b.run();
    CHECK(pending.done());
    recorder<std::optional<batch_outcome>> dropped;
    std::optional<batch> kept;
    {
        asio::io_context gone;
        client short_lived(gone, b.config());
        kept.emplace(short_lived, wide());
        kept->start(items(3));
        kept->next(dropped.token());
        run_until(gone, [&] { return kept->progress().generating == 3; });
    }
    kept->cancel();
    CHECK_FALSE(dropped.done());
    CHECK(kept->progress().generating == 3);
}

namespace {

// A journal of a user's own: it fails from that step on, and remembers what came before.
class failing_journal
{
public:
    failing_journal(memory_journal books, int fails_at)
        : books_(std::move(books)), fails_at_(fails_at), steps_(std::make_shared<int>(0))
    {}

    int steps() const { return *steps_; }

    asio::awaitable<std::string> bind(std::string service) { return books_.bind(std::move(service)); }
    asio::awaitable<std::optional<journal_record>> claim(journal_item item)
    {
        step();
        return books_.claim(std::move(item));
    }
    asio::awaitable<journal_record> intend(std::uint64_t index) { return step(), books_.intend(index); }
    asio::awaitable<journal_record> settle(std::uint64_t index, journal_outcome outcome)
    {
        return step(), books_.settle(index, std::move(outcome));
    }
    asio::awaitable<journal_record> finish(std::uint64_t index, journal_outcome outcome)
    {
        return step(), books_.finish(index, std::move(outcome));
    }
    asio::awaitable<journal_record> release(std::uint64_t index) { return books_.release(index); }
    asio::awaitable<std::optional<journal_record>> next_abandoned() { return books_.next_abandoned(); }
    asio::awaitable<journal_record> resubmit(std::uint64_t index, int generation)
    {
        return step(), books_.resubmit(index, generation);
    }
    asio::awaitable<journal_record> resolve(std::uint64_t index, std::optional<std::string> task_id)
    {
        return books_.resolve(index, std::move(task_id));
    }
    asio::awaitable<journal_counts> counts() { return books_.counts(); }
    asio::awaitable<std::vector<journal_record>> list(journal_query query) { return books_.list(query); }

private:
    void step()
    {
        if ((*steps_)++ >= fails_at_)
            throw error(error_info(errc::journal_failed, "the disk is full"));
    }

    memory_journal books_;
    int fails_at_;
    std::shared_ptr<int> steps_;
};

} // namespace

TEST_CASE(
    "batch: a journal that fails at any step stops the buying and nothing else, and nothing is lost of it")
{
    int all_steps = 1000;
    for (int fails_at = 0; fails_at <= all_steps; ++fails_at) {
        CAPTURE(fails_at);
        bench b;
        client user = b.make_client();
        memory_journal books(b.context);
        failing_journal failing(books, fails_at);
        batch_options options;
        options.max_in_flight = 2;
        batch many(user, failing, options);
        many.start(items(3));
        outcomes const got = all_of(b, many);
        std::size_t const bought = b.accepted();
        CHECK(count_of(got, batch_end::succeeded) == bought);
        CHECK(count_of(got, batch_end::not_sent) == got.size() - bought);
        CHECK(failing.steps() >= fails_at);
        if (!many.progress().stopped) {
            CHECK(bought == 3);
            all_steps = fails_at; // that was the sound one
            CHECK(failing.steps() == fails_at);
            continue;
        }
        CHECK(cause_of(many) == stop_cause::journal_failed);
        CHECK(many.progress().stopped->words.find("the disk is full") != std::string::npos);
        // Another process finds what there is. Without a contract, what was intended is in doubt, and nothing is sent again.
        batch rest(user, books);
        rest.start(items(3));
        outcomes const then = all_of(b, rest);
        CHECK(then.size() == 3);
        CHECK(count_of(then, batch_end::succeeded) + count_of(then, batch_end::unknown) == 3);
        CHECK(b.accepted() - count_of(then, batch_end::succeeded) <= count_of(then, batch_end::unknown));
    }
    CHECK(all_steps > 9);
}

TEST_CASE("batch: a journal of another service or with other requests is not mixed up with this one")
{
    bench b;
    client user = b.make_client();
    memory_journal books(b.context);
    {
        batch first(user, books);
        first.start(items(2));
        all_of(b, first);
    }
    batch second(user, books);
    second.start(std::vector<any_request>(2, text_to_video<kling_3_0_turbo>("another")));
    outcomes const got = all_of(b, second);
    CHECK(count_of(got, batch_end::invalid) == 2);
    for (batch_outcome const& each : got)
        CHECK(each.error.code() == errc::journal_conflict);
    bench other;
    client elsewhere(b.context, other.config());
    batch third(elsewhere, books);
    third.start(items(2));
    CHECK(all_of(b, third).empty());
    CHECK(cause_of(third) == stop_cause::journal_failed);
    CHECK(other.booked("submits_received") == 0);
}

TEST_CASE("batch: what waits in a source that gives nothing more ends with the batch")
{
    bench b;
    client user = b.make_client();
    batch many(user);
    auto source = []() -> asio::awaitable<std::optional<batch_item>> {
        asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        co_await never.async_wait(asio::use_awaitable);
        co_return std::nullopt;
    };
    many.start(source);
    recorder<std::optional<batch_outcome>> last;
    many.next(last.token());
    many.stop();
    b.run();
    CHECK_FALSE(last.value().has_value());
    CHECK(cause_of(many) == stop_cause::caller);
}

TEST_CASE("batch: local pictures are uploaded before, the same content once, and an unreadable one is its "
          "item's alone")
{
    bench b;
    client user = b.make_client();
    scratch_folder folder;
    std::ofstream(folder / "dog.png", std::ios::binary) << "\x89PNG\r\n\x1a\n" << std::string(100, 'x');
    std::vector<any_request> requests;
    for (int i = 0; i < 3; ++i)
        requests.push_back(image_to_video<kling_v3>("a dog", image_file((folder / "dog.png").string())));
    requests.push_back(image_to_video<kling_v3>("a cat", image_file((folder / "cat.png").string())));
    batch many(user);
    many.start(std::move(requests));
    outcomes const got = all_of(b, many);
    CHECK(count_of(got, batch_end::succeeded) == 3);
    CHECK(count_of(got, batch_end::invalid) == 1);
    CHECK(b.booked("uploads") == 1);
    CHECK_FALSE(many.progress().stopped.has_value());
}

TEST_CASE("batch: what may have been accepted keeps its resends while the others are called back")
{
    bench b(R"({"idempotency":"on","faults":[{"on":"submit","status":503,"nth":2},
                {"on":"submit","status":429,"retry_after":1,"nth":2}]})");
    client_config config = b.config();
    config.idempotency = idempotency::supported;
    client user(b.context, config);
    batch many(user, wide());
    many.start(items(8));
    outcomes const got = all_of(b, many);
    CHECK(b.service().unconsumed_faults().empty());
    CHECK(count_of(got, batch_end::succeeded) == 8);
    CHECK(b.accepted() == 8);
}
