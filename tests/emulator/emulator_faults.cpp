// Scripted faults strike where and when they are told to, and the books tell what was done meanwhile.

#include "emulator_raw_client.hpp"
#include "wait_until.hpp"

#include <apimart/testing/files/digest.hpp>

#include <doctest/doctest.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace emulator_tests;
using apimart::testing::request_phase;
using apimart::testing::emulation::operation;
using tests::wait_until;
using names = std::vector<std::string>;

namespace {

std::string named(boost::system::error_code error)
{
    if (error == asio::ssl::error::stream_truncated)
        return "truncated";
    if (error == http::error::end_of_stream)
        return "end";
    if (error == http::error::partial_message)
        return "partial";
    if (error == boost::system::errc::connection_reset)
        return "reset";
    // OpenSSL's words for these two are not the same in all versions.
    if (error.category() == asio::error::get_ssl_category()) {
        int const reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
        if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_BAD_RECORD_TYPE)
            return "no record";
        if (reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE)
            return "handshake refused";
    }
    auto const text = error.message();
    return text.substr(0, text.find(" (SSL routines"));
}

// What a read ends with.
std::string reading(raw_client& client)
{
    try {
        return std::to_string(client.read().result_int());
    } catch (boost::system::system_error const& failure) {
        return named(failure.code());
    }
}

