// Scripted faults strike where and when they are told to, and the books tell what was done meanwhile.

#include "emulator_raw_client.hpp"

#include <doctest/doctest.h>

using namespace emulator_tests;

namespace {

class bench
{
public:
    explicit bench(std::string_view faults)
        : running(std::string(R"({"faults":[)").append(faults).append("]}")), client(running.service)
    {}

    std::uint64_t booked(std::string_view name)
    {
        return running.service.books().at({name.data(), name.size()}).to_number<std::uint64_t>();
    }
    std::size_t accepted() { return running.service.books().at("accepted").as_array().size(); }

    /// The error that a submit ends with on a connection of its own.
    boost::system::error_code failed_submit()
    {
        try {
            raw_client(running.service).submit(corgi);
        } catch (boost::system::system_error const& failure) {
            return failure.code();
        }
        return {};
    }

    running_emulator running;
    raw_client client;
};

} // namespace

TEST_CASE("emulator faults: 429 for the first submits, with and without Retry-After")
{
    bench b(R"({"on":"submit","status":429,"retry_after":2,"times":2},{"on":"submit","status":429})");
    for (int i = 0; i < 2; ++i) {
        auto const limited = b.client.submit(corgi);
        CHECK(limited.result_int() == 429);
        CHECK(limited[http::field::retry_after] == "2");
        CHECK(text_at(limited, "/error/type") == "rate_limit_error");
    }
    CHECK(b.booked("faults_consumed") == 2);
    CHECK(b.client.submit(corgi).count(http::field::retry_after) == 0);
    CHECK(b.accepted() == 0);
    CHECK(b.client.submit(corgi).result_int() == 200);
    CHECK(b.booked("faults_planned") == 3);
    CHECK(b.booked("faults_consumed") == 3);
    CHECK(b.booked("submits_received") == 4);
    CHECK(b.booked("rejected") == 0);
}

TEST_CASE("emulator faults: gateway pages, empty and garbled bodies, errors inside 200")
{
    bench b(R"({"on":"poll","status":502,"body":"html"},{"on":"poll","status":503,"body":"empty"},
               {"on":"poll","status":200,"body":"garbage"},{"on":"poll","status":429,"body":"json_in_200"},
               {"on":"poll","status":400,"type":"apimart_error","code":"get_channel_failed",
                "message":"none left"})");
    auto const id = b.client.submit_for_id(corgi);
    auto const page = b.client.poll(id);
    CHECK(page.result_int() == 502);
    CHECK(page[http::field::content_type] == "text/html");
    CHECK(page.body().find("<html>") == 0);
    auto const empty = b.client.poll(id);
    CHECK(empty.result_int() == 503);
    CHECK(empty.body().empty());
    CHECK(raw_client::at(b.client.poll(id), "").is_null());
    auto const hidden = b.client.poll(id);
    CHECK(hidden.result_int() == 200);
    CHECK(text_at(hidden, "/code") == "429");
    auto const worded = b.client.poll(id);
    CHECK(text_at(worded, "/error/code") == "get_channel_failed");
    CHECK(text_at(worded, "/error/type") == "apimart_error");
    CHECK(text_at(b.client.poll(id), "/data/id") == id);
}

TEST_CASE("emulator faults: a reset before acceptance leaves no task, one after it does")
{
    for (std::string const when : {"header", "request"}) {
        bench before(R"({"on":"submit","do":"reset","when":")" + when + "\"}");
        CHECK(before.failed_submit() == boost::system::errc::connection_reset);
        CHECK(before.accepted() == 0);
        CHECK(before.booked("faults_consumed") == 1);
        CHECK(before.booked("submits_received") == 1);
    }
    bench after(R"({"on":"submit","do":"reset","when":"accepted"})");
    CHECK(after.failed_submit() == boost::system::errc::connection_reset);
    CHECK(after.accepted() == 1);
}

TEST_CASE("emulator faults: closing in order, and an error reply after acceptance")
{
    bench closing(R"({"on":"submit","do":"close","when":"accepted"})");
    CHECK(closing.failed_submit() == http::error::end_of_stream);
    CHECK(closing.accepted() == 1);

    bench failing(R"({"on":"submit","status":502,"body":"html","when":"accepted"})");
    CHECK(failing.client.submit(corgi).result_int() == 502);
    CHECK(failing.accepted() == 1);
    // The connection is still good.
    CHECK(failing.client.submit(corgi).result_int() == 200);
}

TEST_CASE("emulator faults: a reply that breaks off")
{
    bench in_head(R"({"on":"submit","do":"close","when":"reply","bytes":20})");
    CHECK(in_head.failed_submit() == http::error::partial_message);
    CHECK(in_head.accepted() == 1);

    bench in_file(R"({"on":"download","do":"close","when":"reply","bytes":2000})");
    auto const id = in_file.client.submit_for_id(corgi);
    in_file.running.service.advance(long_enough);
    auto const link = text_at(in_file.client.poll(id), "/data/result/videos/0/url/0");
    CHECK_THROWS_AS(in_file.client.send(http::verb::get, target_of(link), "", {}),
                    boost::system::system_error);
    raw_client second(in_file.running.service);
    CHECK(second.send(http::verb::get, target_of(link), "", {}).body() == apimart::testing::sample_video());
}

TEST_CASE("emulator faults: a reply before the body was read")
{
    bench b(R"({"on":"submit","status":503,"when":"header"})");
    auto const refused = b.client.submit(corgi);
    CHECK(refused.result_int() == 503);
    CHECK_FALSE(refused.keep_alive());
    CHECK(b.accepted() == 0);
}

TEST_CASE("emulator faults: silence ends after its time or when the client gives up")
{
    bench b(R"({"on":"submit","do":"stall","when":"accepted","seconds":0.02},{"on":"submit","do":"stall"})");
    CHECK(b.failed_submit().failed());
    CHECK(b.accepted() == 1);

    http::request<http::string_body> request(http::verb::post, "/v1/videos/generations", 11);
    request.set(http::field::authorization, "Bearer k");
    request.body() = corgi;
    request.prepare_payload();
    http::write(b.client.stream(), request);
    while (b.booked("faults_consumed") < 2)
        std::this_thread::yield();
    b.client.stream().next_layer().close();
    while (b.booked("connections_open") > 0)
        std::this_thread::yield();
    CHECK(b.accepted() == 1);
}

TEST_CASE("emulator faults: a connection that is refused before TLS")
{
    running_emulator running(R"({"faults":[{"on":"connection","do":"reset"}]})");
    CHECK_THROWS_AS(raw_client(running.service), boost::system::system_error);
    CHECK_NOTHROW(raw_client(running.service));
    CHECK(running.service.books().at("faults_consumed").to_number<int>() == 1);
}

TEST_CASE("emulator faults: one for any request, and one by chance")
{
    bench any(R"({"do":"reply","status":500,"skip":1})");
    CHECK(any.client.get("/v1/models").result_int() == 200);
    CHECK(any.client.get("/v1/balance").result_int() == 500);
    CHECK(any.client.get("/__emulator/books").result_int() == 200);

    bench chance(R"({"on":"models","status":503,"fraction":0.5})");
    unsigned struck = 0;
    for (int i = 0; i < 200; ++i)
        struck += chance.client.get("/v1/models").result_int() == 503 ? 1 : 0;
    CHECK(struck > 60);
    CHECK(struck < 140);
    CHECK(chance.booked("faults_consumed") == struck);
    CHECK(chance.booked("faults_planned") == struck);
}
