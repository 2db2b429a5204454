// F54: an exception inside an operation ends that operation, with what is proved, and nothing else.
#include "fault_table.hpp"
#include "thread_memory.hpp"

#include <boost/asio/bind_allocator.hpp>

#include <new>
#include <type_traits>

using namespace fault_tests;

namespace {

// What a handler's allocator has given, and the one allocation that it refuses.
struct supply
{
    int given = 0;
    int outstanding = 0;
    int refuses = -1;
    bool refused = false;
};

template <class T>
class supplied_allocator
{
public:
    using value_type = T;

    explicit supplied_allocator(supply& from) noexcept : supply_(&from) {}
    template <class U>
    supplied_allocator(supplied_allocator<U> const& other) noexcept : supply_(other.from())
    {}

    T* allocate(std::size_t count)
    {
        if (supply_->given == supply_->refuses) {
            supply_->refused = true;
            supply_->refuses = -1;
            throw std::bad_alloc();
        }
        ++supply_->given;
        ++supply_->outstanding;
        return std::allocator<T>().allocate(count);
    }
    void deallocate(T* memory, std::size_t count) noexcept
    {
        --supply_->outstanding;
        std::allocator<T>().deallocate(memory, count);
    }
    supply* from() const noexcept { return supply_; }

    friend bool operator==(supplied_allocator const& a, supplied_allocator const& b) noexcept
    {
        return a.supply_ == b.supply_;
    }

private:
    supply* supply_;
};

// Runs a context to its end, over what leaves it for want of memory. Gives the number of times.
int run_over_shortages(asio::io_context& context)
{
    int escaped = 0;
    context.restart();
    for (;;) {
        try {
            context.run_for(guard);
            if (!context.stopped())
                FAIL("operations did not end");
            return escaped;
        } catch (std::bad_alloc const&) {
            ++escaped;
        }
    }
}

template <class T>
struct trial
{
    int calls = 0;
    std::optional<apimart::result<T>> outcome;
};

// Sells to everybody, each task under the name of its key, and delivers at once.
class shop
{
public:
    apimart::client_config config() const
    {
        auto config = server_.config();
        config.tls.use_system_ca(false);
        config.limits.connects_per_second = 10'000;
        config.poll.initial_delay = 0ms;
        return config;
    }
    std::string link() const { return server_.base_url() + "/v.mp4"; }
    static std::string task_for(std::string const& key) { return "task_" + key; }
    std::vector<std::string> sold() const
    {
        std::vector<std::string> all;
        for (auto const& text : server_.requests()) {
            if (text.starts_with("POST "))
                all.push_back(task_for(key_of(text)));
        }
        return all;
    }

private:
    static std::string key_of(std::string const& request)
    {
        constexpr std::string_view name = "Idempotency-Key: ";
        auto const at = request.find(name) + name.size();
        return request.substr(at, request.find('\r', at) - at);
    }
    void serve(peer& with) const
    {
        for (;;) {
            std::string const text = with.request();
            constexpr std::string_view question = "GET /v1/tasks/";
            if (text.starts_with("POST "))
                with.answer(200, accepted_body(task_for(key_of(text))));
            else if (text.starts_with("GET /v.mp4 "))
                with.answer(200, apimart::testing::sample_video(), "Content-Type: video/mp4\r\n");
            else
                with.answer(200, completed_body(text.substr(question.size(), text.find(' ', question.size()) -
                                                                                 question.size()),
                                                link()));
        }
    }

