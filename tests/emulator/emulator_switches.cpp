// Every switch of the scenario, every value of it, and what a client without opinions sees.

#include "emulator_plain_socket.hpp"
#include "emulator_raw_client.hpp"
#include "wait_until.hpp"

#include <doctest/doctest.h>

#include <boost/asio/write.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace emulator_tests;
using tests::wait_until;

namespace {

constexpr std::string_view doomed = R"({"model":"kling-v3","prompt":"a [fail] b"})";
constexpr std::string_view invalid = R"({"model":"kling-v3","prompt":"a","duration":99})";
constexpr std::string_view another = R"({"model":"kling-v3","prompt":"a"})";

// An emulator with one client and, on demand, one task at its end.
class bench
{
public:
    explicit bench(std::string_view scenario_text) : running(scenario_text), client(running.service) {}

    response finished(std::string_view body = corgi)
    {
        id = client.submit_for_id(body);
        running.service.advance(long_enough);
        return client.poll(id);
    }

    response fetch_from(std::string const& url, header_list const& headers = {})
    {
        return client.send(http::verb::get, target_of(url), "", headers);
    }
    unsigned fetch(std::string const& url) { return fetch_from(url).result_int(); }

    response keyed(std::string_view body = corgi)
    {
        return client.submit(body, {{"Idempotency-Key", "k-1"}});
    }

    std::size_t accepted() { return running.service.books().at("accepted").as_array().size(); }
    std::uint64_t booked(std::string_view name)
    {
        return running.service.books().at({name.data(), name.size()}).to_number<std::uint64_t>();
    }

