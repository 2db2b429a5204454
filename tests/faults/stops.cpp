// Cancelling, time limits, shutdown and destruction while a fault lasts: nothing waits for it, and what is proved is
// told (rows F03, F48 to F52 of the matrix).
#include "fault_table.hpp"

#include <apimart/testing/connect_proxy.hpp>

#include <cstring>
#include <future>
#include <thread>

using namespace fault_tests;
using apimart::testing::connect_fault;
using apimart::testing::connect_proxy;

namespace {

enum class phase
{
    name,
    connect,
    proxy,
    handshake,
    answer,
    half_answer,
};

constexpr std::array every_phase{phase::name,      phase::connect, phase::proxy,
                                 phase::handshake, phase::answer,  phase::half_answer};

enum class trigger
{
    terminal,
    partial,
    total,
    time_limit,
    shutdown,
    second_shutdown,
};

constexpr std::string_view word_for(phase what)
{
    constexpr std::array<std::string_view, 6> words{"looking up",           "connecting",
                                                    "talking to the proxy", "shaking hands",
                                                    "awaiting the answer",  "within the answer"};
    return words[static_cast<std::size_t>(what)];
}

constexpr std::string_view word_for(trigger what)
{
    constexpr std::array<std::string_view, 6> words{"terminal",   "partial",  "total",
                                                    "time limit", "shutdown", "second shutdown"};
    return words[static_cast<std::size_t>(what)];
}

// What is promised, with room for a busy machine.
constexpr auto at_once = std::chrono::milliseconds(250);
constexpr auto drain = std::chrono::milliseconds(700);
constexpr auto detached = std::chrono::milliseconds(600);

// The other side of a phase that never ends.
class stuck
{
public:
    explicit stuck(phase where)
        : where_(where), server_(scripted_server::security::plain, [this](peer& with) {
              if (where_ == phase::handshake) {
                  with.bytes(50);
                  ++reached_;
                  with.wait_for_end();
                  return;
              }
              with.secure();
              std::string const text = with.request();
              ledger->count(text);
              if (text.starts_with("POST "))
                  ledger->order(text);
              if (where_ == phase::half_answer)
                  with.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
              ++reached_;
              with.wait_for_end();
          })
    {
        if (where_ == phase::connect) {
            acceptor_.emplace(context_);
            acceptor_->open(asio::ip::tcp::v4());
            acceptor_->bind({asio::ip::address_v4::loopback(), 0});
            ::listen(acceptor_->native_handle(), 0);
            sockaddr_storage address{};
            auto const to = acceptor_->local_endpoint();
            std::memcpy(&address, to.data(), to.size());
            for (int i = 0; i < 4; ++i) {
                fillers_.emplace_back(context_, to.protocol());
                fillers_.back().native_non_blocking(true);
                (void)::connect(fillers_.back().native_handle(), reinterpret_cast<sockaddr*>(&address),
                                static_cast<socklen_t>(to.size()));
            }
        }
        if (where_ == phase::proxy) {
            proxy_.emplace(context_.get_executor());
            proxy_->plan(connect_fault::stall().times(connect_fault::always));
            proxy_->start();
            work_.emplace(asio::make_work_guard(context_));
            thread_ = std::thread([this] { context_.run(); });
        }
    }
    ~stuck()
    {
        release_.set_value();
        if (thread_.joinable()) {
            proxy_->stop();
            work_.reset();
            thread_.join();
        }
    }

    apimart::client_config config()
    {
        auto config = server_.config();
        config.base_url.replace(0, 4, "https");
        config.timeouts.shutdown_grace = drain;
        config.timeouts.abandoned_response = detached;
        if (where_ == phase::name) {
            config.base_url = "https://service.test";
            config.resolver.lookup(
                [this, end = std::shared_future<void>(release_.get_future())](std::string const&) {
                    ++reached_;
                    end.wait();
                    return std::vector<std::string>();
                });
        }
        if (where_ == phase::connect)
            config.base_url = "https://127.0.0.1:" + std::to_string(acceptor_->local_endpoint().port());
        if (where_ == phase::proxy)
            config.proxy = apimart::proxy_options("http://127.0.0.1:" + std::to_string(proxy_->port()));
        return config;
    }
    bool reached(cell& by)
    {
        if (where_ == phase::connect)
            return by.metrics().connections_opened == 1;
        if (where_ == phase::proxy)
            return !proxy_->requests().empty();
        return reached_ > 0;
    }

