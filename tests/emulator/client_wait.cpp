// Waiting: a fleet of questions that ends with the task, whatever happens to the connections meanwhile.
#include "client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

using namespace client_tests;
using namespace apimart;

namespace {

task_result waited(bench& b, client& user, task const& one)
{
    recorder<task_result> got;
    user.wait(one, got.token());
    b.run();
    return got.value();
}

} // namespace

TEST_CASE("client wait: a failed task is a value with its reason")
{
    for (std::string const form : {"object", "text", "empty_code", "fail_reason", "cancelled"}) {
        CAPTURE(form);
        bench b(R"({"failure":{"form":")" + form + "\"}}");
        client user = b.make_client();
        task_result const done = b.finished(user, text_to_video<kling_3_0_turbo>("a corgi [fail]"));
        CHECK_FALSE(done.succeeded());
        CHECK(is_final(done.status()));
        CHECK(done.status() == (form == "cancelled" ? task_status::cancelled : task_status::failed));
        CHECK(done.videos().empty());
        if (form != "cancelled")
            CHECK(done.error().text() == "content policy violation");
        scratch_folder folder;
        recorder<std::uint64_t> file;
        user.download(done.video(), folder / "v.mp4", file.token());
        b.run();
        CHECK(file.why().code() == errc::no_result);
        CHECK(file.why().task_id() == done.id());
    }
}

TEST_CASE("client wait: every documented way of telling progress and success leads to the video")
{
    for (
        std::string const form : {
            R"({"first_status":"submitted","success_word":"success","progress":"text"})",
            R"({"first_status":"queued","success_word":"succeeded","progress":"absent"})",
            R"({"first_status":"in_progress","success_word":"finished","progress":"gradual"})",
            R"({"first_status":"processing","success_word":"COMPLETED","expires_at":"absent","cost":"absent"})",
            R"({"result_url":"string"})",
            R"({"result_url":"item"})",
            R"({"result_url":"video_url"})",
            R"({"result_url":"url"})",
            R"({"result":"late"})",
        }) {
        CAPTURE(form);
        bench b(form);
        client user = b.make_client();
        task_result const done = b.finished(user, corgi());
        CHECK(done.succeeded());
        REQUIRE(done.videos().size() == 1);
        CHECK(done.video().url().expose().starts_with(b.service().base_url() + "/files/"));
        CHECK(done.video().task_id() == done.id());
    }
}

TEST_CASE("client wait: several waiters of one task share its polls and its end")
{
    bench b("{}", 400);
    client user = b.make_client();
    client const copy = user;
    task const one = b.submitted(user, corgi());
    std::vector<recorder<task_result>> got(20);
    for (std::size_t i = 0; i < got.size(); ++i)
        (i % 2 == 0 ? user : client(copy)).wait(i % 3 == 0 ? task(one.id()) : one, got[i].token());
    b.run();
    auto const polls = b.booked("polls");
    CHECK(polls > 1);
    for (auto const& each : got) {
        CHECK(each.value().succeeded());
        CHECK(static_cast<std::uint64_t>(each.value().poll_count()) == polls);
    }
    CHECK(user.metrics().tasks_waiting == 0);
    CHECK(user.metrics().tasks_finished == 1);
}

TEST_CASE("client wait: an expired wait names the task, which can be waited for again")
{
    bench b("{}", 1);
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    recorder<task_result> early;
    auto const began = std::chrono::steady_clock::now();
    user.wait(one, wait_options{.timeout = 40ms}, early.token());
    b.run();
    CHECK(std::chrono::steady_clock::now() - began >= 40ms);
    CHECK(early.why().code() == errc::wait_timeout);
    CHECK(early.why().code() == condition::retryable);
    CHECK(early.why().code() == condition::timed_out);
    CHECK(early.why().task_id() == one.id());
    CHECK(early.why().client_message().find("pending") != std::string::npos);
    auto const polls = b.booked("polls");
    CHECK(polls >= 1);
    CHECK(user.metrics().tasks_waiting == 0);

    b.service().advance(3min);
    CHECK(waited(b, user, one).succeeded());
    CHECK(b.booked("polls") == polls + 1);
}

