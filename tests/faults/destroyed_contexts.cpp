// F52: a context is stopped and destroyed under clients that are busy in every way. Nobody is told anything any more, and
// nothing is left: no handler, no future that is never ready, no client, no half a file, no descriptor.
#include "fault_table.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdlib>
#include <future>
#include <map>
#include <thread>

#include <poll.h>

using namespace fault_tests;

namespace {

// Does what the path says that precedes the API's, or that of the result.
class service_of_all_phases
{
public:
    std::string base(std::string_view path) const { return server_.base_url() + "/" + std::string(path); }
    std::string stuck_in_handshake() const { return "https://127.0.0.1:" + std::to_string(mute_.port()); }
    apimart::client_config config(std::string base_url) const
    {
        auto config = quick_config(std::move(base_url), server_.ca_pem());
        config.tls.use_system_ca(false);
        config.limits.connects_per_second = 100'000;
        config.allow_private_results = true;
        return config;
    }
    /// How many requests it has met on a path.
    int met(std::string_view path) const
    {
        std::lock_guard const lock(mutex_);
        auto const found = met_.find(path);
        return found == met_.end() ? 0 : found->second;
    }

private:
    void serve(peer& with)
    {
        for (;;) {
            std::string const head = with.head();
            auto const begin = head.find('/') + 1;
            std::string const path = head.substr(begin, head.find_first_of("/. ", begin) - begin);
            {
                std::lock_guard const lock(mutex_);
                ++met_[path];
            }
            if (path == "unread") {
                pollfd one{with.socket().native_handle(), POLLRDHUP, 0};
                ::poll(&one, 1, -1);
                return;
            }
            if (auto const at = head.find("Content-Length: "); at != std::string::npos)
                with.bytes(std::stoul(head.substr(at + 16)));
            if (path == "silent") {
                with.wait_for_end();
                return;
            }
            if (path == "half")
                with.write("HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 100000\r\n\r\n" +
                           std::string(apimart::testing::sample_video().substr(0, 500)));
            else if (path == "pausing")
                with.answer(429, error_body("", ""), "Retry-After: 60\r\n");
            else if (head.starts_with("POST "))
                with.answer(200, accepted_body("task_asked"));
            else
                with.answer(200, R"({"code":200,"data":{"id":"task_asked","status":"pending"}})");
        }
    }

    mutable std::mutex mutex_;
    std::map<std::string, int, std::less<>> met_;
    scripted_server server_{scripted_server::security::tls, [this](peer& with) { serve(with); }};
    scripted_server mute_{scripted_server::security::plain, [](peer& with) { with.wait_for_end(); }};
};

// A port at which connections are neither taken nor refused.
class black_hole
{
public:
    black_hole() : acceptor_(context_, asio::ip::tcp::v4())
    {
        acceptor_.bind({asio::ip::address_v4::loopback(), 0});
        ::listen(acceptor_.native_handle(), 0);
        auto to = acceptor_.local_endpoint();
        for (int i = 0; i < 4; ++i) {
            fillers_.emplace_back(context_, to.protocol());
            fillers_.back().native_non_blocking(true);
            (void)::connect(fillers_.back().native_handle(), to.data(), static_cast<socklen_t>(to.size()));
        }
    }
    std::string url() const
    {
        return "https://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }

private:
    asio::io_context context_;
    asio::ip::tcp::acceptor acceptor_;
    std::vector<asio::ip::tcp::socket> fillers_;
};

using token = std::shared_ptr<int>;

// A name service that answers when it is let go. Its threads may outlive whatever asked.
class hung_names
{
public:
    ~hung_names() { shared_->release.set_value(); }

    apimart::resolver_options::lookup_function lookup() const
    {
        return [shared = shared_](std::string const&) {
            ++shared->asked;
            shared->end.wait();
            return std::vector<std::string>();
        };
    }
    int asked() const { return shared_->asked; }

private:
    struct state
    {
        std::atomic<int> asked = 0;
        std::promise<void> release;
        std::shared_future<void> end = release.get_future().share();
    };