// A submit as bytes, of which a test may send a part.
std::string submit_text(std::string_view body = corgi)
{
    return "POST /v1/videos/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

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

    /// The last request in the books.
    apimart::testing::request_record last()
    {
        auto const all = running.service.requests();
        REQUIRE_FALSE(all.empty());
        return all.back();
    }

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
    wait_until([&] { return b.booked("faults_consumed") == 2; });
    b.client.stream().next_layer().close();
    wait_until([&] { return b.booked("connections_open") == 0; });
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

TEST_CASE("emulator faults: every end of a connection at every moment of a submit")
{
    struct moment
    {
        std::string when;
        std::size_t accepted;
        request_phase reached;
        bool begun;
    };
    moment const moments[] = {{R"("header")", 0, request_phase::header, false},
                              {R"("body","bytes":10)", 0, request_phase::header, false},
                              {R"("request")", 0, request_phase::read, false},
                              {R"("accepted")", 1, request_phase::processed, false},
                              {R"("reply","bytes":20)", 1, request_phase::reply_begun, true},
                              {R"("reply")", 1, request_phase::processed, false}};
    for (auto const& at : moments)
        for (std::string const act : {"close", "cut", "reset", "corrupt", "plaintext"}) {
            CAPTURE(at.when);
            CAPTURE(act);
            bench b(R"({"on":"submit","do":")" + act + R"(","when":)" + at.when + "}");
            asio::write(b.client.stream(), asio::buffer(submit_text()));
            std::string const expected = act == "corrupt"     ? "decryption failed or bad record mac"
                                         : act == "plaintext" ? "no record"
                                         : act == "reset"     ? "reset"
                                         : act == "cut"       ? "truncated"
                                         : at.begun           ? "partial"
                                                              : "end";
            CHECK(reading(b.client) == expected);
            CHECK(b.accepted() == at.accepted);
            CHECK(b.running.service.unconsumed_faults().empty());
            auto const seen = b.last();
            CHECK(seen.reached == at.reached);
            CHECK(seen.task_id.empty() == (at.accepted == 0));
            CHECK(seen.fault.starts_with(act + " submit "));
        }
}

TEST_CASE("emulator faults: a connection that never gets as far as a request")
{
    auto const connecting = [](std::string_view fault) {
        running_emulator running(
            std::string(R"({"faults":[{"on":"connection",)").append(fault).append("}]}"));
        std::string end;
        try {
            raw_client client(running.service);
            end = "secured, then " + reading(client);
        } catch (boost::system::system_error const& failure) {
            end = named(failure.code());
        }
        CHECK(running.service.unconsumed_faults().empty());
        CHECK(running.service.requests().empty());
        return end;
    };
    CHECK(connecting(R"("do":"close")") == "truncated");
    CHECK(connecting(R"("do":"reset","when":"connect")") == "reset");
    CHECK(connecting(R"("do":"raw","raw":"HTTP/1.1 400 Bad Request\r\n\r\n")") == "no record");
    CHECK(connecting(R"("do":"raw","raw_hex":"15030300020228")") == "handshake refused");
    CHECK(connecting(R"("do":"close","when":"secured")") == "secured, then end");
    CHECK(connecting(R"("do":"cut","when":"secured")") == "secured, then truncated");
    CHECK(connecting(R"("do":"reset","when":"secured")") == "secured, then reset");
    CHECK(
        connecting(R"("do":"raw","when":"secured","raw":"HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n")") ==
        "secured, then 408");
}

TEST_CASE("emulator faults: a handshake that stalls can be held and released")
{
    running_emulator running(R"({"faults":[{"on":"connection","do":"hold"}]})");
    std::thread opening([&] { CHECK(raw_client(running.service).get("/v1/models").result_int() == 200); });
    wait_until([&] { return running.service.unconsumed_faults().empty(); });
    CHECK(running.service.requests().empty());
    // The connection is held soon after the fault was taken.
    while (running.service.requests().empty())
        running.service.release();
    opening.join();
}

TEST_CASE("emulator faults: held at a moment, a request goes on as if nothing had happened")
{
    for (std::string const when : {"header", "body", "request", "accepted", "reply", "sent"}) {
        CAPTURE(when);
        bench b(R"({"on":"submit","do":"hold","when":")" + when + R"(","bytes":5})");
        std::thread releasing([&] {
            wait_until([&] { return b.running.service.unconsumed_faults().empty(); });
            auto const settled = [&] {
                auto const reached = b.last().reached;
                return reached == (when == "header" || when == "body" ? request_phase::header
                                   : when == "request"                ? request_phase::read
                                   : when == "accepted"               ? request_phase::processed
                                   : when == "reply"                  ? request_phase::reply_begun
                                                                      : request_phase::reply_sent);
            };
            wait_until(settled);
            CHECK(b.accepted() == (when == "accepted" || when == "reply" || when == "sent" ? 1 : 0));
            wait_until([&] {
                b.running.service.release();
                return b.booked("polls") > 0;
            });
        });
        auto const id = b.client.submit_for_id(corgi);
        CHECK(text_at(b.client.poll(id), "/data/id") == id);
        releasing.join();
        CHECK(b.accepted() == 1);
    }
}

TEST_CASE("emulator faults: bytes of one's own choice, alone, before, within and behind the reply")
{
    bench alone(R"({"on":"submit","do":"raw","raw":"HTTP/1.1 20"})");
    asio::write(alone.client.stream(), asio::buffer(submit_text()));
    CHECK(reading(alone.client) == "partial");
    CHECK(alone.accepted() == 0);

    bench before(R"({"on":"submit","do":"raw","when":"accepted","then":"resume",
                     "raw":"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"})");
    CHECK(before.client.submit(corgi).result_int() == 102);
    CHECK(before.client.read().result_int() == 103);
    CHECK(before.client.read().result_int() == 200);
    CHECK(before.client.submit(corgi).result_int() == 200);

    bench within(
        R"({"on":"submit","do":"raw","when":"reply","bytes":17,"raw":"X-Smuggled: 1\r\n","then":"resume"})");
    auto const changed = within.client.submit(corgi);
    CHECK(changed.result_int() == 200);
    CHECK(changed["X-Smuggled"] == "1");

    bench behind(R"({"on":"submit","do":"raw","when":"sent","then":"resume",
                     "raw":"HTTP/1.1 408 Unasked\r\nContent-Length: 0\r\n\r\n"})");
    CHECK(behind.client.submit(corgi).result_int() == 200);
    CHECK(behind.client.read().result_int() == 408);
    CHECK(behind.client.submit(corgi).result_int() == 200);
    CHECK(behind.accepted() == 2);

    for (std::string const then : {"close", "cut", "reset"}) {
        bench after(
            R"({"on":"submit","do":"raw","when":"accepted","raw":"HTTP/1.1 200 OK\r\nContent-Le","then":")" +
            then + "\"}");
        asio::write(after.client.stream(), asio::buffer(submit_text()));
        CHECK(reading(after.client) == (then == "close" ? "partial" : then == "cut" ? "truncated" : "reset"));
    }
}