    running_emulator running;
    raw_client client;
    std::string id;
};

// A document with all that differs from run to run replaced by a word for it.
json::value shape(json::value const& value, std::string_view name = "")
{
    if (auto const* object = value.if_object()) {
        json::object out;
        for (auto const& [key, member] : *object)
            out[key] = shape(member, key);
        return out;
    }
    if (auto const* array = value.if_array()) {
        json::array out;
        for (auto const& each : *array)
            out.push_back(shape(each));
        return out;
    }
    if (value.is_string() && name == "request_id")
        return "REQUEST";
    if (value.is_string() && value.get_string().starts_with("task_") && value.get_string().size() == 31)
        return "ID";
    if (value.is_string() && value.get_string().starts_with("https://127.0.0.1:"))
        return "URL";
    if (value.is_int64() && value.get_int64() > 1'000'000'000)
        return "TIME";
    return value;
}

std::string shape_of(response const& reply, std::string_view pointer = "")
{
    return json::serialize(shape(raw_client::at(reply, pointer)));
}

std::string status_and_shape(response const& reply)
{
    return std::to_string(reply.result_int()) + ' ' + shape_of(reply);
}

constexpr std::string_view first_url = "/data/result/videos/0/url/0";

// ---- What a client sees, for each switch

std::string first_submit(bench& b)
{
    return status_and_shape(b.client.submit(corgi));
}

std::string newer_rules(bench& b)
{
    constexpr std::string_view long_omni = R"({"model":"kling-v3-omni","prompt":"a","duration":15})";
    header_list const contract{{"X-APIMart-Response-Version", "2026-07-27"}};
    bool const credits = raw_client::at(b.client.get("/v1/balance"), "/remain_credits").is_number();
    return std::to_string(b.client.submit(long_omni).result_int()) + ' ' +
           std::to_string(b.client.submit(corgi, contract).result_int()) + (credits ? " credits" : "");
}

std::string local_image(bench& b)
{
    return std::to_string(
        b.client.submit(R"({"model":"kling-v3","prompt":"a","image_urls":["file.png"]})").result_int());
}

std::string first_poll(bench& b)
{
    return text_at(b.client.poll(b.client.submit_for_id(corgi)), "/data/status");
}

std::string in_the_middle(bench& b)
{
    auto const id = b.client.submit_for_id(corgi);
    b.running.service.advance(std::chrono::seconds(25));
    auto const reply = b.client.poll(id);
    auto const told = raw_client::at(reply, "/data/progress");
    auto const digits = raw_client::text(told);
    int const figure = told.is_null() ? -1 : std::stoi(digits);
    return text_at(reply, "/data/status") +
           (told.is_null() ? " nothing"
            : figure == 0  ? " 0"
                           : std::string(figure > 20 && figure < 80 ? " half" : " wrong") +
                                (told.is_string() ? " as text" + digits.substr(digits.size() - 1) : ""));
}

std::string last_poll(bench& b)
{
    return text_at(b.finished(), "/data/status");
}

std::string results_of_two_polls(bench& b)
{
    auto const has = [](response const& reply) {
        CHECK(text_at(reply, "/data/status") == "completed");
        return std::string(raw_client::at(reply, "/data/result").is_object() ? "result" : "none");
    };
    auto const first = has(b.finished());
    return first + ' ' + has(b.client.poll(b.id));
}

std::string result_shape(bench& b)
{
    return shape_of(b.finished(), "/data/result");
}

std::string list_in_text(bench& b)
{
    return json::serialize(shape(json::parse(text_at(b.finished(), "/data/result"))));
}

// What a finished task has besides the members that every one has.
std::string without_result(bench& b)
{
    auto task = raw_client::at(b.finished(), "/data").as_object();
    json::value const result = task["result"];
    for (char const* const name : {"result", "id", "status", "progress", "created", "completed",
                                   "estimated_time", "actual_time", "cost", "credits_cost"})
        task.erase(name);
    return json::serialize(result) + ' ' + json::serialize(shape(task));
}

std::string success_with_error(bench& b)
{
    auto const done = b.finished();
    return text_at(done, "/data/status") + ' ' + text_at(done, "/data/result") + ' ' +
           text_at(done, "/data/error/message");
}

std::string error_in_the_middle(bench& b)
{
    auto const id = b.client.submit_for_id(doomed);
    b.running.service.advance(std::chrono::seconds(25));
    auto const reply = b.client.poll(id);
    return text_at(reply, "/data/status") + ' ' + text_at(reply, "/data/error/message");
}

std::string length_of_id(bench& b)
{
    auto const id = b.client.submit_for_id(corgi);
    CHECK(text_at(b.client.poll(id), "/data/id") == id);
    return std::to_string(id.size());
}

std::string size_of_state(bench& b)
{
    auto const reply = b.client.poll(b.client.submit_for_id(corgi));
    return (reply.body().size() > 300000 ? "more than 300000 bytes, " : "a few bytes, ") +
           text_at(reply, "/data/status");
}

std::string two_fetches_and_a_range(bench& b)
{
    auto const first = b.fetch(text_at(b.finished(), first_url));
    auto const url = text_at(b.client.poll(b.id), first_url);
    return std::to_string(first) + ' ' + std::to_string(b.fetch(url)) + ' ' +
           std::to_string(b.fetch_from(url, {{"Range", "bytes=0-9"}}).result_int());
}

std::string hours_of_life(bench& b)
{
    auto const done = b.finished();
    auto const expires = raw_client::at(done, "/data/result/videos/0/expires_at");
    return expires.is_null()
               ? "untold"
               : std::to_string((expires.as_int64() - raw_client::at(done, "/data/completed").as_int64()) /
                                3600);
}

std::string cost(bench& b)
{
    auto const done = b.finished();
    return shape_of(done, "/data/cost") + ' ' + shape_of(done, "/data/credits_cost");
}

std::string failed_task(bench& b)
{
    auto const failed = b.finished(doomed);
    CHECK(raw_client::at(failed, "/data/cost").is_null());
    CHECK(raw_client::at(failed, "/data/result").is_null());
    CHECK(raw_client::at(failed, "/data/completed").is_int64());
    std::string seen = text_at(failed, "/data/status");
    for (std::string const name : {"error", "fail_reason"})
        if (auto const told = raw_client::at(failed, "/data/" + name); !told.is_null())
            seen += ' ' + name + ' ' + json::serialize(told);
    return seen;
}

std::string wrong_duration(bench& b)
{
    auto const reply = b.client.submit(invalid);
    if (reply.result_int() != 200) {
        auto const message = text_at(reply, "/error/message");
        // An unknown model never reaches the part of the service that builds requests.
        CHECK(b.client.submit(R"({"model":"x"})").result_int() == 400);
        return std::to_string(reply.result_int()) + ' ' + text_at(reply, "/error/type") + ' ' +
               message.substr(0, message.find(" must"));
    }
    b.running.service.advance(long_enough);
    auto const task = b.client.poll(text_at(reply, "/data/0/task_id"));
    auto const message = text_at(task, "/data/error/message");
    return "200 " + text_at(task, "/data/status") +
           (message == "null" ? "" : ' ' + message.substr(0, message.find(" must")));
}

std::string unknown_task(bench& b)
{
    auto const reply = b.client.poll("task_x");
    auto const inner = raw_client::at(reply, "/code");
    return std::to_string(reply.result_int()) + (inner.is_null() ? "" : ' ' + raw_client::text(inner));
}

std::string code_and_type(bench& b)
{
    auto const reply = b.client.send(http::verb::get, "/v1/balance", "", {});
    return shape_of(reply, "/error/code") + ' ' + text_at(reply, "/error/type");
}

std::string under_load(bench& b)
{
    std::string seen;
    try {
        auto const reply = b.client.submit(corgi);
        seen = std::to_string(reply.result_int()) + ' ' + std::string(reply[http::field::content_type]);
        if (reply.count(http::field::retry_after) != 0)
            seen += " wait " + std::string(reply[http::field::retry_after]);
    } catch (boost::system::system_error const& failure) {
        seen = failure.code() == boost::system::errc::connection_reset ? "reset" : failure.what();
    }
    return seen + "; tasks " + std::to_string(b.accepted());
}

std::string silence_under_load(bench& b)
{
    // Reads what a handshake leaves behind; those who look at the books are not struck.
    b.client.get("/__emulator/books");
    asio::write(b.client.stream(),
                asio::buffer("POST /v1/videos/generations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
                             "Content-Length: 2\r\n\r\n{}"));
    wait_until([&] { return b.running.service.unconsumed_faults().empty(); });
    // Others are heard meanwhile.
    raw_client observer(b.running.service);
    auto const books = observer.send(http::verb::get, "/__emulator/books", "", {});
    CHECK(text_at(books, "/connections_open") == "1");
    CHECK(b.client.stream().next_layer().available() == 0);
    b.client.stream().next_layer().shutdown(asio::ip::tcp::socket::shutdown_send);
    CHECK_THROWS_AS(b.client.read(), boost::system::system_error);
    return "silence; tasks " + std::to_string(b.accepted());
}

std::string batch_query(bench& b)
{
    b.finished();
    auto const reply = b.client.post("/v1/tasks/batch", R"({"task_ids":[")" + b.id + R"("]})");
    std::string seen = std::to_string(reply.result_int()) + ' ' + text_at(reply, "/data/0/status");
    for (std::string const name : {"progress", "result"})
        seen += raw_client::at(reply, "/data/0/" + name).is_null() ? "" : ' ' + name;
    return seen;
}

std::string balance(bench& b)
{
    return status_and_shape(b.client.get("/v1/balance"));
}

// A word for the answer to a submit with a key.
std::string answer_of(response const& reply)
{
    std::string seen = std::to_string(reply.result_int());
    if (reply.result_int() >= 300)
        seen += ' ' + text_at(reply, "/error/code");
    if (reply.count("Idempotency-Replayed") != 0)
        seen += " replayed";
    if (reply.count(http::field::retry_after) != 0)
        seen += " wait " + std::string(reply[http::field::retry_after]);
    return seen;
}

// The same order three times under one key, then another one under it.
std::string repetitions(bench& b)
{
    std::string seen = answer_of(b.keyed());
    for (int i = 0; i < 2; ++i)
        seen += ", " + answer_of(b.keyed());
    seen += "; " + answer_of(b.keyed(another));
    return seen + "; tasks " + std::to_string(b.accepted());
}

std::string repetitions_with_version(bench& b)
{
    auto const asked = [&](std::string_view body) {
        return answer_of(b.client.submit(
            body, {{"Idempotency-Key", "k-1"}, {"X-APIMart-Response-Version", "2026-07-27"}}));
    };
    std::string seen = asked(corgi);
    for (int i = 0; i < 2; ++i)
        seen += ", " + asked(corgi);
    seen += "; " + asked(another);
    return seen + "; tasks " + std::to_string(b.accepted());
}

std::string every_call(bench& b)
{
    std::string seen;
    std::string message;
    for (std::string const path :
         {"/v1/balance", "/v1/user/balance", "/v1/models", "/v1/usage", "/v1/tasks/task_x"}) {
        auto const reply = b.client.get(path);
        seen += std::to_string(reply.result_int()) + ' ';
        message = text_at(reply, "/error/message");
    }
    seen += std::to_string(b.client.submit(corgi).result_int()) + ' ';
    seen += std::to_string(b.client.post("/v1/tasks/batch", R"({"task_ids":[]})").result_int());
    auto const told = message.find(", current");
    return seen + (told == message.npos ? "" : message.substr(told, message.find(" (") - told)) + "; tasks " +
           std::to_string(b.accepted());
}

std::string usage(bench& b)
{
    b.finished();
    auto const reply = b.client.get("/v1/usage");
    return std::to_string(reply.result_int()) + ' ' + std::string(reply["X-Usage-Cache"]) + ' ' +
           shape_of(reply, "/data/total");
}

// The same order again while the first one is held after its acceptance.
std::string repetition_in_parallel(bench& b)
{
    b.running.service.plan(R"({"on":"submit","do":"hold","when":"accepted"})");
    std::string first;
    std::thread waiting([&] { first = answer_of(b.keyed()); });
    wait_until([&] { return b.accepted() == 1; });
    raw_client second(b.running.service);
    header_list const key{{"Idempotency-Key", "k-1"}};
    auto const seen = answer_of(second.submit(corgi, key));
    while (b.running.service.requests().front().reached != apimart::testing::request_phase::reply_sent)
        b.running.service.release();
    waiting.join();
    auto const later = answer_of(second.submit(corgi, key));
    return first + ", meanwhile " + seen + ", then " + later + "; tasks " + std::to_string(b.accepted());
}

// The order again after one that was refused, and after one that was answered with a 500.
std::string repetition_of_failures(bench& b)
{
    auto const twice = [&](std::string_view body, std::string const& key) {
        auto const first = answer_of(b.client.submit(body, {{"Idempotency-Key", key}}));
        return first + ", " + answer_of(b.client.submit(body, {{"Idempotency-Key", key}}));
    };
    std::string seen = twice(invalid, "refused");
    for (std::string const when : {"request", "accepted"}) {
        b.running.service.plan(R"({"on":"submit","status":500,"when":")" + when + "\"}");
        seen += "; " + twice(corgi, when);
    }
    return seen + "; tasks " + std::to_string(b.accepted());
}

std::string key_of_another_body(bench& b)
{
    b.keyed();
    return answer_of(b.keyed(another));
}

std::string after_five_minutes(bench& b)
{
    b.keyed();
    b.running.service.advance(std::chrono::seconds(299));
    auto const before = answer_of(b.keyed());
    b.running.service.advance(std::chrono::seconds(1));
    return before + ", " + answer_of(b.keyed());
}

// Receives callbacks: `answers` says with which status, 0 for silence. What came is told, and how it ended.
std::string callbacks(std::string_view scenario_text, std::vector<int> const& answers)
{
    auto options = running_emulator::with(scenario_text);
    // Pauses of a minute are nothing then.
    options.speed = 100'000;
    running_emulator running(std::move(options));
    raw_client client(running.service);
    plain_listener receiver;
    std::string const base = "http://127.0.0.1:" + std::to_string(receiver.port()) + "/hooks/";
    auto const id = client.submit_for_id(R"({"model":"kling-v3","prompt":"a","webhook":")" + base + "\"}");
    std::string seen;
    for (int const status : answers) {
        auto caller = receiver.accept();
        std::string head;
        while (!head.ends_with("\r\n\r\n"))
            head += caller.read(1);
        auto const body =
            json::parse(caller.read(std::stoul(head.substr(head.find("Content-Length: ") + 16))));
        CHECK(body.at("id") == json::value(id));
        CHECK(body.at("result").is_object());
        seen += head.substr(0, head.find(" HTTP")) + ' ' + body.at("status").as_string().c_str() + ", ";
        if (status != 0)
            caller.write("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n");
        else
            running.service.advance(std::chrono::seconds(10));
        CHECK(caller.ending() == "end");
    }
    auto const booked = [&](char const* name) {
        return running.service.books().at(name).to_number<std::uint64_t>();
    };
    wait_until([&] { return booked("callbacks_delivered") + booked("callbacks_given_up") > 0; });
    CHECK(booked("callbacks_attempted") == answers.size());
    return seen + (booked("callbacks_delivered") == 1 ? "delivered" : "given up");
}

