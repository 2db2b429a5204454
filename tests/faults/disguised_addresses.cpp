// F04: what looks like a public address and is none, and what looks like an address and is a name.
#include "fault_table.hpp"

#include <apimart/testing/connect_proxy.hpp>

#include <thread>

using namespace fault_tests;
using apimart::testing::connect_proxy;

namespace {

// Whoever gets here got too far.
class trap
{
public:
    explicit trap(std::string_view names = "IP:127.0.0.1")
        : server_(
              scripted_server::security::tls,
              [](peer& with) {
                  std::string const text = with.request();
                  if (text.starts_with("GET /v1/"))
                      with.answer(200, finished_body());
                  else
                      with.answer(200, apimart::testing::sample_video(), "Content-Type: video/mp4\r\n");
              },
              names)
    {}

    apimart::client_config config() const
    {
        auto config = server_.config();
        config.base_url = "https://api.test";
        config.tls.use_system_ca(false);
        config.limits.connects_per_second = 10'000;
        config.retry.max_retries = 0;
        return config;
    }
    std::string port() const { return ":" + std::to_string(server_.port()); }
    unsigned short port_number() const { return server_.port(); }
    int connections() const { return server_.connections(); }
    std::vector<std::string> requests() const { return server_.requests(); }

private:
    scripted_server server_;
};

class proxy_side
{
public:
    proxy_side() : work_(asio::make_work_guard(context_)), proxy(context_.get_executor())
    {
        proxy.start();
        thread_ = std::thread([this] { context_.run(); });
    }
    ~proxy_side()
    {
        proxy.stop();
        work_.reset();
        thread_.join();
    }

    apimart::proxy_options options() const
    {
        return apimart::proxy_options("http://127.0.0.1:" + std::to_string(proxy.port()));
    }

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;

public:
    connect_proxy proxy;

private:
    std::thread thread_;
};

apimart::result<std::uint64_t> fetch(apimart::client_config config, std::string const& link)
{
    scratch_folder folder;
    asio::io_context context;
    apimart::client user(context, std::move(config));
    recorder<std::uint64_t> got;
    user.download(apimart::video_file("task_1", 0, apimart::result_url(link), {}), folder / "v.mp4",
                  apimart::download_options{.max_retries = 0}, got.token());
    run_to_end(context);
    if (!got.outcome())
        CHECK(folder.names().empty());
    return got.outcome();
}

void check_refused(apimart::result<std::uint64_t> const& got)
{
    REQUIRE_FALSE(got.has_value());
    INFO(got.error().describe());
    CHECK(got.error().code() == errc::url_not_allowed);
    CHECK(got.error().task_id() == "task_1");
}

// Addresses of this machine and its neighbours, in the clothes of public ones.
constexpr std::string_view disguised[] = {
    "64:ff9b::7f00:1", // NAT64
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",    // 10.0.0.1
    "64:ff9b:1::7f00:1", // NAT64 of one's own network
    "::127.0.0.1",       // IPv4-compatible
    "::7f00:1",
    "::10.0.0.1",
    "2002:7f00:1::", // 6to4
    "2002:a00:1::1",
    "2002:c0a8:101::",                      // 192.168.1.1
    "2001:0:4136:e378:8000:63bf:80ff:fffe", // Teredo of 127.0.0.1
    "2001::1",
    "fec0::1", // site-local
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1", // IPv4-translated
    "fe80::1",
    "fd00::1",
    "::",
    "::1",
    "ff02::1",
};

} // namespace

TEST_CASE("faults: F04 a private address is refused in every disguise that IPv6 has for it")
{
    trap const here;
    for (std::string_view const each : disguised) {
        CAPTURE(each);
        int lookups = 0;
        auto config = here.config();
        config.resolver.lookup([&](std::string const&) {
            ++lookups;
            return std::vector<std::string>{std::string(each)};
        });
        check_refused(fetch(config, "https://[" + std::string(each) + "]" + here.port() + "/v.mp4"));
        CHECK(lookups == 0);
        check_refused(fetch(config, "https://named.test" + here.port() + "/v.mp4"));
        CHECK(lookups == 1);
        CHECK(here.connections() == 0);
        ++cells_checked();
    }
}

