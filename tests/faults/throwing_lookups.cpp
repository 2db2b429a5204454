// A caller's lookup function may throw anything.
#include "fault_table.hpp"

using namespace fault_tests;

TEST_CASE(
    "faults: F02 a lookup that throws what is no exception ends its request, proved unsent, and nothing else")
{
    std::vector<std::pair<std::string, std::function<void()>>> const throws{
        {"an int", [] { throw 1; }},
        {"a text", [] { throw std::string("no"); }},
        {"bad_alloc", [] { throw std::bad_alloc(); }},
        {"an exception of another kind", [] { throw std::runtime_error("no"); }},
    };
    for (auto const& [name, play] : throws) {
        CAPTURE(name);
        auto const service = std::make_shared<breaking_service>(nullptr, false, true, 0);
        auto config = service->config();
        config.tls.use_system_ca(false);
        config.base_url.replace(config.base_url.find("127.0.0.1"), 9, "localhost");
        config.resolver.cache_ttl(0ms);
        config.retry.max_retries = 1;
        std::atomic<bool> broken = true;
        std::atomic<int> asked = 0;
        config.resolver.lookup([&, play = play](std::string const&) {
            ++asked;
            if (broken)
                play();
            return std::vector<std::string>{"127.0.0.1"};
        });
        asio::io_context context;
        apimart::client user(context, config);
        recorder<apimart::task> got;
        user.submit(corgi(), got.token());
        run_until(context, [&] { return got.done(); });
        CHECK(got.why().acceptance() == acceptance::not_sent);
        CHECK(got.why().code() == errc::host_not_found_try_again);
        CHECK(asked == 2);

        broken = false;
        recorder<apimart::task> next;
        user.submit(corgi(), next.token());
        run_until(context, [&] { return next.done(); });
        CHECK(next.outcome().has_value());
        CHECK(service->ledger->posts() == 1);
        ++cells_checked();
    }
}