struct row
{
    std::string name;
    /// As JSON.
    std::string value;
    std::string (*look)(bench&);
    std::string seen;
};

std::vector<row> const& rows()
{
    static std::vector<row> const all{
        {"profile", R"("original")", newer_rules, "400 202"},
        {"profile", R"("newer")", newer_rules, "200 202 credits"},
        {"inferred_rules", R"("enforced")", local_image, "400"},
        {"inferred_rules", R"("ignored")", local_image, "200"},
        {"submit_reply", R"("array")", first_submit,
         R"(200 {"code":200,"data":[{"status":"submitted","task_id":"ID"}]})"},
        {"submit_reply", R"("object")", first_submit,
         R"(200 {"code":200,"data":{"id":"ID","status":"submitted","progress":0,"created":"TIME","type":"video"}})"},
        {"submit_reply", R"("queued_202")", first_submit,
         R"(202 {"code":202,"data":{"object":"generation.task","id":"ID","status":"queued","poll_url":"URL"},"request_id":"REQUEST"})"},
        {"submit_reply", R"("error_in_200")", first_submit,
         R"(200 {"code":402,"message":"insufficient balance"})"},
        {"submit_reply", R"("empty_array")", first_submit, R"(200 {"code":200,"data":[]})"},
        {"submit_reply", R"("task_id_in_object")", first_submit,
         R"(200 {"code":200,"data":{"status":"submitted","task_id":"ID"}})"},
        {"submit_reply", R"("id_in_array")", first_submit,
         R"(200 {"code":200,"data":[{"id":"ID","status":"submitted"}]})"},
        {"submit_reply", R"("own_task_id")", first_submit,
         R"(200 {"code":200,"task_id":"ID","status":"submitted"})"},
        {"submit_reply", R"("own_id")", first_submit, R"(200 {"id":"ID","status":"submitted"})"},
        {"submit_reply", R"("id_as_data")", first_submit, R"(200 {"code":"success","data":"ID"})"},
        {"submit_reply", R"("numeric_id")", first_submit,
         R"(200 {"code":200,"data":[{"status":"submitted","task_id":"TIME"}]})"},
        {"submit_reply", R"("long_id")", length_of_id, "200"},
        {"first_status", R"("pending")", first_poll, "pending"},
        {"first_status", R"("Waiting")", first_poll, "Waiting"},
        {"working_status", R"("thinking")", in_the_middle, "thinking 0"},
        {"padding_bytes", "300000", size_of_state, "more than 300000 bytes, pending"},
        {"padding_bytes", "0", size_of_state, "a few bytes, pending"},
        {"first_status", R"("submitted")", first_poll, "submitted"},
        {"first_status", R"("queued")", first_poll, "queued"},
        {"first_status", R"("running")", first_poll, "running"},
        {"first_status", R"("processing")", first_poll, "processing"},
        {"first_status", R"("in_progress")", first_poll, "in_progress"},
        {"progress", R"("jump")", in_the_middle, "processing 0"},
        {"progress", R"("gradual")", in_the_middle, "processing half"},
        {"progress", R"("text")", in_the_middle, "processing half as text%"},
        {"progress", R"("absent")", in_the_middle, "processing nothing"},
        {"success_word", R"("completed")", last_poll, "completed"},
        {"success_word", R"("success")", last_poll, "success"},
        {"success_word", R"("succeeded")", last_poll, "succeeded"},
        {"success_word", R"("finished")", last_poll, "finished"},
        {"success_word", R"("COMPLETED")", last_poll, "COMPLETED"},
        {"success_word", R"("succeed")", last_poll, "succeed"},
        {"result", R"("error")", success_with_error, "completed null content policy violation"},
        {"result", R"("present")", results_of_two_polls, "result result"},
        {"result", R"("late")", results_of_two_polls, "none result"},
        {"result", R"("absent")", results_of_two_polls, "none none"},
        {"result_url", R"("array")", result_shape, R"({"videos":[{"url":["URL"],"expires_at":"TIME"}]})"},
        {"result_url", R"("string")", result_shape, R"({"videos":[{"url":"URL","expires_at":"TIME"}]})"},
        {"result_url", R"("several")", result_shape,
         R"({"videos":[{"url":["URL","URL"],"expires_at":"TIME"}]})"},
        {"result_url", R"("item")", result_shape, R"({"videos":["URL"]})"},
        {"result_url", R"("video_url")", result_shape, R"({"video_url":"URL"})"},
        {"result_url", R"("url")", result_shape, R"({"url":"URL"})"},
        {"result_url", R"("video")", result_shape, R"({"video":"URL"})"},
        {"result_url", R"("text")", result_shape, R"("URL")"},
        {"result_url", R"("list")", result_shape, R"(["URL"])"},
        {"result_url", R"("list_as_text")", list_in_text, R"(["URL"])"},
        {"result_url", R"("items_video_url")", result_shape,
         R"({"videos":[{"video_url":"URL","expires_at":"TIME"}]})"},
        {"result_url", R"("items_urls")", result_shape,
         R"({"videos":[{"urls":["URL"],"expires_at":"TIME"}]})"},
        {"result_url", R"("urls")", result_shape, R"({"urls":["URL"]})"},
        {"result_url", R"("video_urls")", result_shape, R"({"video_urls":["URL"]})"},
        {"result_url", R"("output")", result_shape, R"({"output":[{"url":"URL"}]})"},
        {"result_url", R"("task_video_url")", without_result, R"(null {"video_url":"URL"})"},
        {"result_url", R"("task_video")", without_result, R"(null {"video":{"url":"URL"}})"},
        {"result_url", R"("task_metadata")", without_result, R"(null {"metadata":{"url":"URL"}})"},
        {"result_url", R"("task_output")", without_result, R"(null {"output":"URL"})"},
        {"link", R"("valid")", two_fetches_and_a_range, "200 200 206"},
        {"link", R"("expired")", two_fetches_and_a_range, "403 403 403"},
        {"link", R"("expired_once")", two_fetches_and_a_range, "403 200 206"},
        {"link", R"("forbidden")", two_fetches_and_a_range, "403 403 403"},
        {"link", R"("missing")", two_fetches_and_a_range, "404 404 404"},
        {"link", R"("no_range")", two_fetches_and_a_range, "200 200 200"},
        {"expires_at", R"("24h")", hours_of_life, "24"},
        {"expires_at", R"("72h")", hours_of_life, "72"},
        {"expires_at", R"("absent")", hours_of_life, "untold"},
        {"cost", R"("present")", cost, "5.72E-1 5.72E0"},
        {"cost", R"("absent")", cost, "null null"},
        {"failure.form", R"("object")", failed_task,
         R"(failed error {"code":"task_failed","message":"content policy violation","type":"task_failed","param":""})"},
        {"failure.form", R"("text")", failed_task, R"(failed error "content policy violation")"},
        {"failure.form", R"("empty_code")", failed_task,
         R"(failed error {"message":"content policy violation","code":""})"},
        {"failure.form", R"("fail_reason")", failed_task, R"(failed fail_reason "content policy violation")"},
        {"failure.form", R"("cancelled")", failed_task, "cancelled"},
        {"failure.status", R"("failed","form":"text")", failed_task,
         R"(failed error "content policy violation")"},
        {"failure.status", R"("failure","form":"text")", failed_task,
         R"(failure error "content policy violation")"},
        {"failure.status", R"("error","form":"text")", failed_task,
         R"(error error "content policy violation")"},
        {"failure.status", R"("expired","form":"text")", failed_task,
         R"(expired error "content policy violation")"},
        {"failure.told", R"("early")", error_in_the_middle, "processing content policy violation"},
        {"failure.told", R"("at_end")", error_in_the_middle, "processing null"},
        {"failure.message", R"("no \"dogs\"","form":"text")", failed_task, R"(failed error "no \"dogs\"")"},
        {"failure.word", R"("corgi")", last_poll, "failed"},
        {"failure.word", R"("")", last_poll, "completed"},
        {"failure.fraction", "1", last_poll, "failed"},
        {"failure.fraction", "0", last_poll, "completed"},
        {"invalid_parameter", R"("error_400")", wrong_duration, "400 invalid_request_error `duration`"},
        {"invalid_parameter", R"("error_500")", wrong_duration,
         "500 server_error build_request_failed: `duration`"},
        {"invalid_parameter", R"("task_fails")", wrong_duration, "200 failed `duration`"},
        {"invalid_parameter", R"("ignored")", wrong_duration, "200 completed"},
        {"unknown_id", R"("error_400")", unknown_task, "400"},
        {"unknown_id", R"("error_404")", unknown_task, "404"},
        {"unknown_id", R"("error_in_200")", unknown_task, "200 400"},
        {"error_code", R"("integer")", code_and_type, "401 authentication_error"},
        {"error_code", R"("empty")", code_and_type, "\"\" apimart_error"},
        {"error_code", R"("text")", code_and_type, "\"authentication_error\" authentication_error"},
        {"error_code", R"("absent")", code_and_type, "null authentication_error"},
        {"overload.form", R"("none")", under_load, "200 application/json; tasks 1"},
        {"overload.form", R"("429")", under_load, "429 application/json; tasks 0"},
        {"overload.form", R"("429_retry_after")", under_load, "429 application/json wait 1; tasks 0"},
        {"overload.form", R"("502_html")", under_load, "502 text/html; tasks 0"},
        {"overload.form", R"("503_html")", under_load, "503 text/html; tasks 0"},
        {"overload.form", R"("stalled")", silence_under_load, "silence; tasks 0"},
        {"overload.form", R"("reset_before")", under_load, "reset; tasks 0"},
        {"overload.form", R"("reset_after")", under_load, "reset; tasks 1"},
        {"overload.fraction", R"(0,"form":"429")", under_load, "200 application/json; tasks 1"},
        {"idempotency", R"("with_version")", repetitions, "200, 200, 200; 200; tasks 4"},
        {"idempotency", R"("with_version")", repetitions_with_version,
         "202, 202 replayed, 202 replayed; 409 idempotency_key_reused; tasks 1"},
        {"idempotency", R"("off")", repetitions_with_version, "202, 202, 202; 202; tasks 4"},
        {"idempotency", R"("off")", repetitions, "200, 200, 200; 200; tasks 4"},
        {"idempotency", R"("on")", repetitions,
         "200, 200 replayed, 200 replayed; 409 idempotency_key_reused; tasks 1"},
        {"idempotency", R"("in_progress")", repetitions,
         "200, 409 idempotency_in_progress wait 1, 200 replayed; 409 idempotency_key_reused; tasks 1"},
        {"idempotency", R"("key_reused")", repetitions,
         "200, 409 idempotency_key_reused, 409 idempotency_key_reused; 409 idempotency_key_reused; tasks 1"},
        {"idempotency", R"("indeterminate")", repetitions,
         "200, 409 idempotency_result_indeterminate, 409 idempotency_result_indeterminate; 409 "
         "idempotency_key_reused; tasks 1"},
        {"idempotency", R"("unavailable")", repetitions,
         "503 idempotency_unavailable, 200, 200 replayed; 409 idempotency_key_reused; tasks 1"},
        {"idempotency", R"("racing")", repetitions,
         "200, 200 replayed, 200 replayed; 409 idempotency_key_reused; tasks 1"},
        {"idempotency", R"("off")", repetition_in_parallel, "200, meanwhile 200, then 200; tasks 3"},
        {"idempotency", R"("on")", repetition_in_parallel,
         "200, meanwhile 409 idempotency_in_progress wait 1, then 200 replayed; tasks 1"},
        {"idempotency", R"("racing")", repetition_in_parallel,
         "200, meanwhile 200, then 200 replayed; tasks 2"},
        {"idempotency_stores", R"("accepted","idempotency":"on")", repetition_of_failures,
         "400 400, 400 400; 500 500, 200; 500 500, 200 replayed; tasks 2"},
        {"idempotency_stores", R"("everything","idempotency":"on")", repetition_of_failures,
         "400 400, 400 400 replayed; 500 500, 500 500 replayed; 500 500, 500 500 replayed; tasks 1"},
        {"idempotency_seconds", R"(300,"idempotency":"on")", after_five_minutes, "200 replayed, 200"},
        {"idempotency_seconds", R"(86400,"idempotency":"on")", after_five_minutes,
         "200 replayed, 200 replayed"},
        {"key_reused_status", R"(409,"idempotency":"on")", key_of_another_body, "409 idempotency_key_reused"},
        {"key_reused_status", R"(422,"idempotency":"on")", key_of_another_body, "422 idempotency_key_reused"},
        {"key_reused_status", R"(400,"idempotency":"on")", key_of_another_body, "400 idempotency_key_reused"},
        {"batch", R"("on")", batch_query, "200 completed progress result"},
        {"batch", R"("off")", batch_query, "404 null"},
        {"batch", R"("without_result")", batch_query, "200 completed"},
        {"balance_reply", R"("numbers","balance_usd":10.5)", balance,
         R"(200 {"success":true,"remain_balance":1.05E1,"used_balance":0,"unlimited_quota":false})"},
        {"balance_reply", R"("text","balance_usd":10.5)", balance,
         R"(200 {"success":true,"remain_balance":"10.5","used_balance":"0","unlimited_quota":false})"},
        {"balance_reply", R"("unlimited")", balance,
         R"(200 {"success":true,"remain_balance":-1,"used_balance":0,"unlimited_quota":true})"},
        {"balance_reply", R"("error_in_200")", balance,
         R"(200 {"success":false,"message":"failed to query the balance"})"},
        {"least_balance_usd", R"(0.05,"balance_usd":0.04)", every_call,
         "402 402 402 402 402 402 402, current: 0.04 USD; tasks 0"},
        {"least_balance_usd", R"(0.05,"balance_usd":0.05)", every_call,
         "200 200 200 200 400 402 200; tasks 0"},
        {"usage_reply", R"("numbers")", usage,
         R"(200 MISS {"amount_usd":5.72E-1,"credits":5.72E0,"requests":1,"prompt_tokens":0,"completion_tokens":0})"},
        {"usage_reply", R"("text")", usage,
         R"(200 MISS {"amount_usd":"0.572","credits":"5.72","requests":1,"prompt_tokens":0,"completion_tokens":0})"},
        {"usage_reply", R"("unavailable")", usage, "503  null"},
    };
    return all;
}

