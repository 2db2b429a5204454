// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_SUBMIT_RESPONSE_HPP
#define APIMART_PROTOCOL_SUBMIT_RESPONSE_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/http_result.hpp>

#include <chrono>
#include <string>

namespace apimart::detail {

enum class submit_verdict
{
    accepted,      // a task id was found
    refused,       // an answer that proves that no task was made
    rate_limited,  // the same, and asking again later may help
    not_executed,  // the service did nothing, by its idempotency contract
    still_running, // the first request under this key has not ended
    indeterminate, // anything else
};

// A failure that nobody has set costs no allocation: all share this one until they are changed.
inline failure const& no_failure()
{
    static failure const none;
    return none;
}

class submit_reply
{
public:
    submit_reply() : why(no_failure()) {}

    submit_verdict verdict = submit_verdict::indeterminate;
    std::string task_id;
    // Of an indeterminate answer: the service has spoken, and the same question gives the same answer.
    bool last_word = false;
    failure why;
};

// Judges a complete answer to a submit. Source: API reference, sections 2.1, 2.3, 8.
submit_reply read_submit_reply(http_reply const& reply, std::chrono::sys_seconds now);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/protocol/submit_response.ipp>
#endif

#endif
