// One cell of the fault matrix: a client, a service that breaks in one way, and what must come of it.
#pragma once

#include "../emulator/client_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace fault_tests {

using namespace client_tests;
using apimart::acceptance;
using apimart::error_code;
using apimart::error_info;

/// Sets a flag when its scope ends, however it ends: for what threads of a server wait.
class raised_at_end
{
public:
    explicit raised_at_end(std::atomic<bool>& flag) : flag_(flag) {}
    raised_at_end(raised_at_end const&) = delete;
    raised_at_end& operator=(raised_at_end const&) = delete;
    ~raised_at_end() { flag_ = true; }

private:
    std::atomic<bool>& flag_;
};

enum class operation
{
    submit,
    status,
    wait,
};

inline std::string_view word_for(operation what)
{
    switch (what) {
    case operation::submit:
        return "submit";
    case operation::status:
        return "status";
    case operation::wait:
        return "wait";
    }
    return "";
}

/// What the service knows about money. It counts only what it has read to the end.
class books
{
public:
    explicit books(bool honours_keys) : honours_keys_(honours_keys) {}

    /// A complete request for a video. Gives the id of its task.
    std::string order(std::string const& request)
    {
        std::lock_guard const lock(mutex_);
        std::string const key = header(request, "Idempotency-Key: ");
        std::string const body = request.substr(request.find("\r\n\r\n") + 4);
        if (honours_keys_) {
            for (auto const& each : tasks_) {
                if (each.key != key)
                    continue;
                if (each.body != body)
                    key_reused_ = true;
                return each.id;
            }
        }
        tasks_.push_back({"task_" + std::to_string(tasks_.size() + 1), key, body});
        return tasks_.back().id;
    }
    void count(std::string const& request)
    {
        std::lock_guard const lock(mutex_);
        ++(request.starts_with("POST ") ? posts_ : gets_);
    }

    int posts() const { return locked(posts_); }
    int gets() const { return locked(gets_); }
    bool key_reused() const { return locked(key_reused_); }
    std::vector<std::string> tasks() const
    {
        std::lock_guard const lock(mutex_);
        std::vector<std::string> ids;
        for (auto const& each : tasks_)
            ids.push_back(each.id);
        return ids;
    }
    std::string key_of_first() const
    {
        std::lock_guard const lock(mutex_);
        return tasks_.empty() ? std::string() : tasks_.front().key;
    }

private:
    struct entry
    {
        std::string id;
        std::string key;
        std::string body;
    };

    static std::string header(std::string const& request, std::string_view name)
    {
        auto const at = request.find(name);
        return at == std::string::npos
                   ? std::string()
                   : request.substr(at + name.size(), request.find('\r', at) - at - name.size());
    }
    template <class T>
    T locked(T const& from) const
    {
        std::lock_guard const lock(mutex_);
        return from;
    }

    bool honours_keys_;
    mutable std::mutex mutex_;
    std::vector<entry> tasks_;
    int posts_ = 0;
    int gets_ = 0;
    bool key_reused_ = false;
};

/// What must come of a cell. What is not said is not checked, but for the rules about money, which hold always.
class expected
{
public:
    static expected success() { return expected(); }
    static expected failed(error_code code, acceptance proof = acceptance::none)
    {
        expected out;
        out.code = code;
        out.proof = proof;
        return out;
    }

    expected with_posts(int count) const
    {
        expected out = *this;
        out.posts = count;
        return out;
    }
    expected with_gets(int count) const
    {
        expected out = *this;
        out.gets = count;
        return out;
    }
    expected with_tries(int count) const
    {
        expected out = *this;
        out.tries = count;
        return out;
    }
    expected beneath(error_code code_beneath) const
    {
        expected out = *this;
        out.underlying = code_beneath;
        return out;
    }

    error_code code;
    error_code underlying;
    acceptance proof = acceptance::none;
    std::optional<int> posts;
    std::optional<int> gets;
    /// Requests that were begun, whether or not they got as far as the service.
    std::optional<int> tries;
};

/// One run of one operation.
class cell
{
public:
    using clock = std::chrono::steady_clock;