// `failure.form` is a member of the object `failure`.
std::string document(std::string const& name, std::string const& value)
{
    auto const dot = name.find('.');
    if (dot == name.npos)
        return "{\"" + name + "\":" + value + "}";
    return "{\"" + name.substr(0, dot) + "\":{\"" + name.substr(dot + 1) + "\":" + value + "}}";
}

} // namespace

TEST_CASE("emulator switches: each value, and what a client sees")
{
    for (auto const& each : rows()) {
        CAPTURE(each.name);
        CAPTURE(each.value);
        bench b(document(each.name, each.value));
        CHECK(each.look(b) == each.seen);
    }
}

TEST_CASE("emulator switches: no word that a switch takes is missing in the table")
{
    std::set<std::string> names{"callback"};
    for (auto const& each : rows())
        names.insert(each.name);
    for (auto const& name : names) {
        CAPTURE(name);
        std::string complaint;
        try {
            static_cast<void>(scenario::parse(document(name, "[]")));
        } catch (std::invalid_argument const& wrong) {
            complaint = wrong.what();
        }
        constexpr std::string_view before_list = "must be one of: ";
        auto at = complaint.find(before_list);
        if (at == complaint.npos)
            continue;
        std::string rest = complaint.substr(at + before_list.size()) + ", ";
        for (auto comma = rest.find(", "); comma != rest.npos;
             rest.erase(0, comma + 2), comma = rest.find(", ")) {
            std::string const word = rest.substr(0, comma);
            CAPTURE(word);
            bool const has_row = std::any_of(rows().begin(), rows().end(), [&](row const& each) {
                return each.name == name && each.value.starts_with('"' + word + '"');
            });
            // These rows are a test of their own.
            CHECK((has_row || name == "callback"));
        }
    }
}