TEST_CASE("faults: F04 a name all of whose addresses are private in some way is refused")
{
    trap const here;
    auto config = here.config();
    config.resolver.add_host("named.test", {"127.0.0.1", "::1", "64:ff9b::7f00:1", "0.0.0.0"});
    check_refused(fetch(config, "https://named.test" + here.port() + "/v.mp4"));
    CHECK(here.connections() == 0);
    ++cells_checked();
}

TEST_CASE("faults: F04 behind a proxy a link that says this machine in another way is refused unasked")
{
    trap const here;
    proxy_side side;
    side.proxy.route_all(here.port_number());
    auto config = here.config();
    config.proxy = side.options();
    for (std::string_view const host : {"127.1",
                                        "127.0.1",
                                        "2130706433",
                                        "0x7f000001",
                                        "0x7f.1",
                                        "0177.0.0.1",
                                        "017700000001",
                                        "0",
                                        "10.1",
                                        "localhost",
                                        "LOCALHOST",
                                        "localhost.",
                                        "a.localhost",
                                        "127.0.0.1",
                                        "127.0.0.1.",
                                        "[::1]",
                                        "[64:ff9b::7f00:1]",
                                        "[::127.0.0.1]",
                                        "[2002:7f00:1::]",
                                        "[fec0::1]"}) {
        CAPTURE(host);
        check_refused(fetch(config, "https://" + std::string(host) + here.port() + "/v.mp4"));
        CHECK(side.proxy.connections() == 0);
        CHECK(here.connections() == 0);
        ++cells_checked();
    }
}

TEST_CASE("faults: F04 a name that begins with an address is a name, in links and in the base URL")
{
    for (std::string const host : {"127.0.0.1.evil.test", "127.0.0.1-evil.test", "127.0.0.1a.test"}) {
        CAPTURE(host);
        trap const here("DNS:" + host);
        for (bool const as_base : {false, true}) {
            CAPTURE(as_base);
            std::vector<std::string> looked_up;
            auto config = here.config();
            config.allow_private_results = true;
            config.resolver.lookup([&](std::string const& name) {
                looked_up.push_back(name);
                return std::vector<std::string>{"127.0.0.1"};
            });
            auto const before = here.requests().size();
            if (as_base) {
                config.base_url = "https://" + host + here.port();
                asio::io_context context;
                apimart::client user(context, config);
                recorder<apimart::task_state> got;
                user.status(apimart::task("task_asked"), got.token());
                run_to_end(context);
                CHECK(got.outcome().has_value());
            } else {
                CHECK(fetch(config, "https://" + host + here.port() + "/v.mp4").has_value());
            }
            CHECK(looked_up == std::vector<std::string>{host});
            CHECK(here.requests().size() == before + 1);
            if (here.requests().empty())
                continue;
            CHECK(here.requests().back().find("\r\nHost: " + host + here.port() + "\r\n") !=
                  std::string::npos);
        }
        ++cells_checked();
    }
}

TEST_CASE("faults: a proxy is asked for the whole of a name that begins with an address")
{
    trap const here("DNS:8.8.8.8.evil.test");
    proxy_side side;
    side.proxy.route_all(here.port_number());
    auto config = here.config();
    config.proxy = side.options();
    // Nothing leaves this machine, because the proxy leads everything to one place.
    CHECK(fetch(config, "https://8.8.8.8.evil.test/v.mp4").has_value());
    REQUIRE(side.proxy.requests().size() == 1);
    CHECK(side.proxy.requests()[0].target == "8.8.8.8.evil.test:443");
    ++cells_checked();
}