    cell(std::string title, operation kind, apimart::client_config settings, expected outcome)
        : name(std::move(title)), what(kind), config(std::move(settings)), must(std::move(outcome))
    {
        // The system's authorities take longer to read than a cell takes to run.
        config.tls.use_system_ca(false);
        config.limits.connects_per_second = 10'000;
        config.retry.max_resends = 1;
        config.retry.max_rate_limit_retries = 2;
        config.poll.max_interval = std::chrono::milliseconds(8);
        config.observer.on_attempt = [seen = seen_](apimart::attempt_event const& event) {
            if (event.task_id == "task_warm")
                return;
            ++seen->tries;
            seen->phase = event.phase;
            seen->reused = event.reused_connection;
        };
    }
    cell(cell const&) = delete;
    cell& operator=(cell const&) = delete;

    void open(asio::io_context& context) { user_.emplace(context, config); }

    /// A sound request on the connection that the operation will find.
    void warm_up()
    {
        user_->status(apimart::task("task_warm"),
                      apimart::as_result([seen = seen_](apimart::result<apimart::task_state> outcome) {
                          seen->warm = outcome.has_value();
                      }));
    }
    bool warm() const { return seen_->warm; }

    void start()
    {
        begun_ = clock::now();
        auto const limit = time_limit;
        if (what == operation::submit) {
            apimart::submit_options options;
            if (limit)
                options.timeout = *limit;
            user_->submit(large ? large_request() : corgi(), options,
                          apimart::as_result(asio::bind_cancellation_slot(
                              signal.slot(), [seen = seen_](apimart::result<apimart::task> outcome) {
                                  seen->end(outcome ? outcome->id() : std::string(), outcome);
                                  if (outcome)
                                      seen->submit_attempts = outcome->submit_attempts();
                              })));
        } else if (what == operation::status) {
            user_->status(apimart::task("task_asked"), apimart::status_options{limit},
                          apimart::as_result(asio::bind_cancellation_slot(
                              signal.slot(), [seen = seen_](apimart::result<apimart::task_state> outcome) {
                                  seen->end(outcome ? outcome->id() : std::string(), outcome);
                              })));
        } else {
            user_->wait(apimart::task("task_asked"),
                        apimart::wait_options{limit ? *limit : std::chrono::milliseconds(wait_limit)},
                        apimart::as_result(asio::bind_cancellation_slot(
                            signal.slot(), [seen = seen_](apimart::result<apimart::task_result> outcome) {
                                seen->end(outcome ? outcome->id() : std::string(), outcome);
                            })));
        }
    }
    bool done() const { return seen_->calls > 0; }
    apimart::client& user() { return *user_; }
    void close() { user_.reset(); }
    apimart::metrics metrics() const { return user_->metrics(); }
    /// From the start to the end.
    std::chrono::milliseconds took() const
    {
        return std::chrono::duration_cast<std::chrono::milliseconds>(seen_->ended - begun_);
    }
    std::chrono::milliseconds took_since(clock::time_point moment) const
    {
        return std::chrono::duration_cast<std::chrono::milliseconds>(seen_->ended - moment);
    }
    int calls() const { return seen_->calls; }
    int tries() const { return seen_->tries; }
    /// How far the last try got.
    std::string const& last_phase() const { return seen_->phase; }
    bool last_try_reused() const { return seen_->reused; }
    std::optional<error_info> const& why() const { return seen_->why; }
    std::string const& id() const { return seen_->id; }

    /// Compares what the client said with what was to be expected, and with the service's books.
    void verify();