TEST_CASE("emulator switch: callback, by what the receiver answers")
{
    std::string const one = "POST /hooks/callback completed, ";
    std::string const on = R"({"callback":"on"})";
    CHECK(callbacks(on, {200}) == one + "delivered");
    CHECK(callbacks(on, {204}) == one + "delivered");
    CHECK(callbacks(on, {404}) == one + "given up");
    CHECK(callbacks(on, {500, 200}) == one + one + "delivered");
    CHECK(callbacks(on, {500, 503, 502, 500}) == one + one + one + one + "given up");
    CHECK(callbacks(on, {0, 200}) == one + one + "delivered");
    CHECK(callbacks(R"({"callback":"duplicate"})", {200, 200}) == one + one + "delivered");
}

TEST_CASE("emulator switch: callback is off by default, and goes nowhere but to this machine")
{
    plain_listener receiver;
    std::string const here = "http://127.0.0.1:" + std::to_string(receiver.port());
    {
        bench off("{}");
        off.finished(R"({"model":"kling-v3","prompt":"a","webhook":")" + here + "\"}");
        CHECK(off.booked("callbacks_attempted") == 0);
    }
    bench on(R"({"callback":"on"})");
    for (std::string const elsewhere : {"http://192.0.2.1/", "http://example.test/", "https://127.0.0.1/",
                                        "ftp://127.0.0.1/", "http://127.0.0.1:x/", "", "http://"})
        on.finished(R"({"model":"kling-v3","prompt":"a","webhook":")" + elsewhere + "\"}");
    CHECK(on.booked("callbacks_attempted") == 0);
    CHECK(receiver.nobody_waits());
    // Stopped while one is still to come.
    on.client.submit(R"({"model":"kling-v3","prompt":"a","webhook":")" + here + "\"}");
}

