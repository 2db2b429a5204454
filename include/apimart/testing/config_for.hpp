// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTING_CONFIG_FOR_HPP
#define APIMART_TESTING_CONFIG_FOR_HPP

#include <apimart/client_config.hpp>
#include <apimart/testing/emulator.hpp>

#include <algorithm>
#include <chrono>
#include <string>

namespace apimart::testing {

/// The configuration of a client of an emulator: its address, its authority and no other, a key that it takes, its clock, and
/// pauses and polls that are as much shorter as its tasks are faster. All of it may be changed before a client is made.
///
/// Lifetime: refers to nothing. Thread safety: as the emulator.
inline client_config config_for(emulator const& service)
{
    using std::chrono::milliseconds;
    emulator_options const& options = service.options();
    auto const scaled = [speed = std::max(options.speed, 1.0)](milliseconds given, milliseconds least) {
        auto const faster = std::chrono::duration<double, std::milli>(given) / speed;
        return std::max(std::chrono::duration_cast<milliseconds>(faster), least);
    };
    client_config config{api_key(options.api_key.empty() ? std::string("sk-test") : options.api_key)};
    config.base_url = service.base_url();
    config.tls.add_ca_pem(service.ca_pem()).use_system_ca(false);
    config.allow_plain_http = !options.tls;
    config.allow_private_results = !options.link_origin.empty();
    config.clock = options.clock;
    config.poll.initial_delay = scaled(config.poll.initial_delay, milliseconds(5));
    config.poll.min_interval = scaled(config.poll.min_interval, milliseconds(2));
    config.poll.max_interval = scaled(config.poll.max_interval, milliseconds(50));
    config.poll.requests_per_second *= std::max(options.speed, 1.0);
    config.retry.initial_backoff = scaled(config.retry.initial_backoff, milliseconds(1));
    config.retry.max_backoff = scaled(config.retry.max_backoff, milliseconds(4));
    return config;
}

} // namespace apimart::testing

#endif