    std::string name;
    operation what;
    apimart::client_config config;
    expected must;
    std::shared_ptr<books> ledger;
    /// Whether what the cell is about has happened.
    std::function<bool()> consumed;
    /// Further checks of the cell's own.
    std::function<void(cell&)> also;
    /// Keeps the other side.
    std::shared_ptr<void> other_side;
    /// Whatever comes of it, the rules about money hold.
    bool any_outcome = false;
    bool reused = false;
    bool large = false;
    std::optional<std::chrono::milliseconds> time_limit;
    std::chrono::milliseconds wait_limit{60'000};
    /// Called between the warm-up and the start; true when the other side is ready.
    std::function<bool()> ready;
    asio::cancellation_signal signal;

    static apimart::any_request large_request()
    {
        return apimart::image_to_video<apimart::kling_3_0_turbo>("data:image/png;base64," +
                                                                 std::string(std::size_t{12} << 20U, 'A'));
    }

private:
    void verify_outcome();

    struct record
    {
        template <class T>
        void end(std::string task, apimart::result<T> const& outcome)
        {
            ended = clock::now();
            id = std::move(task);
            if (!outcome)
                why = outcome.error();
            ++calls;
        }

        int calls = 0;
        int tries = 0;
        int submit_attempts = 0;
        bool warm = false;
        bool reused = false;
        std::string phase;
        std::string id;
        std::optional<error_info> why;
        clock::time_point ended{};
    };

    std::shared_ptr<record> seen_ = std::make_shared<record>();
    std::optional<apimart::client> user_;
    clock::time_point begun_{};
};

/// How many cells have run their checks in this process.
inline int& cells_checked()
{
    static int count = 0;
    return count;
}

inline void cell::verify_outcome()
{
    CHECK((why() ? why()->code() : error_code()) == must.code);
    if (must.code && why()) {
        CHECK(apimart::to_string(why()->acceptance()) == apimart::to_string(must.proof));
        if (must.underlying)
            CHECK(why()->underlying() == must.underlying);
        if (what != operation::submit)
            CHECK(why()->task_id() == "task_asked");
    }
    if (must.posts && ledger)
        CHECK(ledger->posts() == *must.posts);
    if (must.gets && ledger)
        CHECK(ledger->gets() == *must.gets);
    if (must.tries)
        CHECK(tries() == *must.tries);
}

inline void cell::verify()
{
    INFO("cell: ", name);
    CHECK(calls() == 1);
    if (calls() != 1)
        return;
    INFO("outcome: ", why() ? why()->describe() : "success " + id());
    CHECK_MESSAGE((!consumed || consumed()), "the fault did not happen");

    if (!any_outcome)
        verify_outcome();

    // The rules about money.
    if (what == operation::submit && ledger) {
        auto const bought = ledger->tasks();
        CHECK_MESSAGE(bought.size() <= 1, "bought twice");
        CHECK_FALSE(ledger->key_reused());
        if (!why()) {
            CHECK((bought.size() == 1 && bought.front() == id()));
        } else {
            bool const doubtful = why()->acceptance() == acceptance::unknown;
            CHECK_MESSAGE((bought.empty() || doubtful), "bought, but not listed as perhaps bought");
            CHECK(doubtful == (why()->code() == apimart::errc::outcome_unknown));
            if (doubtful && !bought.empty())
                CHECK(why()->idempotency_key() == ledger->key_of_first());
        }
    } else if (ledger) {
        CHECK(ledger->posts() == 0);
    }
    if (also)
        also(*this);
    ++cells_checked();
}

using cell_list = std::vector<std::unique_ptr<cell>>;

/// A cell that is made when its turn comes.
using cell_plan = std::function<std::unique_ptr<cell>()>;

using cell_plans = std::vector<cell_plan>;

/// Runs a context until all of them have what is asked for; those that have not are named.
template <class Predicate>
void run_cells_until(asio::io_context& context, cell_list const& cells, Predicate holds)
{
    auto const give_up = std::chrono::steady_clock::now() + guard;
    auto const work = asio::make_work_guard(context);
    context.restart();
    auto const all = [&] {
        return std::all_of(cells.begin(), cells.end(), [&](auto const& each) { return holds(*each); });
    };
    while (!all() && std::chrono::steady_clock::now() < give_up)
        context.run_for(std::chrono::milliseconds(5));
    for (auto const& each : cells) {
        if (!holds(*each))
            MESSAGE("did not go on: ", each->name);
    }
}

/// How many cells fit into one process at a time: each has a service of its own, with its descriptors.
inline std::size_t cells_at_a_time()
{
    constexpr rlim_t for_each = 16;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 320 * for_each);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<std::size_t>(limit.rlim_cur / for_each);
}

/// Runs cells side by side in one context, in batches, and checks each.
inline void run_cells(cell_plans const& plans)
{
    std::size_t const most = cells_at_a_time();
    for (std::size_t at = 0; at < plans.size(); at += most) {
        cell_list cells;
        for (std::size_t i = at; i < std::min(at + most, plans.size()); ++i)
            cells.push_back(plans[i]());
        asio::io_context context;
        for (auto const& each : cells)
            each->open(context);
        for (auto const& each : cells) {
            if (each->reused)
                each->warm_up();
        }
        run_cells_until(context, cells, [](cell const& each) {
            return (!each.reused || each.warm()) && (!each.ready || each.ready());
        });
        for (auto const& each : cells)
            each->start();
        run_cells_until(context, cells, [](cell const& each) { return each.done(); });
        context.poll(); // what observers are still to be told
        for (auto const& each : cells)
            each->verify();
        // The clients first, then their context, then the other sides.
        for (auto const& each : cells)
            each->close();
    }
}

} // namespace fault_tests
