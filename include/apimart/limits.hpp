// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_LIMITS_HPP
#define APIMART_LIMITS_HPP

#include <chrono>
#include <cstddef>

namespace apimart {

/// How much a client uses at one time. A plain value. Submits and downloads have shares of their own below
/// the number of connections, so that neither can keep polls from getting one.
struct limits
{
    /// Open connections to one origin.
    int connections = 32;
    /// Submits being sent or awaiting their answer; also the most submits one crash can leave unknown.
    int submits = 16;
    int downloads = 8;
    /// The largest JSON answer, in bytes.
    std::size_t response_bytes = 1U << 20U;
    /// The largest header of an answer, in bytes.
    std::size_t header_bytes = 16U << 10U;
};

/// Time limits of the steps of one request. Limits of whole operations belong to the operations.
struct timeouts
{
    std::chrono::milliseconds connect{5'000};
    std::chrono::milliseconds tls_handshake{10'000};
    /// From the first byte sent to the last byte of the answer; for a download, between two pieces of it.
    std::chrono::milliseconds response{60'000};
    /// How long a cancelled submit's answer is still read once the request is out, to learn the task's id.
    std::chrono::milliseconds detached_answer{10'000};
    /// An unused connection is closed after this; kept below the usual limit of servers and proxies.
    std::chrono::milliseconds idle{30'000};
    /// A submit takes a fresh connection rather than one unused for this long.
    std::chrono::milliseconds idle_for_submit{4'000};
    /// How long `shutdown` lets requests finish that may have been accepted.
    std::chrono::milliseconds drain{5'000};
};

} // namespace apimart

#endif
