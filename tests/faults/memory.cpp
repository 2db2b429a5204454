// F54: the nth allocation fails, for every n, while the client does something.
#include "fault_table.hpp"

#include <cstdlib>
#include <new>
#include <set>

namespace {

// Of this thread alone: the services have theirs.
thread_local std::int64_t allocations_left = -1; // negative: without end
thread_local bool failing_goes_on = false;
thread_local std::int64_t allocations_failed = 0;

void* allocate(std::size_t size)
{
    if (allocations_left >= 0 && allocations_left-- == 0) {
        ++allocations_failed;
        if (failing_goes_on)
            allocations_left = 0;
        throw std::bad_alloc();
    }
    void* const memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}

} // namespace

void* operator new(std::size_t size)
{
    return allocate(size);
}
void* operator new[](std::size_t size)
{
    return allocate(size);
}
void operator delete(void* memory) noexcept
{
    std::free(memory);
}
void operator delete[](void* memory) noexcept
{
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept
{
    std::free(memory);
}

using namespace fault_tests;

namespace {

// The nth allocation from now on fails; and where that is asked for, all behind it.
class shortage
{
public:
    shortage(std::int64_t n, bool for_good)
    {
        allocations_failed = 0;
        failing_goes_on = for_good;
        allocations_left = n;
    }
    shortage(shortage const&) = delete;
    shortage& operator=(shortage const&) = delete;
    ~shortage() { over(); }
    static void over() { allocations_left = -1; }
};

// Keeps an outcome without needing memory.
template <class T>
class silent_recorder
{
public:
    void operator()(apimart::result<T> got)
    {
        shortage::over();
        ++*calls;
        outcome->emplace(std::move(got));
    }

    int* calls;
    std::optional<apimart::result<T>>* outcome;
};

// What came of one operation.
template <class T>
class trial
{
public:
    // `begin` gets a completion token.
    template <class Begin>
    void run(asio::io_context& context, std::int64_t n, bool for_good, Begin begin)
    {
        shortage const some(n, for_good);
        try {
            begin(apimart::as_result(silent_recorder<T>{&calls, &outcome}));
        } catch (std::bad_alloc const&) {
            refused_at_once = true;
            shortage::over();
        }
        context.restart();
        auto const give_up = std::chrono::steady_clock::now() + 10s;
        while (!context.stopped() && std::chrono::steady_clock::now() < give_up) {
            try {
                context.run_for(1s);
            } catch (std::bad_alloc const&) {
                ++escaped;
                if (for_good)
                    shortage::over();
            }
        }
        ended = context.stopped();
        failed = allocations_failed;
    }

    int calls = 0;
    std::optional<apimart::result<T>> outcome;
    bool refused_at_once = false;
    int escaped = 0; // out of the context's `run`
    bool ended = false;
    std::int64_t failed = 0;
};

template <class T>
void check_told_once(trial<T> const& t)
{
    REQUIRE(t.ended);
    CHECK(t.calls == (t.refused_at_once ? 0 : 1));
    CHECK(t.escaped == 0);
    if (t.outcome && !*t.outcome) {
        auto const& why = t.outcome->error();
        INFO(why.describe());
        CHECK((why.code() == errc::local_resource || why.code() == errc::outcome_unknown));
        CHECK(why.underlying() == boost::system::errc::not_enough_memory);
    }
}

// One cell: `runs_short` is tried with every allocation, until it says that none failed.
template <class Trial>
void sweep_allocations(Trial runs_short)
{
    constexpr int most_allocations = 3'000;
    bool untouched = false;
    for (int n = 0; !untouched && n < most_allocations; ++n) {
        CAPTURE(n);
        untouched = !runs_short(n);
    }
    CHECK(untouched);
    ++cells_checked();
}

// Sells to everybody, each task under the name of its key, and delivers at once.
class shop
{
public:
    apimart::client_config config() const
    {
        auto config = server_.config();
        config.tls.without_system_authorities();
        config.limits.connects_per_second = 10'000;
        config.poll.first = 0ms;
        return config;
    }
    std::string link() const { return server_.base_url() + "/v.mp4"; }
    static std::string video() { return std::string(70'000, 'v'); }

    // The tasks that were bought. Of a client that gave up, the request may come in only later.
    std::vector<std::string> tasks() const
    {
        std::vector<std::string> all;
        for (auto const& text : server_.requests()) {
            if (text.starts_with("POST "))
                all.push_back(task_for(text));
        }
        return all;
    }

private:
    static std::string task_for(std::string const& request)
    {
        constexpr std::string_view name = "Idempotency-Key: ";
        auto const at = request.find(name) + name.size();
        return "task_" + request.substr(at, request.find('\r', at) - at);
    }
    void serve(peer& with) const
    {
        for (;;) {
            std::string const text = with.request();
            constexpr std::string_view question = "GET /v1/tasks/";
            if (text.starts_with("POST "))
                with.answer(200, accepted_body(task_for(text)));
            else if (text.starts_with("GET /v.mp4 "))
                with.answer(200, video());
            else if (text.find("task_warm") != std::string::npos)
                with.answer(200, R"({"code":200,"data":{"id":"task_warm","status":"pending"}})");
            else
                with.answer(200, completed_body(text.substr(question.size(), text.find(' ', question.size()) -
                                                                                 question.size()),
                                                link()));
        }
    }

    scripted_server server_{scripted_server::security::tls, [this](peer& with) { serve(with); }};
};

// What the client said, to be compared with what was bought.
class claims
{
public:
    void add(trial<apimart::task> const& t)
    {
        if (t.outcome && *t.outcome)
            CHECK((*t.outcome)->id() == "task_" + (*t.outcome)->idempotency_key());
        note(t);
    }
    void add(trial<apimart::finished_task> const& t) { note(t); }

    void check(shop const& seller) const
    {
        std::set<std::string> seen;
        for (auto const& each : seller.tasks()) {
            CAPTURE(each);
            CHECK_MESSAGE(seen.insert(each).second, "bought twice");
            CHECK_MESSAGE(bought_.count(each) + perhaps_.count(each) == 1,
                          "bought, and the caller does not know");
        }
        for (auto const& each : bought_)
            CHECK(seen.count(each) == 1);
    }

    int not_sent = 0;
    int unknown = 0;
    int accepted = 0;

private:
    template <class T>
    void note(trial<T> const& t)
    {
        if (!t.outcome)
            return;
        if (*t.outcome) {
            bought_.insert((*t.outcome)->id());
            return;
        }
        auto const& why = t.outcome->error();
        std::string const task = "task_" + why.idempotency_key();
        switch (why.proof()) {
        case proof_level::accepted:
            CHECK(why.task_id() == task);
            bought_.insert(task);
            ++accepted;
            break;
        case proof_level::unknown:
            CHECK(why.code() == errc::outcome_unknown);
            CHECK(why.idempotency_key().size() == 36);
            perhaps_.insert(task);
            ++unknown;
            break;
        default:
            CHECK(why.proof() == proof_level::not_sent);
            CHECK(why.code() == errc::local_resource);
            ++not_sent;
        }
    }

    std::set<std::string> bought_;
    std::set<std::string> perhaps_;
};

void submit_under_shortage(apimart::client& user, asio::io_context& context, int n, bool for_good,
                           trial<apimart::task>& t)
{
    auto request = corgi();
    t.run(context, n, for_good, [&](auto token) { user.submit(std::move(request), std::move(token)); });
}

} // namespace

TEST_CASE(
    "faults: F54 a submit for which memory runs out at any moment ends with what is proved, or never began")
{
    for (bool const warm : {false, true}) {
        CAPTURE(warm);
        shop seller;
        claims said;
        sweep_allocations([&](int n) {
            asio::io_context context;
            apimart::client user(context, seller.config());
            if (warm) {
                recorder<apimart::task_state> got;
                user.status(apimart::task("task_warm"), got.token());
                run_to_end(context);
                got.value();
            }
            trial<apimart::task> t;
            submit_under_shortage(user, context, n, false, t);
            check_told_once(t);
            said.add(t);

            // The client is none the worse for it.
            trial<apimart::task> next;
            submit_under_shortage(user, context, -1, false, next);
            REQUIRE(next.outcome);
            CHECK(next.outcome->has_value());
            said.add(next);
            CHECK(user.metrics().requests_in_flight == 0);
            CHECK(user.metrics().submits_queued == 0);
            return t.failed != 0;
        });
        CHECK(said.not_sent > 0);
        CHECK(said.unknown > 0);
        said.check(seller);
    }
}

TEST_CASE(
    "faults: F54 a question and a wait for which memory runs out at any moment end, and can be repeated")
{
    shop seller;
    for (bool const waiting : {false, true}) {
        CAPTURE(waiting);
        sweep_allocations([&](int n) {
            asio::io_context context;
            apimart::client user(context, seller.config());
            apimart::task which("task_asked");
            bool short_of = true;
            auto const check = [&](auto& t) {
                check_told_once(t);
                short_of = t.failed != 0;
                if (t.outcome && !*t.outcome)
                    CHECK(t.outcome->error().task_id() == "task_asked");
            };
            if (waiting) {
                trial<apimart::finished_task> t;
                t.run(context, n, false, [&](auto token) { user.wait(which, std::move(token)); });
                check(t);
            } else {
                trial<apimart::task_state> t;
                t.run(context, n, false, [&](auto token) { user.status(which, std::move(token)); });
                check(t);
            }
            recorder<apimart::finished_task> next;
            user.wait(which, next.token());
            run_to_end(context);
            CHECK(next.outcome().has_value());
            CHECK(user.metrics().tasks_waiting == 0);
            return short_of;
        });
    }
    CHECK(seller.tasks().empty());
}

TEST_CASE("faults: F54 an operation that memory was short for ends as well where its client is gone by then")
{
    shop seller;
    claims said;
    sweep_allocations([&](int n) {
        asio::io_context context;
        std::optional<apimart::client> user(std::in_place, context, seller.config());
        auto request = corgi();
        trial<apimart::task> t;
        bool short_of = true;
        t.run(context, n, false, [&](auto token) {
            user->submit(std::move(request), std::move(token));
            short_of = allocations_failed != 0;
            user.reset();
        });
        REQUIRE(t.ended);
        CHECK(t.calls == (t.refused_at_once ? 0 : 1));
        CHECK(t.escaped == 0);
        said.add(t);
        return short_of;
    });
    CHECK(said.not_sent > 0);
    said.check(seller);
}

TEST_CASE("faults: F54 a generation for which memory runs out, once or for good, tells what was bought")
{
    for (bool const for_good : {false, true}) {
        CAPTURE(for_good);
        shop seller;
        claims said;
        sweep_allocations([&](int n) {
            asio::io_context context;
            apimart::client user(context, seller.config());
            auto request = corgi();
            trial<apimart::finished_task> t;
            t.run(context, n, for_good,
                  [&](auto token) { user.generate(std::move(request), std::move(token)); });
            REQUIRE(t.ended);
            CHECK(t.calls == (t.refused_at_once ? 0 : 1));
            if (!for_good)
                check_told_once(t);
            said.add(t);
            return t.failed != 0;
        });
        CHECK(said.not_sent > 0);
        CHECK(said.accepted > 0);
        said.check(seller);
    }
}

TEST_CASE(
    "faults: F54 a download for which memory runs out at any moment leaves no half file, and can be repeated")
{
    shop seller;
    scratch_folder folder;
    apimart::video_file const file("task_asked", 0, apimart::result_url(seller.link()), std::nullopt);
    sweep_allocations([&](int n) {
        std::string const name = std::to_string(n) + ".mp4";
        asio::io_context context;
        apimart::client user(context, seller.config());
        trial<std::uint64_t> t;
        t.run(context, n, false, [&](auto token) { user.download(file, folder / name, std::move(token)); });
        check_told_once(t);
        bool const done = t.outcome && t.outcome->has_value();
        CHECK(std::filesystem::exists(folder / name) == done);
        if (!done) {
            recorder<std::uint64_t> next;
            user.download(file, folder / name, next.token());
            run_to_end(context);
            CHECK(next.outcome().has_value());
        }
        CHECK(bytes_of(folder / name) == shop::video());
        std::filesystem::remove(folder / name);
        CHECK(folder.names().empty());
        return t.failed != 0;
    });
}

TEST_CASE("faults: F54 a shutdown for which memory runs out at any moment ends, and so does what it stops")
{
    shop seller;
    sweep_allocations([&](int n) {
        asio::io_context context;
        apimart::client user(context, seller.config());
        recorder<apimart::finished_task> waiting;
        user.wait(apimart::task("task_warm"), waiting.token());
        run_until(context, [&] { return user.metrics().polls_sent > 0; });
        trial<apimart::shutdown_report> t;
        t.run(context, n, false, [&](auto token) { user.shutdown(std::move(token)); });
        if (t.refused_at_once) {
            recorder<apimart::shutdown_report> next;
            user.shutdown(next.token());
            run_to_end(context);
            CHECK(next.outcome().has_value());
        } else {
            check_told_once(t);
        }
        auto const why = waiting.why();
        CHECK((why.code() == errc::shutting_down || why.code() == errc::local_resource));
        CHECK(why.task_id() == "task_warm");
        return t.failed != 0;
    });
}

TEST_CASE("faults: F54 a submit without any memory from some moment on is never called unsent falsely")
{
    shop seller;
    claims said;
    sweep_allocations([&](int n) {
        asio::io_context context;
        apimart::client user(context, seller.config());
        trial<apimart::task> t;
        submit_under_shortage(user, context, n, true, t);
        REQUIRE(t.ended);
        CHECK(t.calls == (t.refused_at_once ? 0 : 1));
        said.add(t);
        return t.failed != 0;
    });
    said.check(seller);
}
