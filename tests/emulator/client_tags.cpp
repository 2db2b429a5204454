// The caller's tag comes back in every event and failure of its call, and the key of a submit with its end.
#include "client_fixture.hpp"

#include <algorithm>

using namespace client_tests;
using namespace apimart;

namespace {

// All events of one client that have a tag, by their names.
class tags_seen
{
public:
    observer callbacks()
    {
        observer all;
        all.on_attempt = [this](attempt_event const& e) { add("attempt", e.tag); };
        all.on_retry = [this](retry_event const& e) { add("retry", e.tag); };
        all.on_task = [this](task_event const& e) { add("task", e.tag); };
        all.on_operation = [this](operation_event const& e) {
            add("end", e.tag);
            keys.push_back(e.idempotency_key);
        };
        return all;
    }

    bool has(std::string_view event, operation_tag const& tag) const
    {
        return std::find(all_.begin(), all_.end(), std::pair(std::string(event), tag)) != all_.end();
    }
    bool has_only(operation_tag const& tag) const
    {
        return !all_.empty() &&
               std::all_of(all_.begin(), all_.end(), [&](auto const& each) { return each.second == tag; });
    }
    void forget() { all_.clear(), keys.clear(); }

    std::vector<std::string> keys;

private:
    void add(std::string_view event, operation_tag const& tag) { all_.emplace_back(std::string(event), tag); }

    std::vector<std::pair<std::string, operation_tag>> all_;
};

} // namespace

TEST_CASE("client tags: each kind of call has its own in its events, and none without one")
{
    bench b(R"({"faults": [{"on": "submit", "status": 429}]})");
    scratch_folder folder;
    tags_seen told;
    auto config = b.config();
    config.observer = told.callbacks();
    client user(b.context, config);

    recorder<task> submitted;
    std::string const order = "order 17";
    user.submit(corgi(), {.tag = order}, submitted.token());
    b.run();
    CHECK(told.has_only("order 17"));
    CHECK(told.has("attempt", order));
    CHECK(told.has("retry", order));
    CHECK(told.has("end", order));
    CHECK(told.keys == std::vector<std::string>{submitted.value().idempotency_key()});

    told.forget();
    recorder<task_result> waited;
    user.wait(submitted.value(), {.tag = 18}, waited.token());
    b.run();
    CHECK(told.has_only(18));
    CHECK(told.has("attempt", 18));
    CHECK(told.has("task", 18));
    CHECK(told.has("end", 18));

    told.forget();
    recorder<std::uint64_t> fetched;
    user.download(waited.value().video(), (folder / "v.mp4").string(), {.tag = "19"}, fetched.token());
    b.run();
    CHECK(fetched.value() > 0);
    CHECK(told.has_only("19"));

    told.forget();
    recorder<task_state> asked;
    user.status(submitted.value(), asked.token());
    b.run();
    CHECK(told.has_only({}));

    told.forget();
    recorder<task_result> made;
    user.generate(corgi(), {.tag = 20}, made.token());
    b.run();
    CHECK(told.has_only(20));
    CHECK(told.has("task", 20));
    CHECK(told.keys.size() == 1);
    CHECK(told.keys.front() == b.accepted_entry(1).at("idempotency_key").as_string());
}

TEST_CASE("client tags: a failure has the one of its call, whatever failed")
{
    bench b;
    client user = b.make_client();
    task const nobodys("task_01KA040K7C5SXNYAVQCM2NB0D1");
    recorder<task> refused;
    recorder<task_result> waited;
    recorder<task_state> asked;
    recorder<std::uint64_t> fetched;
    recorder<std::optional<task_state>> watched;
    user.submit(refused_request(), {.tag = 1}, refused.token());
    user.wait(nobodys, {.timeout = 1ms, .tag = 2}, waited.token());
    user.status(nobodys, {.tag = 3}, asked.token());
    user.download(video_file(), "v.mp4", {.tag = 4}, fetched.token());
    task_watcher watcher = user.watch(nobodys, {.timeout = 1ms, .tag = 5});
    watcher.next(watched.token());
    b.run();
    CHECK(refused.why().tag() == 1);
    CHECK(waited.why().tag() == 2);
    CHECK(asked.why().tag() == 3);
    CHECK(fetched.why().tag() == 4);
    CHECK(watched.why().tag() == 5);

    recorder<shutdown_report> over;
    recorder<task> late;
    user.shutdown(over.token());
    user.submit(corgi(), {.tag = 6}, late.token());
    b.run();
    CHECK(late.why().code() == errc::shutting_down);
    CHECK(late.why().tag() == 6);
}
