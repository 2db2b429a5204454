#ifndef APIMART_TESTS_UNIT_STEPPED_RUNTIME_HPP
#define APIMART_TESTS_UNIT_STEPPED_RUNTIME_HPP

#include <apimart/client_config.hpp>
#include <apimart/runtime/client_runtime.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>

namespace unit_tests {

/// What the parts of a client share, at a time that only a test moves. One at a time.
class stepped_runtime
{
public:
    using clock = std::chrono::steady_clock;

    explicit stepped_runtime(apimart::client_config const& config) : runtime(context.get_executor(), config)
    {
        time() = clock::time_point(std::chrono::hours(1'000));
        runtime.use_clock([] { return time(); });
    }
    stepped_runtime(stepped_runtime const&) = delete;
    stepped_runtime& operator=(stepped_runtime const&) = delete;

    clock::time_point now() const { return time(); }
    /// Moves the time, and calls what is due on the way at its moment.
    void step(clock::duration by)
    {
        auto const end = time() + by;
        for (auto next = runtime.timers.next_expiry(); next && *next <= end;
             next = runtime.timers.next_expiry()) {
            time() = std::max(time(), *next);
            runtime.timers.expire(time());
        }
        time() = end;
    }

    boost::asio::io_context context;
    apimart::detail::client_runtime runtime;

private:
    static clock::time_point& time()
    {
        static clock::time_point at;
        return at;
    }
};

} // namespace unit_tests

#endif