TEST_CASE("client wait: each waiter of a task has a time limit of its own")
{
    bench b("{}", 1);
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    recorder<task_result> patient;
    recorder<task_result> hasty;
    recorder<task_result> hastier;
    user.wait(one, wait_options{.timeout = 40ms}, hasty.token());
    user.wait(one, patient.token());
    user.wait(one, wait_options{.timeout = 0ms}, hastier.token());
    b.run_until([&] { return hasty.done() && hastier.done(); });
    CHECK(hasty.why().code() == errc::wait_timeout);
    CHECK(hastier.why().code() == errc::wait_timeout);
    CHECK_FALSE(patient.done());
    b.service().advance(3min);
    b.run();
    CHECK(patient.value().succeeded());
}

TEST_CASE("client wait: a task is brought back from its id alone, by another client")
{
    bench b;
    std::string id;
    {
        client user = b.make_client();
        id = b.submitted(user, corgi()).id();
    }
    b.run();
    client other = b.make_client();
    task_result const done = waited(b, other, task(id));
    CHECK(done.succeeded());
    CHECK(done.id() == id);
}

TEST_CASE("client wait: an unknown id ends as task_not_found, in all forms of the answer")
{
    // Together, because the client gives a new task some time to become visible.
    bench first(R"({"unknown_id":"error_400"})");
    service_thread second(bench::options_for(R"({"unknown_id":"error_404"})", 1));
    service_thread third(bench::options_for(R"({"unknown_id":"error_in_200"})", 1));
    client a = first.make_client();
    client b(first.context, quick_config(second.service.base_url(), second.service.ca_pem()));
    client c(first.context, quick_config(third.service.base_url(), third.service.ca_pem()));
    std::vector<recorder<task_result>> waits(3);
    std::vector<recorder<task_state>> states(3);
    for (std::size_t i = 0; i < 3; ++i) {
        client& user = i == 0 ? a : i == 1 ? b : c;
        user.wait(task("task_unknown"), waits[i].token());
        user.status(task("task_unknown"), states[i].token());
    }
    first.run();
    for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(i);
        for (error_info const& why : {waits[i].why(), states[i].why()}) {
            CHECK(why.code() == errc::task_not_found);
            CHECK(why.code() == condition::not_found);
            CHECK(why.task_id() == "task_unknown");
        }
    }
}

TEST_CASE("client wait: a task that is not visible for a moment after its submit is waited for all the same")
{
    bench b(R"({"faults":[{"on":"poll","status":404,"times":2}]})");
    client user = b.make_client();
    CHECK(b.finished(user, corgi()).succeeded());
    CHECK(b.booked("faults_consumed") == 2);
}

TEST_CASE("client wait: what happens to connections and answers is not the task's end")
{
    // One after the other they strike one wait, whose pauses grow; so each has a wait of its own, side by
    // side.
    std::vector<std::string> const faults{R"("do":"reset","when":"header")",
                                          R"("do":"reset","when":"accepted")",
                                          R"("do":"close","when":"reply","bytes":60)",
                                          R"("status":502,"body":"html")",
                                          R"("status":503,"body":"empty")",
                                          R"("status":200,"body":"garbage")",
                                          R"("status":429,"retry_after":1)",
                                          R"("status":429,"body":"json_in_200")",
                                          R"("status":500)",
                                          R"("status":408)",
                                          R"("status":401)",
                                          R"("status":402)",
                                          R"("status":403)",
                                          R"("status":404,"body":"html")",
                                          R"("status":410)",
                                          R"("status":421)",
                                          R"("status":302)",
                                          R"("status":200,"body":"html")"};
    asio::io_context context;
    std::vector<std::unique_ptr<service_thread>> services;
    std::vector<client> users;
    std::vector<recorder<task_result>> got(faults.size());
    for (std::size_t i = 0; i < faults.size(); ++i) {
        services.push_back(std::make_unique<service_thread>(
            bench::options_for(R"({"faults":[{"on":"poll",)" + faults[i] + "}]}", 4000)));
        users.emplace_back(context,
                           quick_config(services[i]->service.base_url(), services[i]->service.ca_pem()));
        users[i].generate(corgi(), got[i].token());
    }
    run_to_end(context);
    for (std::size_t i = 0; i < faults.size(); ++i) {
        CAPTURE(faults[i]);
        CHECK(got[i].value().succeeded());
        CHECK(services[i]->service.books().at("faults_consumed").to_number<int>() == 1);
    }
}