TEST_CASE("emulator switch: result_url, every address of it leads to the file")
{
    auto const usable = [](std::string_view form, std::string_view pointer) {
        bench b(std::string(R"({"result_url":")").append(form).append("\"}"));
        auto const url = text_at(b.finished(), pointer);
        CAPTURE(form);
        CHECK(b.fetch(url) == 200);
    };
    usable("array", "/data/result/videos/0/url/0");
    usable("string", "/data/result/videos/0/url");
    usable("several", "/data/result/videos/0/url/0");
    usable("several", "/data/result/videos/0/url/1");
    usable("item", "/data/result/videos/0");
    usable("video_url", "/data/result/video_url");
    usable("url", "/data/result/url");
    usable("video", "/data/result/video");
    usable("text", "/data/result");
    usable("list", "/data/result/0");
    usable("items_video_url", "/data/result/videos/0/video_url");
    usable("items_urls", "/data/result/videos/0/urls/0");
    usable("urls", "/data/result/urls/0");
    usable("video_urls", "/data/result/video_urls/0");
    usable("output", "/data/result/output/0/url");
    usable("task_video_url", "/data/video_url");
    usable("task_video", "/data/video/url");
    usable("task_metadata", "/data/metadata/url");
    usable("task_output", "/data/output");
    bench queued(R"({"submit_reply":"queued_202"})");
    auto const poll_url = text_at(queued.client.submit(corgi), "/data/poll_url");
    CHECK(queued.client.get(target_of(poll_url)).result_int() == 200);
}