    std::shared_ptr<books> const ledger = std::make_shared<books>(false);

private:
    phase where_;
    std::atomic<int> reached_ = 0;
    std::promise<void> release_;
    asio::io_context context_;
    std::optional<asio::ip::tcp::acceptor> acceptor_;
    std::vector<asio::ip::tcp::socket> fillers_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::optional<connect_proxy> proxy_;
    std::thread thread_;
    scripted_server server_;
};

class stop_cell : public cell
{
public:
    stop_cell(phase where, trigger how, operation kind, std::shared_ptr<stuck> side)
        : cell(title(where, how, kind), kind, side->config(), outcome(where, how, kind)),
          side_(std::move(side)), how_(how), committed_(where >= phase::answer)
    {
        ledger = side_->ledger;
        other_side = side_;
        consumed = [this] { return reached_; };
        if (how == trigger::time_limit)
            time_limit = 1500ms;
        also = [this](cell&) { check_time(); };
    }

    bool reached() { return reached_ = reached_ || side_->reached(*this); }

    // At the moment that is meant.
    void strike()
    {
        struck_ = clock::now();
        switch (how_) {
        case trigger::terminal:
            signal.emit(asio::cancellation_type::terminal);
            break;
        case trigger::partial:
            signal.emit(asio::cancellation_type::partial);
            break;
        case trigger::total:
            signal.emit(asio::cancellation_type::total);
            break;
        case trigger::time_limit:
            break;
        case trigger::second_shutdown:
            user().shutdown(reports_[0].token());
            [[fallthrough]];
        case trigger::shutdown:
            user().shutdown(reports_[1].token());
            break;
        }
    }
    bool ended() const
    {
        bool const reported = how_ < trigger::shutdown || reports_[1].done();
        // A submit that went out is not cancelled by what promises that nothing happened.
        bool const outlives = how_ == trigger::total && committed_ && what == operation::submit;
        return outlives || (done() && reported);
    }
    bool outlives() const { return how_ == trigger::total && committed_ && what == operation::submit; }

private:
    static std::string title(phase where, trigger how, operation kind)
    {
        return std::string(how == trigger::time_limit ? "F50 "
                           : how < trigger::shutdown  ? "F48/F49 "
                                                      : "F51 ") +
               std::string(word_for(how)) + " while " + std::string(word_for(where)) + "; " +
               std::string(fault_tests::word_for(kind));
    }
    static expected outcome(phase where, trigger how, operation kind)
    {
        error_code const code = how < trigger::time_limit    ? error_code(asio::error::operation_aborted)
                                : how == trigger::time_limit ? error_code(errc::deadline_exceeded)
                                                             : error_code(errc::shutting_down);
        if (kind != operation::submit)
            return expected::failed(how == trigger::time_limit && kind == operation::wait
                                        ? error_code(errc::wait_timeout)
                                        : code)
                .with_posts(0);
        if (where >= phase::answer)
            return expected::failed(errc::outcome_unknown, acceptance::unknown).with_posts(1).beneath(code);
        return expected::failed(code, acceptance::not_sent).with_posts(0);
    }
    void check_time()
    {
        // Only a submit that may have been accepted is given time to learn of it.
        auto limit = at_once;
        bool const waits = committed_ && what == operation::submit;
        if (how_ == trigger::shutdown && waits)
            limit += drain;
        if (how_ < trigger::shutdown && waits)
            limit += detached;
        // The last check of a wait has a patience of its own.
        if (how_ == trigger::time_limit)
            limit += *time_limit + (what == operation::wait ? 5000ms : 0ms);
        CHECK(took_since(struck_) <= limit);
        for (auto const& each : reports_) {
            if (each.done() && what == operation::wait)
                CHECK(each.value().cancelled_waits == std::vector<std::string>{"task_asked"});
            else if (each.done() && waits)
                CHECK(each.value().unknown_submits == 1);
            else if (each.done())
                CHECK(each.value().cancelled_operations == 1);
        }
    }

    std::shared_ptr<stuck> side_;
    trigger how_;
    bool committed_;
    bool reached_ = false;
    clock::time_point struck_{};
    std::array<recorder<apimart::shutdown_report>, 2> reports_;
};

} // namespace

