// A process that stood still for longer than a limit believes what came meanwhile: it looks before it gives up.
#include "fault_table.hpp"

#include <future>
#include <thread>

#include <sys/ioctl.h>

using namespace fault_tests;

namespace {

constexpr int a_few = 24;
// More than Asio asks the system for at a time, so that limits are looked at before the last of the sockets.
constexpr int many = 140;

// Where the process stands still.
enum class moment
{
    name,
    proxy,
    handshake,
    answer,
    half_answer,
    piece_of_result,
};

constexpr std::array every_moment{moment::name,   moment::proxy,       moment::handshake,
                                  moment::answer, moment::half_answer, moment::piece_of_result};

std::string_view word_for(moment when)
{
    constexpr std::array<std::string_view, 6> words{"a name",    "the proxy's answer", "the handshake",
                                                    "an answer", "half an answer",     "a piece of a result"};
    return words[static_cast<std::size_t>(when)];
}

std::string video_head()
{
    return "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: " +
           std::to_string(apimart::testing::sample_video().size()) + "\r\n\r\n";
}

// Stops at one moment until it is told to go on.
class pausing_service
{
public:
    pausing_service(moment when, int operations, std::chrono::milliseconds limit)
        : when_(when), operations_(operations), limit_(limit),
          server_(scripted_server::security::plain, [this](peer& with) { serve(with); })
    {}
    ~pausing_service() { go_on(); }

    void go_on()
    {
        go_ = true;
        go_.notify_all();
    }

    apimart::client_config config()
    {
        auto config = server_.config();
        config.base_url.replace(0, 4, "https");
        config.tls.use_system_ca(false);
        config.limits.connects_per_second = 10'000;
        config.limits.max_connections = operations_;
        config.limits.max_concurrent_submits = operations_;
        config.limits.max_concurrent_downloads = operations_;
        config.allow_private_results = true;
        switch (when_) {
        case moment::name:
            config.base_url = "https://localhost:" + std::to_string(server_.port());
            config.timeouts.resolve = limit_;
            config.resolver.lookup([this](std::string const&) {
                ++waiting;
                go_.wait(false);
                ++came;
                return std::vector<std::string>{"127.0.0.1"};
            });
            break;
        case moment::proxy:
            config.proxy = apimart::proxy_options("http://127.0.0.1:" + std::to_string(server_.port()));
            config.timeouts.connect = limit_;
            break;
        case moment::handshake:
            config.timeouts.tls_handshake = limit_;
            break;
        case moment::answer:
            config.timeouts.response = limit_;
            break;
        case moment::half_answer:
        case moment::piece_of_result:
            config.timeouts.read = limit_;
            break;
        }
        return config;
    }
    std::string link() const { return "https://127.0.0.1:" + std::to_string(server_.port()) + "/v.mp4"; }
    int expected_to_wait() const { return when_ == moment::name ? 1 : operations_; }
    /// Whether what was waited for lies with the client.
    bool all_came() const
    {
        if (when_ == moment::name)
            return came == 1;
        int full = 0;
        for (auto const& each : std::filesystem::directory_iterator("/proc/self/fd")) {
            int const descriptor = std::stoi(each.path().filename().string());
            sockaddr_in to{};
            socklen_t size = sizeof to;
            int bytes = 0;
            if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&to), &size) == 0 &&
                to.sin_family == AF_INET && ntohs(to.sin_port) == server_.port() &&
                ::ioctl(descriptor, FIONREAD, &bytes) == 0)
                full += bytes > 0 ? 1 : 0;
        }
        return full == operations_;
    }
    std::size_t requests() const { return server_.requests().size(); }

    std::atomic<int> waiting = 0;
    std::atomic<int> came = 0;

private:
    void pause(moment here)
    {
        if (when_ != here)
            return;
        ++waiting;
        go_.wait(false);
    }
    void serve(peer& with)
    {
        if (when_ == moment::proxy) {
            with.head();
            pause(moment::proxy);
            with.write("HTTP/1.1 200 OK\r\n\r\n");
        }
        with.socket().wait(asio::socket_base::wait_read); // the client's first words
        pause(moment::handshake);
        with.secure();
        for (;;) {
            std::string const text = with.request();
            if (text.find("task_warm") != std::string::npos) {
                // So that each has a connection of its own.
                ++warm_;
                warm_.notify_all();
                for (int count = warm_; count < operations_; count = warm_)
                    warm_.wait(count);
                with.answer(200, R"({"code":200,"data":{"id":"task_warm","status":"pending"}})");
                continue;
            }
            std::string const answer = text.starts_with("POST ") ? answer_text(200, accepted_body("task_1"))
                                       : text.starts_with("GET /v1/")
                                           ? answer_text(200, finished_body())
                                           : video_head() + std::string(apimart::testing::sample_video());
            pause(moment::answer);
            std::size_t const half = when_ == moment::half_answer       ? 30
                                     : when_ == moment::piece_of_result ? video_head().size() + 200
                                                                        : 0;
            with.write(std::string_view(answer).substr(0, half));
            with.wait_until_delivered();
            pause(when_ == moment::piece_of_result ? moment::piece_of_result : moment::half_answer);
            with.write(std::string_view(answer).substr(half));
        }
    }

    moment when_;
    int operations_;
    std::chrono::milliseconds limit_;
    std::atomic<bool> go_ = false;
    std::atomic<int> warm_ = 0;
    scripted_server server_;
};