TEST_CASE("emulator switch: submit_reply decides what is told, not what is made")
{
    for (auto const& [form, tasks] : {std::pair("error_in_200", 0U), std::pair("empty_array", 1U)}) {
        bench b(std::string(R"({"submit_reply":")") + form + "\"}");
        b.client.submit(corgi);
        CHECK(b.accepted() == tasks);
    }
}

TEST_CASE("emulator switch: file_bytes")
{
    bench big(R"({"file_bytes":200000})");
    auto const url = text_at(big.finished(), first_url);
    auto const whole = big.fetch_from(url);
    CHECK(whole.body().size() == 200000);
    CHECK(whole.body().starts_with(apimart::testing::sample_video()));
    CHECK(whole.body().substr(3000) == big.fetch_from(url, {{"Range", "bytes=3000-"}}).body());
}

TEST_CASE("emulator switch: shares are shares")
{
    bench half(R"({"failure":{"fraction":0.5},"overload":{"form":"429","fraction":0.5}})");
    int failures = 0;
    int tasks = 0;
    int refusals = 0;
    for (int i = 0; i < 200; ++i) {
        auto const reply = half.client.submit(corgi);
        refusals += reply.result_int() == 429 ? 1 : 0;
        if (reply.result_int() != 200)
            continue;
        ++tasks;
        half.running.service.advance(long_enough);
        auto polled = half.client.poll(text_at(reply, "/data/0/task_id"));
        while (polled.result_int() == 429)
            polled = half.client.poll(text_at(reply, "/data/0/task_id"));
        failures += text_at(polled, "/data/status") == "failed" ? 1 : 0;
    }
    CHECK(refusals > 60);
    CHECK(refusals < 140);
    CHECK(failures > tasks / 4);
    CHECK(failures < tasks * 3 / 4);
}