TEST_CASE("client wait: a generate that failed after buying is continued by its id, and buys no more")
{
    bench b("{}", 1);
    auto config = b.config();
    config.limits.waiting_tasks = 1;
    client user(b.context, std::move(config));
    recorder<task_result> late;
    user.generate(corgi(), {}, wait_options{.timeout = 20ms}, late.token());
    recorder<task_result> hurried;
    b.run();
    CHECK(late.why().code() == errc::wait_failed);
    CHECK(late.why().underlying() == errc::wait_timeout);

    // One limit for both.
    user.generate(corgi(), {.timeout = 300ms}, hurried.token());
    b.run();
    CHECK(hurried.why().code() == errc::wait_failed);
    CHECK(hurried.why().underlying() == errc::wait_timeout);

    recorder<task_result> patient;
    recorder<task_result> crowded;
    user.wait(task(late.why().task_id()), patient.token());
    user.generate(corgi(), crowded.token());
    b.run_until([&] { return crowded.done(); });
    CHECK(crowded.why().code() == errc::wait_failed);
    CHECK(crowded.why().underlying() == errc::queue_full);
    for (error_info const& why : {late.why(), crowded.why()}) {
        CHECK_FALSE(why.code() == condition::retryable);
        CHECK(why.acceptance() == acceptance::accepted);
        CHECK_FALSE(why.task_id().empty());
        CHECK_FALSE(why.idempotency_key().empty());
    }
    b.service().advance(3min);
    b.run();
    CHECK(patient.value().succeeded());
    CHECK(waited(b, user, task(crowded.why().task_id())).succeeded());
    CHECK(b.accepted() == 3);
}

