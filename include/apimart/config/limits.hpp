// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_CONFIG_LIMITS_HPP
#define APIMART_CONFIG_LIMITS_HPP

#include <chrono>
#include <cstddef>

namespace apimart {

/// How much a client uses at one time. A plain value. Submits and downloads have shares of their own below
/// the number of connections, so that neither can keep polls from getting one.
struct limits
{
    /// Open connections to one origin.
    int max_connections = 32;
    /// New connections to one origin that may be begun per second, once as many as `max_connections` were.
    int connects_per_second = 20;
    /// Submits being sent or awaiting their answer; also the most submits one crash can leave unknown.
    int max_concurrent_submits = 16;
    /// Submits that may wait for their turn; a further one ends at once with `errc::queue_full`.
    std::size_t queued_submits = 100'000;
    /// Zero: as fast as the service takes them. In both cases the client slows down when the service asks it
    /// to, and returns to this rate step by step.
    double submits_per_second = 0;
    int max_concurrent_downloads = 8;
    /// As `queued_submits`.
    std::size_t queued_downloads = 100'000;
    /// Each holds a piece of its picture in memory, and has a thread while it reads the next.
    int max_concurrent_uploads = 4;
    /// Tasks being waited for; a further wait ends at once with `errc::queue_full`.
    std::size_t waiting_tasks = 1'000'000;
    /// The largest JSON answer, in bytes.
    std::size_t body_limit = 1U << 20U;
    /// The largest header of an answer, in bytes.
    std::size_t header_limit = 16U << 10U;
};

/// Time limits of the steps of one request. Limits of whole operations belong to the operations.
struct timeouts
{
    /// For the name service's answer. A lookup that takes longer goes on without anybody waiting for it; the
    /// next try begins another one. Of one host at most three are under way at a time: while all of them hang,
    /// a try waits for any of the three.
    std::chrono::milliseconds resolve{5'000};
    /// For all addresses of a host together, and again for a proxy's answer.
    std::chrono::milliseconds connect{5'000};
    /// Between the beginnings of two attempts at different addresses of one host.
    std::chrono::milliseconds connection_attempt_delay{250};
    std::chrono::milliseconds tls_handshake{10'000};
    /// For the request to make progress on its way out.
    std::chrono::milliseconds send{30'000};
    /// From the end of the request to the last byte of the answer's header, and to that of a JSON answer.
    std::chrono::milliseconds response{60'000};
    /// For a kilobyte of an answer that has begun, or for the rest of it where that is less. A file must bring a kilobyte
    /// a second, over this time.
    std::chrono::milliseconds read{20'000};
    /// How long a cancelled submit's answer is still read once the request is out, to learn the task's id.
    std::chrono::milliseconds abandoned_response{10'000};
    /// An unused connection is closed after this; kept below the usual limit of servers and proxies. No timer runs while
    /// nothing is under way, so that the context's `run` can end: it is closed by the next call then.
    std::chrono::milliseconds pool_idle{30'000};
    /// A submit takes a fresh connection rather than one unused for this long.
    std::chrono::milliseconds idle_for_submit{4'000};
    /// How long `shutdown` lets requests finish that may have been accepted, and no longer than `abandoned_response`.
    std::chrono::milliseconds shutdown_grace{5'000};
};

} // namespace apimart

#endif
