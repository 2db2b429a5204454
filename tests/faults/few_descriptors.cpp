// F09: a process with next to no file descriptors left. Submits and polls share the few connections that it can have.
#include "../emulator/emulator_process.hpp"
#include "cell.hpp"

#include <fcntl.h>
#include <sys/resource.h>

using namespace fault_tests;

namespace {

// While it lives, this process can open so many descriptors more.
class descriptors_left
{
public:
    explicit descriptors_left(rlim_t count)
    {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        int const lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        REQUIRE(lowest >= 0);
        // Those that are free below the highest one in use count as well.
        rlim_t next = static_cast<rlim_t>(lowest);
        ::close(lowest);
        for (rlim_t found = 0; found < count; ++next)
            found += ::fcntl(static_cast<int>(next), F_GETFD) == -1 ? 1U : 0U;
        rlimit few = before_;
        few.rlim_cur = next;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    }
    descriptors_left(descriptors_left const&) = delete;
    descriptors_left& operator=(descriptors_left const&) = delete;
    ~descriptors_left() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

} // namespace

TEST_CASE("faults: F09 with few file descriptors left and many polls under way, no submit waits for long, "
          "and none is lost")
{
    // Each answer takes a while, so that polls alone could keep all connections busy for ever.
    emulator_process const service(R"({"latency_ms":10})", 25);
    for (int const left : {1, 3}) {
        CAPTURE(left);
        asio::io_context context;
        auto config = quick_config(service.base_url, service.ca_pem);
        config.tls.use_system_ca(false);
        config.limits.connects_per_second = 10'000;
        config.poll.max_interval = 20ms;
        config.retry.budget = 1'000'000;
        std::atomic<int> refused = 0;
        config.observer.on_connection = [&](apimart::connection_event const& event) {
            refused += event.code == apimart::errc::resource_exhausted ? 1 : 0;
        };
        std::optional<apimart::client> user(std::in_place, context, config);
        descriptors_left const few(static_cast<rlim_t>(left));

        int const waits = 40;
        int finished = 0;
        for (int i = 0; i < waits; ++i)
            user->generate(corgi(), apimart::as_result([&](apimart::result<apimart::task_result> const& got) {
                               CHECK_MESSAGE(got.has_value(), (got ? std::string() : got.error().describe()));
                               ++finished;
                           }));
        // As soon as all are waited for, and as long as they are.
        run_until(context, [&] { return user->metrics().tasks_accepted == waits; });
        int submits = 0;
        auto longest = cell::clock::duration::zero();
        while (submits < 20 && finished == 0) {
            auto const begun = cell::clock::now();
            recorder<apimart::task> got;
            user->submit(corgi(), got.token());
            run_until(context, [&] { return got.done(); });
            longest = std::max(longest, cell::clock::now() - begun);
            CHECK_MESSAGE(got.outcome().has_value(),
                          (got.outcome() ? std::string() : got.outcome().error().describe()));
            ++submits;
        }
        CHECK(submits >= 3);
        CHECK(longest < 1s);
        run_until(context, [&] { return finished == waits; });
        CHECK(refused > 0);
        CHECK(user->metrics().connections_open <= static_cast<std::uint64_t>(left));
        CHECK(user->metrics().submits_sent == user->metrics().tasks_accepted);
        CHECK(user->metrics().polls_sent > 1U * waits);
        MESSAGE(left << " left: " << submits << " submits, the slowest took "
                     << std::chrono::duration_cast<std::chrono::milliseconds>(longest).count() << " ms; "
                     << user->metrics().polls_sent << " polls");
        user.reset();
        run_to_end(context);
    }
}