TEST_CASE("faults: cancelling, a time limit and shutdown end every operation in every phase, and tell what "
          "is proved")
{
    (void)cells_at_a_time();
    std::vector<std::unique_ptr<stop_cell>> cells;
    asio::io_context context;
    for (phase const where : every_phase) {
        for (trigger const how : {trigger::terminal, trigger::partial, trigger::total, trigger::time_limit,
                                  trigger::shutdown, trigger::second_shutdown}) {
            for (operation const what : {operation::submit, operation::status, operation::wait}) {
                cells.push_back(
                    std::make_unique<stop_cell>(where, how, what, std::make_shared<stuck>(where)));
                cells.back()->open(context);
            }
        }
    }
    for (auto const& each : cells)
        each->start();
    run_until(context, [&] {
        return std::all_of(cells.begin(), cells.end(), [](auto const& each) { return each->reached(); });
    });
    for (auto const& each : cells)
        each->strike();
    run_until(context, [&] {
        return std::all_of(cells.begin(), cells.end(), [](auto const& each) { return each->ended(); });
    });
    context.poll();
    for (auto const& each : cells) {
        if (each->outlives()) {
            INFO("cell: ", each->name);
            CHECK_FALSE(each->done());
            ++cells_checked();
        } else {
            each->verify();
        }
        each->close();
    }
}

TEST_CASE("faults: neither a client's end nor its context's waits for a name service, a peer or a proxy")
{
    for (phase const where : every_phase) {
        for (operation const what : {operation::submit, operation::status, operation::wait}) {
            for (bool const client_first : {true, false}) {
                INFO("cell: F52 ", word_for(where), "; ", fault_tests::word_for(what), client_first);
                auto const side = std::make_shared<stuck>(where);
                auto context = std::make_unique<asio::io_context>();
                cell one("F52", what, side->config(), expected());
                one.open(*context);
                one.start();
                run_until(*context, [&] { return side->reached(one); });
                CHECK_FALSE(one.done());
                auto const begun = std::chrono::steady_clock::now();
                if (client_first)
                    one.close();
                context.reset();
                one.close();
                CHECK(std::chrono::steady_clock::now() - begun <= at_once);
                CHECK(one.calls() == 0);
                CHECK(side->ledger->tasks().size() <= 1);
                ++cells_checked();
            }
        }
    }
}

TEST_CASE("faults: after the last copy of a client its context has nothing to do but to let doubts end")
{
    for (phase const where : every_phase) {
        INFO("phase: ", word_for(where));
        auto const side = std::make_shared<stuck>(where);
        asio::io_context context;
        cell one("F51", operation::submit, side->config(), expected());
        one.open(context);
        one.start();
        run_until(context, [&] { return side->reached(one); });
        auto const begun = std::chrono::steady_clock::now();
        one.close();
        run_to_end(context);
        auto const took = std::chrono::steady_clock::now() - begun;
        CHECK(took <= at_once + (where >= phase::answer ? drain : 0ms));
        REQUIRE(one.why());
        CHECK(one.why()->acceptance() ==
              (where >= phase::answer ? acceptance::unknown : acceptance::not_sent));
        ++cells_checked();
    }
}

TEST_CASE("faults: a name service that hangs delays its own names alone")
{
    auto const service = std::make_shared<breaking_service>(nullptr, false, true, 0);
    std::promise<void> release;
    auto const end = release.get_future().share();
    asio::io_context context;
    auto config = service->config();
    config.tls.use_system_ca(false);
    config.fallback_base_urls = {config.base_url};
    auto const at = config.fallback_base_urls[0].find("127.0.0.1");
    config.fallback_base_urls[0].replace(at, 9, "localhost");
    config.base_url = "https://dead.test";
    config.timeouts.resolve = 200ms;
    int dead = 0;
    config.resolver.lookup([&dead, end](std::string const& host) {
        if (host == "localhost")
            return std::vector<std::string>{"127.0.0.1"};
        ++dead;
        end.wait();
        return std::vector<std::string>();
    });
    {
        apimart::client user(context, config);
        recorder<apimart::task> got;
        user.submit(corgi(), got.token());
        run_until(context, [&] { return got.done(); });
        CHECK(got.value().id() == "task_1");
        CHECK(service->ledger->posts() == 1);
        CHECK(user.metrics().failovers == 1);
    }
    CHECK(dead == 1);
    release.set_value();
    ++cells_checked();
}