    scripted_server server_{scripted_server::security::tls, [this](peer& with) { serve(with); }};
};

template <class T>
bool bought(apimart::result<T> const& outcome, std::string const& task)
{
    if (outcome) {
        if constexpr (requires { outcome->id(); })
            return outcome->id() == task;
        return false;
    }
    return outcome.error().task_id() == task || outcome.error().acceptance() == acceptance::unknown;
}

// The nth allocation of a handler's allocator fails, for every n.
template <class T, class Start>
void check_every_refusal(shop const& seller, Start start)
{
    bool untouched = false;
    for (int n = 0; !untouched && n < 200; ++n) {
        CAPTURE(n);
        supply memory;
        memory.refuses = n;
        auto const sold_before = seller.sold().size();
        auto const alive = std::make_shared<int>();
        trial<T> seen;
        int escaped = 0;
        bool refused_at_once = false;
        {
            asio::io_context context;
            apimart::client user(context, seller.config());
            recorder<apimart::task_state> neighbour;
            user.status(apimart::task("task_other"), neighbour.token());
            try {
                start(user, apimart::as_result(asio::bind_allocator(supplied_allocator<char>(memory),
                                                                    [&seen, alive](apimart::result<T> got) {
                                                                        ++seen.calls;
                                                                        seen.outcome.emplace(std::move(got));
                                                                    })));
            } catch (std::bad_alloc const&) {
                refused_at_once = true;
            }
            escaped = run_over_shortages(context);
            CHECK(neighbour.outcome().has_value());

            // The client is none the worse for it.
            recorder<apimart::task_state> next;
            user.status(apimart::task("task_other"), next.token());
            run_to_end(context);
            CHECK(next.outcome().has_value());
            CHECK(user.metrics().requests_in_flight == 0);
            CHECK(user.metrics().tasks_waiting == 0);
        }
        CHECK(alive.use_count() == 1);
        CHECK(memory.outstanding == 0);
        untouched = !memory.refused;
        if (refused_at_once) {
            CHECK(seen.calls == 0);
            CHECK(seller.sold().size() == sold_before);
        } else {
            CHECK(seen.calls <= 1);
            CHECK_MESSAGE((seen.calls == 1 || escaped > 0), "nobody was told");
            if (untouched)
                CHECK((seen.outcome && seen.outcome->has_value()));
            auto const sold = seller.sold();
            CHECK(sold.size() <= sold_before + 1);
            if (seen.outcome && sold.size() > sold_before)
                CHECK_MESSAGE(bought(*seen.outcome, sold.back()), "bought, and the caller does not know");
        }
    }
    CHECK(untouched);
    ++cells_checked();
}

// The nth allocation of the client's thread after the answer to a submit fails, for every n. Gives how often nobody knows
// what was bought.
template <class T, class Start>
int unknown_for_want_of_memory(shop const& seller, Start start)
{
    int unknown = 0;
    for (int n = 0; n < 400; ++n) {
        CAPTURE(n);
        auto config = seller.config();
        config.observer.on_attempt = [n](apimart::attempt_event const& e) {
            if (e.kind == apimart::request_kind::submit)
                refuse_allocation(n);
        };
        bool reached = false;
        std::optional<apimart::result<T>> outcome;
        asio::io_context context;
        apimart::client user(context, config);
        start(user, apimart::as_result([&](apimart::result<T> got) {
                  reached = allocation_refused();
                  refuse_allocation(-1);
                  outcome.emplace(std::move(got));
              }));
        bool const escaped = run_over_shortages(context) > 0;
        refuse_allocation(-1);
        // Asio ends a coroutine that gets no memory to wait.
        if (!outcome && escaped && !std::is_same_v<T, apimart::task>)
            continue;
        REQUIRE(outcome);
        CHECK(bought(*outcome, seller.sold().back()));
        if (!*outcome && outcome->error().task_id().empty()) {
            CHECK(outcome->error().code() == errc::outcome_unknown);
            CHECK(seller.task_for(outcome->error().idempotency_key()) == seller.sold().back());
            ++unknown;
        }
        // A submit has no other failure that tells a task.
        if constexpr (std::is_same_v<T, apimart::task>)
            CHECK((*outcome || outcome->error().code() == errc::outcome_unknown));
        if (!reached)
            return unknown;
    }
    FAIL("the allocations do not end");
    return unknown;
}

} // namespace

TEST_CASE("faults: once the id of a task is read, no lack of memory loses it")
{
    shop const seller;
    int const in_submit = unknown_for_want_of_memory<apimart::task>(
        seller, [](apimart::client& by, auto token) { by.submit(corgi(), std::move(token)); });
    int const in_generate = unknown_for_want_of_memory<apimart::task_result>(
        seller, [](apimart::client& by, auto token) { by.generate(corgi(), std::move(token)); });
    // The answer itself takes memory to read, and nothing after it may add to that.
    CHECK(in_generate == in_submit);
    ++cells_checked();
}

TEST_CASE(
    "faults: F54 a handler's allocator that has nothing ends its own operation, and tells what is proved")
{
    shop const seller;
    scratch_folder folder;
    check_every_refusal<apimart::task>(
        seller, [](apimart::client& by, auto token) { by.submit(corgi(), std::move(token)); });
    check_every_refusal<apimart::task_result>(
        seller, [](apimart::client& by, auto token) { by.generate(corgi(), std::move(token)); });
    check_every_refusal<apimart::task_state>(seller, [](apimart::client& by, auto token) {
        by.status(apimart::task("task_asked"), std::move(token));
    });
    check_every_refusal<apimart::task_result>(seller, [](apimart::client& by, auto token) {
        by.wait(apimart::task("task_asked"), std::move(token));
    });
    check_every_refusal<std::uint64_t>(seller, [&](apimart::client& by, auto token) {
        by.download(apimart::video_file("task_asked", 0, apimart::result_url(seller.link()), {}),
                    folder / "v.mp4", apimart::download_options{.overwrite = true}, std::move(token));
    });
}

TEST_CASE("faults: a handler's allocator gets everything back where the context ends before the operation")
{
    scripted_server silent(scripted_server::security::tls, [](peer& with) { with.wait_for_end(); });
    auto config = silent.config();
    config.tls.use_system_ca(false);
    for (int steps = 0; steps < 30; ++steps) {
        supply memory;
        auto const alive = std::make_shared<int>();
        {
            asio::io_context context;
            apimart::client user(context, config);
            user.submit(corgi(), apimart::as_result(asio::bind_allocator(
                                     supplied_allocator<char>(memory),
                                     [alive](apimart::result<apimart::task> const&) {})));
            user.wait(apimart::task("task_asked"),
                      apimart::as_result(
                          asio::bind_allocator(supplied_allocator<char>(memory),
                                               [alive](apimart::result<apimart::task_result> const&) {})));
            for (int i = 0; i < steps; ++i)
                context.run_one_for(5ms);
            CHECK(memory.given > 0);
        }
        CHECK(memory.outstanding == 0);
        CHECK(alive.use_count() == 1);
    }
    ++cells_checked();
}
