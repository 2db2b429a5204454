// SPDX-License-Identifier: BSL-1.0
// What an emulator is made with.
#ifndef APIMART_TESTING_EMULATOR_OPTIONS_HPP
#define APIMART_TESTING_EMULATOR_OPTIONS_HPP

#include <apimart/config/virtual_clock.hpp>
#include <apimart/testing/faults/scenario.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace apimart::testing {

/// Settings of an emulator; the defaults are the documented service on a free port.
class emulator_options
{
public:
    emulator_options() = default;

    /// The port on 127.0.0.1; 0 takes a free one.
    unsigned short port = 0;
    /// The only key that is accepted; empty accepts every bearer that is not empty.
    std::string api_key;
    /// Tasks are done, and links and idempotency keys expire, this many times faster. All times that the
    /// service tells (`created`, `estimated_time`, `expires_at`) are real ones: at speed 60 it is a service
    /// that makes a video in a second, not one with a wrong clock.
    double speed = 1;
    /// Decides ids, jitter, failing tasks and chance faults. Without one, ids are of the clock and differ from run to run,
    /// as the service's do, and the rest is always the same.
    std::optional<std::uint64_t> seed;
    /// How the service behaves.
    class scenario scenario;
    /// What links to result files and uploaded images start with; empty for the emulator's own address. Another one leads
    /// downloads through a proxy, or to a name.
    std::string link_origin;
    /// How long a connection may be silent.
    std::chrono::steady_clock::duration max_idle = std::chrono::seconds(120);
    /// One that clients have as well, for tests that push their time forward together.
    std::shared_ptr<virtual_clock> clock;
    /// Off for plain HTTP, to measure without TLS.
    bool tls = true;
};

} // namespace apimart::testing

#endif