TEST_CASE("client wait: twenty thousand waits for one task begin and end in linear time")
{
    bench b("{}", 1);
    client user = b.make_client();
    task const one = b.submitted(user, corgi());
    auto const took = [&](std::size_t count) {
        std::vector<recorder<task_result>> got(count);
        std::vector<asio::cancellation_signal> stop(count);
        auto const begun = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < count; ++i)
            user.wait(one, as_result(asio::bind_cancellation_slot(stop[i].slot(), got[i].plain())));
        for (auto& each : stop)
            each.emit(asio::cancellation_type::terminal);
        b.run();
        auto const end = std::chrono::steady_clock::now();
        for (auto const& each : got)
            CHECK(each.why().code() == asio::error::operation_aborted);
        return end - begun;
    };
    took(100);
    // Where each looked at all others, ten times as many would take a hundred times as long.
    auto const few = std::min({took(2'000), took(2'000), took(2'000)});
    CHECK(took(20'000) < 40 * few);
}

TEST_CASE("client wait: a service that cannot be reached ends a wait at its limit, with the reason")
{
    asio::io_context context;
    asio::ip::tcp::socket bound(context, {asio::ip::address_v4::loopback(), 0});
    client user(context, quick_config("https://127.0.0.1:" + std::to_string(bound.local_endpoint().port()),
                                      apimart::testing::certificate_authority().pem()));
    recorder<task_result> got;
    user.wait(task("task_1"), wait_options{.timeout = 100ms}, got.token());
    run_to_end(context);
    CHECK(got.why().code() == errc::wait_timeout);
    CHECK(got.why().underlying() == errc::connect_failed);
    CHECK(got.why().task_id() == "task_1");
}

TEST_CASE("client wait: a service that does not answer stretches a wait by two seconds and no more")
{
    std::atomic<int> asked = 0;
    scripted_server server(scripted_server::security::tls, [&](scripted_server::peer& peer) {
        peer.request();
        ++asked;
        peer.wait_for_end();
    });
    asio::io_context context;
    client user(context, server.config());
    asio::cancellation_signal signal;
    recorder<task_result> patient;
    user.wait(task("task_1"), as_result(asio::bind_cancellation_slot(signal.slot(), patient.plain())));
    run_until(context, [&] { return asked == 1; });
    // It shares a question that was asked before, by somebody with more time.
    recorder<task_result> hasty;
    auto const began = std::chrono::steady_clock::now();
    user.wait(task("task_1"), wait_options{.timeout = 100ms}, hasty.token());
    run_until(context, [&] { return hasty.done(); });
    auto const took = std::chrono::steady_clock::now() - began;
    CHECK(hasty.why().code() == errc::wait_timeout);
    CHECK(took >= 100ms);
    CHECK(took < 4s); // 2.1 s, and the machine may be busy
    CHECK_FALSE(patient.done());
    signal.emit(asio::cancellation_type::terminal);
    run_to_end(context);
    CHECK(patient.why().code() == asio::error::operation_aborted);
}

TEST_CASE("client wait: a service that asks for a long silence does not stretch a wait beyond its limit")
{
    for (std::string const pause : {"3600", "\"999999999999999999\""}) {
        CAPTURE(pause);
        bench b(R"({"faults":[{"on":"poll","status":429,"retry_after":)" + pause + R"(,"times":1000}]})");
        client user = b.make_client();
        task const one = b.submitted(user, corgi());
        recorder<task_result> got;
        recorder<task_result> other;
        user.wait(one, wait_options{.timeout = 100ms}, got.token());
        user.wait(task("task_another"), wait_options{.timeout = 150ms}, other.token());
        auto const began = std::chrono::steady_clock::now();
        b.run();
        CHECK(std::chrono::steady_clock::now() - began < 20s);
        CHECK(got.why().code() == errc::wait_timeout);
        CHECK(got.why().task_id() == one.id());
        CHECK(other.why().code() == errc::wait_timeout);
        // It was not a reason to ask again and again.
        CHECK(b.booked("polls") <= 4);
    }
}

TEST_CASE("client wait: cancelling one waiter leaves the other, and cancelling both ends the questions")
{
    for (auto const type : {asio::cancellation_type::total, asio::cancellation_type::partial,
                            asio::cancellation_type::terminal}) {
        bench b("{}", 1);
        client user = b.make_client();
        task const one = b.submitted(user, corgi());
        asio::cancellation_signal first_signal;
        asio::cancellation_signal second_signal;
        recorder<task_result> first;
        recorder<task_result> second;
        user.wait(one, as_result(asio::bind_cancellation_slot(first_signal.slot(), first.plain())));
        user.wait(one, as_result(asio::bind_cancellation_slot(second_signal.slot(), second.plain())));
        b.run_until([&] { return b.booked("polls") >= 2; });
        first_signal.emit(type);
        b.run_until([&] { return first.done(); });
        CHECK(first.why().code() == asio::error::operation_aborted);
        CHECK(first.why().task_id() == one.id());
        auto const polls = b.booked("polls");
        b.run_until([&] { return b.booked("polls") >= polls + 2; });
        CHECK_FALSE(second.done());
        second_signal.emit(type);
        b.run();
        CHECK(second.why().code() == asio::error::operation_aborted);
        // The remote task is none the worse for it.
        b.service().advance(3min);
        CHECK(waited(b, user, one).succeeded());
    }
}

TEST_CASE("client wait: questions for many tasks stay within the policy's concurrency")
{
    bench b(R"({"latency_ms":3})", 2000);
    auto config = b.config();
    config.poll.max_concurrent = 2;
    config.limits.max_concurrent_submits = 2;
    client user(b.context, config);
    std::vector<recorder<task_result>> got(40);
    for (auto& each : got)
        user.generate(corgi(), each.token());
    b.run();
    for (auto const& each : got)
        CHECK(each.value().succeeded());
    CHECK(b.booked("connections_peak") <= 4);
}

TEST_CASE("client wait: an answer about another task is not believed")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        for (int n = 0;; ++n) {
            peer.request();
            peer.answer(200, completed_body(n == 0 ? "task_other" : "task_1", "https://example.com/v.mp4"));
        }
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<task_result> got;
    user.wait(task("task_1"), got.token());
    run_to_end(context);
    CHECK(got.value().id() == "task_1");
    CHECK(server.requests().size() == 2);
}

TEST_CASE("client wait: an id with characters of a URL travels as one segment, or not at all")
{
    scripted_server server(scripted_server::security::tls, [](scripted_server::peer& peer) {
        for (;;) {
            peer.request();
            peer.answer(200, R"({"code":200,"data":{"status":"pending"}})");
        }
    });
    asio::io_context context;
    client user(context, server.config());
    recorder<task_state> good;
    user.status(task("task:1~a.b_c-d"), good.token());
    run_to_end(context);
    CHECK(good.value().id() == "task:1~a.b_c-d");
    for (std::string const bad :
         {"", ".", "..", "a/b", "a?b", "a#b", "a b", "a\r\nX: y", "a%2Fb", "\xC3\xA9"}) {
        CAPTURE(bad);
        recorder<task_state> got;
        user.status(task(bad), got.token());
        run_to_end(context);
        CHECK(got.why().code() == errc::task_not_found);
    }
    REQUIRE(server.requests().size() == 1);
    CHECK(server.requests().front().starts_with("GET /v1/tasks/task%3A1~a.b_c-d HTTP/1.1\r\n"));
}
