// The books are exact, cheap, and not changed by looking at them.

#include "emulator_raw_client.hpp"
#include "wait_until.hpp"

#include <apimart/testing/files/digest.hpp>
#include <apimart/testing/service/service.hpp>

#include <doctest/doctest.h>

#include <malloc.h>

#include <set>
#include <thread>
#include <vector>

using namespace emulator_tests;

namespace {

std::uint64_t number(json::object const& books, std::string_view name)
{
    return books.at({name.data(), name.size()}).to_number<std::uint64_t>();
}

} // namespace

TEST_CASE("emulator books: every figure of a small story")
{
    running_emulator running;
    std::string link;
    {
        raw_client first(running.service);
        auto const id = text_at(first.submit(corgi, {{"Idempotency-Key", "key-1"}}), "/data/0/task_id");
        first.submit(R"({"model":"kling-v3","prompt":"a"})");
        first.submit(R"({"model":"kling-v3"})");
        first.poll(id);
        running.service.advance(long_enough);
        link = target_of(text_at(first.poll(id), "/data/result/videos/0/url/0"));
        first.post("/v1/tasks/batch", R"({"task_ids":[")" + id + R"("]})");

        raw_client second(running.service);
        second.send(http::verb::get, "/v1/balance", "", {});
        second.send(http::verb::get, link, "", {});
        second.send(http::verb::get, link, "", {{"Authorization", "Bearer k"}});
        second.send(http::verb::head, link, "", {});
        second.send(http::verb::get, link.substr(0, link.find('?')), "", {});

        raw_client observer(running.service);
        for (int i = 0; i < 3; ++i)
            CHECK(observer.send(http::verb::get, "/__emulator/books", "", {}).result_int() == 200);
    }
    raw_client observer(running.service);
    auto const reply = observer.send(http::verb::get, "/__emulator/books", "", {});
    auto const books = json::parse(reply.body()).as_object();
    CHECK(number(books, "submits_received") == 3);
    CHECK(number(books, "rejected") == 1);
    CHECK(number(books, "polls") == 2);
    CHECK(number(books, "batch_queries") == 1);
    CHECK(number(books, "unauthorized") == 1);
    CHECK(number(books, "downloads") == 2);
    CHECK(number(books, "authorization_leaks") == 1);
    CHECK(number(books, "connections") == 2);
    CHECK(number(books, "connections_peak") == 2);
    CHECK(number(books, "requests") == 11);
    CHECK(books.at("requests_per_connection").as_double() == doctest::Approx(5.5));
    CHECK(number(books, "faults_planned") == 0);
    CHECK(number(books, "faults_consumed") == 0);

    auto const& accepted = books.at("accepted").as_array();
    REQUIRE(accepted.size() == 2);
    CHECK(accepted[0].at("model") == json::value("kling-3.0-turbo"));
    CHECK(accepted[0].at("idempotency_key") == json::value("key-1"));
    CHECK(accepted[0].at("body_sha256").as_string() ==
          apimart::testing::emulation::hex(apimart::testing::emulation::sha256(corgi)));
    CHECK(accepted[1].at("idempotency_key").is_null());
    CHECK(accepted[1].at("task_id").as_string().starts_with("task_"));
}

TEST_CASE("emulator books: a client that does not trust the CA is counted apart")
{
    running_emulator running;
    CHECK_THROWS_AS(raw_client(running.service, raw_client::trust::nobody), boost::system::system_error);
    tests::wait_until([&] { return number(running.service.books(), "handshakes_failed") > 0; });
    CHECK(number(running.service.books(), "connections") == 0);
}

TEST_CASE("emulator books: exact under several threads on both sides")
{
    running_emulator running(emulator_options(), 2);
    constexpr unsigned clients = 6;
    constexpr unsigned rounds = 40;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < clients; ++i)
        threads.emplace_back([&] {
            raw_client client(running.service);
            for (unsigned n = 0; n < rounds; ++n)
                client.poll(client.submit_for_id(corgi));
        });
    for (unsigned n = 0; n < 50; ++n)
        static_cast<void>(running.service.books());
    for (auto& thread : threads)
        thread.join();
    auto const books = running.service.books();
    CHECK(number(books, "submits_received") == clients * rounds);
    CHECK(number(books, "polls") == clients * rounds);
    CHECK(number(books, "connections") == clients);
    std::set<std::string> ids;
    for (auto const& each : books.at("accepted").as_array())
        ids.insert(each.at("task_id").as_string().c_str());
    CHECK(ids.size() == clients * rounds);
}

TEST_CASE("emulator books: the same seed gives the same ids, and without one no two services give the same")
{
    auto const first_id = [](std::optional<std::uint64_t> seed) {
        emulator_options options;
        options.seed = seed;
        running_emulator running(std::move(options));
        return raw_client(running.service).submit_for_id(corgi);
    };
    auto const id = first_id(1);
    CHECK(first_id(1) == id);
    CHECK(first_id(2) != id);
    auto const of_the_clock = first_id(std::nullopt);
    CHECK(first_id(std::nullopt) != of_the_clock);
    // The time comes first, so that ids sort by it.
    CHECK(of_the_clock.size() == id.size());
    CHECK(of_the_clock > id);
}

TEST_CASE("emulator books: an accepted task costs well under a kilobyte")
{
    using namespace apimart::testing::emulation;
    service served(emulator_options(), "https://127.0.0.1:1");
    http::fields headers;
    headers.set(http::field::authorization, "Bearer k");
    headers.set("Idempotency-Key", "0123456789abcdef0123456789abcdef");
    request_view const request(http::verb::post, "/v1/videos/generations", headers, corgi);
    auto const before = mallinfo2().uordblks;
    constexpr std::size_t tasks = 5000;
    for (std::size_t i = 0; i < tasks; ++i)
        CHECK(served.answer(operation::submit, request, true).status == 200);
    // A sanitizer has an allocator of its own and leaves these figures alone.
    auto const after = mallinfo2().uordblks;
    MESSAGE("bytes per task: " << (after - before) / tasks);
    CHECK(after - before < tasks * 700);
}
