#include "user.hpp"

#include "certificates.hpp"
#include "proxy.hpp"
#include "servers.hpp"

#include <apimart/client.hpp>
#include <apimart/models/kling_3_0_turbo.hpp>

#include <boost/asio/io_context.hpp>

#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

namespace tls_tests {

using namespace std::chrono_literals;

apimart::client_config quick_config(std::string base_url)
{
    apimart::client_config config{apimart::api_key(std::string(key_text))};
    config.base_url = std::move(base_url);
    config.tls.use_system_ca(false).add_ca_file(certificates::of_this_run().root());
    for (char const* const host : {"good.test", "a.good.test", "a.b.good.test", "abc.good.test", "evil.test",
                                   "other.test", "xn--bcher-kva.test", "127.0.0.1.good.test"})
        config.resolver.add_host(host, {"127.0.0.1"});
    config.retry.initial_backoff = 1ms;
    config.retry.max_backoff = 4ms;
    config.retry.max_retries = 2;
    config.limits.connects_per_second = 100'000;
    // Only where something is wrong: what should have been refused goes on.
    config.timeouts.response = 5s;
    return config;
}

class user::state
{
public:
    explicit state(apimart::client_config config) : client(context, watched(std::move(config)))
    {
        static int number = 0;
        folder = certificates::of_this_run().folder() / ("user-" + std::to_string(number++));
        std::filesystem::create_directories(folder);
    }

    template <class T, class Start>
    outcome run(Start start)
    {
        std::optional<apimart::result<T>> got;
        start(apimart::as_result([&](apimart::result<T> result) { got.emplace(std::move(result)); }));
        context.restart();
        // Nothing that is tested takes nearly as long, even under a sanitizer on a busy machine.
        context.run_for(50s);
        if (!got)
            throw std::runtime_error("an operation did not end");
        outcome ended;
        ended.good = got->has_value();
        if (!ended.good)
            ended.why = got->error();
        else if constexpr (std::is_same_v<T, apimart::task_state>)
            ended.status = (*got)->raw_status();
        return ended;
    }

    boost::asio::io_context context;
    std::vector<apimart::connection_event> events;
    std::filesystem::path folder;
    apimart::client client;

private:
    apimart::client_config watched(apimart::client_config config)
    {
        config.observer.on_connection = [this](apimart::connection_event const& one) {
            events.push_back(one);
        };
        return config;
    }
};

user::user(apimart::client_config config) : state_(std::make_unique<state>(std::move(config))) {}

user::~user()
{
    std::error_code ignored;
    std::filesystem::remove_all(state_->folder, ignored);
}

outcome user::status()
{
    return state_->run<apimart::task_state>([this](auto token) {
        state_->client.status(apimart::task(std::string(known_task)), std::move(token));
    });
}

outcome user::submit()
{
    return state_->run<apimart::task>([this](auto token) {
        state_->client.submit(apimart::text_to_video<apimart::kling_3_0_turbo>("A corgi on the beach"),
                              std::move(token));
    });
}

outcome user::download(std::string const& url)
{
    auto const to = state_->folder / "video.mp4";
    outcome ended = state_->run<std::uint64_t>([&](auto token) {
        apimart::video_file file("", 0, apimart::result_url(url), std::nullopt);
        apimart::download_options options;
        options.overwrite = true;
        options.max_retries = 2;
        state_->client.download(std::move(file), to, options, std::move(token));
    });
    if (ended.good) {
        std::ifstream file(to, std::ios::binary);
        ended.bytes.assign(std::istreambuf_iterator<char>(file), {});
    }
    ended.file_left = !std::filesystem::is_empty(state_->folder);
    std::error_code ignored;
    std::filesystem::remove(to, ignored);
    return ended;
}

std::chrono::milliseconds user::shutdown()
{
    auto const start = std::chrono::steady_clock::now();
    state_->run<apimart::shutdown_report>([this](auto token) { state_->client.shutdown(std::move(token)); });
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

std::vector<apimart::connection_event> const& user::connections() const
{
    return state_->events;
}

std::string name_of(path way)
{
    switch (way) {
    case path::status:
        return "status";
    case path::submit:
        return "submit";
    case path::download:
        return "download";
    case path::proxied_status:
        return "status through a proxy";
    case path::proxied_submit:
        return "submit through a proxy";
    case path::proxied_download:
        return "download through a proxy";
    }
    return "";
}

bool is_submit(path way)
{
    return way == path::submit || way == path::proxied_submit;
}

bool is_download(path way)
{
    return way == path::download || way == path::proxied_download;
}

bool is_proxied(path way)
{
    return way == path::proxied_status || way == path::proxied_submit || way == path::proxied_download;
}

namespace {

std::string origin(std::string const& host, unsigned short port)
{
    return "https://" + host + ":" + std::to_string(port);
}

} // namespace

std::unique_ptr<user> make_user(path way, std::string const& host, unsigned short port,
                                configure const& change)
{
    auto config = quick_config(is_download(way) ? "https://api.test" : origin(host, port));
    config.allow_private_results = true;
    if (is_proxied(way))
        config.proxy = apimart::proxy_options(proxy::shared().url());
    if (change)
        change(config);
    return std::make_unique<user>(std::move(config));
}

outcome call(user& by, path way, std::string const& host, unsigned short port)
{
    if (is_proxied(way)) {
        proxy::shared().lead(host, port);
        if (host.ends_with('.'))
            proxy::shared().lead(host.substr(0, host.size() - 1), port);
    }
    if (is_download(way))
        return by.download(origin(host, port) + std::string(video_path));
    return is_submit(way) ? by.submit() : by.status();
}

outcome call(path way, std::string const& host, unsigned short port, configure const& change)
{
    auto const by = make_user(way, host, port, change);
    return call(*by, way, host, port);
}

} // namespace tls_tests