    std::shared_ptr<state> shared_ = std::make_shared<state>();
};

// A completion handler that can be counted.
template <class T>
auto counted(token const& alive)
{
    return apimart::as_result([alive](apimart::result<T> const&) {});
}

// Their arguments live in their frames.
asio::awaitable<void> buy(apimart::client by, [[maybe_unused]] token alive)
{
    for (;;)
        (void)co_await by.submit(corgi(), apimart::as_result());
}
asio::awaitable<void> generate(apimart::client by, [[maybe_unused]] token alive)
{
    (void)co_await by.generate(corgi());
}
asio::awaitable<void> ask(apimart::client by, [[maybe_unused]] token alive)
{
    for (;;)
        (void)co_await by.status(apimart::task("task_asked"), apimart::as_result());
}

// One context, with clients in every phase.
class busy_round
{
public:
    busy_round(service_of_all_phases const& service, black_hole const& hole, int threads)
        : service_(service), context_(std::make_unique<asio::io_context>(threads)), before_(met())
    {
        begin(
            service.base("silent"), [this](apimart::client& by) { fill(by); }, 2);
        begin(
            service.base("pausing"), [this](apimart::client& by) { fill(by); }, 8);
        begin(
            service.base("pending"),
            [this](apimart::client& by) {
                fill(by);
                wait(by);
                asio::co_spawn(*context_, generate(by, handlers_), asio::detached);
            },
            8);
        begin(service.base("unread"), [this](apimart::client& by) {
            by.submit(cell::large_request(), counted<apimart::task>(handlers_));
            futures_.push_back(by.submit(corgi(), asio::use_future));
        });
        begin(service.base("downloads"), [this](apimart::client& by) { download(by); });
        begin(hole.url(), [this](apimart::client& by) { fill(by); });
        begin(service.stuck_in_handshake(), [this](apimart::client& by) { fill(by); });
        begin("https://name.test", [this](apimart::client& by) {
            fill(by);
            wait(by);
        });
        begin(service.base("silent"), [this](apimart::client& by) {
            fill(by);
            by.shutdown(counted<apimart::shutdown_report>(handlers_));
            reports_.push_back(by.shutdown(asio::use_future));
        });
        for (int i = 0; i < threads; ++i)
            threads_.emplace_back([this] { context_->run(); });
        caller_ = std::thread([this] { call(); });
    }
    busy_round(busy_round const&) = delete;
    busy_round& operator=(busy_round const&) = delete;
    ~busy_round()
    {
        if (context_)
            context_->stop();
        join();
    }

    bool everywhere() const
    {
        auto const now = met();
        bool const holds = now[0] - before_[0] >= 2 && now[1] - before_[1] >= 2 && now[2] - before_[2] >= 4 &&
                           now[3] - before_[3] >= 2 && now[4] - before_[4] >= 1;
        return holds && names_.asked() > 0;
    }

    void end(bool clients_first)
    {
        // Others call in that moment and for a while after it.
        int const calls = calls_;
        context_->stop();
        wait_until([&] { return calls_ > calls + 20; });
        join();
        if (clients_first)
            clients_.clear();
        context_.reset();
        clients_.clear();
    }