TEST_CASE("emulator switch: latency_ms")
{
    bench slow(R"({"latency_ms":20})");
    auto const start = std::chrono::steady_clock::now();
    slow.client.get("/v1/models");
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(20));
}

TEST_CASE("emulator switch: idempotency, the scope and the form of keys")
{
    bench on(R"({"idempotency":"on"})");
    auto const first = on.keyed();
    CHECK(on.keyed().body() == first.body());
    CHECK(on.client.submit(corgi, {{"Idempotency-Key", "k-1"}, {"X-APIMart-Response-Version", "1"}})
              .result_int() == 409);
    CHECK(on.client.submit(corgi, {{"Idempotency-Key", std::string(192, 'k')}}).result_int() == 400);
    CHECK(on.client.submit(corgi, {{"Idempotency-Key", std::string(191, 'k')}}).result_int() == 200);
    CHECK(on.client.submit(corgi, {{"Idempotency-Key", "with space"}}).result_int() == 400);
    // Another API key is another scope.
    CHECK(on.client
              .send(http::verb::post, "/v1/videos/generations", corgi,
                    {{"Authorization", "Bearer sk-other"}, {"Idempotency-Key", "k-1"}})
              .count("Idempotency-Replayed") == 0);
    on.running.service.advance(std::chrono::hours(24));
    CHECK(on.keyed().count("Idempotency-Replayed") == 0);
}

TEST_CASE("emulator switch: a fault that hits a repetition does not replace the first answer")
{
    bench b(R"({"idempotency":"on","idempotency_stores":"everything"})");
    CHECK(b.keyed().result_int() == 200);
    for (std::string const when : {"request", "accepted"}) {
        b.running.service.plan(R"({"on":"submit","status":500,"when":")" + when + "\"}");
        CHECK(b.keyed().result_int() == 500);
        CHECK(answer_of(b.keyed()) == "200 replayed");
    }
}

TEST_CASE("emulator option: links may lead somewhere else")
{
    emulator_options options;
    options.link_origin = "https://files.example.test:8443";
    running_emulator running(std::move(options));
    raw_client client(running.service);
    auto const id = client.submit_for_id(corgi);
    running.service.advance(long_enough);
    auto const url = text_at(client.poll(id), first_url);
    CHECK(url.starts_with("https://files.example.test:8443/files/"));
    CHECK(client.send(http::verb::get, target_of(url), "", {}).result_int() == 200);
}
