// SPDX-License-Identifier: BSL-1.0
// Task ids in the form the service gives: `task_` and a ULID.
#ifndef APIMART_TESTING_SERVICE_TASK_ID_HPP
#define APIMART_TESTING_SERVICE_TASK_ID_HPP

#include <apimart/testing/faults/seeded_random.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// The id of the `n`-th accepted task, of a moment in unix milliseconds: 31 characters, unique for one seed.
inline std::string make_task_id(std::uint64_t seed, std::uint64_t moment_ms, std::uint64_t n)
{
    constexpr std::string_view crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    std::string id = "task_";
    id.reserve(31);
    for (int shift = 45; shift >= 0; shift -= 5)
        id += crockford[(moment_ms >> shift) & 31U];
    for (auto purpose : {draw_for::id_high, draw_for::id_low}) {
        std::uint64_t const bits = draw(seed, purpose, n);
        for (int shift = 35; shift >= 0; shift -= 5)
            id += crockford[(bits >> shift) & 31U];
    }
    return id;
}

} // namespace apimart::testing::emulation

#endif