TEST_CASE("emulator faults: a connection that ends between two requests")
{
    for (std::string const act : {"close", "cut", "reset"}) {
        CAPTURE(act);
        bench b(R"({"on":"submit","do":")" + act + R"(","when":"sent"})");
        CHECK(b.client.submit(corgi).result_int() == 200);
        CHECK(reading(b.client) == (act == "close" ? "end" : act == "cut" ? "truncated" : "reset"));
        CHECK(b.last().reached == request_phase::reply_sent);
    }
}

TEST_CASE("emulator faults: a reply that comes in drips is complete")
{
    bench b(R"({"on":"submit","do":"drip","bytes":15,"step_bytes":7,"step_seconds":0.0001})");
    asio::write(b.client.stream(), asio::buffer(submit_text()));
    // Under TLS a read gives one record, and so one step.
    char some[4096];
    CHECK(b.client.stream().read_some(asio::buffer(some)) == 15);
    CHECK(b.client.stream().read_some(asio::buffer(some)) == 7);
    std::string rest;
    while (rest.find("task_") == rest.npos || !rest.ends_with("}"))
        rest.append(some, b.client.stream().read_some(asio::buffer(some)));
    CHECK(b.last().reached == request_phase::reply_sent);
    CHECK(b.client.submit(corgi).result_int() == 200);
}

TEST_CASE("emulator faults: a frozen service reads no more, a stalled one does")
{
    constexpr std::size_t plenty = 48U << 20U;
    for (std::string const act : {"freeze", "stall"}) {
        CAPTURE(act);
        bench b(R"({"on":"upload","do":")" + act + R"(","when":"body","bytes":1000})");
        auto& socket = b.client.stream().next_layer();
        asio::write(b.client.stream(),
                    asio::buffer("POST /v1/uploads/images HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
                                 "Content-Length: 60000000\r\n\r\n" +
                                 std::string(2000, 'x')));
        wait_until([&] { return b.running.service.unconsumed_faults().empty(); });
        if (act == "stall") {
            asio::write(socket, asio::buffer(std::string(plenty, 'x')));
        } else {
            socket.non_blocking(true);
            std::string const chunk(65536, 'x');
            boost::system::error_code full;
            std::size_t sent = 0;
            while (!full && sent < plenty)
                sent += socket.write_some(asio::buffer(chunk), full);
            CHECK(full == boost::system::errc::operation_would_block);
        }
        CHECK(b.last().reached == request_phase::header);
    }
}

TEST_CASE("emulator faults: an answer in the middle of the body, and one with headers and a body of its own")
{
    bench early(R"({"on":"submit","status":413,"when":"body","bytes":10})");
    std::string const text = submit_text();
    asio::write(early.client.stream(), asio::buffer(text.substr(0, text.size() - 30)));
    CHECK(reading(early.client) == "413");
    CHECK(early.accepted() == 0);
    CHECK(early.last().status == 413);

    bench given(R"({"on":"poll","status":302,"headers":{"Location":"/elsewhere","X-A":"b"},
                    "content":"<p>over there</p>","content_type":"text/html"})");
    auto const moved = given.client.poll("task_x");
    CHECK(moved.result_int() == 302);
    CHECK(moved[http::field::location] == "/elsewhere");
    CHECK(moved["X-A"] == "b");
    CHECK(moved[http::field::content_type] == "text/html");
    CHECK(moved.body() == "<p>over there</p>");
}

TEST_CASE("emulator faults: the n-th request, or every n-th")
{
    auto const struck = [](std::string_view count) {
        bench b(std::string(R"({"on":"models","status":503,)").append(count).append("}"));
        std::string pattern;
        for (int i = 0; i < 9; ++i)
            pattern += b.client.get("/v1/models").result_int() == 503 ? 'x' : '.';
        return pattern;
    };
    CHECK(struck(R"("nth":3)") == "..x......");
    CHECK(struck(R"("every":3)") == "x..x..x..");
    CHECK(struck(R"("every":2,"skip":3,"times":2)") == "...x.x...");
    CHECK(struck(R"("skip":1,"times":3)") == ".xxx.....");
}

