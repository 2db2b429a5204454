// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_TASK_RESPONSE_HPP
#define APIMART_PROTOCOL_TASK_RESPONSE_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/http_result.hpp>
#include <apimart/task.hpp>

#include <chrono>
#include <string_view>

namespace apimart::detail {

// Judges a complete answer to a question for one task's state. A failure that meets `cause::retryable` is
// worth another poll; any other ends the wait. Source: API reference, section 4.
result<task_state> read_task_reply(http_reply const& reply, std::string_view asked_for,
                                   std::chrono::sys_seconds now);

// The class of a status word; words nobody documented count as running.
task_status classify_status(std::string_view word);

} // namespace apimart::detail

#ifndef APIMART_SEPARATE_COMPILATION
#include <apimart/protocol/task_response.ipp>
#endif

#endif
