// SPDX-License-Identifier: BSL-1.0
// What became of one request, as the service saw it.
#ifndef APIMART_TESTING_SERVICE_REQUEST_RECORD_HPP
#define APIMART_TESTING_SERVICE_REQUEST_RECORD_HPP

#include <apimart/testing/faults/fault_script.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace apimart::testing {

/// How far a request came.
enum class request_phase : unsigned char
{
    /// Its header was read.
    header,
    /// It was read completely.
    read,
    /// It was carried out: a submit was accepted, refused or replayed.
    processed,
    /// A part of the reply was handed to the system.
    reply_begun,
    /// The whole reply was.
    reply_sent,
};

/// One request that has reached the service, for comparison with what the client knows of it.
///
/// A submit has cost money if and only if it has a `task_id` and is no `replay`.
class request_record
{
public:
    request_record() = default;

    /// The number of its connection, from 1 in the order of acceptance.
    std::uint64_t connection = 0;
    emulation::operation what = emulation::operation::unknown;
    request_phase reached = request_phase::header;
    /// What was answered, or would have been; 0 when it did not come to that.
    unsigned status = 0;
    /// When its header was read, by the emulator's clock since its start.
    std::chrono::nanoseconds time{0};
    /// The title of the fault that struck it; empty for none.
    std::string fault;

    // Of submits that were read completely:

    std::optional<std::string> idempotency_key;
    /// SHA-256 in hexadecimal digits.
    std::string body_sha256;
    /// The task that was made, or made before under the same key; empty for none.
    std::string task_id;
    /// Whether the task was made before.
    bool replay = false;
};

} // namespace apimart::testing

#endif