TEST_CASE("emulator faults: those that did not strike are told by name, and more can be planned at any time")
{
    bench b(R"({"on":"submit","status":429,"times":2},{"on":"file","do":"cut","name":"the lost file"},
               {"on":"poll","fraction":0}, {"on":"models","status":500,"every":2})");
    CHECK(b.client.submit(corgi).result_int() == 429);
    CHECK(b.client.get("/v1/models").result_int() == 500);
    CHECK(b.running.service.unconsumed_faults() ==
          names{"reply 429 submit request", "the lost file", "reply 503 poll request"});
    CHECK(b.client.submit(corgi).result_int() == 429);
    b.running.service.plan(R"({"on":"submit","status":400})");
    CHECK(b.client.submit(corgi).result_int() == 400);
    apimart::testing::emulation::fault direct;
    direct.on = operation::submit;
    direct.status = 402;
    b.running.service.plan(direct);
    CHECK(b.client.submit(corgi).result_int() == 402);
    CHECK(b.running.service.unconsumed_faults() == names{"the lost file", "reply 503 poll request"});
    CHECK(b.running.service.books().at("faults_unconsumed").as_array().size() == 2);
    CHECK_THROWS_AS(b.running.service.plan("{"), std::invalid_argument);
    CHECK_THROWS_AS(b.running.service.plan(R"({"onn":"submit"})"), std::invalid_argument);
}

TEST_CASE("emulator faults: the books join what a client knows with what happened")
{
    using apimart::testing::emulation::hex;
    using apimart::testing::emulation::sha256;
    emulator_options options = running_emulator::with(
        R"({"idempotency":"on","faults":[{"on":"submit","do":"reset","when":"request","nth":2},
            {"on":"submit","do":"cut","when":"accepted","nth":2}]})");
    running_emulator running(std::move(options));
    auto const attempt = [&](std::string_view key) {
        try {
            return raw_client(running.service)
                .submit(corgi, {{"Idempotency-Key", std::string(key)}})
                .result_int();
        } catch (boost::system::system_error const&) {
            return 0U;
        }
    };
    CHECK(attempt("a") == 200);
    CHECK(attempt("b") == 0);
    CHECK(attempt("c") == 0);
    CHECK(attempt("c") == 200);
    CHECK(raw_client(running.service).submit("{}").result_int() == 400);
    auto const seen = running.service.requests();
    REQUIRE(seen.size() == 5);
    auto const books = running.service.books();
    auto const& accepted = books.at("accepted").as_array();
    REQUIRE(accepted.size() == 2);
    std::size_t charged = 0;
    for (auto const& each : seen) {
        CHECK(each.what == operation::submit);
        charged += !each.task_id.empty() && !each.replay ? 1 : 0;
    }
    CHECK(charged == accepted.size());
    CHECK(seen[0].idempotency_key == "a");
    CHECK(seen[0].body_sha256 == hex(sha256(corgi)));
    CHECK(seen[0].status == 200);
    CHECK(seen[0].reached == request_phase::reply_sent);
    CHECK(seen[1].idempotency_key == "b");
    CHECK(seen[1].reached == request_phase::read);
    CHECK(seen[1].status == 0);
    CHECK(seen[1].task_id.empty());
    CHECK(seen[1].fault == "reset submit request");
    CHECK(seen[2].reached == request_phase::processed);
    CHECK(seen[2].task_id == accepted[1].at("task_id").as_string());
    CHECK_FALSE(seen[2].replay);
    CHECK(seen[3].task_id == seen[2].task_id);
    CHECK(seen[3].replay);
    CHECK(seen[4].status == 400);
    CHECK(seen[4].task_id.empty());
    CHECK_FALSE(seen[4].idempotency_key);
    CHECK(accepted[1].at("connection").to_number<std::uint64_t>() == seen[2].connection);
    CHECK(seen[2].connection == 3);
    CHECK(accepted[1].at("time").as_double() * 1e9 >=
          doctest::Approx(static_cast<double>(seen[2].time.count())));
    CHECK(accepted[1].at("charge_usd").as_double() == doctest::Approx(0.572));

    // The program gives the same.
    raw_client observer(running.service);
    auto const told =
        json::parse(observer.send(http::verb::get, "/__emulator/requests", "", {}).body()).as_array();
    REQUIRE(told.size() == 5);
    CHECK(told[2].at("reached") == json::value("processed"));
    CHECK(told[2].at("fault") == json::value("cut submit accepted"));
    CHECK(told[3].at("replay") == json::value(true));
}
