// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_SRC_HPP
#define APIMART_SRC_HPP

// For programs that want the implementation compiled once: include this in exactly one source file, and
// compile everything with APIMART_SEPARATE_COMPILATION defined.

#ifndef APIMART_SEPARATE_COMPILATION
#error define APIMART_SEPARATE_COMPILATION for the whole program to compile the implementation once
#endif

#include <apimart/any_request.ipp>
#include <apimart/client_config.ipp>
#include <apimart/config/resolver_options.ipp>
#include <apimart/config/tls_options.ipp>
#include <apimart/errors/error_messages.ipp>
#include <apimart/errors/validation_result.ipp>
#include <apimart/http/connection.ipp>
#include <apimart/http/connection_pool.ipp>
#include <apimart/http/exchange.ipp>
#include <apimart/http/proxy.ipp>
#include <apimart/http/resolver.ipp>
#include <apimart/http/response_parser.ipp>
#include <apimart/http/tls_context.ipp>
#include <apimart/http/tls_session.ipp>
#include <apimart/observer.ipp>
#include <apimart/operations/client.ipp>
#include <apimart/operations/download.ipp>
#include <apimart/operations/generate.ipp>
#include <apimart/operations/shutdown.ipp>
#include <apimart/operations/status.ipp>
#include <apimart/operations/submit.ipp>
#include <apimart/operations/wait.ipp>
#include <apimart/policy/download_decision.ipp>
#include <apimart/policy/poll_scheduler.ipp>
#include <apimart/policy/rate_limiter.ipp>
#include <apimart/policy/submit_machine.ipp>
#include <apimart/protocol/error_response.ipp>
#include <apimart/protocol/http_result.ipp>
#include <apimart/protocol/origin.ipp>
#include <apimart/protocol/submit_response.ipp>
#include <apimart/protocol/task_response.ipp>
#include <apimart/runtime/transport.ipp>
#include <apimart/validation/request_body.ipp>

#endif