// Every thread that runs the context is kept from it.
class freeze
{
public:
    freeze(asio::io_context& context, int threads)
    {
        for (int i = 0; i < threads; ++i)
            asio::post(context, [frozen = frozen_, end = end_] {
                ++*frozen;
                end.wait();
            });
        wait_until([&] { return *frozen_ == threads; });
    }
    freeze(freeze const&) = delete;
    freeze& operator=(freeze const&) = delete;
    ~freeze() { thaw_.set_value(); }

private:
    std::promise<void> thaw_;
    std::shared_future<void> end_ = thaw_.get_future().share();
    std::shared_ptr<std::atomic<int>> frozen_ = std::make_shared<std::atomic<int>>(0);
};

class running
{
public:
    running(asio::io_context& context, int threads) : context_(context), work_(asio::make_work_guard(context))
    {
        for (int i = 0; i < threads; ++i)
            threads_.emplace_back([this] { context_.run(); });
    }
    running(running const&) = delete;
    running& operator=(running const&) = delete;
    ~running()
    {
        context_.stop();
        for (auto& each : threads_)
            each.join();
    }

private:
    asio::io_context& context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::vector<std::thread> threads_;
};

template <class T>
bool all_done(std::vector<recorder<T>> const& each)
{
    return std::all_of(each.begin(), each.end(), [](auto const& one) { return one.done(); });
}

template <class T, class Start>
void check(moment when, int threads, int operations, Start start)
{
    auto const limit = operations == many ? 1500ms : 400ms;
    CAPTURE(word_for(when));
    CAPTURE(threads);
    scratch_folder folder;
    pausing_service service(when, operations, limit);
    asio::io_context context(threads);
    apimart::client user(context, service.config());
    running const on(context, threads);
    if (when >= moment::answer) {
        std::vector<recorder<apimart::task_state>> warm(static_cast<std::size_t>(operations));
        for (auto const& each : warm)
            user.status(apimart::task("task_warm"), each.token());
        wait_until([&] { return all_done(warm); });
    }
    std::vector<recorder<T>> got(static_cast<std::size_t>(operations));
    auto const before = user.metrics();
    auto const begun = cell::clock::now();
    for (std::size_t i = 0; i < got.size(); ++i)
        start(user, service, folder / std::to_string(i), got[i]);
    wait_until([&] { return service.waiting == service.expected_to_wait(); });
    auto const waiting_since = cell::clock::now();
    CHECK_MESSAGE(waiting_since - begun < limit, "this machine is too slow for the test");
    {
        freeze const still(context, threads);
        service.go_on();
        wait_until([&] { return service.all_came(); });
        wait_until([&] { return cell::clock::now() > waiting_since + limit + 50ms; });
    }
    wait_until([&] { return all_done(got); });
    int lost = 0;
    for (auto const& each : got) {
        if (!each.outcome() && ++lost == 1)
            MESSAGE(each.outcome().error().describe());
    }
    CHECK(lost == 0);
    auto const seen = user.metrics();
    CHECK(seen.retries == before.retries);
    CHECK(seen.connections_failed == before.connections_failed);
    ++cells_checked();
}

} // namespace

TEST_CASE(
    "faults: what lies in the sockets of a process that stood still for longer than a limit is believed")
{
    (void)cells_at_a_time();
    auto const submit = [](apimart::client& by, pausing_service&, std::filesystem::path const&,
                           auto const& got) { by.submit(corgi(), got.token()); };
    auto const download = [](apimart::client& by, pausing_service& service, std::filesystem::path const& to,
                             auto const& got) {
        by.download(apimart::video_file("task_1", 0, apimart::result_url(service.link()), {}), to,
                    got.token());
    };
    for (int const threads : {4, 4, 1}) {
        for (moment const when : every_moment) {
            if (when == moment::piece_of_result)
                check<std::uint64_t>(when, threads, a_few, download);
            else
                check<apimart::task>(when, threads, a_few, submit);
        }
    }
    check<apimart::task>(moment::answer, 1, many, submit);
    check<apimart::task>(moment::answer, 4, many, submit);
}
