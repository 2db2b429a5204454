// F03: lookups of names that hang.
#include "fault_table.hpp"

using namespace fault_tests;

namespace {

// A name service that does not answer the first few questions until it is let go.
struct name_service
{
    std::vector<std::string> answer()
    {
        if (asked++ < hanging)
            wait_until([&] { return let_go.load(); });
        else if (fails)
            throw boost::system::system_error(asio::error::host_not_found_try_again);
        ++ended;
        return {"127.0.0.1"};
    }

    int hanging = 1;
    bool fails = false;
    std::atomic<int> asked = 0;
    std::atomic<int> ended = 0;
    std::atomic<bool> let_go = false;
};

apimart::client_config named_config(breaking_service const& service, std::shared_ptr<name_service> names)
{
    auto config = service.config();
    config.base_url.replace(config.base_url.find("127.0.0.1"), 9, "localhost");
    config.timeouts.resolve = 200ms;
    config.tls.use_system_ca(false);
    config.resolver.lookup([names](std::string const&) { return names->answer(); });
    return config;
}

} // namespace

TEST_CASE("faults: F03 after a lookup that took too long the next try begins another one")
{
    breaking_service service(nullptr, false, true, 0);
    auto const names = std::make_shared<name_service>();
    asio::io_context context;
    apimart::client user(context, named_config(service, names));
    recorder<apimart::task> got;
    user.submit(corgi(), got.token());
    run_to_end(context);
    CHECK(got.value().id() == "task_1");
    CHECK(names->asked.load() == 2);
    names->let_go = true;
    wait_until([&] { return names->ended.load() == 2; });
    ++cells_checked();
}

TEST_CASE("faults: F03 lookups of one host that hang are no more than three")
{
    breaking_service service(nullptr, false, true, 0);
    auto const names = std::make_shared<name_service>();
    names->hanging = 100;
    asio::io_context context;
    auto config = named_config(service, names);
    apimart::client user(context, config);
    // Each submit asks twice.
    for (int i = 0; i < 3; ++i) {
        recorder<apimart::task> got;
        user.submit(corgi(), got.token());
        run_to_end(context);
        CHECK(got.why().code() == errc::resolve_timeout);
        CHECK(got.why().acceptance() == acceptance::not_sent);
    }
    CHECK(names->asked.load() == 3);
    names->let_go = true;
    wait_until([&] { return names->ended.load() == 3; });
    recorder<apimart::task> last;
    user.submit(corgi(), last.token());
    run_to_end(context);
    CHECK(last.outcome().has_value());
    ++cells_checked();
}

TEST_CASE("faults: F03 a late lookup does not hide what a fresh one says")
{
    breaking_service service(nullptr, false, true, 0);
    auto const names = std::make_shared<name_service>();
    names->fails = true;
    asio::io_context context;
    apimart::client user(context, named_config(service, names));
    recorder<apimart::task> got;
    user.submit(corgi(), got.token());
    run_to_end(context);
    // The first try's time was up; the second heard of a failure, as did those behind it.
    CHECK(got.why().code() == errc::host_not_found_try_again);
    CHECK(got.why().acceptance() == acceptance::not_sent);
    names->let_go = true;
    wait_until([&] { return names->ended.load() == 1; });
    ++cells_checked();
}
