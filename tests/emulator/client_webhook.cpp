// Callbacks: whoever sends them, only the client's own poll ends a wait.
#include "client_fixture.hpp"

#include <apimart/webhook.hpp>

#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <future>

using namespace client_tests;
using namespace apimart;

namespace {

// A wait asks by itself only when it has nothing else to go by.
client_config patient(client_config config)
{
    config.poll.initial_delay = 10min;
    config.poll.min_interval = 1ms;
    config.poll.max_interval = 10min;
    return config;
}

task_callback callback_of(std::string_view id, std::string_view more = R"("status":"completed")")
{
    return task_callback::parse(R"({"id":")" + std::string(id) + "\"," + std::string(more) + "}").value();
}

callback_effect told(bench& b, client& user, task_callback const& callback)
{
    recorder<callback_effect> got;
    user.notify(callback, got.token());
    b.run_until([&] { return got.done(); });
    return got.value();
}

// A task that ends when the emulator's clock is pushed, and a client that does not ask by itself.
class quiet_wait
{
public:
    quiet_wait() : b("{}", 1), user(b.context, patient(b.config())), one(b.submitted(user, corgi())) {}

    void begin()
    {
        user.wait(one, got.token());
        b.run_until([&] { return user.metrics().tasks_waiting == 1; });
    }
    void finish_task() { b.service().advance(3min); }

    bench b;
    client user;
    task one;
    recorder<task_result> got;
};

struct row
{
    std::string name;
    std::function<void(quiet_wait&)> happens; // up to the task's end, a wait having begun
    std::uint64_t polls;                      // until the wait has ended by one more callback
};

} // namespace

TEST_CASE("client webhook: a wait ends after one confirming poll")
{
    quiet_wait w;
    w.begin();
    w.finish_task();
    CHECK(told(w.b, w.user, callback_of(w.one.id())) == callback_effect::confirming);
    w.b.run();
    CHECK(w.got.value().succeeded());
    CHECK(w.got.value().poll_count() == 1);
    CHECK(w.b.booked("polls") == 1);
}

TEST_CASE("client webhook: nothing that a callback claims is believed")
{
    std::string const forged = R"("status":"completed","progress":100,"result":{"videos":[{"url":[")";
    scripted_server elsewhere(scripted_server::security::tls, [](auto& with) {
        with.request();
        with.answer(200, "forged");
    });
    std::string const link = elsewhere.base_url() + "/forged.mp4";
    std::vector<row> const rows{
        {"running", [](quiet_wait& w) { told(w.b, w.user, callback_of(w.one.id())); }, 2},
        {"failed",
         [](quiet_wait& w) {
             told(w.b, w.user, callback_of(w.one.id(), R"("status":"failed","error":{"message":"no"})"));
         },
         2},
        {"an unknown word",
         [](quiet_wait& w) { told(w.b, w.user, callback_of(w.one.id(), R"("status":"half_baked")")); }, 2},
        {"with a link",
         [&](quiet_wait& w) { told(w.b, w.user, callback_of(w.one.id(), forged + link + "\"]}]}")); }, 2},
        {"for a task that nobody waits for",
         [](quiet_wait& w) {
             CHECK(told(w.b, w.user, callback_of("task_other")) == callback_effect::not_awaited);
         },
         1},
        {"for none",
         [](quiet_wait& w) { CHECK(told(w.b, w.user, task_callback()) == callback_effect::not_awaited); }, 1},
    };
    for (row const& each : rows) {
        CAPTURE(each.name);
        quiet_wait w;
        w.begin();
        each.happens(w);
        // The poll that a callback led to has been answered.
        w.b.run_until([&] {
            return w.b.booked("polls") == each.polls - 1 && w.user.metrics().requests_in_flight == 0;
        });
        CHECK_FALSE(w.got.done());
        w.finish_task();
        told(w.b, w.user, callback_of(w.one.id()));
        w.b.run();
        CHECK(w.got.value().succeeded());
        CHECK(w.got.value().video().url().expose().starts_with(w.b.service().base_url()));
        CHECK(w.b.booked("polls") == each.polls);
    }
    CHECK(elsewhere.connections() == 0);
}

TEST_CASE("client webhook: one that comes before the wait, or after it, does nothing but tell so")
{
    quiet_wait w;
    w.finish_task();
    CHECK(told(w.b, w.user, callback_of(w.one.id())) == callback_effect::not_awaited);
    CHECK(w.b.booked("polls") == 0);
    w.begin();
    CHECK(told(w.b, w.user, callback_of(w.one.id())) == callback_effect::confirming);
    w.b.run();
    CHECK(w.got.value().succeeded());
    CHECK(told(w.b, w.user, callback_of(w.one.id())) == callback_effect::not_awaited);
    CHECK(w.b.booked("polls") == 1);
    CHECK(w.user.metrics().tasks_waiting == 0);
}