    void check()
    {
        CHECK_MESSAGE(handlers_.use_count() == 1, "a handler is left");
        // A lookup that hangs has no part of them.
        CHECK_MESSAGE(states_.use_count() == 1, "a client is left");
        CHECK(never_ready(futures_) + never_ready(called_) == 0);
        CHECK(never_ready(waits_) == 0);
        CHECK(never_ready(downloads_) == 0);
        CHECK(never_ready(reports_) == 0);
        CHECK(folder_.names().empty());
    }

private:
    std::array<int, 5> met() const
    {
        return {service_.met("silent"), service_.met("pausing"), service_.met("pending"),
                service_.met("unread"), service_.met("half")};
    }
    template <class Use>
    void begin(std::string url, Use use, int submits = 16)
    {
        auto config = service_.config(std::move(url));
        config.limits.max_concurrent_submits = submits;
        config.poll.initial_delay = 1ms;
        config.observer.on_attempt = [alive = states_](apimart::attempt_event const&) {};
        config.resolver.lookup(names_.lookup());
        apimart::client& by =
            *clients_.emplace_back(std::make_unique<apimart::client>(*context_, std::move(config)));
        use(by);
    }
    void fill(apimart::client& by)
    {
        for (int i = 0; i < 3; ++i)
            by.submit(corgi(), counted<apimart::task>(handlers_));
        futures_.push_back(by.submit(corgi(), asio::use_future));
        asio::co_spawn(*context_, buy(by, handlers_), asio::detached);
        by.status(apimart::task("task_asked"), counted<apimart::task_state>(handlers_));
        asio::co_spawn(*context_, ask(by, handlers_), asio::detached);
    }
    void wait(apimart::client& by)
    {
        for (int i = 0; i < 3; ++i)
            by.wait(apimart::task("task_asked"), counted<apimart::task_result>(handlers_));
        waits_.push_back(by.wait(apimart::task("task_other"), asio::use_future));
    }
    void download(apimart::client& by)
    {
        apimart::video_file const file("task_asked", 0, apimart::result_url(service_.base("half.mp4")), {});
        by.download(file, folder_ / "one", counted<std::uint64_t>(handlers_));
        downloads_.push_back(by.download(file, folder_ / "two", asio::use_future));
    }
    // Operations of every kind, begun from a thread that is not the context's.
    void call()
    {
        auto const strand = asio::make_strand(*context_);
        while (!calls_end_) {
            apimart::client& by = *clients_[static_cast<std::size_t>(calls_) % clients_.size()];
            by.status(apimart::task("task_asked"),
                      asio::bind_executor(strand,
                                          [alive = handlers_](apimart::error_code, apimart::task_state) {}));
            by.wait(apimart::task("task_called"), counted<apimart::task_result>(handlers_));
            called_.push_back(by.submit(corgi(), asio::use_future));
            ++calls_;
            std::this_thread::yield();
        }
    }
    void join()
    {
        calls_end_ = true;
        if (caller_.joinable())
            caller_.join();
        for (auto& each : threads_)
            each.join();
        threads_.clear();
    }
    template <class T>
    static std::ptrdiff_t never_ready(std::vector<std::future<T>> const& all)
    {
        return std::count_if(all.begin(), all.end(),
                             [](auto const& each) { return each.wait_for(0s) != std::future_status::ready; });
    }

    service_of_all_phases const& service_;
    scratch_folder folder_;
    hung_names names_;
    token handlers_ = std::make_shared<int>();
    token states_ = std::make_shared<int>();
    std::unique_ptr<asio::io_context> context_;
    std::array<int, 5> before_;
    std::vector<std::unique_ptr<apimart::client>> clients_;
    std::vector<std::future<apimart::task>> futures_;
    std::vector<std::future<apimart::task_result>> waits_;
    std::vector<std::future<std::uint64_t>> downloads_;
    std::vector<std::future<apimart::shutdown_report>> reports_;
    std::vector<std::future<apimart::task>> called_;
    std::atomic<int> calls_ = 0;
    std::atomic<bool> calls_end_ = false;
    std::thread caller_;
    std::vector<std::thread> threads_;
};

std::ptrdiff_t open_files()
{
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

} // namespace

TEST_CASE(
    "faults: F52 a context destroyed under load leaves no handler, no client and no future that is never "
    "ready")
{
    (void)cells_at_a_time();
    std::ptrdiff_t const before = open_files();
    int const rounds = std::getenv("APIMART_HAMMER_ROUNDS") != nullptr ? 60 : 24; // tests/run --long sets it
    {
        // Its own ends go with it: where it does not read, it cannot see that its peer has gone.
        service_of_all_phases const service;
        black_hole const hole;
        for (int round = 0; round < rounds; ++round) {
            CAPTURE(round);
            busy_round one(service, hole, 1 + round % 4);
            // In every third round, at a moment when everything is only beginning.
            if (round % 3 != 0)
                wait_until([&] { return one.everywhere(); });
            one.end(round % 2 == 0);
            one.check();
            ++cells_checked();
        }
    }
    wait_until([&] { return open_files() <= before; });
    CHECK(open_files() <= before);
}
