// Everything at once: a context run by four threads, four that call, faults in every seventh submit, cancelling,
// copies, shutdown, destruction, handlers and observers that throw. At the end the service's books say what was bought:
// each purchase was told to somebody, and none was made twice.
//
// APIMART_HAMMER_ROUNDS lets it go on for longer, APIMART_HAMMER_SEED repeats a run as far as threads let it.
#include "../emulator/client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>

using namespace client_tests;
using namespace apimart;

namespace {

constexpr int thread_count = 4;
constexpr int operations_per_thread = 50;

std::uint64_t number_from(char const* variable, std::uint64_t otherwise)
{
    char const* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class deliberate : public std::exception
{};

// One submit, and what its caller was told about it.
class purchase
{
public:
    purchase(asio::io_context& context, std::string name)
        : key(std::move(name)), strand(asio::make_strand(context))
    {}

    void told(std::string of_task, error_info const& why)
    {
        ++calls;
        id = std::move(of_task);
        code = why.code();
        proof = why.acceptance();
    }

    std::string const key;
    std::atomic<int> calls = 0;
    std::string id;
    error_code code;
    acceptance proof = acceptance::none;
    std::string accepted; // by the callback for that
    std::function<void(task const&)> accept;

    asio::strand<asio::io_context::executor_type> strand; // of the signal
    asio::cancellation_signal signal;
    bool cancellable = true;
};

asio::awaitable<void> buy(client by, std::shared_ptr<purchase> one, submit_options options, bool throws)
{
    try {
        task const bought = co_await by.submit(corgi(), options);
        one->told(bought.id(), {});
    } catch (error const& failed) {
        one->told(failed.info().task_id(), failed.info());
    }
    if (throws)
        throw deliberate();
}

// Throws what a coroutine threw out of `run`, as a handler would.
void rethrow(std::exception_ptr thrown)
{
    if (thrown)
        std::rethrow_exception(thrown);
}

class round_of_blows
{
public:
    round_of_blows(std::uint64_t seed, bool honoured, bool shuts_down, bool is_destroyed)
        : seed_(seed), shuts_down_(shuts_down), bench_(service(seed, honoured))
    {
        std::mt19937_64 random(seed); // NOLINT: repeatable
        client_config config = bench_.config();
        config.idempotency = honoured ? idempotency::supported : idempotency::none;
        config.retry.max_resends = 1;
        config.retry.budget = random() % 2 == 0 ? 500 : 1'000'000;
        config.limits.max_connections = 1 + static_cast<int>(random() % 8);
        config.limits.connects_per_second = 100'000;
        config.limits.max_concurrent_submits = 1 + static_cast<int>(random() % 8);
        config.timeouts.abandoned_response = 300ms;
        config.timeouts.shutdown_grace = 300ms;
        auto const throws = [calls = std::make_shared<std::atomic<unsigned>>()](auto const&) {
            if (++*calls % 5 == 0)
                throw deliberate();
        };
        config.observer.on_attempt = throws;
        config.observer.on_operation = throws;
        config.observer.on_connection = throws;
        config.observer.on_task = throws;
        client const first(bench_.context, std::move(config));
        for (int i = 0; i < thread_count; ++i)
            callers_.emplace_back(
                [this, first, i, is_destroyed] { call(first, static_cast<unsigned>(i), is_destroyed); });
    }

    // False where something is still under way after so long a time that it never ends.
    bool run()
    {
        auto work = std::make_optional(asio::make_work_guard(bench_.context));
        std::vector<std::thread> runners;
        auto const give_up = std::chrono::steady_clock::now() + guard;
        for (int i = 0; i < thread_count; ++i)
            runners.emplace_back([this, give_up] {
                for (;;) {
                    try {
                        bench_.context.run_until(give_up);
                        return;
                    } catch (deliberate const&) {
                    }
                }
            });
        for (auto& each : callers_)
            each.join();
        work.reset();
        for (auto& each : runners)
            each.join();
        return bench_.context.stopped();
    }

    void compare_with_books()
    {
        std::map<std::string, std::vector<std::string>> bought;
        json::object const books = bench_.books();
        for (auto const& each : books.at("accepted").as_array())
            bought[std::string(each.at("idempotency_key").as_string())].emplace_back(
                each.at("task_id").as_string());
        std::size_t known = 0;
        for (auto const& thread : purchases_) {
            for (auto const& one : thread) {
                CAPTURE(one->key);
                CAPTURE(one->code.message());
                auto const& tasks = bought[one->key];
                CHECK(one->calls == 1);
                CHECK(tasks.size() <= 1);
                bool const is_doubtful = one->proof == acceptance::unknown;
                CHECK(is_doubtful == (one->code == errc::outcome_unknown));
                CHECK_FALSE((!one->id.empty() && one->code == condition::retryable));
                for (std::string const* told : {&one->id, &one->accepted})
                    CHECK((told->empty() || (tasks.size() == 1 && *told == tasks.front())));
                if (tasks.size() == 1)
                    CHECK((!one->id.empty() || is_doubtful));
                else
                    CHECK(one->proof != acceptance::accepted);
                known += one->id.empty() ? 0 : 1;
            }
        }
        if (!shuts_down_)
            CHECK(known > 0);
        CHECK(bench_.booked("authorization_leaks") == 0);
    }

private:
    static emulator_options service(std::uint64_t seed, bool honoured)
    {
        std::string text = std::string(R"({"idempotency": )") + (honoured ? R"("on")" : R"("off")");
        text += R"(, "faults": [
            {"on": "poll", "do": "reset", "fraction": 0.03},
            {"on": "poll", "status": 502, "body": "html", "fraction": 0.02})";
        // Of all submits a seventh.
        for (char const* const what :
             {R"("do": "reset", "when": "header")", R"("do": "close", "when": "body", "bytes": 1)",
              R"("do": "reset")", R"("do": "close", "when": "accepted")",
              R"("do": "reset", "when": "accepted")", R"("do": "cut", "when": "reply", "bytes": 40)",
              R"("status": 503)", R"("status": 422)", R"("do": "stall", "when": "accepted", "seconds": 0.2)",
              R"("do": "raw", "raw": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "when": "accepted")"})
            text += std::string(R"(, {"on": "submit", "fraction": 0.015, )") + what + "}";
        emulator_options options = bench::options_for(text + "]}", 4000);
        options.seed = seed;
        return options;
    }

    void call(client user, unsigned thread, bool is_destroyed)
    {
        std::mt19937_64 random(seed_ * 31 + thread); // NOLINT: repeatable
        auto const one_in = [&](unsigned count) { return random() % count == 0; };
        std::optional<client> copy(std::move(user));
        std::size_t const last = is_destroyed ? random() % operations_per_thread : operations_per_thread;
        for (std::size_t i = 0; i < last; ++i) {
            purchases_[thread].push_back(std::make_shared<purchase>(
                bench_.context, "hammer-" + std::to_string(thread) + '-' + std::to_string(i)));
            std::shared_ptr<purchase> const one = purchases_[thread].back();
            one->accept = [weak = std::weak_ptr(one)](task const& bought) {
                if (auto const found = weak.lock())
                    found->accepted = bought.id();
            };
            submit_options options{.idempotency_key = one->key, .on_accepted = one->accept};
            if (one_in(8))
                options.timeout = std::chrono::milliseconds(1 + random() % 20);
            begin(*copy, one, options, one_in(3), one_in(10), random() % 3);
            if (one_in(4))
                cancel(one, random() % 4);
            if (one_in(5))
                copy.emplace(client(*copy));
            if (one_in(10))
                (void)copy->metrics();
            if (one_in(6))
                copy->status(task("task_nobody_knows"), as_result([](result<task_state> const&) {}));
            if (shuts_down_ && thread == 0 && i == operations_per_thread / 2)
                copy->shutdown(as_result([](result<shutdown_report> const&) {}));
        }
    }

    void begin(client& by, std::shared_ptr<purchase> const& one, submit_options options, bool waits,
               bool throws, std::uint64_t way)
    {
        if (way == 0) {
            // A coroutine is not cancelled from another executor: Asio 1.26 cannot.
            one->cancellable = false;
            asio::co_spawn(bench_.context, buy(by, one, options, throws), rethrow);
            return;
        }
        auto const handler = [one, throws](auto const& got) {
            one->told(got ? got->id() : got.error().task_id(), got ? error_info() : got.error());
            if (throws)
                throw deliberate();
        };
        auto const token = [one, handler] {
            return as_result(
                asio::bind_cancellation_slot(one->signal.slot(), asio::bind_executor(one->strand, handler)));
        };
        // As everywhere in Asio, a slot is filled where it is emitted.
        asio::post(one->strand, [by, waits, token, options]() mutable {
            if (waits)
                by.generate(corgi(), options, wait_options(), token());
            else
                by.submit(corgi(), options, token());
        });
    }

    void cancel(std::shared_ptr<purchase> const& one, std::uint64_t hops)
    {
        if (!one->cancellable)
            return;
        asio::post(one->strand, [this, one, hops] {
            if (hops > 0)
                return asio::post(bench_.context, [this, one, hops] { cancel(one, hops - 1); });
            if (one->calls == 0)
                one->signal.emit(seed_ % 2 == 0 ? asio::cancellation_type::terminal
                                                : asio::cancellation_type::total);
        });
    }

    std::uint64_t seed_;
    bool shuts_down_;
    bench bench_;
    std::vector<std::shared_ptr<purchase>> purchases_[thread_count];
    std::vector<std::thread> callers_;
};

} // namespace

TEST_CASE("client threads: whatever happens at once, every purchase is told and none is made twice")
{
    std::uint64_t const seed = number_from("APIMART_HAMMER_SEED", std::random_device()());
    std::uint64_t const rounds = number_from("APIMART_HAMMER_ROUNDS", 5);
    CAPTURE(seed);
    for (std::uint64_t i = 0; i < rounds; ++i) {
        CAPTURE(i);
        round_of_blows one(seed + i, i % 5 == 4, i % 5 == 1 || i % 5 == 3, i % 5 == 2);
        REQUIRE(one.run());
        one.compare_with_books();
    }
}