TEST_CASE("client webhook: two at once lead to one poll, which all waits for the task share")
{
    quiet_wait w;
    w.begin();
    recorder<task_result> other;
    w.user.wait(task(w.one.id()), other.token());
    w.finish_task();
    std::vector<recorder<callback_effect>> effects(2);
    for (auto const& each : effects)
        w.user.notify(callback_of(w.one.id()), each.token());
    w.b.run();
    CHECK(effects[0].value() == callback_effect::confirming);
    CHECK(effects[1].value() != callback_effect::not_awaited);
    CHECK(w.got.value().succeeded());
    CHECK(other.value().succeeded());
    CHECK(w.b.booked("polls") == 1);
}

TEST_CASE("client webhook: a flood of forged ones makes no more polls than the pace, and the true one counts")
{
    bench b("{}", 1);
    auto config = patient(b.config());
    config.poll.min_interval = config.poll.max_interval = 1s;
    client user(b.context, config);
    task const one = b.submitted(user, corgi());
    recorder<task_result> got;
    user.wait(one, got.token());
    auto const begun = std::chrono::steady_clock::now();
    std::vector<recorder<callback_effect>> effects(2000);
    for (auto const& each : effects)
        user.notify(callback_of(one.id()), each.token());
    b.run_until([&] { return effects.back().done() && user.metrics().requests_in_flight == 0; });
    auto const count = [&](callback_effect wanted) {
        return std::count_if(effects.begin(), effects.end(),
                             [&](auto const& each) { return each.value() == wanted; });
    };
    CHECK(count(callback_effect::confirming) >= 1);
    CHECK(count(callback_effect::deferred) + count(callback_effect::repeated) > 1900);
    CHECK(count(callback_effect::not_awaited) == 0);
    b.service().advance(3min);
    user.notify(callback_of(one.id()), recorder<callback_effect>().token());
    b.run();
    CHECK(got.value().succeeded());
    auto const seconds = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - begun);
    CHECK(b.booked("polls") <= 1 + static_cast<std::uint64_t>(seconds.count()));
}

TEST_CASE("client webhook: a client that shuts down confirms nothing, and its waits end once")
{
    quiet_wait w;
    w.begin();
    recorder<callback_effect> before;
    recorder<callback_effect> after;
    recorder<shutdown_report> report;
    w.user.notify(callback_of(w.one.id()), before.token());
    w.user.shutdown(report.token());
    w.user.notify(callback_of(w.one.id()), after.token());
    w.b.run();
    CHECK(before.value() == callback_effect::confirming);
    CHECK(after.why().code() == errc::shutting_down);
    CHECK(after.why().task_id() == w.one.id());
    CHECK(w.got.why().code() == errc::shutting_down);
    CHECK(report.value().cancelled_waits == std::vector{w.one.id()});
}

TEST_CASE("client webhook: the service's own callback ends the wait, and brings no key to its receiver")
{
    bench b(R"({"callback":"duplicate"})", 100);
    client user(b.context, patient(b.config()));
    std::mutex mutex;
    std::vector<callback_effect> effects;
    scripted_server receiver(scripted_server::security::plain, [&](auto& with) {
        std::string const request = with.request();
        auto const callback = task_callback::parse(request.substr(request.find("\r\n\r\n") + 4));
        if (callback) {
            callback_effect const effect = user.notify(*callback, asio::use_future).get();
            std::lock_guard const lock(mutex);
            effects.push_back(effect);
        }
        with.answer(callback ? 200 : 400, "");
        with.close();
    });
    auto request = text_to_video<kling_3_0_turbo>("A corgi").webhook(runtime(receiver.base_url() + "/hooks"));
    recorder<task_result> got;
    user.generate(request, got.token());
    b.run_until([&] { return got.done() && b.booked("callbacks_delivered") == 1; });
    CHECK(got.value().succeeded());
    CHECK(b.booked("polls") == 1);
    REQUIRE(effects.size() == 2);
    CHECK(effects[0] == callback_effect::confirming);
    // The second may come before the poll's answer.
    CHECK(effects[1] != callback_effect::confirming);
    REQUIRE(receiver.requests().size() == 2);
    for (std::string const& each : receiver.requests()) {
        CHECK(each.starts_with("POST /hooks/callback HTTP/1.1\r\n"));
        CHECK(each.find("Authorization") == std::string::npos);
        CHECK(each.find(key_text) == std::string::npos);
    }
}
