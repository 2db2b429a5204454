// The library, used as its examples use it, with its limits raised to the number of connections. DETAIL is
// "wait" (the way programs do it: the schedule of polls asks once, because the task is done by then),
// "observed" (the same with an observer that counts what it is told) or "status" (asks at once, without the
// schedule).

#include "client_process.hpp"

#include <apimart/client.hpp>
#include <apimart/models/kling_v3.hpp>
#include <apimart/request.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;

struct observed
{
    std::uint64_t attempts = 0;
    std::uint64_t operations = 0;
};

class library_client
{
public:
    library_client(bench::workload const& work, std::vector<std::string> const& details)
        : work_(work), detail_(details.empty() ? "wait" : details.front()), client_(context_, configured())
    {}

    void open()
    {
        // As many at once as there are connections, so that each gets opened.
        bench::ledger unmeasured(static_cast<std::uint64_t>(work_.connections));
        work(unmeasured);
        context_.restart();
    }

    void work(bench::ledger& book)
    {
        std::uint64_t const before = seen_.attempts;
        std::uint64_t const operations = 2 * book.left();
        for (int i = 0; i < work_.connections; ++i)
            asio::co_spawn(context_, take_work(book), rethrow);
        context_.run();
        if (detail_ == "observed" && seen_.attempts - before != operations)
            throw std::runtime_error("the observer was not told of every request");
    }

private:
    apimart::client_config configured()
    {
        using namespace std::chrono_literals;
        apimart::client_config config{apimart::api_key(std::string(bench::secret))};
        config.base_url = "https://" + work_.authority();
        config.tls.add_ca_file(work_.ca_file);
        config.limits.max_connections = work_.connections;
        config.limits.max_concurrent_submits = work_.connections;
        limit_rate(config.limits);
        // A poll is due at once, and as often as there are connections.
        config.poll.initial_delay = 0ms;
        config.poll.min_interval = 1ms;
        config.poll.requests_per_second = 1e6;
        config.poll.max_concurrent = work_.connections;
        // Under callgrind everything takes fifty times longer, which must not change what is done.
        config.timeouts.connect = 60s;
        config.timeouts.tls_handshake = 60s;
        config.timeouts.pool_idle = 120s;
        config.timeouts.idle_for_submit = 60s;
        if (detail_ == "observed")
            observe(config, seen_);
        return config;
    }

    // In place, and too high to be met.
    template <class Limits>
    static void limit_rate(Limits& limits)
    {
        if constexpr (requires { limits.submits_per_second; })
            limits.submits_per_second = 1e6;
    }

    template <class Config>
    static void observe(Config& config, observed& seen)
    {
        if constexpr (requires { config.observer; }) {
            config.observer.on_attempt = [&seen](auto const&) { ++seen.attempts; };
            config.observer.on_operation = [&seen](auto const&) { ++seen.operations; };
        } else {
            throw std::invalid_argument("this version of the library has no observer");
        }
    }

    static void rethrow(std::exception_ptr failed)
    {
        if (failed)
            std::rethrow_exception(failed);
    }

    asio::awaitable<void> take_work(bench::ledger& book)
    {
        while (book.take())
            co_await submit_and_poll(book);
    }

    asio::awaitable<void> submit_and_poll(bench::ledger& book)
    {
        using namespace std::chrono_literals;
        apimart::task accepted =
            co_await client_.submit(apimart::text_to_video<apimart::kling_v3>(std::string(bench::prompt))
                                        .duration(5s)
                                        .mode(apimart::pro));
        if (accepted.submit_attempts() != 1)
            throw std::runtime_error("a submit took more than one request");
        if (detail_ != "status") {
            // Without a profile the schedule does not learn from tasks that are done before anybody can ask.
            accepted.duration_class({});
            apimart::task_result const done = co_await client_.wait(accepted);
            if (!done.succeeded() || done.videos().size() != 1 || done.poll_count() != 1)
                throw std::runtime_error("a task is not completed at the first poll");
            book.done(done.videos().front().url().expose());
        } else {
            apimart::task_state const state = co_await client_.status(accepted);
            if (state.status() != apimart::task_status::succeeded || state.videos().size() != 1)
                throw std::runtime_error("a task is not completed at the first poll");
            book.done(state.videos().front().url().expose());
        }
    }

    bench::workload work_;
    std::string detail_;
    observed seen_;
    asio::io_context context_{1};
    apimart::client client_;
};

} // namespace

int main(int argc, char** argv)
{
    return bench::be_client<library_client>(argc, argv);
}
